"""Functional analysis of variance of a forest: exact averages of its trees over all other parameters.

Hutter, Hoos and Leyton-Brown, An Efficient Approach for Assessing Hyperparameter Importance, ICML 2014, section 3. A
tree is constant on boxes of the unit cube, so that every average is a sum over its leaves. Optuna's evaluator gives the
same main effects (a test holds that), but no interactions, no averages at given values, and no conditional parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...spaces import Parameter, Space

Floats = NDArray[np.float64]

_MOST_CELLS = 100


@dataclass(frozen=True)
class Cells:
    """A coordinate that has few values: where each lies on the unit interval, and its probability, shape (k,)."""

    points: Floats
    widths: Floats


def cells_of(space: Space) -> list[Cells | None]:
    """The values of each searched parameter; None for one that is continuous, or as good as."""
    return [_cells(space[name]) for name in space.searched]


def _cells(parameter: Parameter) -> Cells | None:
    if parameter.cardinality > _MOST_CELLS:
        return None
    spans = np.array([parameter.span(value) for value in parameter.choices])
    return Cells(spans.mean(axis=1), spans[:, 1] - spans[:, 0])


class Fanova:
    """Averages over the leaves of the trees of a forest, and the variance that each parameter explains.

    Args:
        trees: of scikit-learn, fitted to points of the unit cube.
        cells: of each coordinate, shape (d,).
    """

    def __init__(self, trees: Sequence[Any], cells: Sequence[Cells | None]) -> None:
        self._trees = [_Tree(tree, cells) for tree in trees]
        self._varied = [tree for tree in self._trees if tree.variance > 0]

    def main(self, axis: int) -> float:
        """Mean over the trees of the share of their variance that one coordinate explains alone."""
        return self._mean([tree.main(axis) / tree.variance for tree in self._varied])

    def pair(self, first: int, second: int) -> float:
        """The same of two coordinates together, beyond what each explains alone."""
        return self._mean([tree.pair(first, second) / tree.variance for tree in self._varied])

    def at(self, axis: int, points: Floats) -> Floats:
        """The mean prediction where a coordinate has each of ``points``, over all values of the others; shape (k,)."""
        return np.asarray(np.mean([tree.at(axis, points) for tree in self._trees], axis=0))

    def at_both(self, first: int, at_first: Floats, second: int, at_second: Floats) -> Floats:
        """The same for two coordinates, shape (k, m)."""
        made = [tree.at_both(first, at_first, second, at_second) for tree in self._trees]
        return np.asarray(np.mean(made, axis=0))

    @staticmethod
    def _mean(shares: list[float]) -> float:
        return float(np.mean(shares)) if shares else 0.0


class _Tree:
    """The leaves of a tree as boxes, with the probability of each."""

    def __init__(self, tree: Any, cells: Sequence[Cells | None]) -> None:
        self._low, self._high, self._values = _boxes(tree, len(cells))
        self._cells = [given or _between(tree, axis) for axis, given in enumerate(cells)]
        self._inside = [self._within(axis, cells.points) for axis, cells in enumerate(self._cells)]
        columns = [inside @ cells.widths for inside, cells in zip(self._inside, self._cells, strict=True)]
        self._sizes = np.column_stack(columns)  # of each leaf along each coordinate
        self._weights = self._sizes.prod(axis=1)
        self._mean = float(self._weights @ self._values)

    @cached_property
    def variance(self) -> float:
        """Of the predictions, over the whole cube."""
        return float(self._weights @ (self._values - self._mean) ** 2)

    def main(self, axis: int) -> float:
        """Variance of the average over all other coordinates."""
        averages = self._averages(axis, self._inside[axis])
        return float(self._cells[axis].widths @ (averages - self._mean) ** 2)

    def pair(self, first: int, second: int) -> float:
        """Variance of the average over all but two coordinates, less those of each of them."""
        averages = self._averages_of_both(first, self._inside[first], second, self._inside[second])
        both = self._cells[first].widths @ (averages - self._mean) ** 2 @ self._cells[second].widths
        return max(0.0, float(both) - self.main(first) - self.main(second))

    def at(self, axis: int, points: Floats) -> Floats:
        return self._averages(axis, self._within(axis, points))

    def at_both(self, first: int, at_first: Floats, second: int, at_second: Floats) -> Floats:
        return self._averages_of_both(first, self._within(first, at_first), second, self._within(second, at_second))

    def _averages(self, axis: int, inside: NDArray[np.bool_]) -> Floats:
        rest = self._values * self._weights / self._sizes[:, axis]
        return np.asarray(rest @ inside)

    def _averages_of_both(
        self, first: int, in_first: NDArray[np.bool_], second: int, in_second: NDArray[np.bool_]
    ) -> Floats:
        rest = self._values * self._weights / (self._sizes[:, first] * self._sizes[:, second])
        return np.asarray((in_first * rest[:, None]).T @ in_second)

    def _within(self, axis: int, points: Floats) -> NDArray[np.bool_]:
        """Which leaves hold which points of a coordinate, shape (leaves, k)."""
        return np.asarray((self._low[:, axis, None] < points) & (points <= self._high[:, axis, None]))


def _boxes(tree: Any, count: int) -> tuple[Floats, Floats, Floats]:
    """Lower and upper ends of the leaves, shape (leaves, d) each, and what they predict, shape (leaves,).

    The lower ends do not belong to a leaf; below the whole cube there is room, so that 0 does.
    """
    low, high = np.full((tree.node_count, count), -1.0), np.ones((tree.node_count, count))
    inner = np.flatnonzero(tree.children_left >= 0)  # a node comes before its children
    for node in inner:
        axis, threshold = tree.feature[node], tree.threshold[node]
        for child in (tree.children_left[node], tree.children_right[node]):
            low[child], high[child] = low[node], high[node]
        high[tree.children_left[node], axis] = low[tree.children_right[node], axis] = threshold
    leaves = np.flatnonzero(tree.children_left < 0)
    return low[leaves], high[leaves], tree.value[leaves].ravel()


def _between(tree: Any, axis: int) -> Cells:
    """The stretches between the thresholds of a tree on one coordinate."""
    ends = np.unique(np.concatenate([[0.0, 1.0], tree.threshold[tree.feature == axis]]))
    return Cells((ends[:-1] + ends[1:]) / 2, np.diff(ends))
