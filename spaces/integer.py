"""A whole-number parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SpaceError, shown
from .numeric import Numeric
from .parameter import flag, number
from .scale import Prior

LARGEST = 2**53
"""Up to here a float holds every whole number, and JSON readers agree on it."""


@dataclass(frozen=True, eq=False)
class Integer(Numeric):
    """A whole number in ``[min, max]``, both ends included (unlike ``randint`` of other libraries).

    Args:
        min, max: bounds.
        log: uniform in the logarithm; needs ``min >= 1``. The distribution reaches half a step beyond both ends
            and is rounded.
        step: only ``min + k * step``; ``max`` must be on the grid.
        default: where the search starts; without one the prior's centre or the (geometric) middle.
        when: active only while other parameters have these values, or while an expression holds.
        prior: a guess at the best value: :class:`Prior`, or ``{"center": 64, "confidence": "high"}``.

    Raises:
        SpaceError: for an empty or invalid range.
    """

    min: int
    max: int
    log: bool = False
    step: int = 1
    default: int | None = None
    when: Mapping[str, Any] | str | None = None
    help: str = ""
    prior: Prior | None = None

    def __post_init__(self) -> None:
        for name in ("min", "max", "step"):
            object.__setattr__(self, name, whole(getattr(self, name), name))
        object.__setattr__(self, "log", flag(self.log, "log"))
        for name in ("min", "max"):
            bound = getattr(self, name)
            if abs(bound) > LARGEST:
                raise SpaceError(f"{name} {shown(bound)} is too large: whole numbers end at 2**53; use a float")
        if self.min >= self.max:
            raise SpaceError(f"min {self.min} must be below max {self.max}")
        if self.log and self.min < 1:
            raise SpaceError(f"log: true needs min >= 1, got {self.min}")
        _check_grid(self.min, self.max, self.step)
        self._check_shared()
        self._check_prior()
        if self.default is not None:
            self._check_default(self.default)

    def check(self, value: Any) -> int:
        integer = whole(value, "value")
        if not self.min <= integer <= self.max:
            raise SpaceError(f"{shown(integer)} is outside [{self.min}, {self.max}]")
        if (integer - self.min) % self.step:
            nearest = self.round_to_grid(integer)
            raise SpaceError(f"{integer} is not on the grid of step {self.step}: the nearest is {nearest}")
        return integer

    def round_to_grid(self, value: float) -> int:
        steps = round((min(max(value, self.min), self.max) - self.min) / self.step)
        return self.min + min(steps, self._last) * self.step

    def _rounded(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        steps = np.rint((np.clip(values, self.min, self.max) - self.min) / self.step).astype(np.int64)
        return self.min + np.minimum(steps, self._last) * self.step

    def _middle(self) -> int:
        return self.round_to_grid(math.sqrt(self.min * self.max) if self.log else (self.min + self.max) / 2)

    @property
    def _grid(self) -> float | None:
        return self.step

    @property
    def _last(self) -> int:
        return (self.max - self.min) // self.step

    @property
    def cardinality(self) -> float:
        return self._last + 1

    def describe(self) -> str:
        scale = ", log" if self.log else ""
        grid = f", step {self.step}" if self.step != 1 else ""
        return f"int {self.min} .. {self.max}{scale}{grid}{self._describe_prior()}"

    def to_dict(self) -> dict[str, Any]:
        options = {
            "log": self.log or None,
            "step": self.step if self.step != 1 else None,
            "prior": self.prior and self.prior.to_dict(),
            "default": self.default,
        }
        shown = {name: value for name, value in options.items() if value is not None}
        return {"type": "int", "min": self.min, "max": self.max} | shown | self._shared_dict()


def whole(value: Any, what: str) -> int:
    """``value`` as an int; :class:`SpaceError` when it is not a whole number."""
    real = number(value, what)
    if real != int(real):
        raise SpaceError(f"{what} must be a whole number, got {shown(value)}")
    return int(value)


def _check_grid(low: int, high: int, step: int) -> None:
    if step <= 0:
        raise SpaceError(f"step must be above 0, got {step}")
    whole_steps, rest = divmod(high - low, step)
    if rest:
        fits = f" or max {low + whole_steps * step}" if whole_steps else ""
        raise SpaceError(
            f"max {high} is not min {low} plus whole steps of {step}: write max {low + (whole_steps + 1) * step}{fits}"
        )
