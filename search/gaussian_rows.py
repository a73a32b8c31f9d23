"""Configs as the rows of a Gaussian process: distances that hold for choices, conditions and features."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..spaces import Categorical, Config, Space, Value
from ..spaces.parameter import Parameter
from ..spaces.sampling import Columns
from .gaussian_process import Floats, Groups
from .searcher import Features

Mask = NDArray[np.bool_]

_FEW, _MANY = 16, 1000
_HALF = math.sqrt(0.5)
_WIDEST, _NARROWEST = 0.3, 0.003
_TWO = 0.3


@dataclass(frozen=True)
class Batch:
    """Configs as shares of their parameters' distributions, and as rows of the model.

    Args:
        shares: n x parameters, from 0 to 1; those of parameters that are not active mean nothing.
        active: n x parameters.
        rows: n x columns.
        config: the config at a position.
    """

    shares: Floats
    active: Mask
    rows: Floats
    config: Callable[[int], Config]


class Axis:
    """One parameter: its columns, and its values as shares.

    The squared distance of two values is 1 where an unordered choice differs, and the squared difference of shares of
    numbers and ordered choices. One more column says whether a conditional parameter is active: inactive against
    active is as far as two different choices, or farther than any two numbers.
    """

    def __init__(self, parameter: Parameter, start: int) -> None:
        self.parameter = parameter
        self.choice = isinstance(parameter, Categorical) and not parameter.ordered
        listed = parameter.choices if self.choice or parameter.cardinality <= _FEW else ()
        self.units = np.array([parameter.unit(value) for value in listed])
        self._ends = np.array([parameter.span(value)[1] for value in listed[:-1]])
        width = (len(self.units) if self.choice else 1) + bool(parameter.when)
        self.columns = slice(start, start + width)
        self._known: dict[Value, float] = {}

    @property
    def many(self) -> bool:
        """A number with many values, which can be moved a little."""
        return not len(self.units)

    def fill(self, rows: Floats, shares: Floats, values: NDArray[np.generic], active: Mask) -> None:
        """Write the columns of n configs; those of inactive ones stay 0."""
        here, start = np.flatnonzero(active), self.columns.start
        if self.choice:
            rows[here, start + self.nearest(shares[here])] = _HALF
        elif len(self.units):
            rows[here, start] = self.units[self.nearest(shares[here])] - 0.5
        elif self.parameter.cardinality <= _MANY:
            rows[here, start] = [self._unit(value) - 0.5 for value in values[here].tolist()]
        else:
            rows[here, start] = shares[here] - 0.5
        if self.parameter.when:
            rows[here, self.columns.stop - 1] = _HALF if self.choice else 1.0

    def nearest(self, shares: Floats) -> NDArray[np.int64]:
        """Which of the few values has its share there."""
        if isinstance(self.parameter, Categorical):
            return self.parameter.indices(shares).astype(np.int64)
        return np.searchsorted(self._ends, shares, side="left")

    def changed(self, shares: Floats, rng: np.random.Generator) -> Floats:
        """Another value: any other of few, and one that is near of many."""
        if not self.many:
            count = len(self.units)
            moved: Floats = self.units[(self.nearest(shares) + rng.integers(1, count, len(shares))) % count]
            return moved
        return self.moved(shares, _width(len(shares), rng), rng)

    def moved(self, shares: Floats, width: Floats, rng: np.random.Generator) -> Floats:
        """Normal steps, reflected at the ends."""
        folded = np.abs(shares + width * rng.standard_normal(len(shares))) % 2
        return np.where(folded > 1, 2 - folded, folded)

    def _unit(self, value: Value) -> float:
        if value not in self._known:
            self._known[value] = self.parameter.unit(value)
        return self._known[value]


class Rows:
    """Between configs and rows. Columns of one group for each searched parameter; see :class:`Axis`.

    Attributes:
        groups: of each column, counted from 0.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._axes: list[Axis] = []
        for name in space.searched:
            self._axes.append(Axis(space[name], self._axes[-1].columns.stop if self._axes else 0))
        self._places = [space.position(name) for name in space.searched]
        widths = [axis.columns.stop - axis.columns.start for axis in self._axes]
        self.groups: Groups = np.repeat(np.arange(len(widths)), widths)

    def drawn(self, rng: np.random.Generator, count: int) -> Batch:
        """Random configs, fewer where constraints are broken."""
        return self._batch(rng.random((count, len(self._space))))

    def of(self, configs: Sequence[Config]) -> Batch:
        """Given configs."""
        shares = np.full((len(configs), len(self._space)), 0.5)
        for place, name in enumerate(self._space):
            for row, config in enumerate(configs):
                if name in config:
                    shares[row, place] = self._space[name].unit(config[name])
        return self._batch(shares, checked=True)

    def near(self, shares: Floats, active: Mask, count: int, rng: np.random.Generator) -> Batch:
        """``count`` configs near given ones: one or two parameters changed, or all numbers moved by one width.

        What becomes active is drawn. Fewer where constraints are broken.
        """
        chosen = np.arange(count) % len(shares)
        near, active = shares[chosen].copy(), active[chosen]
        near[~active] = rng.random(int((~active).sum()))
        many = [(place, axis) for place, axis in zip(self._places, self._axes, strict=True) if axis.many]
        moved = rng.random(count) < 0.5 * bool(many)
        width = _width(count, rng)
        for place, axis in many:
            near[moved, place] = axis.moved(near[moved, place], width[moved], rng)
        for at in (~moved, ~moved & (rng.random(count) < _TWO)):
            order = np.where(active[:, self._places], rng.random((count, len(self._places))), -1.0).argmax(axis=1)
            for index in np.unique(order[at]).tolist():
                here, place = np.flatnonzero(at & (order == index)), self._places[index]
                near[here, place] = self._axes[index].changed(near[here, place], rng)
        return self._batch(near)

    def _batch(self, shares: Floats, checked: bool = False) -> Batch:
        columns = Columns(self._space, shares)
        active = np.column_stack([columns.active[name] for name in self._space])

        def config(row: int) -> Config:
            values = {name: columns.values[name].item(row) for name in self._space if columns.active[name][row]}
            return Config(values)

        kept = np.arange(len(shares))
        if self._space.constraints and not checked:
            kept = np.array([row for row in kept.tolist() if self._space.feasible(config(row))], dtype=np.int64)
        rows = np.zeros((len(shares), len(self.groups)))
        for place, axis, name in zip(self._places, self._axes, self._space.searched, strict=True):
            axis.fill(rows, shares[:, place], columns.values[name], active[:, place])
        return Batch(shares[kept], active[kept], rows[kept], lambda row: config(int(kept[row])))


