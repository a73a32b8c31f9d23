"""The largest of several t statistics that share their control: Dunnett's one-sided distribution, equal group sizes."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from .best_set import Floats

_SPREADS = 96
_CENTERS = 64
_NEGLIGIBLE = 40.0  # exp(-40) of the largest density is left out


def dunnett_p(statistics: Floats, configs: int, degrees: float) -> Floats:
    """Chance that the largest of ``configs - 1`` statistics exceeds each of ``statistics``, in their shape.

    The statistics are (Z_j - Z_0) / (sqrt(2) S) with Z normal and S**2 chi-squared over its ``degrees`` of freedom.
    Dunnett, JASA 50 (1955). By quadrature over Z_0 and log S, right to about 1e-7.
    """
    flat = np.atleast_1d(np.asarray(statistics, dtype=float)).ravel()
    if configs == 2:
        p_values = special.stdtr(degrees, -flat) if math.isfinite(degrees) else special.ndtr(-flat)
    else:
        spreads, weights = log_chi(degrees)
        centers, shares = _normal()
        shifts = math.sqrt(2) * np.clip(flat, -1e6, 1e6)[:, None, None] * spreads
        beaten = -np.expm1((configs - 1) * special.log_ndtr(centers[:, None] + shifts))
        p_values = np.einsum("tzs,z,s->t", beaten, shares, weights)
    return np.asarray(np.clip(p_values, 0.0, 1.0).reshape(np.shape(statistics)))


@lru_cache(maxsize=512)
def dunnett_critical(configs: int, degrees: float, alpha: float) -> float:
    """The value that the largest statistic exceeds with chance ``alpha``: 2.30 for 5, 20 and .05."""

    def excess(value: float) -> float:
        return float(dunnett_p(np.array([value]), configs, degrees)[0]) - alpha

    low, high = -1.0, 4.0
    while excess(low) < 0:
        low *= 2
    while excess(high) > 0:
        high *= 2
    return float(optimize.brentq(excess, low, high, xtol=1e-10))


@lru_cache(maxsize=1)
def _normal() -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(_CENTERS)
    return nodes, weights / weights.sum()


@lru_cache(maxsize=512)
def log_chi(degrees: float, points: int = _SPREADS) -> tuple[Floats, Floats]:
    """Values of S with their probabilities: the trapezoidal rule on log S, which is exact to rounding."""
    if not math.isfinite(degrees):
        return np.ones(1), np.ones(1)

    def missing(logarithm: float) -> float:  # log density of log S below its largest, which is at 0
        return degrees * (math.expm1(2 * logarithm) / 2 - logarithm)

    low = optimize.brentq(lambda x: missing(x) - _NEGLIGIBLE, -_NEGLIGIBLE / degrees - 1.0, 0.0)
    high = optimize.brentq(lambda x: missing(x) - _NEGLIGIBLE, 0.0, 3.0 + _NEGLIGIBLE / degrees)
    logarithms = np.linspace(low, high, points)
    density = np.exp(-degrees * (np.expm1(2 * logarithms) / 2 - logarithms))
    return np.exp(logarithms), density / density.sum()
