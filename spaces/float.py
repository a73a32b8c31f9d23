"""A real parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import Problem, SpaceError
from .numeric import Numeric
from .parameter import flag, number
from .scale import Normal, Prior, Scale

_LISTED = 100_000
"""Grids up to this size are worked out once."""
_LEAST_SHARE = 1e-6
_FAR = 9
"""Standard deviations from the mean that are never drawn."""
_LARGEST = 700.0
"""exp() of more is infinite, of less than minus that hardly above 0."""


@dataclass(frozen=True, eq=False)
class Float(Numeric):
    """A real number in ``[min, max]``, both ends included.

    Args:
        min, max: bounds; may be left out of a normal, and are then infinite (0 and infinite with ``log``).
        log: uniform in the logarithm instead of the value; needs ``min > 0``.
        step: only ``min + k * step``; ``max`` must be on the grid. The distribution reaches half a step beyond both
            ends and is rounded to the grid.
        default: where the search starts; without one the prior's centre, the mean, or the (geometric) middle.
        when: active only while other parameters have these values, e.g. ``{"optimizer": "sgd"}``, or while an
            expression holds, e.g. ``"layers >= 3"``.
        mean, std: normal instead of uniform, cut off at the bounds; with ``log`` those of the natural logarithm.
        prior: a guess at the best value: :class:`Prior`, or ``{"center": 1e-3, "confidence": "high"}``.

    Raises:
        SpaceError: for an empty or invalid range.
    """

    min: float = None  # type: ignore[assignment]  # not given: infinite, for a normal only
    max: float = None  # type: ignore[assignment]
    log: bool = False
    step: float | None = None
    default: float | None = None
    when: Mapping[str, Any] | str | None = None
    help: str = ""
    mean: float | None = None
    std: float | None = None
    prior: Prior | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "log", flag(self.log, "log"))
        self._check_normal()
        self._check_bounds()
        if self.step is not None:
            object.__setattr__(self, "step", number(self.step, "step"))
            check_grid(self.min, self.max, self.step)
        self._check_shared()
        self._check_prior()
        if self.default is not None:
            self._check_default(self.default)

    def _check_normal(self) -> None:
        if (self.mean is None) != (self.std is None):
            here, missing = ("std", "mean") if self.mean is None else ("mean", "std")
            raise SpaceError([Problem((here,), f"a normal needs mean and std: {missing} is missing")])
        if self.mean is None:
            return
        for name in ("mean", "std"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        if self.std is not None and self.std <= 0:
            raise SpaceError([Problem(("std",), f"std must be above 0, got {short(self.std)}")])
        for name, given in (("prior", self.prior), ("step", self.step)):
            if given is not None:
                raise SpaceError([Problem((name,), f"a normal has no {name}: leave it out, or mean and std")])

    def _check_bounds(self) -> None:
        for name, unbounded in (("min", 0.0 if self.log else -math.inf), ("max", math.inf)):
            bound = getattr(self, name)
            if bound is None and self.mean is None:
                raise SpaceError(f"{name} is missing: write min and max, or mean and std")
            object.__setattr__(self, name, unbounded if bound is None else number(bound, name))
        if self.min >= self.max:
            raise SpaceError(f"min {short(self.min)} must be below max {short(self.max)}")
        if self.mean is None and math.isinf(self.max - self.min):
            raise SpaceError(f"the range {short(self.min)} .. {short(self.max)} is too wide: use smaller bounds")
        if self.log and (self.min < 0 or (self.min == 0 and self.mean is None)):
            raise SpaceError(f"log: true needs min > 0, got {short(self.min)}")
        if self.log and self.mean is not None and self.std is not None:
            self._check_lognormal(self.mean, self.std)
        if self.mean is not None and np.diff(self._scale.ends)[0] < _LEAST_SHARE:
            text = f"hardly any of normal({short(self.mean)}, {short(self.std or 0)}) lies between min and max"
            raise SpaceError([Problem(("mean",), f"{text}: change the bounds, mean or std")])

    def _check_lognormal(self, mean: float, std: float) -> None:
        """Refuse what hardly any float could hold; a bound would cut it off."""
        large = mean + _FAR * std > _LARGEST and self.max == math.inf
        small = mean - _FAR * std < -_LARGEST and self.min == 0
        if large or small:
            text = (
                f"lognormal({short(mean)}, {short(std)}) reaches numbers that are too {'large' if large else 'small'}"
            )
            raise SpaceError([Problem(("mean",), f"{text}: mean and std are those of the natural logarithm")])

    @cached_property
    def _scale(self) -> Scale:
        if self.mean is None or self.std is None:
            return super()._scale
        return Scale(self.min, self.max, self.log, Normal(self.mean, self.std))

    @property
    def plain(self) -> bool:
        return self.mean is None and self.prior is None

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
        value = min(max(float(value), self.min), self.max)
        if self.step is None:
            return value + 0.0  # -0.0 becomes 0.0: one value, one config id
        return self._on_grid(round((value - self.min) / self.step))

    def _rounded(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.clip(values, self.min, self.max)
        if self.step is None:
            return values + 0.0
        indices = np.rint((values - self.min) / self.step).astype(np.int64)
        if self._steps > _LISTED:
            return np.array([self._on_grid(index) for index in indices.tolist()])
        return self._points[indices]

    def _middle(self) -> float:
        if self.mean is None:
            middle: float = super()._middle()
            return middle
        return self.round_to_grid(math.exp(min(self.mean, _LARGEST)) if self.log else self.mean)

    @property
    def cardinality(self) -> float:
        return math.inf if self.step is None else self._steps + 1

    def describe(self) -> str:
        scale = ", log" if self.log and self.mean is None else ""
        grid = f", step {short(self.step)}" if self.step is not None else ""
        law = ""
        if self.mean is not None:
            law = f", {'log' if self.log else ''}normal({short(self.mean)}, {short(self.std or 0)})"
        return f"float {short(self.min)} .. {short(self.max)}{scale}{grid}{law}{self._describe_prior()}"

    def to_dict(self) -> dict[str, Any]:
        unbounded = self.mean is not None
        options = {
            "min": None if unbounded and self.min == (0.0 if self.log else -math.inf) else self.min,
            "max": None if unbounded and self.max == math.inf else self.max,
            "log": self.log or None,
            "step": self.step,
            "mean": self.mean,
            "std": self.std,
            "prior": self.prior and self.prior.to_dict(),
            "default": self.default,
        }
        return {"type": "float"} | {k: v for k, v in options.items() if v is not None} | self._shared_dict()

    @property
    def _grid(self) -> float | None:
        return self.step

    @property
    def _steps(self) -> int:
        return round((self.max - self.min) / self.step) if self.step else 0

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        return np.array([self._on_grid(index) for index in range(self._steps + 1)])

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
