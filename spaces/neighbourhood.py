"""Configs one step away from a config: for local search, mutation and tests of a winner."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .categorical import Categorical
from .config import Config, Value
from .numeric import Numeric
from .parameter import Parameter

if TYPE_CHECKING:
    from .space import Space

_STRIDE = 0.1
"""How far a step of a continuous parameter goes, as a share of its distribution."""


def neighbours(space: Space, config: Config) -> list[Config]:
    """The feasible configs that differ in one step of one parameter, in the order of the parameters.

    A step leads to any other value of a choice, to the next value of a grid, a whole number or an ordered choice, and
    a tenth of its distribution up or down a continuous parameter. What becomes active gets its default.
    """
    found: dict[Config, None] = {}
    for name in space.searched:
        if name in config:
            for value in _steps(space[name], config[name]):
                changed = _completed(space, {**config, name: value})
                if changed != config and space.feasible(changed):
                    found[changed] = None
    return list(found)


def _steps(parameter: Parameter, value: Value) -> Iterator[Value]:
    if isinstance(parameter, Categorical):
        index = parameter.index(value)
        near = (index - 1, index + 1) if parameter.ordered else range(len(parameter.values))
        yield from (parameter.values[at] for at in near if 0 <= at < len(parameter.values) and at != index)
        return
    at = parameter.unit(value)
    if parameter.cardinality == math.inf:
        yield from (parameter.quantile(share) for share in (at - _STRIDE, at + _STRIDE) if 0 <= share <= 1)
        return
    if isinstance(parameter, Numeric):
        yield from parameter.beside(value)


def _completed(space: Space, values: dict[str, Value]) -> Config:
    """With defaults for what is active now, without what is not any more."""
    return space.fill(lambda name: values[name] if name in values else space[name].default_value)
