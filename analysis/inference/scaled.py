"""Scores of any magnitude, made fit for squaring and comparing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...spaces import UsageError
from .best_set import Bools, Floats, Replicates

ROUNDING = 1e-12
"""Differences below this share of the largest magnitude are taken to be rounding."""


@dataclass(frozen=True)
class Scaled:
    """Scores divided by their largest magnitude.

    Args:
        values: shape (k, r), between -1 and 1.
        scale: what they were divided by.
        means: shape (k,).
        best: the first row whose mean is the largest up to rounding.
        step: the smallest gap between two different scores: 1/n for an accuracy on n examples, next to nothing for a
            score that is not coarse; 0 when all are equal.
        varies: whether any row differs from replicate to replicate.
    """

    values: Floats
    scale: float
    means: Floats
    best: int
    step: float
    varies: bool

    @property
    def count(self) -> int:
        """Number of replicates."""
        return int(self.values.shape[1])

    @property
    def constant(self) -> Bools:
        """Rows that score the same in every replicate, shape (k,), as booleans."""
        return np.asarray(np.ptp(self.values, axis=1) <= ROUNDING)


def scaled(replicates: Replicates, least: int = 2, test: str = "the test") -> Scaled:
    """Scores that a test can work with.

    Args:
        least: replicates that the test needs.
        test: its name, for messages.

    Raises:
        UsageError: when shapes do not fit, when a score is not finite, or when there are too few replicates.
    """
    scores = np.asarray(replicates.scores, dtype=float)
    if scores.ndim != 2 or not scores.size:
        raise UsageError(f"replicates: expected scores of shape (configs, replicates), got {scores.shape}")
    if not np.isfinite(scores).all():
        raise UsageError("replicates: a score is not finite: leave out configs with replicates that failed")
    if not np.isfinite(replicates.overlap) or replicates.overlap < 0:
        raise UsageError(f"replicates: overlap must be test rows over training rows, got {replicates.overlap!r}")
    if len(scores) > 1 and scores.shape[1] < least:
        got = scores.shape[1]
        cure = f"set leaderboard.seeds: {least} or more"
        raise UsageError(f"{test} needs at least {least} replicates of each config, got {got}: {cure}")
    scale = largest(scores)
    values = scores / scale
    means = values.mean(axis=1)
    best = int(np.flatnonzero(means >= means.max() - 10 * ROUNDING)[0])  # 11 digits: leaderboards rank by 12
    varies = bool(np.ptp(values, axis=1).max() > ROUNDING)
    return Scaled(values, scale, means, best, coarseness(values), varies)


def coarseness(values: Floats) -> float:
    """The smallest gap between two different scores; ``values``, at most 1 in size, of any shape."""
    gaps = np.diff(np.sort(values, axis=None))
    real = gaps[gaps > ROUNDING]
    return float(real.min()) if len(real) else 0.0


def largest(*values: Floats) -> float:
    """Largest magnitude; divided by it, metrics of any size can be squared and compared. 1 when all are 0."""
    return max(float(np.abs(array).max()) for array in values) or 1.0
