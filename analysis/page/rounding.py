"""Numbers as a drawing needs them."""

from __future__ import annotations

import math


def rounded(value: float | None, digits: int = 6) -> float | None:
    """``value`` in so many significant digits, for drawing; None when it is not known or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")
