"""What a sweep optimises."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .errors import SpaceError, did_you_mean, one_of, shown

Goal = Literal["maximize", "minimize"]

SCORERS: dict[str, Goal] = {
    "accuracy": "maximize",
    "balanced_accuracy": "maximize",
    "error": "minimize",
    "f1_macro": "maximize",
    "f1_micro": "maximize",
    "hamming_loss": "minimize",
    "log_loss": "minimize",
    "roc_auc": "maximize",
    "subset_accuracy": "maximize",
    "mae": "minimize",
    "mse": "minimize",
    "r2": "maximize",
    "rmse": "minimize",
}
"""Metrics that can be computed from stored predictions, and their better direction."""

_ALIASES = {"acc": "accuracy", "auc": "roc_auc", "cross_entropy": "log_loss", "logloss": "log_loss", "nll": "log_loss"}
_PREFIXES = ("val_", "valid_", "validation_", "eval_", "test_")


@dataclass(frozen=True)
class Limit:
    """A bound on a metric that a trial reports besides the objective; what breaks it cannot win.

    Args:
        min, max: the least and the most that is allowed; at least one of them.
    """

    metric: str
    min: float | None = None
    max: float | None = None

    def __str__(self) -> str:
        low = f"{self.min:g} <= " if self.min is not None else ""
        high = f" <= {self.max:g}" if self.max is not None else ""
        return f"{low}{self.metric}{high}"

    def excess(self, value: Any) -> float:
        """How far ``value`` lies outside, as a share of the bound; 0 within, infinite for what is no number."""
        if not _is_number(value):
            return math.inf
        gaps = [(self.min, self.min - value)] if self.min is not None else []
        gaps += [(self.max, value - self.max)] if self.max is not None else []
        return max(max(0.0, float(gap)) / (abs(bound) or 1.0) for bound, gap in gaps)


@dataclass(frozen=True)
class Objective:
    """A metric and the direction that is better.

    Args:
        metric: the name under which the training function reports it.
        goal: ``"maximize"`` or ``"minimize"``.
        scorer: how the same metric is computed from stored predictions (``"accuracy"``, ``"log_loss"``, ...);
            without one it is taken from the metric's name.
        limits: bounds on other metrics.
        target: good enough.
        reference: with others: the worst value that counts.
        others: what is optimised as well; what is sought then is a front.

    Raises:
        SpaceError: for a metric without a name, or another goal.
    """

    metric: str
    goal: Goal
    scorer: str | None = None
    limits: tuple[Limit, ...] = ()
    target: float | None = None
    reference: float | None = None
    others: tuple[Objective, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str) or not self.metric:
            raise SpaceError(f"metric must be a name, got {shown(self.metric)}")
        goals = get_args(Goal)
        if not isinstance(self.goal, str) or self.goal not in goals:
            hint = did_you_mean(self.goal, goals)
            raise SpaceError(f"goal {shown(self.goal)} is not {one_of(goals)}{hint}")

    @property
    def sign(self) -> int:
        """+1 when larger is better, -1 when smaller is."""
        return 1 if self.goal == "maximize" else -1

    def score(self, value: float) -> float:
        """``value`` turned so that larger is better."""
        return self.sign * value

    @property
    def each(self) -> tuple[Objective, ...]:
        """This one and the others."""
        return (self, *self.others)

    @property
    def corner(self) -> tuple[float | None, ...]:
        """Where a front is measured from: the reference of each objective as a score, None without one."""
        return tuple(None if one.reference is None else one.score(one.reference) for one in self.each)

    def scores(self, metrics: Mapping[str, Any]) -> tuple[float, ...]:
        """The value of each objective, turned so that larger is better."""
        return tuple(one.score(float(metrics[one.metric])) for one in self.each)

    def reached(self, scores: Sequence[float]) -> bool:
        """Whether every target that there is was reached; never without any."""
        aims = {index: one.score(one.target) for index, one in enumerate(self.each) if one.target is not None}
        return bool(aims) and all(scores[index] >= aim for index, aim in aims.items())

    def excess(self, metrics: Mapping[str, Any]) -> float:
        """How far metrics lie beyond all limits; 0 within. What is not among them is taken to be within."""
        return sum(limit.excess(metrics[limit.metric]) for limit in self.limits if limit.metric in metrics)

    def unknown(self, metrics: Mapping[str, Any]) -> str:
        """Why metrics cannot be held against the limits; empty when they can."""
        for name in (limit.metric for limit in self.limits):
            if name not in metrics:
                return f"constraint metric {name!r} was never reported{did_you_mean(name, metrics)}"
            if not _is_number(metrics[name]):
                got = "not finite" if metrics[name] is None else f"{shown(metrics[name])}, not a number"
                return f"constraint metric {name!r} is {got}"
        return ""

    @property
    def known_scorer(self) -> str | None:
        """The scorer given, or the one that the metric's name means (``val_acc`` is accuracy); None when unclear."""
        if self.scorer is not None:
            return self.scorer
        name = self.metric.lower()
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        name = _ALIASES.get(name, name)
        return name if SCORERS.get(name) == self.goal else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
