"""Whether more replicates would decide anything."""

from __future__ import annotations

import math

import numpy as np

from .best_set import Floats, Replicates
from .dunnett import dunnett_critical
from .mcb import noise
from .scaled import scaled

_WORLDS = 1000
_SEED = 0


def can_shrink(scores: Floats, more: int, alpha: float = 0.05, overlap: float = 0.0) -> float:
    """The chance that ``more`` replicates of each config make the set that is tied for best smaller.

    When it is small, the rest of the budget buys nothing. Means of the configs are drawn from their posterior (under
    a flat prior, as those that are tied are too few to learn their spread from; the chance is a little too high: .8 is
    .7), replicates to come from their predictive distribution, and the test of :func:`.mcb` is made on all of them:
    1000 seeded worlds. Predictive power: Spiegelhalter et al., Controlled Clinical Trials 7 (1986).

    Args:
        scores: larger is better, shape (k, r), r >= 2, of the configs that are tied now.

    Raises:
        UsageError: for fewer than 2 replicates, or scores that are not finite.
    """
    data = scaled(Replicates(scores, overlap))
    count, seeds = data.values.shape
    if count < 2 or more < 1 or not data.varies:
        return 0.0
    rng = np.random.default_rng(_SEED)
    degrees, more_degrees = (count - 1) * (seeds - 1), (count - 1) * more
    now = noise(data)
    if now == 0:
        return 0.0
    variance = now**2 * degrees / rng.chisquare(degrees, (_WORLDS, 1))
    truth = data.means + np.sqrt(variance / seeds) * rng.standard_normal((_WORLDS, count))
    future = truth + np.sqrt(variance / more) * rng.standard_normal((_WORLDS, count))
    means = (seeds * data.means + more * future) / (seeds + more)
    # Old means and new ones differ by more than noise when configs and replicates do not add up: part of the residual.
    gaps = future - data.means - (future - data.means).mean(axis=1, keepdims=True)
    between = (gaps**2).sum(axis=1) * seeds * more / (seeds + more)
    within = variance[:, 0] * rng.chisquare(max(1, more_degrees - (count - 1)), _WORLDS) * (more > 1)
    total = degrees + more_degrees
    errors = np.sqrt((now**2 * degrees + between + within) / total * 2 * (1 / (seeds + more) + overlap))
    limit = dunnett_critical(count, total, alpha) * errors
    tied = (means.max(axis=1, keepdims=True) - means <= limit[:, None]).sum(axis=1)
    present = data.means.max() - data.means <= dunnett_critical(count, degrees, alpha) * now * math.sqrt(
        2 * (1 / seeds + overlap)
    )
    return float((tied < present.sum()).mean())
