"""Configs as vectors of the unit cube, for surrogate models and importance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .categorical import Categorical
from .config import Config, Value
from .errors import SpaceError
from .parameter import Parameter

if TYPE_CHECKING:
    from .space import Space

Floats = NDArray[np.float64]


class Encoding:
    """A map between the configs of a space and vectors; constants have no column.

    A number becomes its share of the declared distribution, from 0 to 1: uniform and log-uniform parameters are spread
    evenly over their own scale. So does an ordered choice. Any other choice becomes the middle of its share, or with
    ``one_hot`` one column for each value, 1 for the one taken. All columns of an inactive parameter are NaN.

    Attributes:
        columns: name and, for one-hot columns, value of each coordinate.
    """

    def __init__(self, space: Space, one_hot: bool = False) -> None:
        self._space = space
        self._spread = {name: one_hot and _is_choice(space[name]) for name in space.searched}
        self.columns: list[tuple[str, Value]] = []
        for name, spread in self._spread.items():
            self.columns += [(name, value) for value in space[name].choices] if spread else [(name, None)]

    def encode(self, config: Config) -> Floats:
        """The vector of a config, with ``len(columns)`` coordinates."""
        return np.array([at for name in self._spread for at in self._coordinates(name, config)])

    def encode_many(self, configs: Iterable[Config]) -> Floats:
        """One row for each config."""
        rows = [self.encode(config) for config in configs]
        return np.array(rows).reshape(len(rows), len(self.columns))

    def decode(self, vector: Sequence[float] | Floats) -> Config:
        """The config at a vector: the inverse of :meth:`encode`, and the nearest config for others.

        Coordinates of parameters that turn out inactive are not looked at.

        Raises:
            SpaceError: for a vector of another length, one without a coordinate for an active parameter, or one whose
                config breaks a constraint.
        """
        if len(vector) != len(self.columns):
            raise SpaceError(f"expected {len(self.columns)} coordinates, got {len(vector)}")
        at: dict[str, list[float]] = {}
        for (name, _), one in zip(self.columns, vector, strict=True):
            at.setdefault(name, []).append(float(one))
        return self._space.validate(self._space.fill(lambda name: self._value(name, at.get(name, []))))

    def _coordinates(self, name: str, config: Config) -> list[float]:
        parameter = self._space[name]
        if not self._spread[name]:
            return [parameter.unit(config[name]) if name in config else math.nan]
        if name not in config:
            return [math.nan] * len(parameter.choices)
        taken = parameter.index(config[name]) if isinstance(parameter, Categorical) else 0
        return [float(index == taken) for index in range(len(parameter.choices))]

    def _value(self, name: str, at: Sequence[float]) -> Value:
        parameter = self._space[name]
        if not at:
            return parameter.default_value
        if any(math.isnan(one) for one in at):
            raise SpaceError(f"{name} is active, but its coordinate is NaN")
        if self._spread[name]:
            return parameter.choices[int(np.argmax(at))]
        return parameter.quantile(min(max(at[0], 0.0), 1.0))


def _is_choice(parameter: Parameter) -> bool:
    return isinstance(parameter, Categorical) and not parameter.ordered
