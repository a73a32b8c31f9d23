"""Two fitted models on the same examples: the answer is for these models, not for the configs that they came from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from ...spaces import UsageError
from .best_set import Bools, Floats
from .pairs import PairTest

SPEAKS_OF = "these two fitted models, on new examples"

_BCA_UP_TO = 2000  # examples; beyond, its correction is next to nothing and costs a metric for each of them


@dataclass(frozen=True)
class McNemar:
    """Exact McNemar test.

    Args:
        only_first, only_second: examples that only one of them gets right.
        p_value: two-sided.
    """

    only_first: int
    only_second: int
    difference: float
    p_value: float
    speaks_of: str = SPEAKS_OF


@dataclass(frozen=True)
class DeLong:
    """Two areas under correlated ROC curves, their difference with its interval, and p of no difference."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    speaks_of: str = SPEAKS_OF


def mcnemar(first: Bools, second: Bools) -> McNemar:
    """Exact test of equal accuracy, on the examples about which the two disagree. McNemar, Psychometrika 12 (1947).

    Args:
        first, second: whether each example is right, shape (n,).

    Raises:
        UsageError: for shapes that differ.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise UsageError(f"expected the same examples of both models, got shapes {first.shape} and {second.shape}")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    disagree = only_first + only_second
    p_value = float(stats.binomtest(only_first, disagree, 0.5).pvalue) if disagree else 1.0
    return McNemar(only_first, only_second, (only_first - only_second) / len(first), p_value)


def paired_bootstrap(
    metric: Callable[[npt.NDArray[np.generic], npt.NDArray[np.generic]], float],
    targets: npt.NDArray[np.generic],
    first: npt.NDArray[np.generic],
    second: npt.NDArray[np.generic],
    alpha: float = 0.05,
    resamples: int = 2000,
    seed: int = 0,
) -> PairTest:
    """Interval of the difference of any metric, from examples drawn with replacement, the same for both models.

    BCa (Efron, JASA 82, 1987) up to 2000 examples, percentiles beyond. p is twice the share of draws on the other side
    of 0, never below 2 / (resamples + 1).

    Args:
        metric: ``metric(targets, values)``; larger is better.
        targets, first, second: n >= 2 examples along the first axis.

    Raises:
        UsageError: for other lengths, or a metric that is not finite for some draw of examples.
    """
    count = len(targets)
    if not len(first) == len(second) == count or count < 2:
        raise UsageError(
            f"expected the same examples of both models, got {len(first)} and {len(second)} for {count} targets"
        )

    def difference(places: npt.NDArray[np.int64]) -> float:
        chosen = targets[places]
        found = float(metric(chosen, first[places])) - float(metric(chosen, second[places]))
        if not math.isfinite(found):
            raise UsageError("paired bootstrap: the metric is not finite for some examples drawn: use more examples")
        return found

    observed = difference(np.arange(count))
    if np.array_equal(first, second):
        return PairTest("paired bootstrap", 0.0, 0.0, 0.0, 1.0, SPEAKS_OF)
    drawn = _bootstrap(difference, count, "percentile", alpha, resamples, seed)
    values = drawn.bootstrap_distribution
    if count <= _BCA_UP_TO and 0 < (values < observed).mean() < 1:
        drawn = _bootstrap(difference, count, "BCa", alpha, 0, seed, drawn)
    low, high = (float(one) for one in drawn.confidence_interval)
    tail = (1 + min(int((values <= 0).sum()), int((values >= 0).sum()))) / (resamples + 1)
    return PairTest("paired bootstrap", observed, low, high, min(1.0, 2 * tail), SPEAKS_OF)


def delong(targets: Bools, first: Floats, second: Floats, alpha: float = 0.05) -> DeLong:
    """Areas under the ROC curves of two models on the same examples. DeLong et al., Biometrics 44 (1988).

    By midranks, in n log n: Sun & Xu, IEEE Signal Processing Letters 21 (2014).

    Args:
        targets: shape (n,), true for the positive class.
        first, second: scores of the positive class, shape (n,).

    Raises:
        UsageError: for other shapes, or fewer than 2 examples of a class.
    """
    targets = np.asarray(targets, dtype=bool)
    scores = np.array([np.asarray(first, dtype=float), np.asarray(second, dtype=float)])
    positives, negatives = int(targets.sum()), int((~targets).sum())
    if scores.shape[1:] != targets.shape or min(positives, negatives) < 2:
        raise UsageError(
            f"expected scores of {targets.shape} examples, with 2 or more of each class, got scores {scores.shape[1:]} "
            f"and {positives} positives of {targets.size}"
        )
    own, other = scores[:, targets], scores[:, ~targets]
    ranks = stats.rankdata(np.concatenate([own, other], axis=1), axis=1)
    by_positive = (ranks[:, :positives] - stats.rankdata(own, axis=1)) / negatives
    by_negative = 1 - (ranks[:, positives:] - stats.rankdata(other, axis=1)) / positives
    areas = by_positive.mean(axis=1)
    difference = float(areas[0] - areas[1])
    parts = (by_positive[0] - by_positive[1], by_negative[0] - by_negative[1])
    error = math.sqrt(sum(float(part.var(ddof=1)) / len(part) for part in parts))
    half = float(special.ndtri(1 - alpha / 2)) * error
    p_value = 2 * float(special.ndtr(-abs(difference) / error)) if error > 0 else float(difference == 0)
    return DeLong(float(areas[0]), float(areas[1]), difference, difference - half, difference + half, p_value)


def _bootstrap(
    difference: Callable[[npt.NDArray[np.int64]], float],
    count: int,
    method: str,
    alpha: float,
    resamples: int,
    seed: int,
    before: Any = None,
) -> Any:
    """Of examples, by their places; ``before``: draws that were made already."""
    return stats.bootstrap(
        (np.arange(count),),
        difference,
        n_resamples=resamples,
        vectorized=False,
        confidence_level=1 - alpha,
        method=method,
        bootstrap_result=before,
        rng=np.random.default_rng(seed),
    )
