"""Sections that say what is wanted: objectives, and the constraints that a config has to meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ..spaces import SCORERS, Limit, Objective, Problem, SpaceError, did_you_mean, one_of
from ..spaces.errors import shown
from .explain import problems
from .section import Section


class ObjectiveSection(Section):
    """A metric and the direction that is better."""

    metric: str = Field(min_length=1)
    """The name under which the training function reports it."""
    goal: Literal["maximize", "minimize"]
    """Which direction is better."""
    target: float | None = None
    """Good enough: the search ends when a trial reaches it; of several objectives, all targets at once."""
    reference: float | None = None
    """With several objectives: the worst value that counts; a front is measured from here."""
    scorer: str | None = Field(default=None, json_schema_extra={"enum": [*SCORERS, None]})
    """How the metric is computed from stored predictions; taken from the metric's name when left out."""
    aggregate: Literal["last", "best"] = "last"
    """Which of a trial's reports is its value."""

    def core(self) -> Objective:
        """The same as a core type."""
        return Objective(self.metric, self.goal, self.scorer, target=self.target, reference=self.reference)

    @model_validator(mode="after")
    def _scorer_is_known(self) -> ObjectiveSection:
        if self.scorer is not None and self.scorer not in SCORERS:
            text = f"there is no scorer {shown(self.scorer)}{did_you_mean(self.scorer, SCORERS)}"
            raise SpaceError([Problem(("scorer",), f"{text}: use {one_of(SCORERS)}")])
        if self.scorer is not None and SCORERS[self.scorer] != self.goal:
            better = SCORERS[self.scorer]
            raise SpaceError([Problem(("scorer",), f"{self.scorer} is to {better}, but goal is {self.goal}")])
        return self

    @model_validator(mode="after")
    def _target_is_better(self) -> ObjectiveSection:
        if self.target is None or self.reference is None:
            return self
        better, above = ("above", True) if self.goal == "maximize" else ("below", False)
        if self.target == self.reference or (self.target > self.reference) != above:
            text = (
                f"target {self.target:g} must be {better} reference {self.reference:g}, which is the worst that counts"
            )
            raise SpaceError([Problem(("target",), text)])
        return self


class RequireSection(Section):
    """A constraint on configs, known before a trial runs: what breaks it is never proposed."""

    require: str = Field(min_length=1)
    """An expression over parameters, such as hidden * layers <= 4096."""


class LimitSection(Section):
    """A constraint on what a trial reports, known after it ran: what breaks it cannot win."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["min"]}, {"required": ["max"]}]})

    metric: str = Field(min_length=1)
    """The name under which the training function reports it."""
    min: float | None = None
    """The least that is allowed."""
    max: float | None = None
    """The most that is allowed."""

    def core(self) -> Limit:
        """The same as a core type."""
        return Limit(self.metric, self.min, self.max)

    @model_validator(mode="after")
    def _bounded(self) -> LimitSection:
        if self.min is None and self.max is None:
            raise ValueError(f"{shown(self.metric)} has no bound: add max: 5.0 or min: 0.5")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} must not be above max {self.max:g}")
        return self


def _parse_constraint(raw: Any) -> RequireSection | LimitSection:
    if isinstance(raw, (RequireSection, LimitSection)):
        return raw
    if not isinstance(raw, Mapping) or not {"require", "metric"} & set(raw):
        cure = f" (write `require: {raw}`)" if isinstance(raw, str) else ""
        raise SpaceError(f"expected {{require: EXPRESSION}} or {{metric: NAME, max: NUMBER}}, got {shown(raw)}{cure}")
    if {"require", "metric"} <= set(raw):
        raise SpaceError("require is of parameters, metric of what a trial reports: make two constraints of it")
    model = RequireSection if "require" in raw else LimitSection
    try:
        return model.model_validate(dict(raw))
    except ValidationError as error:
        raise SpaceError(problems(error, model)) from error


Constraint = Annotated[RequireSection | LimitSection, BeforeValidator(_parse_constraint)]
"""``{require: EXPRESSION}`` or ``{metric: NAME, min: NUMBER, max: NUMBER}``."""
