"""The sweep file as a model: what to optimise, over which space, how, and for how long."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from ..spaces import SCORERS, Fidelity, Objective, Problem, Space, SpaceError, SweepError, did_you_mean, one_of
from ..spaces.errors import shown
from .explain import problems
from .options import parse_options
from .registry import SCHEDULERS, SEARCHERS
from .scheduler import SchedulerOptions
from .searcher import SearcherOptions

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,15})s)?")
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)", re.IGNORECASE)
_BYTES = {
    f"{letter}{form}": base**power
    for power, letter in enumerate("kmgt", 1)
    for form, base in (("b", 1000), ("ib", 1024))
}
_LEAST_BYTES = 1_000_000
_LATER = ("command", "constraints", "architecture", "tracking", "export")


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused, docstrings become help."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
    )


class ObjectiveSection(Section):
    """A metric and the direction that is better."""

    metric: str = Field(min_length=1)
    """The name under which the training function reports it."""
    goal: Literal["maximize", "minimize"]
    """Which direction is better."""
    target: float | None = None
    """Good enough: the search ends when a trial reaches it."""
    scorer: str | None = None
    """How the metric is computed from stored predictions; taken from the metric's name when left out."""

    @model_validator(mode="after")
    def _scorer_is_known(self) -> ObjectiveSection:
        if self.scorer is not None and self.scorer not in SCORERS:
            text = f"there is no scorer {shown(self.scorer)}{did_you_mean(self.scorer, SCORERS)}"
            raise SpaceError([Problem(("scorer",), f"{text}: use {one_of(SCORERS)}")])
        if self.scorer is not None and SCORERS[self.scorer] != self.goal:
            better = SCORERS[self.scorer]
            raise SpaceError([Problem(("scorer",), f"{self.scorer} is to {better}, but goal is {self.goal}")])
        return self


class FidelitySection(Section):
    """How much training a trial is granted; one report per unit."""

    unit: str = Field(default="step", min_length=1)
    """What one report stands for."""
    min: int = Field(default=1, ge=1)
    """The least training before a trial may be stopped."""
    max: int = Field(ge=1)
    """A full run."""

    @model_validator(mode="after")
    def _ordered(self) -> FidelitySection:
        if self.min > self.max:
            raise ValueError(f"min {self.min} must not be above max {self.max}")
        return self

    def core(self) -> Fidelity:
        """The same as a core type."""
        return Fidelity(self.unit, self.min, self.max)


def parse_duration(value: Any) -> float:
    """Seconds of ``"1h30m"``, ``"90s"``, ``"2d"``.

    Raises:
        ValueError: for anything else, with an example.
    """
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) and value.strip() else None
    if match is None:
        raise ValueError(f"{shown(value)} is not a duration: write 90s, 10m, 2h or 1h30m")
    seconds = sum(int(part or 0) * unit for part, unit in zip(match.groups(), (86400, 3600, 60, 1), strict=True))
    if not seconds:
        raise ValueError("a duration must be above 0")
    return float(seconds)


Duration = Annotated[
    float | None,
    BeforeValidator(lambda raw: None if raw is None else parse_duration(raw)),
    PlainSerializer(lambda seconds: None if seconds is None else f"{seconds:.0f}s"),
]


class BudgetSection(Section):
    """When the search ends: whichever limit is reached first. Replicates and the final test come after it."""

    trials: int | None = Field(default=None, ge=1)
    """Configurations tried by the search."""
    time: Duration = None
    """Wall time of the search, such as 90s, 10m or 1h30m."""
    cpu_hours: float | None = Field(default=None, gt=0)
    """Hours of training, times the CPU cores that a trial occupies."""
    gpu_hours: float | None = Field(default=None, gt=0)
    """Hours of training, times the GPUs that a trial occupies."""
    cost_usd: float | None = Field(default=None, gt=0)
    """Hours of training, times ``resources.usd_per_hour``."""
    patience: int | None = Field(default=None, ge=1)
    """The search ends when so many trials in a row brought nothing better."""
    concurrent: int | None = Field(default=None, ge=1)
    """Trials at the same time; as many as the resources allow when left out."""

    @model_validator(mode="after")
    def _limited(self) -> BudgetSection:
        limits = (self.trials, self.time, self.cpu_hours, self.gpu_hours, self.cost_usd, self.patience)
        if all(limit is None for limit in limits):
            raise ValueError("the search needs an end: write {trials: 20} or {time: 10m}")
        return self


def parse_bytes(value: Any) -> int:
    """Bytes of ``"12GiB"``, ``"500MB"`` or a number.

    Raises:
        ValueError: for anything else, or too little to mean it, with an example.
    """
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        size = int(float(match[1]) * _BYTES[match[2].lower()])
    else:
        size = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if size < _LEAST_BYTES:
        raise ValueError(f"{shown(value)} is not an amount of memory: write 500MB or 12GiB")
    return size


