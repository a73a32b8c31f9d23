"""Shares with Wilson intervals that count each example once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from .diagnosis import CONFIDENCE, Estimate

Values = npt.NDArray[np.floating[Any]]


def wilson(share: Values, count: Values) -> tuple[Values, Values]:
    """Ends of Wilson's interval for shares of ``count`` independent examples; NaN where there is none.

    Wilson, Journal of the American Statistical Association 22 (1927).
    """
    z2 = float(stats.norm.ppf(0.5 + CONFIDENCE / 2)) ** 2
    size = np.where(count > 0, count, np.nan)
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    spread = share * (1 - share) / size + z2 / (4 * size**2)
    half = np.sqrt(np.maximum(z2 * spread, 0)) / (1 + z2 / size)
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, 1)
    return np.where(share <= 0, 0, low) + 0 * size, np.where(share >= 1, 1, high) + 0 * size


def estimates(share: Values, count: Values) -> list[Estimate]:
    """Shares with their intervals."""
    low, high = wilson(share, count)
    return [Estimate(*map(float, one)) for one in zip(share, low, high, strict=True)]


def estimates_of_f1(overlap: Values, count: Values) -> list[Estimate]:
    """F1 from shares of hits among examples that are of a class or are predicted to be.

    F1 = 2 J / (1 + J) for the share J (Jaccard's), which is a share of examples, so its interval carries over.
    """
    found = estimates(overlap, count)
    return [Estimate(*(2 * one / (1 + one) for one in (e.value, e.low, e.high))) for e in found]


def divided(part: Values, whole: Values) -> Values:
    """``part / whole``; NaN where there is nothing."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))
