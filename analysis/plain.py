"""What JSON can hold."""

from __future__ import annotations

import math
from typing import Any


def finite_or_none(value: float | None) -> float | None:
    """A number; None for what is not known or not finite."""
    return value if value is not None and math.isfinite(value) else None


def all_finite(data: Any) -> Any:
    """Mappings and sequences with all that is in them, with None for numbers that are not finite."""
    if isinstance(data, dict):
        return {key: all_finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [all_finite(value) for value in data]
    return finite_or_none(data) if isinstance(data, float) else data
