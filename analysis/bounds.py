"""Between which values a metric lies, where that is known: no interval is to promise an accuracy beyond 1."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..spaces import Objective
from .board import Interval

_SHARES = (
    *("accuracy", "balanced_accuracy", "error", "f1_macro", "f1_micro"),
    *("hamming_loss", "roc_auc", "subset_accuracy"),
)
_LOSSES = ("log_loss", "mae", "mse", "rmse")
_KNOWN = (
    dict.fromkeys(_SHARES, (0.0, 1.0)) | dict.fromkeys(_LOSSES, (0.0, math.inf)) | {"r2": (-math.inf, 1.0)}
)  # of scorers


@dataclass(frozen=True)
class Bounds:
    """The least and the largest value of a metric; infinite where nothing is known.

    An interval cut at them holds the truth as often as before, as the truth is within.
    """

    low: float = -math.inf
    high: float = math.inf

    @classmethod
    def of(cls, objective: Objective | None, values: Iterable[float]) -> Bounds:
        """From the objective's scorer, given or known by the metric's name; unknown where observed values contradict.

        So an accuracy in percent has no bounds. A metric that is only called ``error`` need not be a share.

        Args:
            values: all that were observed of the metric, so that it has the same bounds everywhere.
        """
        scorer = objective.known_scorer if objective is not None else None
        if objective is not None and objective.scorer is None and scorer == "error":
            return cls()
        low, high = _KNOWN.get(scorer or "", (-math.inf, math.inf))
        return cls(low, high) if all(low <= value <= high for value in values) else cls()

    def cut(self, interval: Interval) -> Interval:
        """The part of an interval that is possible; an infinite one, of a single value, stays."""
        if math.isinf(interval.low) or math.isinf(interval.high):
            return interval
        return replace(interval, low=max(interval.low, self.low), high=min(interval.high, self.high))

    def cut_difference(self, low: float, high: float) -> tuple[float, float]:
        """The same for the interval of a difference of two values."""
        if math.isinf(low) or math.isinf(high):
            return low, high
        most = self.high - self.low
        return max(low, -most), min(high, most)
