"""The chance that a run of one config beats a run of another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from ...spaces import UsageError
from .best_set import Floats
from .dunnett import log_chi
from .scaled import ROUNDING, coarseness, largest

ENOUGH = 29
"""Replicates from which the share of wins is taken as it is: Noether, JASA 82 (1987), for a chance of .75."""

_SPREADS = 600
_FAR = 30.0  # a t statistic beyond which only the spread of the standard deviation matters


@dataclass(frozen=True)
class Chance:
    """A probability with its confidence interval."""

    value: float
    low: float
    high: float


def p_superior(first: Floats, second: Floats, confidence: float = 0.95) -> Chance:
    """Chance that a run of the first beats one of the second with the same seed and split; ties count half.

    From 29 replicates on it is the share of wins, with Wilson's interval. Below, too few wins and losses are seen, and
    differences are taken to be normal: the chance is Phi(mean / sd), its interval the exact one of a noncentral t
    (simulated coverage .95 for 5 and 10 replicates, where the bootstrap of shares has .42 to .92). The estimand is that
    of Bouthillier et al., MLSys 2021, section 4.

    Args:
        first, second: shape (r,), r >= 2, paired; larger is better.

    Raises:
        UsageError: when they are not paired, or there are fewer than 2.
    """
    first, second = _checked(first, second)
    if len(first) != len(second):
        raise UsageError(f"paired runs: expected as many of both, got {len(first)} and {len(second)}")
    scale = largest(first, second)
    pair = np.stack([first, second]) / scale
    differences = pair[0] - pair[1]
    if len(differences) >= ENOUGH:
        wins = (differences > ROUNDING).sum() + (np.abs(differences) <= ROUNDING).sum() / 2
        return _wilson(float(wins), len(differences), confidence)
    still = float(np.ptp(pair, axis=1).max()) <= ROUNDING
    spread = 0.0 if still else max(float(differences.std(ddof=1)), coarseness(pair) / math.sqrt(6))
    mean = float(differences.mean())
    if spread <= ROUNDING:
        value = 0.5 + 0.5 * float(np.sign(mean)) * (abs(mean) > ROUNDING)
        return Chance(value, value, value)
    statistic = mean / spread * math.sqrt(len(differences))
    tail = (1 - confidence) / 2
    low, high = (
        float(special.ndtr(_noncentrality(statistic, len(differences) - 1, tail) / math.sqrt(len(differences))))
        for tail in (1 - tail, tail)
    )
    return Chance(float(special.ndtr(mean / spread)), low, high)


def p_superior_unpaired(first: Floats, second: Floats, confidence: float = 0.95) -> Chance:
    """The same for runs that share neither seeds nor splits: over all pairs of them, ties half.

    Interval: DeLong's variance on the logit scale; when all pairs agree, that of as many wins as there are runs of the
    smaller side. DeLong et al., Biometrics 44 (1988); Bamber, J. Math. Psychology 12 (1975).

    Args:
        first, second: shapes (m,) and (n,), each with 2 runs or more.

    Raises:
        UsageError: for fewer than 2 runs.
    """
    first, second = _checked(first, second)
    wins = np.sign(first[:, None] - second[None]) / 2 + 0.5
    value, least = float(wins.mean()), min(wins.shape)
    if value in (0.0, 1.0):
        edge = float(((1 - confidence) / 2) ** (1 / least))
        return Chance(value, edge, 1.0) if value else Chance(value, 0.0, 1 - edge)
    variance = wins.mean(axis=1).var(ddof=1) / len(first) + wins.mean(axis=0).var(ddof=1) / len(second)
    half = special.ndtri((1 + confidence) / 2) * math.sqrt(variance) / (value * (1 - value))
    center = special.logit(value)
    return Chance(value, float(special.expit(center - half)), float(special.expit(center + half)))


def _noncentrality(statistic: float, degrees: int, share: float) -> float:
    """The noncentrality for which a t statistic is below the observed one with chance ``share``."""
    if abs(statistic) > _FAR:  # t = (Z + delta) / S, and Z is small beside delta
        tail = share if statistic > 0 else 1 - share
        return statistic * math.sqrt(float(special.chdtri(degrees, tail)) / degrees)

    spreads, weights = log_chi(degrees, _SPREADS)  # special.nctdtr is not a number for large noncentralities

    def excess(center: float) -> float:
        return float(special.ndtr(statistic * spreads - center) @ weights) - share

    reach = 10.0 + 10 * abs(statistic)
    return float(optimize.brentq(excess, -reach, reach))


def _wilson(wins: float, count: int, confidence: float) -> Chance:
    z = float(special.ndtri((1 + confidence) / 2))
    share = wins / count
    center = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return Chance(share, max(0.0, center - half), min(1.0, center + half))


def _checked(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    pair = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    for one in pair:
        if one.ndim != 1 or len(one) < 2 or not np.isfinite(one).all():
            raise UsageError(f"expected at least 2 finite scores of each config, got an array of shape {one.shape}")
    return pair
