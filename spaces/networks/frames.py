"""Frames with a name around the boxes of a drawing that belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from .layout import Layout

_LINE, _LETTER, _PIECES = 15.0, 6.2, 40  # pixels of a line of text and of a letter; of a curve, to see where it is
_SIDE, _BELOW = 10.0, 8.0

Sides = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Frame:
    """Around the boxes of a block: its sides in pixels, its name, and from where on that stands."""

    sides: Sides
    words: str
    at: float

    @property
    def drawn(self) -> str:
        """What stands behind arrows and boxes."""
        left, top, right, bottom = self.sides
        size = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
        return f'<rect class="group" {size} rx="8"/>'

    @property
    def name(self) -> str:
        """What stands before them."""
        return f'<text class="muted block" x="{self.at:.1f}" y="{self.sides[1] + 12:.1f}">{escape(self.words)}</text>'


def frames(
    groups: Sequence[str], sizes: Sequence[tuple[float, float]], layout: Layout, named: Callable[[str], str]
) -> list[Frame]:
    """A frame around the boxes of each block, where no other box is in the way. No arrow crosses its name.

    Args:
        groups: the path of the block of each box; empty for one that is in none.
        sizes: width and height of each box.
        named: what a block is called instead of its path; empty for one that has no other name. A block that has one
            gets a frame around a single box too.
    """
    boxes = [(x, y, x + width, y + height) for (x, y), (width, height) in zip(layout.boxes, sizes, strict=True)]
    members: dict[str, list[Sides]] = defaultdict(list)
    for group, box in zip(groups, boxes, strict=True):
        members[group].append(box)
    found: list[Frame] = []
    for path, inside in members.items():
        if not path or (len(inside) < 2 and not named(path)):
            continue
        others = [box for group, box in zip(groups, boxes, strict=True) if group != path]
        sides = _around(inside)
        if not any(_overlap(sides, box) for box in others):
            found.append(_with_name(sides, named(path) or path, others, layout))
    return found


def _around(boxes: Sequence[Sides]) -> Sides:
    """With room for a name at the top."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts) - _SIDE, min(tops) - _LINE - 1, max(rights) + _SIDE, max(bottoms) + _BELOW


def _with_name(sides: Sides, words: str, others: Sequence[Sides], layout: Layout) -> Frame:
    """Wider where the name needs it and nothing is in the way; else the name stands where it may be crossed."""
    left, top, right, bottom = sides
    begin, end = _place_of_name(_LETTER * len(words) + 10, left, right, [*_crossings(layout, top)])
    wider = (min(left, begin), top, max(right, end), bottom)
    if any(_overlap(wider, box) for box in others):
        return Frame(sides, words, left + 6)
    return Frame(wider, words, begin + 6)


def _place_of_name(
    long: float, left: float, right: float, passed: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """From where to where a name stands, between arrows; if need be beyond the frame, where it is the least beyond."""
    starts = [left, *(end for _, end in passed), *(begin - long for begin, _ in passed)]
    free = [one for one in starts if not any(one < end and begin < one + long for begin, end in passed)]
    found = min(free, key=lambda one: (max(0.0, left - one) + max(0.0, one + long - right), one))
    return found, found + long


def _crossings(layout: Layout, top: float) -> Iterator[tuple[float, float]]:
    """From where to where arrows go through the line in which a name stands."""
    shares = [place / _PIECES for place in range(_PIECES + 1)]
    for route in layout.routes:
        for (x, y), (to_x, to_y) in pairwise(route):
            if y > top + _LINE or to_y < top:
                continue
            # Bezier curves with upright handles of half the height, as arrows are drawn.
            heights = [y + (1.5 * one * (1 - one) + one**3) * (to_y - y) for one in shares]
            places = [x + one**2 * (3 - 2 * one) * (to_x - x) for one in shares]
            near = [at for at, height in enumerate(heights) if top <= height <= top + _LINE]
            if near:
                beside = places[max(0, near[0] - 1) : near[-1] + 2]
                yield min(beside) - 2, max(beside) + 2


def _overlap(one: Sides, other: Sides) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
