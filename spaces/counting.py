"""How many configs a space has, and all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .config import Config, Value
from .errors import SpaceError

if TYPE_CHECKING:
    from .space import Space

_MOST_LISTED = 50_000
"""So many configs are gone through to see which meet the constraints."""
_MOST_STEPS = 50_000
"""So many combinations of parents are gone through to see what is active."""


@dataclass(frozen=True)
class Count:
    """The number of different configs; ``inf`` with a continuous parameter.

    Args:
        exact: otherwise an upper bound: more than 50,000 combinations of parents, or of configs under constraints,
            would have to be gone through.
    """

    number: float
    exact: bool


def count(space: Space) -> Count:
    """How many configs a space has."""
    everything = math.prod(parameter.cardinality for parameter in space.values())
    budget = itertools.count()
    try:
        number = math.prod(_count(space, group, budget) for group in _groups(space))
    except (_TooMany, RecursionError):
        return Count(everything, False)  # each config is a part of at least one of them, and of no other's
    if not space.constraints or number == math.inf:
        return Count(number, True)
    if number > _MOST_LISTED:
        return Count(number, False)
    return Count(sum(1 for _ in configs(space)), True)


def configs(space: Space) -> Iterator[Config]:
    """Every config that meets the constraints, once.

    Raises:
        SpaceError: when there are infinitely many.
    """
    for name in space:
        if space[name].cardinality == math.inf:
            raise SpaceError(f"the space is infinite: {name} is continuous")
    names = space.resolution_order
    return (Config(values) for values in _fill(space, names, {}) if space.feasible(values))


class _TooMany(Exception):
    pass


def _fill(space: Space, names: list[str], values: dict[str, Value]) -> Iterator[dict[str, Value]]:
    if not names:
        yield values
        return
    name, *rest = names
    if not space.active(name, values):
        yield from _fill(space, rest, values)
        return
    for value in space[name].choices:
        yield from _fill(space, rest, values | {name: value})


def _groups(space: Space) -> list[list[str]]:
    """Parameters that conditions connect, in an order with parents first; the groups do not depend on each other."""
    group = {name: {name} for name in space}
    for name in space:
        for parent in itertools.chain.from_iterable(one.parents for one in space[name].conditions):
            joined = group[name] | group[parent]
            group |= dict.fromkeys(joined, joined)
    distinct = {id(members): members for members in group.values()}
    return [[name for name in space.resolution_order if name in members] for members in distinct.values()]


def _count(space: Space, names: list[str], budget: Iterator[int]) -> float:
    """The number of different configs of a group: all values of its parents are gone through, the others counted."""
    parents = {parent for name in names for one in space[name].conditions for parent in one.parents}

    def count(at: int, values: dict[str, Value]) -> float:
        if next(budget) > _MOST_STEPS:
            raise _TooMany
        if at == len(names):
            return 1
        name = names[at]
        if not space.active(name, values):
            return count(at + 1, values)
        if space[name].cardinality == math.inf:
            return math.inf
        if name not in parents:
            return space[name].cardinality * count(at + 1, values)
        if space[name].cardinality > _MOST_STEPS:
            raise _TooMany
        return sum(count(at + 1, values | {name: value}) for value in space[name].choices)

    return count(0, {})
