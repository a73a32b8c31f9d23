"""What a sweep optimises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from .errors import SpaceError, did_you_mean, one_of, shown

Goal = Literal["maximize", "minimize"]

SCORERS: dict[str, Goal] = {
    "accuracy": "maximize",
    "balanced_accuracy": "maximize",
    "error": "minimize",
    "f1_macro": "maximize",
    "log_loss": "minimize",
    "roc_auc": "maximize",
    "mae": "minimize",
    "mse": "minimize",
    "r2": "maximize",
    "rmse": "minimize",
}
"""Metrics that can be computed from stored predictions, and their better direction."""

_ALIASES = {"acc": "accuracy", "auc": "roc_auc", "cross_entropy": "log_loss", "logloss": "log_loss", "nll": "log_loss"}
_PREFIXES = ("val_", "valid_", "validation_", "eval_", "test_")


@dataclass(frozen=True)
class Objective:
    """A metric and the direction that is better.

    Args:
        metric: the name under which the training function reports it.
        goal: ``"maximize"`` or ``"minimize"``.
        scorer: how the same metric is computed from stored predictions (``"accuracy"``, ``"log_loss"``, ...);
            without one it is taken from the metric's name.

    Raises:
        SpaceError: for a metric without a name, or another goal.
    """

    metric: str
    goal: Goal
    scorer: str | None = None

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
    def known_scorer(self) -> str | None:
        """The scorer given, or the one that the metric's name means (``val_acc`` is accuracy); None when unclear."""
        if self.scorer is not None:
            return self.scorer
        name = self.metric.lower()
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        name = _ALIASES.get(name, name)
        return name if SCORERS.get(name) == self.goal else None
