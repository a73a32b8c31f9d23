"""How a number is distributed: a law on a linear or logarithmic scale, rounded to a grid where there is one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import Problem, SpaceError, did_you_mean, one_of, shown
from .parameter import number

Floats = NDArray[np.float64]

CONFIDENCE = {"low": 0.2, "medium": 0.1, "high": 0.05}
"""Half of what a prior draws, or more, lies within this share of the range on either side of its centre."""


@dataclass(frozen=True)
class Prior:
    """An expert's guess at the best value.

    Draws are Cauchy around ``center`` on the parameter's own scale, cut off at its bounds: half of them near it, and
    tails so heavy that a wrong guess costs little.

    Args:
        confidence: half of the draws lie within 20 % (``low``), 10 % (``medium``) or 5 % (``high``) of the range on
            either side; more where the bounds cut off the tails (66, 57 and 53 % for a centre in the middle).

    Raises:
        SpaceError: for a centre that is not a number, or another confidence.
    """

    center: float
    confidence: str = "medium"

    def __post_init__(self) -> None:
        center = number(self.center, "center")
        object.__setattr__(self, "center", int(center) if isinstance(self.center, int) else center)
        if not isinstance(self.confidence, str) or self.confidence not in CONFIDENCE:
            text = f"{shown(self.confidence)} is not a confidence{did_you_mean(self.confidence, CONFIDENCE)}"
            raise SpaceError([Problem(("confidence",), f"{text}: use {one_of(CONFIDENCE)}")])

    def to_dict(self) -> dict[str, Any]:
        return {"center": self.center, "confidence": self.confidence}


class Law(Protocol):
    """A distribution on the whole scale, before it is cut off at the bounds; up to a constant for the uniform."""

    def below(self, scaled: Floats) -> Floats:
        """The distribution function."""

    def at(self, share: Floats) -> Floats:
        """Its inverse."""


@dataclass(frozen=True)
class Uniform:
    """The same density everywhere."""

    def below(self, scaled: Floats) -> Floats:
        return scaled

    def at(self, share: Floats) -> Floats:
        return share


@dataclass(frozen=True)
class Normal:
    """Mean and standard deviation on the scale."""

    mean: float
    std: float

    def below(self, scaled: Floats) -> Floats:
        from scipy.special import ndtr

        return ndtr((scaled - self.mean) / self.std)  # type: ignore[no-any-return]

    def at(self, share: Floats) -> Floats:
        from scipy.special import ndtri

        # 2**-53: the smallest share that a uniform draw other than 0 can be; 0 itself would be infinite.
        return self.mean + self.std * ndtri(np.clip(share, 2.0**-53, 1 - 2.0**-53))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Cauchy:
    """Half of it lies within ``half`` of ``center``."""

    center: float
    half: float

    def below(self, scaled: Floats) -> Floats:
        return np.arctan((scaled - self.center) / self.half) / math.pi

    def at(self, share: Floats) -> Floats:
        return self.center + self.half * np.tan(math.pi * share)


@dataclass(frozen=True)
class Scale:
    """The distribution of one number, as its distribution function and the inverse; the arrays may be of any shape.

    Args:
        low, high: where it ends, in values; infinite for an unbounded normal.
        log: the law holds for the natural logarithm.
    """

    low: float
    high: float
    log: bool = False
    law: Law = Uniform()

    def quantiles(self, shares: Any) -> Floats:
        """Values below which these shares of the draws lie."""
        start, end = self.ends
        scaled = self.law.at(start + np.asarray(shares, dtype=np.float64) * (end - start))
        return np.exp(scaled) if self.log else scaled

    def shares(self, values: Any) -> Floats:
        """Shares of the draws below these values, from 0 to 1."""
        start, end = self.ends
        return np.clip((self.law.below(self._scaled(values)) - start) / (end - start), 0.0, 1.0)

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The law at both ends."""
        return float(self.law.below(self._scaled(self.low))), float(self.law.below(self._scaled(self.high)))

    def _scaled(self, values: Any) -> Floats:
        values = np.asarray(values, dtype=np.float64)
        with np.errstate(divide="ignore"):  # the logarithm of 0 is the start of an unbounded lognormal
            return np.log(values) if self.log else values  # type: ignore[no-any-return]


def beyond(low: float, high: float, step: float, log: bool) -> tuple[float, float]:
    """Half a step beyond both ends, so that the ends of a grid get their share like the points between them."""
    half = step / 2
    if not log:
        return low - half, high + half
    return (low - half if low > half else low * low / (low + half)), high + half
