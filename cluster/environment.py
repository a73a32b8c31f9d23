"""What trials find around them: variables, secrets, packages, and the folder they start in."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces import Problem, SweepError
from ..trainables import Event, Failed, Reported
from .requirements import requirements, requirements_file, unmet

if TYPE_CHECKING:
    from ..search.section_cluster import ClusterSection

HANDED = "ASSAY_SECRETS"
"""Variable of a job with the secrets of who submitted it. Encoded, so that Ray takes no ``$`` in one for a variable,
and dashboard and logs of the cluster do not show them at a glance; it is no encryption."""

_MASK = "***"
_LEAST_MASKED = 4  # characters; a shorter value would blank out ordinary text
_UNKNOWN_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")


class Site(Enum):
    """Where trials run."""

    INLINE = "in this process"
    PRIVATE = "on a private cluster of this machine"
    RUNNING = "on a running cluster"
    SUBMITTED = "on a running cluster, with the driver"
    JOB = "on a running cluster, and this is the driver that was submitted"

    @classmethod
    def of(cls, address: str | None, *, inline: bool = False) -> Site:
        """That of a run from this process."""
        if inline:
            return cls.INLINE
        if is_private(address):
            return cls.PRIVATE
        return cls.JOB if inside_job() else cls.RUNNING


def is_private(address: str | None) -> bool:
    """Whether an address stands for a private cluster on this machine."""
    return address in (None, "", "local")


def inside_job() -> bool:
    """Whether Ray runs this process as a job: in a copy of the folder that was sent."""
    return bool(os.environ.get("RAY_JOB_ID") or os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR"))


@dataclass(frozen=True)
class Surroundings:
    """What a worker puts right by itself before it imports the training function.

    Secrets come this way because Ray writes the variables of a runtime environment to its logs.

    Args:
        folder: to start in; where Ray starts it when None.
        secrets: environment variables whose values are to be kept out of everything that is written.
        networks: the space of networks that trials build from, in plain data; loaded with the training function.
    """

    folder: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    networks: Mapping[str, Any] | None = None

    def enter(self) -> None:
        """Change this process.

        Raises:
            OSError: when the folder cannot be entered.
        """
        os.environ.pop(HANDED, None)
        os.environ.update(self.secrets)
        if self.folder is not None:
            os.chdir(self.folder)

    def mask(self, text: str) -> str:
        """``text`` without the secrets."""
        for value in self.secrets.values():
            for part in sorted({value, *value.splitlines()}, key=len, reverse=True):
                text = text.replace(part, _MASK) if len(part) >= _LEAST_MASKED else text
        return text

    def masked(self, event: Event) -> Event:
        """What is recorded of an event, without the secrets."""
        if not self.secrets:
            return event
        if isinstance(event, Failed):
            return replace(event, reason=self.mask(event.reason), detail=self.mask(event.detail))
        if isinstance(event, Reported):
            metrics = {name: self.mask(it) if isinstance(it, str) else it for name, it in event.metrics.items()}
            return replace(event, metrics=metrics)
        return event


@dataclass(frozen=True)
class Environment:
    """The environment of a sweep's trials.

    Args:
        variables: set in every process of trials, as written; ``$NAME`` is filled in there.
        secrets: the same, exact, and never recorded.
        folder: that trials start in, and that is sent to a running cluster; None: where they are.
        packages: that have to be installed, as lines of a requirements file.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path | None = None
    packages: tuple[str, ...] = ()

    @classmethod
    def of(cls, cluster: ClusterSection, directory: str | Path, site: Site) -> Environment:
        """What ``cluster`` says, seen from the sweep file's folder.

        Raises:
            SweepError: with everything that is missing: secrets, folder, packages.
        """
        problems = [*_not_set(cluster), *_wrong_folder(cluster, directory, site)]
        packages: tuple[str, ...] = ()
        if cluster.pip is not None:
            try:
                packages = requirements(cluster.pip, directory)
            except SweepError as error:
                problems += error.problems
            problems += _not_installable(cluster, directory, site, packages)
        if problems:
            raise SweepError(problems)
        if site in (Site.INLINE, Site.PRIVATE) and not unmet(packages):
            packages = ()  # trials run in this very Python
        folder = None if site is Site.JOB else _folder(cluster, directory)  # a job is in its copy already
        return cls(dict(cluster.env), _secrets(cluster), folder, packages)

    @property
    def runtime(self) -> dict[str, Any]:
        """As Ray's ``runtime_env``, without the folder and the secrets."""
        runtime: dict[str, Any] = {}
        if self.variables:
            runtime["env_vars"] = dict(self.variables)
        if self.packages:
            runtime["pip"] = list(self.packages)
        return runtime

    @property
    def handed(self) -> dict[str, str]:
        """Variables that take the secrets to the driver of a job."""
        if not self.secrets:
            return {}
        return {HANDED: base64.b64encode(json.dumps(dict(self.secrets)).encode()).decode()}

    def surroundings(self, *, private: bool) -> Surroundings:
        """What is left for each worker to do; on a running cluster they start in a copy of the folder."""
        return Surroundings(str(self.folder) if private and self.folder is not None else None, self.secrets)

    @contextmanager
    def entered(self) -> Iterator[Surroundings]:
        """For a while, this process as one of trials."""
        surroundings = self.surroundings(private=True)
        values = {name: _filled_in(value) for name, value in self.variables.items()}
        before = {name: os.environ.get(name) for name in (HANDED, *values, *self.secrets)}
        folder = Path.cwd()
        os.environ.update(values)
        try:
            surroundings.enter()
            yield surroundings
        finally:
            os.chdir(folder)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def _filled_in(value: str) -> str:
    """As Ray does it for workers: what is not set is empty."""
    return _UNKNOWN_VARIABLE.sub("", os.path.expandvars(value))


