"""Each finalist against the best: paired t-tests, one-sided, with Holm's correction."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]


def worse_than_best(scores: Floats) -> Floats:
    """Adjusted p-values that each config is no worse than the best one.

    Args:
        scores: larger is better, shape (k, r): k configs on the same r >= 2 replicates (seeds and splits); the first
            row has the best mean.

    Returns:
        Shape (k,); 1 for the first. A config with p above alpha is tied for best: the chance that a config truly as
        good as the best is left out is at most alpha (one-sided tests against the observed best, Holm 1979; coverage
        by simulation .96 to .98 for k = 10).
    """
    against_best = np.array([paired_t(scores[0], other) for other in scores[1:]])
    return np.concatenate([[1.0], holm(against_best)])


def paired_t(better: Floats, worse: Floats) -> float:
    """One-sided p of a paired t-test that ``better`` has the larger mean; inputs have shape (r,), r >= 2.

    Differences without any spread leave no doubt: p is 0 when they are positive, 1 otherwise.
    """
    difference = better - worse
    if np.ptp(difference) <= 1e-12 * max(1.0, float(np.abs(difference).max())):
        return 0.0 if difference.mean() > 1e-12 else 1.0
    return float(stats.ttest_rel(better, worse, alternative="greater").pvalue)


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
    half = float(stats.sem(values) * stats.t.ppf((1 + confidence) / 2, len(values) - 1))
    return float(values.mean()) - half, float(values.mean()) + half
