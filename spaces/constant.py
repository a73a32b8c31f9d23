"""A parameter that is not searched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .config import Value, scalar
from .errors import SpaceError, shown
from .parameter import Parameter, same


@dataclass(frozen=True, eq=False)
class Constant(Parameter):
    """Always ``value``: part of every config and of the export, but not of the search.

    Raises:
        SpaceError: when the value is not a JSON scalar.
    """

    value: Value
    when: Mapping[str, Any] | None = None
    help: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", scalar(self.value))
        self._check_shared()

    def check(self, value: Any) -> Value:
        plain = scalar(value)
        if not same(self.value, plain):
            raise SpaceError(f"{shown(plain)} is not the constant {shown(self.value)}")
        return self.value

    def sample(self, rng: np.random.Generator) -> Value:
        return self.value

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