def _secrets(cluster: ClusterSection) -> dict[str, str]:
    """Those that are set: by who submitted this job, or else here."""
    packed = os.environ.get(HANDED)
    handed = json.loads(base64.b64decode(packed)) if packed else {}
    found = {name: handed.get(name) or os.environ.get(name) for name in cluster.secrets}
    return {name: value for name, value in found.items() if value}


def _not_set(cluster: ClusterSection) -> Iterator[Problem]:
    known = _secrets(cluster)
    for index, name in enumerate(cluster.secrets):
        if name not in known:
            how = "empty" if name in os.environ else "not set"
            text = f"the environment variable {name} is {how} here: export it, and start again"
            yield Problem(("cluster", "secrets", index), text)


def _folder(cluster: ClusterSection, directory: str | Path) -> Path | None:
    """None when it is the sweep file's, and that is not here: a function from Python needs none."""
    folder = Path(directory, Path(cluster.working_dir or ".").expanduser()).resolve()
    return folder if cluster.working_dir is not None or folder.is_dir() else None


def _wrong_folder(cluster: ClusterSection, directory: str | Path, site: Site) -> Iterator[Problem]:
    where, folder = ("cluster", "working_dir"), _folder(cluster, directory)
    if folder is None or site is Site.JOB:
        return
    if not folder.is_dir():
        yield Problem(where, f"there is no folder {folder}: the path is relative to the sweep file's folder")
    elif site in (Site.RUNNING, Site.SUBMITTED) and not Path(directory).resolve().is_relative_to(folder):
        text = "which has to be sent too: write ., or name a folder that holds it"
        yield Problem(where, f"{folder} does not hold the sweep file's folder, {text}")


def _not_installable(
    cluster: ClusterSection, directory: str | Path, site: Site, packages: tuple[str, ...]
) -> Iterator[Problem]:
    """Packages that cannot be had where trials run."""
    where, missing = ("cluster", "pip"), unmet(packages) if site in (Site.INLINE, Site.PRIVATE) else []
    names = ", ".join(missing)
    if site is Site.INLINE and missing:
        yield Problem(
            where, f"inline installs nothing, and this Python lacks {names}: install it, or run without inline"
        )
    if site is Site.PRIVATE and missing and importlib.util.find_spec("virtualenv") is None:
        text = "which takes virtualenv: install one or the other"
        yield Problem(where, f"this Python lacks {names}, and Ray has to install it, {text}")
    if site is Site.SUBMITTED and isinstance(cluster.pip, str):
        sent, file = _folder(cluster, directory), requirements_file(cluster.pip, directory).resolve()
        if sent is not None and sent.is_dir() and file.is_file() and not file.is_relative_to(sent):
            text = f"{file} is not in the folder that is sent, {sent}: put it there, or write a list"
            yield Problem(where, text)
