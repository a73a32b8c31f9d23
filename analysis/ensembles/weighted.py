"""Weighted soft voting: the best weights of a mean, a convex problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..scorers import LEAST_PROBABILITY, Floats, Scorer
from .greedy import MOST_CANDIDATES, best_singles
from .library import Indices, Library
from .mixture import Mixture

Objective = Callable[[Floats], tuple[float, Floats]]
"""From shares to a loss and its gradient."""
_LEAST_SHARE = 1e-3
"""Smaller shares cost a prediction each and change nothing."""
_SOME = 30
"""Of the best single models: the optimiser's time grows with the cube of their number, the gain does not."""


def fit_weighted(library: Library, scorer: Scorer, seed: int) -> Mixture:
    """Shares of the best single models that make log loss least (regression: the squared error); ``seed`` is not used.

    Both are convex in the shares, so that there is one least value; metrics that count would have many.
    """
    from scipy.optimize import minimize

    members = np.sort(best_singles(library, scorer, min(_SOME, MOST_CANDIDATES)))
    least = _squared(library, members) if library.kind == "outputs" else _log_loss(library.true[members])
    count = len(members)
    found = minimize(
        least,
        np.full(count, 1 / count),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"maxiter": 200, "ftol": 1e-9},
    )
    return _shares(library, members, found.x)


def _shares(library: Library, members: Indices, raw: Floats) -> Mixture:
    """Shares that sum to 1, without the smallest."""
    kept = np.where(raw >= _LEAST_SHARE, raw, 0.0)
    kept = kept / kept.sum()
    return Mixture.mean({library.numbers[m]: float(w) for m, w in zip(members, kept, strict=True) if w > 0})


def _log_loss(true: Floats) -> Objective:
    true = np.asarray(true, dtype=np.float64)

    def value(weights: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(weights @ true, LEAST_PROBABILITY)
        return float(-np.log(mixed).mean()), -(true @ (1 / mixed)) / len(mixed)

    return value


def _squared(library: Library, members: Indices) -> Objective:
    residuals = np.stack([library.member(int(m)) - library.targets for m in members])
    unit = max(float(np.abs(residuals).max()), 1e-300)  # the optimiser's tolerance is absolute
    products = (residuals / unit) @ (residuals / unit).T / residuals.shape[1]

    def value(weights: Floats) -> tuple[float, Floats]:
        along = products @ weights
        return float(weights @ along), 2 * along

    return value
