"""What is better when several numbers count: dominance, fronts, and the volume that they cover.

Everywhere ``scores`` has shape (n, m): n points, m objectives, larger is better, finite. A point dominates another that
it equals or beats in all objectives and beats in one. The front are the points that none dominates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MARGIN = 0.1


def on_front(scores: Floats) -> NDArray[np.bool_]:
    """Which points none dominates; shape (..., n, m) gives (..., n), for many sets of points at once."""
    ours, theirs = scores[..., :, None, :], scores[..., None, :, :]
    beaten = (theirs >= ours).all(axis=-1) & (theirs > ours).any(axis=-1)
    return np.asarray(~beaten.any(axis=-1))


def front_ranks(scores: Floats) -> NDArray[np.int64]:
    """Shape (n,): 0 on the front, 1 on the front of the rest, and so on. Equal points have equal ranks.

    Points are taken in lexicographic order, so that none dominates one before it, and each goes to the first front
    that has no point above it; the fronts are searched by halving. Zhang et al., An Efficient Approach to
    Nondominated Sorting for Evolutionary Multiobjective Optimization, IEEE TEVC 19 (2015). With two objectives only
    the highest second value of each front matters (Jensen, IEEE TEVC 7, 2003).
    """
    distinct, inverse = np.unique(scores, axis=0, return_inverse=True)
    descending = distinct[::-1]
    ranks = _ranks_of_two(descending) if scores.shape[1] == 2 else _ranks_of_many(descending)
    return ranks[::-1][inverse.reshape(-1)]


def hypervolume(scores: Floats, reference: Floats) -> float:
    """Volume between ``reference``, shape (m,), and the points that are above it in all objectives; exact.

    Slice by slice along the last objective: While et al., A Faster Algorithm for Calculating Hypervolume, IEEE TEVC 10
    (2006). Its time grows with n**(m - 1).
    """
    above = scores - reference
    return _volume(above[(above > 0).all(axis=1)])


def contributions(scores: Floats, reference: Floats) -> Floats:
    """Shape (n,): by how much the hypervolume of a front shrinks without each of its points; 0 for repeated ones."""
    above = np.maximum(scores - reference, 0.0)
    if scores.shape[1] == 2:
        return _strips(above)
    found = np.zeros(len(scores))
    for index, point in enumerate(above):
        others = np.minimum(np.delete(above, index, axis=0), point)  # their part within its box
        found[index] = max(0.0, float(np.prod(point)) - _volume(others[on_front(others)]))
    return found


def crowding(scores: Floats) -> Floats:
    """Shape (n,): how far apart the neighbours of each point are in every objective, as shares of its range.

    Infinite at the ends. Deb et al., A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II, IEEE TEVC 6 (2002).
    """
    distances = np.zeros(len(scores))
    for values in scores.T:
        order = np.argsort(values, kind="stable")
        extent = float(np.ptp(values))
        if extent > 0:
            distances[order[1:-1]] += (values[order[2:]] - values[order[:-2]]) / extent
            distances[order[[0, -1]]] = np.inf
    return distances


def far_corner(scores: Floats, given: Sequence[float | None]) -> Floats:
    """A reference point, shape (m,): where none is ``given``, the worst score and a tenth of the range below it.

    With nothing below the worst score, the ends of a front would count for nothing. Ishibuchi et al., How to Specify a
    Reference Point in Hypervolume Calculation, Evolutionary Computation 26 (2018).
    """
    worst, extent = scores.min(axis=0), np.ptp(scores, axis=0)
    margin = _MARGIN * np.where(extent > 0, extent, np.maximum(np.abs(worst), 1.0))
    return np.array([low if one is None else one for low, one in zip(worst - margin, given, strict=True)])


def best_first(scores: Floats, given: Sequence[float | None]) -> list[int]:
    """All points, best first: by front, then by contribution to the hypervolume of their front.

    Where contributions are equal, as those of points beyond the reference, lone points come before crowded ones.

    Args:
        given: reference of each objective as a score; None where it is to be taken from the points.
    """
    if not len(scores) or scores.shape[1] == 1:
        return [int(index) for index in np.argsort(-scores[:, 0], kind="stable")]
    scale = np.abs(scores).max(axis=0)
    scale[scale == 0] = 1.0
    unit = scores / scale  # metrics of any size can be multiplied then
    corner = far_corner(unit, [None if one is None else one / size for one, size in zip(given, scale, strict=True)])
    ranks = front_ranks(scores)
    order: list[int] = []
    for rank in range(int(ranks.max()) + 1):
        front = np.flatnonzero(ranks == rank)
        keys = (front, -crowding(unit[front]), -contributions(unit[front], corner))
        order += [int(index) for index in front[np.lexsort(keys)]]
    return order


class Archive:
    """The points of a front, as they come in."""

    def __init__(self) -> None:
        self._front: list[tuple[float, ...]] = []

    def add(self, scores: tuple[float, ...]) -> bool:
        """Take in a point; whether it makes the front larger: no earlier point equals or beats it in everything."""
        if any(all(a >= b for a, b in zip(one, scores, strict=True)) for one in self._front):
            return False
        self._front = [one for one in self._front if not all(a <= b for a, b in zip(one, scores, strict=True))]
        self._front.append(scores)
        return True


def _ranks_of_two(descending: Floats) -> NDArray[np.int64]:
    highest: list[float] = []  # second value of each front, negated: it falls from front to front
    ranks = np.empty(len(descending), dtype=np.int64)
    for index, second in enumerate((-descending[:, 1]).tolist()):
        rank = _first_above(highest, second)
        if rank == len(highest):
            highest.append(second)
        else:
            highest[rank] = second
        ranks[index] = rank
    return ranks


def _first_above(highest: list[float], second: float) -> int:
    """The first front whose highest value is below the point's; both are negated."""
    return bisect_left(highest, True, key=lambda one: one > second)


def _ranks_of_many(descending: Floats) -> NDArray[np.int64]:
    fronts: list[list[int]] = []
    ranks = np.empty(len(descending), dtype=np.int64)
    for index, point in enumerate(descending):
        low, high = 0, len(fronts)
        while low < high:
            middle = (low + high) // 2
            if (descending[fronts[middle]] >= point).all(axis=1).any():
                low = middle + 1
            else:
                high = middle
        if low == len(fronts):
            fronts.append([])
        fronts[low].append(index)
        ranks[index] = low
    return ranks


def _volume(points: Floats) -> float:
    """Between 0 and points that are above it; shape (n, m)."""
    if not len(points):
        return 0.0
    order = np.argsort(-points[:, -1], kind="stable")
    heights = points[order, -1]
    thickness = heights - np.append(heights[1:], 0.0)
    if points.shape[1] == 1:
        return float(heights[0])
    if points.shape[1] == 2:
        return float(thickness @ np.maximum.accumulate(points[order, 0]))
    rest = points[order, :-1]
    slices = np.flatnonzero(thickness)
    return float(sum(thickness[last] * _volume(rest[: last + 1]) for last in slices))


def _strips(points: Floats) -> Floats:
    """What each point of a front of two objectives covers alone, above 0."""
    order = np.lexsort((points[:, 1], -points[:, 0]))
    first, second = points[order].T
    found = np.empty(len(points))
    found[order] = (first - np.append(first[1:], 0.0)) * np.diff(second, prepend=0.0)
    return found
