"""Sections that say where a sweep runs, and what is kept of it there."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from ..spaces import Problem, SpaceError
from ..spaces.errors import shown
from .section import Duration, Section, Texts

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class RetrySection(Section):
    """What happens to trials that do not end well. NaN or a missing metric fails at once."""

    trials: int = Field(default=0, ge=0)
    """How often a trial that raised is tried again, from its last checkpoint."""
    lost: int = Field(default=3, ge=0)
    """How often a trial whose worker was lost is tried again, from its last checkpoint."""
    max_failed: float | None = Field(default=None, ge=0, lt=1)
    """The search ends when a larger share of its trials, of ten at least, has failed."""


class TimeoutsSection(Section):
    """How long things may take; the worker of a trial that takes longer is replaced."""

    trial: Duration = None
    """An attempt at a trial."""
    report: Duration = None
    """From one report to the next, and to the first."""
    stop: Duration = Field(default=60.0, json_schema_extra={"default": "60s"})
    """From being told to end to having ended."""


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        # What follows a `=` may be the secret itself, which must not be shown.
        word = name.partition("=")[0].strip()
        if _VARIABLE.fullmatch(word):
            raise ValueError(f"expected only the name of an environment variable: write {word}")
        raise ValueError(f"{shown(word)} is not the name of an environment variable: use letters, digits and _")
    return name


Variable = Annotated[str, AfterValidator(_variable), Field(json_schema_extra={"pattern": f"^{_VARIABLE.pattern}$"})]
"""Name of an environment variable."""


class ClusterSection(Section):
    """Where the sweep runs, what its trials find there, and what is done about what goes wrong."""

    address: str | None = Field(default=None, min_length=1)
    """Of a running Ray cluster; --address goes first. A private one on this machine when left out."""
    storage: str | None = Field(default=None, min_length=1)
    """Folder or URL that all nodes see (/mnt/team, s3://bucket/sweeps), for checkpoints; the store when left out."""
    working_dir: str | None = Field(default=None, min_length=1)
    """Folder that trials start in, sent to a running cluster, seen from the sweep file's; that one when left out."""
    pip: Texts | None = None
    """Python packages that trials need: a requirements.txt beside the sweep, or a list such as [timm==1.0.9]."""
    secrets: list[Variable] = Field(default_factory=list)
    """Names of environment variables whose values trials get from where the sweep is started, never recorded."""
    env: dict[Variable, str] = Field(default_factory=dict)
    """Environment variables of trials, such as {OMP_NUM_THREADS: "2"}; $NAME is filled in where they run."""
    retry: RetrySection = RetrySection()
    """How often a trial that did not end well is tried again."""
    timeouts: TimeoutsSection = TimeoutsSection()
    """How long a trial, a report and an end may take."""

    @model_validator(mode="after")
    def _each_variable_once(self) -> ClusterSection:
        twice = [
            Problem(("secrets", index), f"{name} is in env too: keep it in one of the two")
            for index, name in enumerate(self.secrets)
            if name in self.env
        ]
        if twice:
            raise SpaceError(twice)
        return self


class CheckpointsSection(Section):
    """What is kept of what trial.save_checkpoint writes."""

    every: int = Field(default=1, ge=0)
    """Reports between checkpoints; one is also kept where a decision is due. 0: none."""
    keep: int = Field(default=2, ge=1)
    """Newest checkpoints of a running trial; of one that is over only its model stays."""
