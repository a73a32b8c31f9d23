"""What the comparison of finalists is able to find, known before anything is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize, stats

POWER = 0.8


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


def detectable(seeds: int, level: float, power: float = POWER) -> float:
    """Mean over standard deviation of paired differences for which a one-sided paired t-test has this power.

    The statistic of ``seeds`` differences has a noncentral t distribution with noncentrality ``sqrt(seeds)`` times that
    ratio: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed., 1988, section 2.3.
    """
    critical = float(stats.t.isf(level, seeds - 1))

    def missing(center: float) -> float:
        return power - float(stats.nct.sf(critical, seeds - 1, center))

    high = critical + 1.0
    while missing(high) > 0:
        high *= 2
    return float(optimize.brentq(missing, 0.0, high)) / math.sqrt(seeds)
