"""Each finalist against the best: paired t-tests, one-sided, with Holm's correction."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

_ROUNDING = 1e-12  # of values whose largest magnitude is 1


def worse_than_best(scores: Floats) -> Floats:
    """Adjusted p-values that each config is no worse than the best one.

    Args:
        scores: larger is better, shape (k, r): k configs on the same r >= 2 replicates (seeds and splits); the first
            row has the best mean.

    Returns:
        Shape (k,); 1 for the first. A config with p above alpha is tied for best: the chance that the truly best one
        is left out is at most alpha (one-sided tests against the observed best, Holm 1979; coverage by simulation .96
        to .98 for k = 10). Other configs as good as the best are left out more often. With k = 2 the p is doubled,
        because which of the two is tested against the other was chosen by looking.
    """
    resolution = _resolution(scores)
    against_best = np.array([paired_t(scores[0], other, resolution) for other in scores[1:]])
    if len(against_best) == 1:
        against_best = np.minimum(1.0, 2 * against_best)
    return np.concatenate([[1.0], holm(against_best)])


def paired_t(better: Floats, worse: Floats, resolution: float = 0.0) -> float:
    """One-sided p of a paired t-test that ``better`` has the larger mean; inputs have shape (r,), r >= 2.

    Args:
        resolution: step in which scores come, such as 1/n for an accuracy on n examples. The differences are taken to
            spread at least as two rounded numbers do (variance resolution**2 / 6): a few equal differences of a coarse
            score prove little. Between configs that score the same in every replicate nothing is random, and p is 0.
    """
    scale = _largest(better, worse)
    difference = better / scale - worse / scale
    center, spread = float(difference.mean()), float(np.ptp(difference))
    constant = max(np.ptp(better / scale), np.ptp(worse / scale)) <= _ROUNDING
    if spread <= _ROUNDING and (abs(center) <= _ROUNDING or constant or not resolution):
        return 0.0 if center > _ROUNDING else 1.0
    error = max(float(difference.std(ddof=1)), resolution / scale / math.sqrt(6)) / math.sqrt(len(difference))
    return float(stats.t.sf(center / error, len(difference) - 1))


def holm(p_values: Floats) -> Floats:
    """Step-down adjusted p-values, shape (m,). Holm, Scand. J. Statist. 6 (1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(p_values) else steps
    return adjusted


def t_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Confidence interval of the mean of ``values``, shape (r,); infinite for a single value."""
    if len(values) < 2:
        return -math.inf, math.inf
    scale = _largest(values)
    center, spread = float(np.mean(values / scale)), float(stats.sem(values / scale))
    half = spread * float(stats.t.ppf((1 + confidence) / 2, len(values) - 1))
    return (center - half) * scale, (center + half) * scale


def mean(values: Floats) -> float:
    """Mean of ``values``, shape (r,), also where their sum would overflow."""
    scale = _largest(values)
    return float(np.mean(values / scale)) * scale


def vary(scores: Floats) -> bool:
    """Whether any config scores differently in two replicates; ``scores`` has shape (k, r)."""
    return bool(np.ptp(scores / _largest(scores), axis=1).max() > _ROUNDING)


def _resolution(scores: Floats) -> float:
    """The smallest gap between two different scores."""
    scale = _largest(scores)
    gaps = np.diff(np.sort(scores / scale, axis=None))
    real = gaps[gaps > _ROUNDING]
    return float(real.min()) * scale if len(real) else 0.0


def _largest(*values: Floats) -> float:
    """Largest magnitude; divided by it, metrics of any size can be squared and compared. 1 when all are 0."""
    return max(float(np.abs(array).max()) for array in values) or 1.0
