"""Temperature scaling after pooling: a mean of probabilities is too careful, a product too sure."""

from __future__ import annotations

import numpy as np

from ..scorers import Array, Floats, Kind, get_scorer
from .mixture import tempered

_RANGE = (np.log(0.05), np.log(20.0))
_NONE = 1.0


def fit_temperature(pooled: Floats, targets: Array, kind: Kind) -> float:
    """The temperature at which log loss is least.

    Args:
        pooled: predictions of an ensemble for examples that it was not chosen on, or the fit would be flattered.
    """
    from scipy.optimize import minimize_scalar

    if kind == "outputs":
        return _NONE

    def loss(log_temperature: float) -> float:
        return log_loss_of(tempered(pooled, float(np.exp(log_temperature)), kind), targets)

    found = minimize_scalar(loss, bounds=_RANGE, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x)) if found.fun < loss(0.0) else _NONE


def cross_fitted_temperature(pooled: Floats, targets: Array, kind: Kind, held_out: list[Array]) -> tuple[Floats, float]:
    """``pooled`` with the temperature of each fold fitted on the others; and the one of all together.

    Unchanged, with 1, when the fitted temperatures do not lower the cross-fitted log loss.
    """
    if kind == "outputs":
        return pooled, _NONE
    cooled = np.empty_like(pooled)
    for rows in held_out:
        rest = np.ones(len(targets), dtype=bool)
        rest[rows] = False
        cooled[rows] = tempered(pooled[rows], fit_temperature(pooled[rest], targets[rest], kind), kind)
    if log_loss_of(cooled, targets) >= log_loss_of(pooled, targets):
        return pooled, _NONE
    return cooled, fit_temperature(pooled, targets, kind)


def log_loss_of(values: Floats, targets: Array) -> float:
    """Mean log loss over examples (and labels)."""
    return float(get_scorer("log_loss").loss(values, targets))
