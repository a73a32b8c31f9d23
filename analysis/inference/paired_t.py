"""Each finalist against the best: paired t-tests, one-sided, with Holm's correction."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from .best_set import Floats, Replicates
from .holm import holm
from .pairwise_t import paired_t_best
from .scaled import ROUNDING, largest

__all__ = ["Floats", "holm", "mean", "paired_t", "t_interval", "vary", "worse_than_best"]


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
    return paired_t_best(Replicates(scores), 0.5).p_values


def paired_t(better: Floats, worse: Floats, resolution: float = 0.0) -> float:
    """One-sided p of a paired t-test that ``better`` has the larger mean; inputs have shape (r,), r >= 2.

    Args:
        resolution: step in which scores come, such as 1/n for an accuracy on n examples. The differences are taken to
            spread at least as two rounded numbers do (variance resolution**2 / 6): a few equal differences of a coarse
            score prove little. Between configs that score the same in every replicate nothing is random, and p is 0.
    """
    scale = largest(better, worse)
    difference = better / scale - worse / scale
    center, spread = float(difference.mean()), float(np.ptp(difference))
    constant = max(np.ptp(better / scale), np.ptp(worse / scale)) <= ROUNDING
    if spread <= ROUNDING and (abs(center) <= ROUNDING or constant or not resolution):
        return 0.0 if center > ROUNDING else 1.0
    error = max(float(difference.std(ddof=1)), resolution / scale / math.sqrt(6)) / math.sqrt(len(difference))
    return float(stats.t.sf(center / error, len(difference) - 1))


def t_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """Confidence interval of the mean of ``values``, shape (r,); infinite for a single value."""
    if len(values) < 2:
        return -math.inf, math.inf
    scale = largest(values)
    center, spread = float(np.mean(values / scale)), float(stats.sem(values / scale))
    half = spread * float(stats.t.ppf((1 + confidence) / 2, len(values) - 1))
    return (center - half) * scale, (center + half) * scale


def mean(values: Floats) -> float:
    """Mean of ``values``, shape (r,), also where their sum would overflow."""
    scale = largest(values)
    return float(np.mean(values / scale)) * scale


def vary(scores: Floats) -> bool:
    """Whether any config scores differently in two replicates; ``scores`` has shape (k, r)."""
    return bool(np.ptp(scores / largest(scores), axis=1).max() > ROUNDING)