class ResourcesSection(Section):
    """What one trial occupies on the cluster; with several workers, what each of them does."""

    cpu: float = Field(default=1.0, gt=0)
    """CPU cores."""
    gpu: float = Field(default=0.0, ge=0)
    """GPUs; a fraction shares one."""
    memory: Annotated[int | None, BeforeValidator(lambda raw: None if raw is None else parse_bytes(raw))] = None
    """Memory to reserve, such as 12GiB."""
    custom: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Resources that the cluster's nodes declare, such as {licence: 1}."""
    workers: int = Field(default=1, ge=1)
    """Processes that run one trial together, on nodes as near to each other as can be."""
    slots: int = Field(default=1, ge=1)
    """Small trials that take turns in one worker process."""
    usd_per_hour: float | None = Field(default=None, gt=0)
    """Price of one worker for an hour, for ``budget.cost_usd``."""

    @model_validator(mode="after")
    def _possible(self) -> ResourcesSection:
        if self.gpu > 1 and self.gpu != int(self.gpu):
            raise SpaceError([Problem(("gpu",), f"a trial has whole GPUs or a part of one, got {self.gpu:g}")])
        for name in self.custom:
            if name.lower() in ("cpu", "gpu", "memory"):
                text = f"{name} is no resource of your own: write resources: {{{name.lower()}: ...}}"
                raise SpaceError([Problem(("custom", name), text)])
        if self.workers > 1 and self.slots > 1:
            raise SpaceError(
                [Problem(("slots",), "trials of several workers cannot take turns: give workers or slots")]
            )
        return self


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
    stop: Duration = 60.0
    """From being told to end to having ended."""


class ClusterSection(Section):
    """Where the sweep runs, and what is done about what goes wrong there."""

    address: str | None = Field(default=None, min_length=1)
    """Of a running Ray cluster; ``--address`` goes first. A private one on this machine when left out."""
    storage: str | None = Field(default=None, min_length=1)
    """Folder or URL that all nodes see (/mnt/team, s3://bucket/sweeps), for checkpoints; the store when left out."""
    retry: RetrySection = RetrySection()
    """Second chances."""
    timeouts: TimeoutsSection = TimeoutsSection()
    """Patience."""


class CheckpointsSection(Section):
    """What is kept of what ``trial.save_checkpoint`` writes."""

    every: int = Field(default=1, ge=0)
    """Reports between checkpoints; one is also kept where a decision is due. 0: none."""
    keep: int = Field(default=2, ge=1)
    """Newest checkpoints of a running trial; of one that is over only its model stays."""


