"""The honest score of the winner among many models that were compared on the same examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...spaces import UsageError

_BLOCK = 20_000_000


@dataclass(frozen=True)
class Corrected:
    """The winner's score, corrected.

    Args:
        estimate: score of the winner without the flattery of having been chosen on these examples.
        low, high: percentile interval; it covers more often than it says.
        naive: the winner's own mean.
        winner: which model it is.
    """

    estimate: float
    low: float
    high: float
    naive: float
    winner: int


def bbc_cv(scores: npt.NDArray[np.floating], alpha: float = 0.05, resamples: int = 1000, seed: int = 0) -> Corrected:
    """Bootstrap bias corrected cross-validation: choose on examples drawn with replacement, score on those left out.

    Needs no further training. Slightly pessimistic where models differ, because the choice is made on fewer different
    examples. Tsamardinos et al., Machine Learning 107 (2018).

    Args:
        scores: score of each example, shape (n, N) for N models; larger is better, the metric is their mean.

    Raises:
        UsageError: for another shape, fewer than 2 examples, or scores that are not finite.
    """
    if scores.ndim != 2 or scores.shape[0] < 2 or not scores.shape[1] or not np.isfinite(scores).all():
        raise UsageError(f"expected finite scores of shape (examples, models), 2 examples or more, got {scores.shape}")
    rng = np.random.default_rng(seed)
    values = np.asarray(scores, dtype=np.float32 if scores.dtype != np.float64 else float)
    count = len(values)
    drawn: list[float] = []
    at_once = max(1, _BLOCK // (count + scores.shape[1]))
    while len(drawn) < resamples:
        weights = rng.multinomial(count, np.full(count, 1 / count), size=min(at_once, resamples - len(drawn)))
        winners = (weights.astype(values.dtype) @ values).argmax(axis=1)
        left_out = weights == 0
        for out, winner in zip(left_out, winners, strict=True):
            if out.any():
                drawn.append(float(values[out, winner].mean(dtype=float)))
    means = values.mean(axis=0, dtype=float)
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    winner = int(means.argmax())
    return Corrected(float(np.mean(drawn)), float(low), float(high), float(means[winner]), winner)
