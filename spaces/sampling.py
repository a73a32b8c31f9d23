"""Many configs at once: a column of draws for each parameter, then rows of what is active."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .categorical import Categorical
from .condition_checks import Test
from .config import Config, Value
from .errors import SpaceError
from .expression import Expression
from .numeric import Numeric
from .parameter import Condition

if TYPE_CHECKING:
    from .space import Space

_MOST_DRAWS = 20_000
"""Draws without a single config that meets the constraints, after which there is none to be found."""
_LARGEST_BATCH = 4096
_BITS = 60

Mask = NDArray[np.bool_]


def sample_many(space: Space, rng: np.random.Generator, count: int) -> list[Config]:
    """``count`` independent configs that meet the constraints, by rejection.

    Without constraints ``sample_many(rng, 3)`` gives the same as three calls of ``sample_many(rng, 1)``.

    Raises:
        SpaceError: when 20,000 draws in a row were infeasible, and for a negative count.
    """
    if count < 0:
        raise SpaceError(f"expected a number of configs, got {count}")
    if not space.constraints:
        return _drawn(space, rng, count)
    found: list[Config] = []
    batch, misses = count, 0
    while len(found) < count:
        feasible = [config for config in _drawn(space, rng, batch) if space.feasible(config)]
        misses = 0 if feasible else misses + batch
        if misses >= _MOST_DRAWS:
            raise SpaceError(_hopeless(space, rng))
        found += feasible[: count - len(found)]
        batch = max(count - len(found), min(8 * batch, _LARGEST_BATCH))  # few draws cost about as much as one
    return found


def _drawn(space: Space, rng: np.random.Generator, count: int) -> list[Config]:
    """Draws, whether they meet the constraints or not."""
    if not count:
        return []
    columns = Columns(space, rng.random((count, len(space))))
    conditional = [name for name in space if space[name].when]
    always = [name for name in space if not space[name].when]
    configs: list[Any] = [None] * count
    for places in _patterns([columns.active[name] for name in conditional], count):
        names = sorted([*always, *(name for name in conditional if columns.active[name][places[0]])])
        read = partial(_row, [(name, columns.values[name]) for name in names])
        for place in places:
            configs[place] = Config.later(read, place)
    return configs


def _row(columns: list[tuple[str, NDArray[Any]]], place: int) -> dict[str, Value]:
    return {name: values.item(place) for name, values in columns}


class Columns:
    """The draws of each parameter, one a row, and the rows in which it is active."""

    def __init__(self, space: Space, shares: NDArray[np.float64]) -> None:
        self._space = space
        self._shares = shares
        self.values: dict[str, NDArray[Any]] = {}
        self.active: dict[str, Mask] = {}
        for name in space.resolution_order:
            self.values[name] = space[name].values_at(shares[:, space.position(name)])
            active = np.ones(len(shares), dtype=np.bool_)
            for condition, simple in space.tests(name):
                active &= self._holds(condition, simple)
            self.active[name] = active

    def _holds(self, condition: Condition | Expression, simple: Test) -> Mask:
        if simple is not None:
            return self.active[simple[0]] & self._among(*simple)
        rows = [
            {name: self.values[name].item(row) for name in condition.parents if self.active[name][row]}
            for row in range(len(self._shares))
        ]
        return np.array([condition.holds(row) for row in rows], dtype=np.bool_)

    def _among(self, name: str, values: tuple[Value, ...]) -> Mask:
        parameter = self._space[name]
        if isinstance(parameter, Numeric):
            return np.isin(self.values[name], np.array(values))
        if isinstance(parameter, Categorical):
            indices = parameter.indices(self._shares[:, self._space.position(name)])
            return np.isin(indices, [parameter.index(value) for value in values])
        return np.full(len(self._shares), bool(values))  # a constant, and only its own value passed the checks


def _patterns(masks: list[Mask], count: int) -> Iterator[list[int]]:
    """Rows with the same parameters active."""
    keys = np.zeros(count, dtype=np.int64)
    for start in range(0, len(masks), _BITS):
        bits = masks[start : start + _BITS]
        codes = sum((mask.astype(np.int64) << place for place, mask in enumerate(bits)), np.zeros(count, np.int64))
        known = np.unique(codes, return_inverse=True)[1]
        keys = np.unique(keys * count + known, return_inverse=True)[1]
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
    for places in np.split(order, starts[1:]):
        yield places.tolist()


def _hopeless(space: Space, rng: np.random.Generator) -> str:
    rows = list(_drawn(space, rng, 1000))
    met = {one.text: sum(one.truth(row) is not False for row in rows) / len(rows) for one in space.constraints}
    worst = ", ".join(f"{text} ({share:.1%})" for text, share in sorted(met.items(), key=lambda pair: pair[1]))
    return (
        f"no config met all constraints in {_MOST_DRAWS:,} random draws; alone each is met by: {worst}. "
        "Loosen them, or narrow the ranges so that most configs meet them"
    )