class LeaderboardSection(Section):
    """How the finalists of the search are told apart."""

    top: int = Field(default=5, ge=1)
    """Finalists: the best of the search by score; the default config joins them."""
    seeds: int = Field(default=5, ge=2)
    """Replicates of each finalist, on fresh seeds and splits shared by all finalists."""
    test: Literal["paired_t"] = "paired_t"
    """The test of each finalist against the best."""
    correction: Literal["holm"] = "holm"
    """The correction for several comparisons."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """The chance that the truly best of the finalists is left out of the tied set."""
    tie_break: Literal["mean", "cost"] = "mean"
    """Which of the tied configs is handed over: the best mean, or the cheapest to train."""

    @model_validator(mode="before")
    @classmethod
    def _explain_rank_tests(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("test") in ("wilcoxon", "sign", "signflip"):
            raise SpaceError([Problem(("test",), _rank_test_cure(raw["test"], raw.get("top", 5), raw.get("seeds", 5)))])
        return raw


def _rank_test_cure(test: str, rivals: Any, seeds: Any) -> str:
    sizes = all(isinstance(number, int) and 1 <= number <= 1000 for number in (rivals, seeds))
    enough = math.ceil(math.log2(rivals / 0.05)) if sizes else 0
    if not sizes or seeds >= enough:
        return f"{test} is not offered: write test: paired_t"
    least = min(1.0, rivals * 0.5**seeds)
    return (
        f"{test} is not offered: a rank test of {rivals} rivals on {seeds} seeds cannot get below p = {least:.2g}, "
        f"so it could never decide (it needs {enough} seeds); write test: paired_t"
    )


def _as_space(raw: Any) -> Space:
    if isinstance(raw, Space):
        return raw
    if not isinstance(raw, dict):
        raise SpaceError(f"expected parameters such as {{lr: loguniform(1e-5, 1e-1)}}, got {shown(raw)}")
    return Space(raw)


class Sweep(Section):
    """A whole sweep: what the file says, checked. ``Sweep(name="digits", objectives=[...], ...)`` takes the same keys.

    Raises:
        SweepError: with all mistakes at once.
    """

    name: str
    """Names the sweep in the store: lower-case letters, digits, dot, dash and underscore."""
    description: str = ""
    """For people."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Fixes the proposals, the data splits and the seeds of all trials."""
    trainable: str | None = None
    """file.py:function or package.module:function, seen from the sweep file's folder."""
    objectives: list[ObjectiveSection] = Field(min_length=1)
    """What to optimise."""
    parameters: Annotated[
        Space, BeforeValidator(_as_space), PlainSerializer(lambda space: space.to_dict(), return_type=dict)
    ]
    """The search space."""
    searcher: Annotated[
        SearcherOptions,
        BeforeValidator(lambda raw: parse_options("searcher", SEARCHERS, raw)),
        PlainSerializer(lambda options: options.model_dump(), return_type=dict),
    ] = Field(default_factory=lambda: SEARCHERS["tpe"](type="tpe"))
    """What proposes configs."""
    scheduler: Annotated[
        SchedulerOptions,
        BeforeValidator(lambda raw: parse_options("scheduler", SCHEDULERS, raw)),
        PlainSerializer(lambda options: options.model_dump(), return_type=dict),
    ] = Field(default_factory=lambda: SCHEDULERS["none"](type="none"))
    """What stops weak trials early."""
    fidelity: FidelitySection | None = None
    """How long a trial trains."""
    budget: BudgetSection
    """How long the search goes on."""
    resources: ResourcesSection = ResourcesSection()
    """What one trial occupies."""
    cluster: ClusterSection = ClusterSection()
    """Where it runs."""
    checkpoints: CheckpointsSection = CheckpointsSection()
    """What is kept to go on from."""
    engine: Literal["assay", "tune"] = "assay"
    """What runs the search: Assay's controller, or Ray Tune's own."""
    leaderboard: LeaderboardSection = LeaderboardSection()
    """How the best are told apart."""

    def __init__(self, /, **raw: Any) -> None:
        try:
            super().__init__(**raw)
        except ValidationError as error:
            raise SweepError(problems(error, type(self), _LATER)) from error

    @field_validator("name")
    @classmethod
    def _slug(cls, name: str) -> str:
        if name.startswith("ledger.db"):
            raise ValueError(f"{name!r} is the name of a file in the store: choose another")
        if not _NAME.fullmatch(name):
            slug = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:63] or "my-sweep"
            letters = "up to 63 of a-z, 0-9, dot, dash and underscore"
            raise ValueError(f"{shown(name)} is not a name: use {letters}, e.g. {slug!r}")
        return name

    @field_validator("objectives")
    @classmethod
    def _one_objective(cls, objectives: list[ObjectiveSection]) -> list[ObjectiveSection]:
        if len(objectives) > 1:
            raise ValueError(
                f"one objective is supported in this version, got {len(objectives)}: keep the one to optimise"
            )
        return objectives

    @model_validator(mode="after")
    def _costs_are_known(self) -> Sweep:
        if self.budget.cost_usd is not None and self.resources.usd_per_hour is None:
            text = "cost_usd needs the price of a worker: add `resources: {usd_per_hour: 2.5}`"
            raise SpaceError([Problem(("budget", "cost_usd"), text)])
        if self.budget.gpu_hours is not None and not self.resources.gpu:
            text = "gpu_hours, but trials have no GPU: add `resources: {gpu: 1}`, or write cpu_hours"
            raise SpaceError([Problem(("budget", "gpu_hours"), text)])
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Sweep:
        if self.scheduler.type == "none":
            return self
        if self.fidelity is None:
            text = f"{self.scheduler.type} needs the length of a run: add `fidelity: {{unit: epoch, min: 1, max: 27}}`"
            raise SpaceError([Problem(("scheduler",), text)])
        grace = self.scheduler.grace_of(self.fidelity.core())
        if grace > self.fidelity.max:
            text = f"grace {grace} is above the fidelity's max {self.fidelity.max}"
            raise SpaceError([Problem(("scheduler", "grace"), text)])
        self.scheduler.check(self.parameters, self.fidelity.core(), self.budget.trials)
        if self.scheduler.type in ("pbt", "pb2") and not self.checkpoints.every:
            text = f"members of {self.scheduler.type} go on from each other's checkpoints: leave it above 0"
            raise SpaceError([Problem(("checkpoints", "every"), text)])
        return self

    @classmethod
    def make(cls, raw: Any) -> Sweep:
        """A sweep from a mapping such as a parsed file.

        Raises:
            SweepError: one line per mistake.
        """
        if not isinstance(raw, dict):
            keys = "a mapping with name, trainable, objectives, ..."
            raise SweepError([Problem((), f"expected {keys}, got {shown(raw)}")])
        strange = [key for key in raw if not isinstance(key, str)]
        if strange:
            raise SweepError(Problem((key,), f"a key must be text, got {shown(key)}") for key in strange)
        return cls(**raw)

    @classmethod
    def from_yaml(cls, path: Any) -> Sweep:
        """A sweep from a YAML or JSON file.

        Raises:
            SweepError: one line per mistake, with file:line:column.
        """
        from .sweep_file import read_sweep

        return read_sweep(path)

    @property
    def objective(self) -> Objective:
        """The metric that the sweep optimises."""
        first = self.objectives[0]
        return Objective(first.metric, first.goal, first.scorer)

    @property
    def granted(self) -> Fidelity | None:
        """The fidelity as a core type."""
        return self.fidelity.core() if self.fidelity else None
