"""A choice between named values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .config import Value, scalar
from .errors import Problem, SpaceError, did_you_mean, shown
from .expression import same
from .parameter import Parameter, flag, number


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""No default given (``None`` may be a choice)."""


@dataclass(frozen=True, eq=False)
class Categorical(Parameter):
    """One of ``values``, all equally likely unless there are weights.

    Args:
        values: JSON scalars, each once: text, numbers, true/false or null.
        default: where the search starts; without one the first value.
        when: active only while other parameters have these values, or while an expression holds.
        weights: how often each value is drawn, relative to the others; above 0.
        ordered: neighbours in the list are alike, so that models may treat them as steps of a scale.

    Raises:
        SpaceError: for no value, a repeated one, one that is not a JSON scalar, or weights that do not fit.
    """

    values: Sequence[Value]
    default: Value | _Unset = UNSET
    when: Mapping[str, Any] | str | None = None
    help: str = ""
    weights: Sequence[float] | None = None
    ordered: bool = False

    def __post_init__(self) -> None:
        listed = isinstance(self.values, Sequence) and not isinstance(self.values, (str, bytes, bytearray))
        if not listed or not self.values:
            raise SpaceError(f"values must be a list with at least one entry, got {shown(self.values)}")
        object.__setattr__(self, "values", tuple(scalar(value) for value in self.values))
        for index, value in enumerate(self.values):
            if any(same(value, other) for other in self.values[:index]):
                raise SpaceError(f"values has {shown(value)} twice")
        object.__setattr__(self, "ordered", flag(self.ordered, "ordered"))
        self._check_weights()
        self._check_shared()
        if self.default is not UNSET:
            self._check_default(self.default)

    def _check_weights(self) -> None:
        if self.weights is None:
            return
        listed = isinstance(self.weights, Sequence) and not isinstance(self.weights, (str, bytes, bytearray))
        if not listed or len(self.weights) != len(self.values):
            text = f"expected one number for each of the {len(self.values)} values, got {shown(self.weights)}"
            raise SpaceError([Problem(("weights",), text)])
        try:
            weights = tuple(number(weight, "a weight") for weight in self.weights)
            if min(weights) <= 0:
                raise SpaceError(f"a weight must be above 0, got {shown(min(weights))}: leave out what is never drawn")
        except SpaceError as error:
            raise SpaceError([problem.under("weights") for problem in error.problems]) from None
        # Whole numbers stay whole in files; equal weights are none.
        plain = tuple(int(weight) if weight == int(weight) else weight for weight in weights)
        object.__setattr__(self, "weights", plain if len(set(plain)) > 1 else None)

    def check(self, value: Any) -> Value:
        plain = scalar(value)
        for choice in self.values:
            if same(choice, plain):
                return choice
        choices = ", ".join(json.dumps(choice) for choice in self.values)
        hint = did_you_mean(plain, [choice for choice in self.values if isinstance(choice, str)])
        raise SpaceError(f"{shown(plain)} is not one of: {choices}{hint}")

    def index(self, value: Value) -> int:
        """Where ``value``, one of :attr:`values`, stands."""
        return next(index for index, choice in enumerate(self.values) if same(choice, value))

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The probability of each value."""
        weights = np.array(self.weights or [1.0] * len(self.values), dtype=np.float64)
        weights /= weights.max()  # the sum of the largest numbers would overflow
        shares: NDArray[np.float64] = weights / weights.sum()
        return shares

    @cached_property
    def _above(self) -> NDArray[np.float64]:
        """The share at which each value ends, but for the last, which ends at 1."""
        return np.cumsum(self.shares)[:-1]

    def indices(self, shares: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where the values that :meth:`values_at` gives stand."""
        return np.searchsorted(self._above, shares, side="right")

    def values_at(self, shares: NDArray[np.float64]) -> NDArray[Any]:
        values = np.fromiter(self.values, dtype=object, count=len(self.values))
        return values[self.indices(shares)]

    def span(self, value: Value) -> tuple[float, float]:
        index = self.index(value)
        before = float(self.shares[:index].sum())
        return before, before + float(self.shares[index])

    @property
    def choices(self) -> Sequence[Value]:
        return self.values

    @property
    def plain(self) -> bool:
        return self.weights is None

    @property
    def default_value(self) -> Value:
        return self.values[0] if isinstance(self.default, _Unset) else self.default

    @property
    def cardinality(self) -> float:
        return len(self.values)

    def describe(self) -> str:
        kind = "ordered choice" if self.ordered else "choice"
        weights = f", weights {', '.join(f'{weight:g}' for weight in self.weights)}" if self.weights else ""
        return f"{kind} {', '.join(json.dumps(choice) for choice in self.values)}{weights}"

    def to_dict(self) -> dict[str, Any]:
        default = {} if self.default is UNSET else {"default": self.default}
        weights = {"weights": list(self.weights)} if self.weights else {}
        ordered = {"ordered": True} if self.ordered else {}
        return {"values": list(self.values)} | weights | ordered | default | self._shared_dict()
