"""Boxes and arrows in layers, from top to bottom, with few crossings and straight ways.

Sugiyama, Tagawa and Toda, Methods for Visual Understanding of Hierarchical System Structures, IEEE SMC 1981: layers,
order within a layer by the mean place of the neighbours, then coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_SWEEPS = 12
_ROUNDS = 31  # odd: the last one goes downwards
_GAP = 18.0
_LAYER_GAP = 34.0
_STRAIGHT = 8.0  # how much more the pieces of a long arrow hold together

Edge = tuple[int, int]
Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels from the top left.

    Attributes:
        boxes: top left corner of each box.
        routes: points of each edge, from the bottom of one box to the top of the other.
        width, height: of the whole.
    """

    boxes: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


@dataclass
class _Item:
    """A box, or the place where an arrow passes a layer."""

    layer: int
    width: float
    height: float
    box: bool
    up: list[int] = field(default_factory=list)
    down: list[int] = field(default_factory=list)
    x: float = 0.0  # of its middle


def layered(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """The places of boxes of the given widths and heights.

    Args:
        edges: from an earlier box to a later one.
    """
    levels = _levels(len(sizes), edges)
    items = [_Item(level, width, height, True) for level, (width, height) in zip(levels, sizes, strict=True)]
    ways = [_way(items, first, last) for first, last in edges]
    layers: list[list[int]] = [[] for _ in range(max(levels, default=0) + 1)]
    for at, item in enumerate(items):
        layers[item.layer].append(at)
    _order(items, layers)
    _place(items, layers)
    left = min((item.x - item.width / 2 for item in items), default=0.0)
    right = max((item.x + item.width / 2 for item in items), default=0.0)
    tops, height = _tops(items, layers)
    boxes = [(item.x - item.width / 2 - left, tops[item.layer]) for item in items[: len(sizes)]]
    routes = [_route(items, way, tops, layers, left) for way in ways]
    return Layout(boxes, routes, right - left, height)


def _levels(count: int, edges: Sequence[Edge]) -> list[int]:
    """As late as possible: the longest way to the end, counted from the top."""
    below = [0] * count
    for first, last in sorted(edges, reverse=True):
        below[first] = max(below[first], below[last] + 1)
    deepest = max(below, default=0)
    return [deepest - one for one in below]


def _way(items: list[_Item], first: int, last: int) -> list[int]:
    """The items of an arrow, with a new one in each layer that it passes."""
    way = [first]
    for layer in range(items[first].layer + 1, items[last].layer):
        items.append(_Item(layer, 6.0, 0.0, False))
        way.append(len(items) - 1)
    way.append(last)
    for one, other in pairwise(way):
        items[one].down.append(other)
        items[other].up.append(one)
    return way


def _order(items: Sequence[_Item], layers: list[list[int]]) -> None:
    """Sorts each layer by the mean place of its neighbours, downwards and upwards in turns; the best order is kept."""
    best, fewest = [list(layer) for layer in layers], _crossings(items, layers)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        place = {at: index for layer in layers for index, at in enumerate(layer)}
        for layer in layers if downwards else reversed(layers):
            means = {}
            for at in layer:
                near = items[at].up if downwards else items[at].down
                means[at] = sum(place[one] for one in near) / len(near) if near else place[at]
            layer.sort(key=lambda at: means[at])
            place.update({at: index for index, at in enumerate(layer)})
        crossings = _crossings(items, layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def _crossings(items: Sequence[_Item], layers: Sequence[Sequence[int]]) -> int:
    total = 0
    for layer, below in pairwise(layers):
        place = {at: index for index, at in enumerate(below)}
        ends = [place[one] for at in layer for one in sorted(items[at].down, key=lambda one: place[one])]
        total += sum(first > second for index, first in enumerate(ends) for second in ends[index + 1 :])
    return total


def _place(items: Sequence[_Item], layers: Sequence[Sequence[int]]) -> None:
    """Moves everything towards its neighbours, again and again, without changing the order or coming too near."""
    for layer in layers:
        _settle(items, layer, [0.0] * len(layer))
    for turn in range(_ROUNDS):
        for layer in layers if turn % 2 == 0 else reversed(layers):
            near = [(items[at].up if turn % 2 == 0 else items[at].down) or [at] for at in layer]
            _settle(items, layer, [_mean(items, at, ones) for at, ones in zip(layer, near, strict=True)])


def _mean(items: Sequence[_Item], at: int, near: Iterable[int]) -> float:
    weights = [(_STRAIGHT if not items[at].box and not items[one].box else 1.0, items[one].x) for one in near]
    return sum(weight * x for weight, x in weights) / sum(weight for weight, _ in weights)


def _settle(items: Sequence[_Item], layer: Sequence[int], wanted: Sequence[float]) -> None:
    """The nearest places to the wanted ones that keep order and distance: isotonic regression by pooling neighbours."""
    pools: list[tuple[float, int]] = []  # mean, count
    offsets: list[float] = []
    offset = 0.0
    for index, at in enumerate(layer):
        if index:
            offset += (items[layer[index - 1]].width + items[at].width) / 2 + _GAP
        offsets.append(offset)
        mean, count = wanted[index] - offset, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    places = [mean for mean, count in pools for _ in range(count)]
    for at, place, offset in zip(layer, places, offsets, strict=True):
        items[at].x = place + offset


def _tops(items: Sequence[_Item], layers: Sequence[Sequence[int]]) -> tuple[list[float], float]:
    tops, y = [], 0.0
    for layer in layers:
        tops.append(y)
        y += max((items[at].height for at in layer), default=0.0) + _LAYER_GAP
    return tops, max(0.0, y - _LAYER_GAP)


def _route(
    items: Sequence[_Item], way: Sequence[int], tops: Sequence[float], layers: Sequence[Sequence[int]], left: float
) -> list[Point]:
    """From the bottom of the first box, straight through the layers between, to the top of the last."""
    first, last = items[way[0]], items[way[-1]]
    points = [(first.x - left, tops[first.layer] + first.height)]
    for at in way[1:-1]:
        item = items[at]
        tall = max(items[one].height for one in layers[item.layer])
        points += [(item.x - left, tops[item.layer]), (item.x - left, tops[item.layer] + tall)]
    return [*points, (last.x - left, tops[last.layer])]
