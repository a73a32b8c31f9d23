"""A parameter that is not searched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import Value, scalar
from .errors import SpaceError, shown
from .expression import same
from .parameter import Parameter


@dataclass(frozen=True, eq=False)
class Constant(Parameter):
    """Always ``value``: part of every config and of the export, but not of the search.

    Raises:
        SpaceError: when the value is not a JSON scalar.
    """

    value: Value
    when: Mapping[str, Any] | str | None = None
    help: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", scalar(self.value))
        self._check_shared()

    def check(self, value: Any) -> Value:
        plain = scalar(value)
        if not same(self.value, plain):
            raise SpaceError(f"{shown(plain)} is not the constant {shown(self.value)}")
        return self.value

    def values_at(self, shares: NDArray[np.float64]) -> NDArray[Any]:
        return np.full(len(shares), self.value, dtype=object)

    def span(self, value: Value) -> tuple[float, float]:
        return 0.0, 1.0

    @property
    def choices(self) -> Sequence[Value]:
        return (self.value,)

    @property
    def plain(self) -> bool:
        return True

    @property
    def default_value(self) -> Value:
        return self.value

    @property
    def cardinality(self) -> float:
        return 1

    def describe(self) -> str:
        return f"constant {json.dumps(self.value)}"

    def to_dict(self) -> dict[str, Any]:
        return {"value": self.value} | self._shared_dict()
