"""A choice between named values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from .config import Value, scalar
from .errors import SpaceError, did_you_mean, shown
from .parameter import Parameter, same


class _Unset(Enum):
    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""No default given (``None`` may be a choice)."""


@dataclass(frozen=True, eq=False)
class Categorical(Parameter):
    """One of ``values``, all equally likely.

    Args:
        values: JSON scalars, each once: text, numbers, true/false or null.
        default: where the search starts; without one the first value.
        when: active only while other parameters have these values.

    Raises:
        SpaceError: for no value, a repeated one, or one that is not a JSON scalar.
    """

    values: Sequence[Value]
    default: Value | _Unset = UNSET
    when: Mapping[str, Any] | None = None
    help: str = ""

    def __post_init__(self) -> None:
        listed = isinstance(self.values, Sequence) and not isinstance(self.values, (str, bytes, bytearray))
        if not listed or not self.values:
            raise SpaceError(f"values must be a list with at least one entry, got {shown(self.values)}")
        object.__setattr__(self, "values", tuple(scalar(value) for value in self.values))
        for index, value in enumerate(self.values):
            if any(same(value, other) for other in self.values[:index]):
                raise SpaceError(f"values has {shown(value)} twice")
        self._check_shared()
        if self.default is not UNSET:
            self._check_default(self.default)

    def check(self, value: Any) -> Value:
        plain = scalar(value)
        for choice in self.values:
            if same(choice, plain):
                return choice
        choices = ", ".join(json.dumps(choice) for choice in self.values)
        hint = did_you_mean(plain, [choice for choice in self.values if isinstance(choice, str)])
        raise SpaceError(f"{shown(plain)} is not one of: {choices}{hint}")

    def sample(self, rng: np.random.Generator) -> Value:
        return self.values[int(rng.integers(len(self.values)))]

    @property
    def default_value(self) -> Value:
        return self.values[0] if isinstance(self.default, _Unset) else self.default

    @property
    def cardinality(self) -> float:
        return len(self.values)

    def describe(self) -> str:
        return "choice " + ", ".join(json.dumps(choice) for choice in self.values)

    def to_dict(self) -> dict[str, Any]:
        default = {} if self.default is UNSET else {"default": self.default}
        return {"values": list(self.values)} | default | self._shared_dict()
