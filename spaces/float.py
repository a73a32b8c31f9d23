"""A real parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from .errors import SpaceError
from .parameter import Parameter, flag, number


@dataclass(frozen=True, eq=False)
class Float(Parameter):
    """A real number in ``[min, max]``, both ends included.

    Args:
        min, max: bounds.
        log: uniform in the logarithm instead of the value; needs ``min > 0``.
        step: only ``min + k * step``; ``max`` must be on the grid. With ``log`` a log-uniform draw is rounded
            to it.
        default: where the search starts; without one the (geometric) middle.
        when: active only while other parameters have these values, e.g. ``{"optimizer": "sgd"}``.

    Raises:
        SpaceError: for an empty or invalid range.
    """

    min: float
    max: float
    log: bool = False
    step: float | None = None
    default: float | None = None
    when: Mapping[str, Any] | None = None
    help: str = ""

    def __post_init__(self) -> None:
        for name in ("min", "max"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        object.__setattr__(self, "log", flag(self.log, "log"))
        if self.min >= self.max:
            raise SpaceError(f"min {short(self.min)} must be below max {short(self.max)}")
        if math.isinf(self.max - self.min):
            raise SpaceError(f"the range {short(self.min)} .. {short(self.max)} is too wide: use smaller bounds")
        if self.log and self.min <= 0:
            raise SpaceError(f"log: true needs min > 0, got {short(self.min)}")
        if self.step is not None:
            object.__setattr__(self, "step", number(self.step, "step"))
            check_grid(self.min, self.max, self.step)
        self._check_shared()
        if self.default is not None:
            self._check_default(self.default)

    def check(self, value: Any) -> float:
        real = number(value, "value")
        nearest = self.round_to_grid(real)
        # Rounding errors in a computed value, such as 3 * 0.1, are forgiven on a grid, also at its ends.
        if math.isclose(nearest, real, rel_tol=1e-15 if self.step else 0.0, abs_tol=1e-6 * (self.step or 0.0)):
            return nearest
        if not self.min <= real <= self.max:
            raise SpaceError(f"{short(real)} is outside [{short(self.min)}, {short(self.max)}]")
        hint = f"the nearest is {short(nearest)}"
        raise SpaceError(f"{short(real)} is not on the grid of step {short(self.step or 0.0)}: {hint}")

    def round_to_grid(self, value: float) -> float:
        """``value`` clipped into the range and moved to the nearest grid point, if there is a grid."""
        return self._snap(min(max(float(value), self.min), self.max))

    def sample(self, rng: np.random.Generator) -> float:
        if self.log:
            return self.round_to_grid(math.exp(rng.uniform(math.log(self.min), math.log(self.max))))
        if self.step is not None:
            return self._on_grid(int(rng.integers(self._steps + 1)))
        return self.round_to_grid(rng.uniform(self.min, self.max))

    @property
    def default_value(self) -> float:
        if self.default is not None:
            return self.default
        middle = math.sqrt(self.min) * math.sqrt(self.max) if self.log else self.min / 2 + self.max / 2
        return self.round_to_grid(middle)

    @property
    def cardinality(self) -> float:
        return math.inf if self.step is None else self._steps + 1

    def describe(self) -> str:
        scale = ", log" if self.log else ""
        grid = f", step {short(self.step)}" if self.step is not None else ""
        return f"float {short(self.min)} .. {short(self.max)}{scale}{grid}"

    def to_dict(self) -> dict[str, Any]:
        options = {"log": self.log or None, "step": self.step, "default": self.default}
        shown = {name: value for name, value in options.items() if value is not None}
        return {"type": "float", "min": self.min, "max": self.max} | shown | self._shared_dict()

    @property
    def _steps(self) -> int:
        return round((self.max - self.min) / self.step) if self.step else 0

    def _snap(self, value: float) -> float:
        if self.step is None:
            return value + 0.0  # -0.0 becomes 0.0: one value, one config id
        return self._on_grid(round((value - self.min) / self.step))

    def _on_grid(self, index: int) -> float:
        # The last point is max itself, also for a step such as 1/3 that has no exact decimal form.
        return self.max if index >= self._steps else _grid_point(self.min, index, self.step or 0.0)


def check_grid(low: float, high: float, step: float) -> None:
    """Refuse a step that does not lead from ``low`` to ``high``."""
    if step <= 0:
        raise SpaceError(f"step must be above 0, got {short(step)}")
    # Below this, rounding errors in (value - low) / step could reach the neighbouring point.
    largest = max(abs(low), abs(high))
    if step < 16 * math.ulp(largest):
        raise SpaceError(f"step {short(step)} is too small for numbers up to {short(largest)}: leave it out")
    count = (high - low) / step
    # A billion points are still told apart by 1e-6 of a step; beyond that, by what a float can tell.
    if round(count) < 1 or abs(count - round(count)) > max(1e-6, count * 1e-15):
        below, above = (_grid_point(low, math.floor(count + 1e-9) + extra, step) for extra in (0, 1))
        fits = f" or max {short(below)}" if below > low else ""
        raise SpaceError(
            f"max {short(high)} is not min {short(low)} plus whole steps of {short(step)}: "
            f"write max {short(above)}{fits}"
        )


def short(value: float) -> str:
    """``value`` in full, without the ``.0`` of a whole number."""
    return repr(value).removesuffix(".0")


def _grid_point(low: float, index: int, step: float) -> float:
    # In decimal, so that 3 * 0.05 is 0.15 and not 0.15000000000000002.
    return float(Decimal(repr(low)) + index * Decimal(repr(step))) + 0.0
