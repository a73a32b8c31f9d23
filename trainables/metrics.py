"""The door for metrics: plain Python scalars pass, everything else is named and refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..spaces import TrainableError, did_you_mean


class MetricError(TrainableError):
    """A report that cannot be used: no metrics, or the objective is missing or not a finite number."""


def clean_metrics(metrics: Any, *objectives: str) -> dict[str, bool | int | float | str | None]:
    """``metrics`` as plain scalars that JSON can hold.

    NumPy scalars and tensors of one element become numbers. A NaN or infinity becomes None, unless it is an
    objective's.

    Raises:
        MetricError: when ``metrics`` is no mapping, a value is no scalar, or one of ``objectives`` is missing or not
            finite.
    """
    if not isinstance(metrics, Mapping):
        raise MetricError(
            f"reported {type(metrics).__name__} {str(metrics)[:60]!r}, expected metrics such as "
            f"{{{', '.join(f'{name!r}: 0.9' for name in objectives)}}}"
        )
    for objective in objectives:
        if objective not in metrics:
            names = ", ".join(map(str, metrics)) or "nothing"
            hint = did_you_mean(objective, [str(name) for name in metrics])
            raise MetricError(f"metric {objective!r} was not reported{hint}; the report has: {names}")
    clean = {str(name): _scalar(str(name), value) for name, value in metrics.items()}
    return clean | {objective: _finite(objective, clean[objective], metrics[objective]) for objective in objectives}


def _finite(name: str, value: bool | int | float | str | None, reported: Any) -> float:
    if value is None or isinstance(value, str):
        shown = repr(value) if isinstance(value, str) else str(reported)[:60]
        raise MetricError(f"metric {name!r} is {shown}, not a finite number")
    try:
        return float(value)
    except OverflowError:
        raise MetricError(f"metric {name!r} is a whole number too large for a float") from None


def _scalar(name: str, value: Any) -> bool | int | float | str | None:
    if hasattr(value, "item") and getattr(value, "size", None) != 0:
        try:
            value = value.item()
        except (ValueError, RuntimeError):
            raise MetricError(f"metric {name!r} has several values: report one number, e.g. its mean") from None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise MetricError(f"metric {name!r} is {type(value).__name__}: report a number")
