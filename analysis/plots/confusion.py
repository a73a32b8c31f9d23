"""Which classes are taken for which."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from .diagnosed import diagnosed, whose
from .style import PALE, new_axes, say, ticks, words, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results

_ANNOTATED = 14
"""Classes up to which the cells hold numbers."""


def confusion(results: Results, ax: Axes | None = None, *, trial: int | None = None, part: str = "validation") -> Axes:
    """Predicted class by true class, as shares of the true class, from stored predictions.

    Args:
        trial: the winner when left out.
        part: ``validation``, or ``test`` where the sealed part was opened.
    """
    found = diagnosed(results, trial, part)
    if isinstance(found, str):
        return say(ax or new_axes(), found)
    if found.confusion is None:
        return say(ax or new_axes(), f"there is no confusion matrix of {found.kind}: it is of classes")
    counts = np.array(found.confusion, dtype=float)
    size = 2.2 + 0.42 * max(3, min(len(counts), 16))
    ax = ax or new_axes(height=size, width=size + 0.8)
    shares = counts / np.maximum(1.0, counts.sum(axis=1, keepdims=True))
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= _ANNOTATED:
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if shares[row, column] > 0.55 else "#333333" if count else PALE
            write(ax, column, row, f"{count:.0f}", ha="center", va="center", color=ink, fontsize=7)
    every = max(1, math.ceil(len(counts) / 30))
    places = range(0, len(counts), every)
    names = [words(found.names[place], 16) for place in places]
    ticks(ax.xaxis, places, names, rotation=90 if max(map(len, names)) > 3 else 0, fontsize=8)
    ticks(ax.yaxis, places, names, fontsize=8)
    ax.tick_params(length=0)
    x_label(ax, "predicted class")
    y_label(ax, f"true class, {whose(found)}")
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax, label="share of the true class", shrink=0.8)
    return ax
