"""What real and whole numbers have in common: a scale, and a grid on it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import Value
from .errors import Problem, SpaceError, shown
from .parameter import Parameter
from .scale import CONFIDENCE, Cauchy, Prior, Scale, beyond

_MOST_CHOICES = 1_000_000


class Numeric(Parameter):
    """A number between two bounds, perhaps on a logarithmic scale, perhaps on a grid."""

    min: Any
    max: Any
    log: bool
    default: Any
    prior: Prior | None

    @abstractmethod
    def round_to_grid(self, value: float) -> Any:
        """``value`` clipped into the range and moved to the nearest grid point, if there is a grid."""

    @abstractmethod
    def _rounded(self, values: NDArray[np.float64]) -> NDArray[Any]:
        """:meth:`round_to_grid` of many values."""

    @property
    @abstractmethod
    def _grid(self) -> float | None:
        """The step, or None."""

    @cached_property
    def _scale(self) -> Scale:
        low, high = (self.min, self.max) if self._grid is None else beyond(self.min, self.max, self._grid, self.log)
        if self.prior is None:
            return Scale(low, high, self.log)
        ends = [math.log(end) if self.log else float(end) for end in (low, high, self.prior.center)]
        return Scale(low, high, self.log, Cauchy(ends[2], CONFIDENCE[self.prior.confidence] * (ends[1] - ends[0])))

    @property
    def plain(self) -> bool:
        return self.prior is None

    def values_at(self, shares: NDArray[np.float64]) -> NDArray[Any]:
        return self._rounded(self._scale.quantiles(shares))

    def quantile(self, share: float) -> Any:
        return self.round_to_grid(float(self._scale.quantiles(share)))

    def span(self, value: Value) -> tuple[float, float]:
        real = float(value)  # type: ignore[arg-type]
        # On a grid from half a step below to half a step above, which for the ends are those of the scale.
        half = 0.0 if self._grid is None else self._grid / 2
        low = max(real - half, self._scale.low)
        start, end = self._scale.shares([low, real + half]).tolist()
        return start, end

    def beside(self, value: Value) -> list[Any]:
        """The points of the grid before and after ``value``."""
        step = float(self._grid or 0)
        at = round((float(value) - self.min) / step)  # type: ignore[arg-type]
        return [self.round_to_grid(self.min + near * step) for near in (at - 1, at + 1) if 0 <= near < self.cardinality]

    @property
    def choices(self) -> Sequence[Any]:
        if self.cardinality > _MOST_CHOICES:
            raise SpaceError(f"{self.describe()} has too many values to list")
        count = int(self.cardinality)
        listed: list[Any] = self._rounded(self.min + np.arange(count) * float(self._grid or 0)).tolist()
        return listed

    @property
    def default_value(self) -> Any:
        if self.default is not None:
            return self.default
        return self._middle() if self.prior is None else self.round_to_grid(self.prior.center)

    def _middle(self) -> Any:
        middle = math.sqrt(self.min) * math.sqrt(self.max) if self.log else self.min / 2 + self.max / 2
        return self.round_to_grid(middle)

    def _check_prior(self) -> None:
        """Bring ``prior`` into its one form, with a centre that the parameter can have."""
        if self.prior is None:
            return
        object.__setattr__(self, "prior", as_prior(self.prior))
        try:
            self.check(self.prior.center)
        except SpaceError as error:
            raise SpaceError([problem.under("prior", "center") for problem in error.problems]) from None

    def _describe_prior(self) -> str:
        prior = self.prior
        return "" if prior is None else f", prior {prior.center:g} ({prior.confidence} confidence)"


def as_prior(raw: Any) -> Prior:
    """A prior from ``{center: 1e-3, confidence: high}``.

    Raises:
        SpaceError: for anything else.
    """
    if isinstance(raw, Prior):
        return raw
    if not isinstance(raw, Mapping) or "center" not in raw or not set(raw) <= {"center", "confidence"}:
        text = f"expected {{center: 1e-3, confidence: low, medium or high}}, got {shown(raw)}"
        raise SpaceError([Problem(("prior",), text)])
    try:
        return Prior(**raw)
    except SpaceError as error:
        raise SpaceError([problem.under("prior") for problem in error.problems]) from None
