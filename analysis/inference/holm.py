"""Several tests at once."""

from __future__ import annotations

import numpy as np

from .best_set import Floats


def holm(p_values: Floats) -> Floats:
    """Step-down adjusted p-values, shape (m,). Holm, Scand. J. Statist. 6 (1979)."""
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if len(p_values) else steps
    return adjusted
