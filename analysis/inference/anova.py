"""How much of the spread of scores configs explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ...spaces import UsageError
from .best_set import Floats
from .scaled import largest


@dataclass(frozen=True)
class Anova:
    """F test that all configs have one mean.

    Args:
        statistic: F; infinite when configs differ and nothing else does.
        degrees: of configs, and of the noise.
        eta_squared: share of the sum of squares that configs explain; of what replicates leave, with blocks.
    """

    statistic: float
    degrees: tuple[int, int]
    p_value: float
    eta_squared: float


def one_way(groups: Sequence[Floats]) -> Anova:
    """For runs that share no seeds. Fisher, Statistical Methods for Research Workers, 1925.

    Args:
        groups: scores of each config, 2 configs or more, with 2 runs of one at least.

    Raises:
        UsageError: for fewer.
    """
    arrays = [np.asarray(one, dtype=float) for one in groups]
    total = sum(len(one) for one in arrays)
    if len(arrays) < 2 or min(map(len, arrays)) < 1 or total <= len(arrays):
        raise UsageError(f"anova: expected 2 configs or more, with more runs than configs, got {total} runs")
    scale = largest(*arrays)
    arrays = [one / scale for one in arrays]
    grand = np.concatenate(arrays).mean()
    between = sum(len(one) * float(one.mean() - grand) ** 2 for one in arrays)
    within = sum(float(((one - one.mean()) ** 2).sum()) for one in arrays)
    return _f(between, within, len(arrays) - 1, total - len(arrays))


def with_blocks(scores: Floats) -> Anova:
    """For configs on the same replicates, whose own effect is taken out first (repeated measures).

    Args:
        scores: shape (k, r), k and r >= 2.

    Raises:
        UsageError: for fewer.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise UsageError(f"anova: expected 2 configs or more on 2 replicates or more, got shape {scores.shape}")
    values = scores / largest(scores)
    count, seeds = values.shape
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    between = seeds * float(((rows - values.mean()) ** 2).sum())
    within = float(((values - rows - columns + values.mean()) ** 2).sum())
    return _f(between, within, count - 1, (count - 1) * (seeds - 1))


def _f(between: float, within: float, first: int, second: int) -> Anova:
    if within <= 1e-24 * (1 + between):  # rounding of values of size 1
        differ = between > 1e-24
        return Anova(float("inf") if differ else 0.0, (first, second), 0.0 if differ else 1.0, float(differ))
    statistic = between / first / (within / second)
    return Anova(
        statistic, (first, second), float(special.fdtrc(first, second, statistic)), between / (between + within)
    )
