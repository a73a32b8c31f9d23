"""What all figures have in common: colours, axes, and text that is drawn as it is written."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text

from ...spaces import UsageError, did_you_mean, one_of
from .saving import to_png

# Okabe and Ito, Color Universal Design, 2008: told apart with every kind of colour blindness.
BLACK, ORANGE, SKY, GREEN = "#000000", "#e69f00", "#56b4e9", "#009e73"
YELLOW, BLUE, VERMILION, PURPLE = "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
SERIES = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, BLACK)
"""Colours of things that are told apart; yellow is too light for lines on white."""
GREY, PALE, SHADE = "#8a8a8a", "#c9c9c9", "#e8f1f8"
SEQUENTIAL, DIVERGING = "viridis", "PuOr"
"""Colour maps that are read without red and green."""

Floats = npt.NDArray[np.float64]

SMALL = 8
"""Size of what is written in a figure, in points."""
_EMPTY = "assay-empty"
_HUGE = 1e300
_FAR = 20.0


class Drawing(Axes):
    """Axes in a figure of their own, which a notebook shows at the end of a cell."""

    def _repr_png_(self) -> bytes:
        return to_png(self)


def new_axes(height: float = 3.6, width: float = 8.0) -> Axes:
    """Axes in a new figure that pyplot does not know of; inches."""
    return Figure(figsize=(width, height), layout="constrained").add_subplot(axes_class=Drawing)


def plain(ax: Axes, grid: str = "both") -> Axes:
    """Without a frame at the top and on the right, with a grid behind: ``both``, ``x``, ``y``, or none."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if grid:
        ax.grid(axis=grid, color="#eeeeee")  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    return ax


def say(ax: Axes, why: str) -> Axes:
    """Write why there is nothing to draw."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    lines = textwrap.fill(words(why, 400), 60)
    ax.text(0.5, 0.5, lines, transform=ax.transAxes, ha="center", va="center", color=GREY, gid=_EMPTY, parse_math=False)
    return ax


def emptiness(ax: Axes) -> str | None:
    """Why there is nothing in a figure; None when there is something."""
    found = next((child for child in ax.texts if child.get_gid() == _EMPTY), None)
    return " ".join(found.get_text().split()) if found is not None else None


def words(text: object, most: int = 48) -> str:
    """Text as it can be drawn in a line: what is not printable is escaped, the middle of what is long left out."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text))
    half = (most - 1) // 2
    return shown if len(shown) <= most else f"{shown[:half]}…{shown[-half:]}"


def measured(metric: str, goal: str) -> str:
    """Label of an axis: the metric and the direction that is better."""
    return f"{words(metric)} ({goal})"


def x_label(ax: Axes, text: str) -> None:
    ax.set_xlabel(text, parse_math=False)


def y_label(ax: Axes, text: str) -> None:
    ax.set_ylabel(text, parse_math=False)


def write(ax: Axes, x: float, y: float, text: str, **how: Any) -> Text:
    """Text in a figure, small, at data coordinates unless ``transform`` says otherwise."""
    return ax.text(x, y, text, **({"fontsize": SMALL, "parse_math": False} | how))


def ticks(axis: Axis, places: Iterable[float], labels: Iterable[object], **how: Any) -> None:
    """Ticks with texts, such as names; foreign ones come through :func:`words`."""
    axis.set_ticks(list(places), [str(label) for label in labels], **({"parse_math": False} | how))


def legend(ax: Axes, **where: Any) -> None:
    """A legend of what has a label, if anything has; beside the axes with ``beside=True``."""
    if not ax.get_legend_handles_labels()[0]:
        return
    if where.pop("beside", False):
        where |= {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    with mpl.rc_context({"text.parse_math": False}):
        ax.legend(**({"framealpha": 0.8, "edgecolor": "none", "fontsize": SMALL} | where))


def drawable(value: float | None) -> float:
    """A value as a place on an axis: NaN for none.

    A diverged metric may be so large that the width of an axis around it overflows.
    """
    if value is None or math.isnan(value):
        return math.nan
    return max(-_HUGE, min(_HUGE, float(value)))


def bounds(low: float, high: float) -> tuple[float, float] | None:
    """The ends of an interval; None when it has none, as that of a single replicate."""
    return (drawable(low), drawable(high)) if math.isfinite(low) and math.isfinite(high) else None


def keep_in_view(ax: Axes, values: Sequence[float], wanted: Sequence[float] = ()) -> None:
    """Leave values that are far out of the frame, and say how many, where they would squeeze all others into a line.

    Args:
        values: all that is drawn along the y axis.
        wanted: what has to be seen.
    """
    known: Floats = np.array([one for one in values if not math.isnan(one)])
    if len(known) < 5:
        return
    scale = float(np.abs(known).max()) or 1.0
    first, last = np.quantile(known / scale, [0.1, 0.9])
    room = float(last - first)
    low, high = first - _FAR / 2 * room, last + _FAR / 2 * room
    inside = known[(known / scale >= low) & (known / scale <= high)]
    if room == 0 or len(inside) == len(known):
        return
    seen = np.concatenate([inside, np.array([one for one in wanted if not math.isnan(one)])])
    bottom, top = float(seen.min()), float(seen.max())
    margin = 0.05 * (top - bottom)
    ax.set_ylim(bottom - margin, top + margin)
    out = int(((known < bottom - margin) | (known > top + margin)).sum())
    if out:
        write(ax, 0.995, 0.99, f"{out} outside the frame", transform=ax.transAxes, ha="right", va="top", color=GREY)


def choice(name: str, value: object, choices: Iterable[str]) -> str:
    """An option of a figure, if it is one of ``choices``.

    Raises:
        UsageError: otherwise.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{name} must be {one_of(known)}, got {value!r}{did_you_mean(value, known)}")
    return value
