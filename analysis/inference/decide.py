"""From p-values or widths of intervals to the set of those tied for best: what all tests share."""

from __future__ import annotations

import numpy as np
from scipy import special

from .best_set import BestSet, Bools, Floats
from .holm import holm
from .scaled import ROUNDING, Scaled


def decide(data: Scaled, p_values: Floats, widths: Floats, alpha: float, statement: str) -> BestSet:
    """The answer of a test.

    Args:
        p_values: shape (k,), adjusted.
        widths: half widths, shape (k, k), in scaled units: between two configs, their difference of means is off by
            less, simultaneously for all comparisons with the best.
    """
    p_values = p_values.copy()
    p_values[data.best] = 1.0
    low, high = intervals(data.means, widths)
    with np.errstate(over="ignore"):  # of 1e308 and -1e308 the difference is infinite
        differences = np.maximum(0.0, data.means[data.best] - data.means) * data.scale
        low, high = low * data.scale, high * data.scale
    return BestSet(data.best, differences, low, high, p_values, p_values > alpha, statement)


def intervals(means: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """How much worse than its best rival each config is, with Hsu's constraint; each of shape (k,).

    When all comparisons of the truly best config with the others are within ``widths``, all of these intervals hold.
    Hsu, Ann. Statist. 12 (1984), theorem 1, for one width; the argument needs no more than one width for each pair.
    """
    count = len(means)
    if count < 2:
        return np.full(count, np.nan), np.full(count, np.nan)
    worse = means[None] - means[:, None]  # [i, j]: how much worse i is than j
    others = ~np.eye(count, dtype=bool)
    high = np.where(others, worse + widths, -np.inf).max(axis=1)
    low = np.where(others, worse - widths, -np.inf).max(axis=1)
    return np.minimum(0.0, low), np.maximum(0.0, high)


def without_noise(data: Scaled) -> BestSet:
    """The answer when no replicate differs from another: equal means are tied, all others are worse."""
    worse = data.means < data.means[data.best] - ROUNDING
    statement = "replicates do not vary: equal scores are tied, and there is nothing to test"
    return decide(data, np.where(worse, 0.0, 1.0), np.zeros((len(worse), len(worse))), 0.5, statement)


def one_sided(data: Scaled, errors: Floats, degrees: Floats | float) -> Floats:
    """p that the best config has no larger mean than each, by t-tests, shape (k,).

    Args:
        errors: standard errors of the differences from the best, shape (k,); where they are 0 nothing is random.
        degrees: of freedom, one for all or of each.
    """
    better = data.means[data.best] - data.means
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = better / errors
    decided = np.where(better > ROUNDING, np.inf, -np.inf)
    # Far beyond all data t is normal; stdtr knows no infinite degrees.
    return np.asarray(special.stdtr(np.minimum(degrees, 1e9), -np.where(errors > 0, statistics, decided)))


def against_best(data: Scaled, one_sided: Floats) -> Floats:
    """Holm's adjusted p-values, shape (k,), from those of each config against the best; with two configs doubled.

    They are doubled because which of the two is tested against the other was chosen by looking.
    """
    others: Bools = np.arange(len(one_sided)) != data.best
    p_values = one_sided[others]
    adjusted = np.ones(len(one_sided))
    adjusted[others] = np.minimum(1.0, 2 * p_values) if len(p_values) == 1 else holm(p_values)
    return adjusted


def confidence(alpha: float) -> str:
    """``95 %`` for an alpha of .05."""
    return f"{100 * (1 - alpha):g} %"
