"""What the comparison of finalists is able to find, known before anything is trained."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from ...spaces import UsageError

POWER = 0.8

_MOST_SEEDS = 1 << 17


@dataclass(frozen=True)
class Resolution:
    """The difference between two finalists that is found in 80 % of cases.

    Args:
        finalists: how many are compared, the default config among them.
        seeds: replicates of each.
        difference: of the means, in standard deviations of the differences between the two from seed to seed.
        more_seeds, finer: the same with twice as many replicates.
    """

    finalists: int
    seeds: int
    alpha: float
    difference: float
    more_seeds: int
    finer: float
    power: float = POWER


def resolution(finalists: int, seeds: int, alpha: float) -> Resolution | None:
    """What the leaderboard will be able to decide; None for a finalist without rivals."""
    if finalists < 2:
        return None
    level = strictest_level(finalists - 1, alpha)
    found = [detectable(count, level) for count in (seeds, 2 * seeds)]
    return Resolution(finalists, seeds, alpha, found[0], 2 * seeds, found[1])


def strictest_level(rivals: int, alpha: float) -> float:
    """The level at which Holm's first step tests one of ``rivals``; see :func:`.paired_t.worse_than_best`.

    The least that is found of a single finalist that is worse: when others are clearly worse too, later steps test it
    at a level that is less strict.
    """
    return alpha / max(2, rivals)


def detectable(seeds: int, level: float, power: float = POWER, overlap: float = 0.0) -> float:
    """Mean over standard deviation of paired differences for which a one-sided paired t-test has this power.

    The statistic of ``seeds`` differences has a noncentral t distribution with noncentrality that ratio over
    ``sqrt(1 / seeds + overlap)``: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 1988,
    section 2.3; with the variance of Nadeau & Bengio, Machine Learning 52 (2003), where replicates split one data set
    again and again.
    """
    critical = float(stats.t.isf(level, seeds - 1))

    def missing(center: float) -> float:
        with np.errstate(all="ignore"), warnings.catch_warnings():  # far in the tails
            warnings.simplefilter("ignore", RuntimeWarning)
            return power - float(stats.nct.sf(critical, seeds - 1, center))

    high = critical + 1.0
    while missing(high) > 0:
        high *= 2
    return float(optimize.brentq(missing, 0.0, high)) * math.sqrt(1 / seeds + overlap)


def seeds_needed(
    gap: float, sd: float, alpha: float, rivals: int = 1, power: float = POWER, overlap: float = 0.0
) -> int | None:
    """Replicates with which a config that is worse by ``gap`` is found with this power.

    Args:
        gap: difference of the means, in units of the metric.
        sd: standard deviation of the paired differences, in the same units.
        rivals: how many are tested against the best; their levels are Holm's strictest.
        overlap: test rows over training rows, when replicates split one data set again and again.

    Returns:
        None when no number of replicates suffices (more than 100,000, or the gap is less than what one data set can
        tell): then only more data help.

    Raises:
        UsageError: for a gap or an sd that is not above 0.
    """
    if not (0 < gap < math.inf and 0 < sd < math.inf):
        raise UsageError(f"seeds_needed: gap and sd must be above 0, got gap={gap!r} and sd={sd!r}")
    level, effect = strictest_level(rivals, alpha), gap / sd
    most = 2
    while detectable(most, level, power, overlap) > effect:
        if most >= _MOST_SEEDS:
            return None
        most *= 2
    least = most // 2
    while least + 1 < most:
        middle = (least + most) // 2
        least, most = (middle, most) if detectable(middle, level, power, overlap) > effect else (least, middle)
    return most


def runs_for_superiority(chance: float = 0.75, alpha: float = 0.05, power: float = 0.95) -> int:
    """Paired runs that show P(A > B) to be above one half when it is ``chance``: 29 for .75.

    Noether, JASA 82 (1987); the figure of Bouthillier et al., MLSys 2021, section 4.

    Raises:
        UsageError: for a chance that is not above .5 and below 1.
    """
    if not 0.5 < chance < 1:
        raise UsageError(f"runs_for_superiority: chance must be above 0.5 and below 1, got {chance!r}")
    quantiles = float(stats.norm.isf(alpha) + stats.norm.isf(1 - power))
    return math.ceil((quantiles / (math.sqrt(6) * (chance - 0.5))) ** 2)
