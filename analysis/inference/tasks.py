"""Methods compared over several tasks or data sets: ranks, as scores of different tasks cannot be averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...spaces import UsageError
from .best_set import Floats
from .holm import holm


@dataclass(frozen=True)
class RankComparison:
    """Friedman's test and Nemenyi's critical difference.

    Args:
        ranks: average rank of each method, 1 is best, shape (k,).
        statistic, p_value: of Friedman's chi-squared test that all methods rank alike.
        critical_difference: of average ranks, at ``alpha``.
        p_values: Nemenyi's, of each two methods, shape (k, k); 1 on the diagonal.
    """

    ranks: Floats
    statistic: float
    p_value: float
    alpha: float
    critical_difference: float
    p_values: Floats


def compare_ranks(scores: Floats, alpha: float = 0.05) -> RankComparison:
    """Friedman's test with Nemenyi's post-hoc test. Demsar, JMLR 7 (2006), section 3.2.

    Args:
        scores: larger is better, shape (k, tasks), k >= 3 and 2 tasks or more.

    Raises:
        UsageError: for fewer methods or tasks.
    """
    scores = _checked(scores, 3)
    count, tasks = scores.shape
    ranks = stats.rankdata(-scores, axis=0)
    averages = ranks.mean(axis=1)
    ties = 1 - sum(_ties(column) for column in ranks.T) / (tasks * (count**3 - count))
    spread = 12 * tasks / (count * (count + 1)) * float(((averages - (count + 1) / 2) ** 2).sum())
    statistic = spread / ties if ties > 0 else 0.0
    error = math.sqrt(count * (count + 1) / (6 * tasks))
    gaps = np.abs(averages[:, None] - averages[None]) / error * math.sqrt(2)
    p_values = np.where(np.eye(count, dtype=bool), 1.0, stats.studentized_range.sf(gaps, count, np.inf))
    critical = float(stats.studentized_range.isf(alpha, count, np.inf)) / math.sqrt(2) * error
    p_value = float(stats.chi2.sf(statistic, count - 1))
    return RankComparison(averages, statistic, p_value, alpha, critical, np.clip(p_values, 0.0, 1.0))


def wilcoxon_holm(scores: Floats, control: int) -> Floats:
    """Adjusted two-sided p-values of each method against the control, shape (k,); 1 for the control.

    Wilcoxon's signed ranks with Holm's correction: Benavoli et al., JMLR 17 (2016).

    Args:
        scores: shape (k, tasks), k >= 2.

    Raises:
        UsageError: for fewer methods or tasks, or a control that is not one of them.
    """
    scores = _checked(scores, 2)
    if not 0 <= control < len(scores):
        raise UsageError(f"control must be one of the {len(scores)} methods by position, got {control}")
    others = np.arange(len(scores)) != control
    differences = scores[others] - scores[control]
    raw = [float(stats.wilcoxon(one).pvalue) if np.any(one != 0) else 1.0 for one in differences]
    adjusted = np.ones(len(scores))
    adjusted[others] = holm(np.array(raw))
    return adjusted


def _ties(ranks: Floats) -> float:
    _, counts = np.unique(ranks, return_counts=True)
    return float((counts**3 - counts).sum())


def _checked(scores: Floats, least: int) -> Floats:
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or scores.shape[0] < least or scores.shape[1] < 2 or not np.isfinite(scores).all():
        raise UsageError(
            f"expected finite scores of {least} methods or more on 2 tasks or more, got shape {scores.shape}"
        )
    return scores