class Pool:
    """Batches with a score for each config.

    Args:
        score: of rows; large is good.
    """

    def __init__(self, score: Callable[[Floats], Floats]) -> None:
        self._score = score
        self._batches: list[Batch] = []
        self._scores: list[Floats] = []

    def add(self, batch: Batch) -> None:
        """Score configs."""
        if len(batch.rows):
            self._batches.append(batch)
            self._scores.append(self._score(batch.rows))

    @property
    def best(self) -> float:
        """The highest score; minus infinity of nothing."""
        return max((float(scores.max()) for scores in self._scores), default=-math.inf)

    def top(self, count: int) -> tuple[Floats, Mask]:
        """Shares, and what is active, of the best configs with different scores."""
        shares = np.concatenate([batch.shares for batch in self._batches])
        active = np.concatenate([batch.active for batch in self._batches])
        _, first = np.unique(-np.concatenate(self._scores), return_index=True)
        return shares[first[:count]], active[first[:count]]

    def configs(self) -> Iterator[Config]:
        """All, the best first, each once."""
        places = [(number, row) for number, scores in enumerate(self._scores) for row in range(len(scores))]
        seen: set[Config] = set()
        for index in np.argsort(-np.concatenate(self._scores), kind="stable").tolist() if places else ():
            number, row = places[index]
            config = self._batches[number].config(row)
            if config not in seen:
                seen.add(config)
                yield config


class FeatureRanks:
    """Features as the shares of tried configs that have less: their scale does not matter, nor how skewed they are."""

    def __init__(self, features: Features) -> None:
        self._features = features
        self._known: dict[Config, Floats] = {}

    def of(self, configs: Sequence[Config], tried: Sequence[Config]) -> Floats:
        """Configs x features, from -0.5 to 0.5; a feature that is not a number stands in the middle."""
        reference = np.sort(self._values(tried), axis=0)
        if not configs:
            return np.zeros((0, reference.shape[1]))
        given = self._values(configs)
        places = np.zeros(given.shape)
        for place, column in enumerate(reference.T):
            known = column[~np.isnan(column)]
            if len(known):
                below, upto = (np.searchsorted(known, given[:, place], side=side) for side in ("left", "right"))
                places[:, place] = (below + upto) / (2 * len(known)) - 0.5
        return np.where(np.isnan(given), 0.0, places)

    def _values(self, configs: Sequence[Config]) -> Floats:
        for config in configs:
            if config not in self._known:
                self._known[config] = np.array(self._features(config), dtype=np.float64)
        return np.array([self._known[config] for config in configs])


def _width(count: int, rng: np.random.Generator) -> Floats:
    """Widths of steps, from wide to very narrow, evenly spread over the logarithm."""
    widths: Floats = _WIDEST * (_NARROWEST / _WIDEST) ** rng.random(count)
    return widths
