"""Sections that say how much may be spent: length of training, budget, resources of a trial."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from ..spaces import Fidelity, Problem, SpaceError
from .section import Duration, Section, Size

_LIMITS = ("trials", "time", "cpu_hours", "gpu_hours", "cost_usd", "patience")


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


class BudgetSection(Section):
    """When the search ends: whichever limit is reached first. Replicates and the final test come after it."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [limit]} for limit in _LIMITS]})

    trials: int | None = Field(default=None, ge=1)
    """Configurations tried by the search."""
    time: Duration = None
    """Wall time of the search, such as 90s, 10m or 1h30m."""
    cpu_hours: float | None = Field(default=None, gt=0)
    """Hours of training, times the CPU cores that a trial occupies."""
    gpu_hours: float | None = Field(default=None, gt=0)
    """Hours of training, times the GPUs that a trial occupies."""
    cost_usd: float | None = Field(default=None, gt=0)
    """Hours of training, times resources.usd_per_hour."""
    patience: int | None = Field(default=None, ge=1)
    """The search ends when so many trials in a row brought nothing better."""
    concurrent: int | None = Field(default=None, ge=1)
    """Trials at the same time; as many as the resources allow when left out."""

    @model_validator(mode="after")
    def _limited(self) -> BudgetSection:
        if all(getattr(self, limit) is None for limit in _LIMITS):
            raise ValueError("the search needs an end: write {trials: 20} or {time: 10m}")
        return self


class ResourcesSection(Section):
    """What one trial occupies on the cluster; with several workers, what each of them does."""

    cpu: float = Field(default=1.0, gt=0)
    """CPU cores."""
    gpu: float = Field(default=0.0, ge=0)
    """GPUs; a fraction shares one."""
    memory: Size = None
    """Memory to reserve, such as 12GiB."""
    custom: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Resources that the cluster's nodes declare, such as {licence: 1}."""
    workers: int = Field(default=1, ge=1)
    """Processes that run one trial together, on nodes as near to each other as can be."""
    slots: int = Field(default=1, ge=1)
    """Small trials that take turns in one worker process."""
    usd_per_hour: float | None = Field(default=None, gt=0)
    """Price of one worker for an hour, for budget.cost_usd."""

    @model_validator(mode="after")
    def _possible(self) -> ResourcesSection:
        found = []
        if self.gpu > 1 and self.gpu != int(self.gpu):
            found.append(Problem(("gpu",), f"a trial has whole GPUs or a part of one, got {self.gpu:g}"))
        for name in self.custom:
            if name.lower() in ("cpu", "gpu", "memory"):
                text = f"{name} is no resource of your own: write resources: {{{name.lower()}: ...}}"
                found.append(Problem(("custom", name), text))
        if self.workers > 1 and self.slots > 1:
            found.append(Problem(("slots",), "trials of several workers cannot take turns: give workers or slots"))
        if found:
            raise SpaceError(found)
        return self
