"""How measurements differ from their predictions."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from ..scorers import Floats, get_scorer
from .diagnosis import CONFIDENCE, Estimate, ResidualBin, Residuals, WorstExample
from .pool import Pool

_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_BINS = 10
_WORST = 10


def residuals(pool: Pool) -> Residuals:
    """Target minus prediction."""
    rest = pool.targets - pool.values
    varies = float(np.ptp(rest)) > 0
    quantiles = np.quantile(rest, _QUANTILES)
    return Residuals(
        mean=_mean(pool, rest),
        sd=float(rest.std(ddof=1)) if len(rest) > 1 else math.nan,
        skew=float(stats.skew(rest)) if varies else math.nan,
        rmse=get_scorer("rmse").compute(pool.values, pool.targets),
        mae=get_scorer("mae").compute(pool.values, pool.targets),
        r2=get_scorer("r2").compute(pool.values, pool.targets),
        quantiles={f"{share:g}": float(value) for share, value in zip(_QUANTILES, quantiles, strict=True)},
        bins=_bins(pool.values, rest),
        worst=_worst(pool, rest),
    )


def _mean(pool: Pool, rest: Floats) -> Estimate:
    """Over predictions; its interval from the means of the examples, which are independent."""
    value, sizes = float(rest.mean()), np.bincount(pool.examples)
    if len(sizes) < 2:
        return Estimate(value, math.nan, math.nan)
    # The mean over predictions is a ratio: sums by example over numbers by example.
    away = np.bincount(pool.examples, weights=rest) - value * sizes
    error = math.sqrt(float((away**2).sum()) * len(sizes) / (len(sizes) - 1)) / len(rest)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, len(sizes) - 1)) * error
    return Estimate(value, value - half, value + half)


def _bins(values: Floats, rest: Floats) -> tuple[ResidualBin, ...]:
    """Tenths of the predictions; equal predictions stay together."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)))
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for index in np.unique(place):
        here = place == index
        inside = rest[here]
        sd = float(inside.std(ddof=1)) if len(inside) > 1 else math.nan
        low, high = float(values[here].min()), float(values[here].max())
        found.append(ResidualBin(low, high, len(inside), float(inside.mean()), sd))
    return tuple(found)


def _worst(pool: Pool, rest: Floats) -> tuple[WorstExample, ...]:
    order = np.argsort(-np.abs(rest), kind="stable")
    _, first = np.unique(pool.examples[order], return_index=True)
    return tuple(
        WorstExample(
            trial=int(pool.runs[place]),
            row=None if pool.rows is None else int(pool.rows[place]),
            target=float(pool.targets[place]),
            prediction=float(pool.values[place]),
            residual=float(rest[place]),
        )
        for place in order[np.sort(first)[:_WORST]]
    )
