"""Who beats whom, run against run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from .style import DIVERGING, new_axes, say, ticks, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results

_ANNOTATED = 15


def superiority(results: Results, ax: Axes | None = None) -> Axes:
    """Chance that a run of the row's config beats a run of the column's, with the same seed and split."""
    board = results.leaderboard()
    pairs = board.superiority
    trials = [row.trial for row in board.rows if any(row.trial in pair for pair in pairs)]
    size = 1.6 + 0.5 * max(3, min(len(trials), 16))
    ax = ax or new_axes(height=size, width=size + 1.2)
    if not trials:
        return say(ax, "no pair of finalists is replicated yet")
    table = np.array([[pairs.get((a, b), np.nan) for b in trials] for a in trials])
    image = ax.imshow(np.ma.masked_invalid(table), cmap=DIVERGING, vmin=0, vmax=1, aspect="equal")
    if len(trials) <= _ANNOTATED:
        for (i, j), chance in np.ndenumerate(table):
            if not np.isnan(chance):
                dark = abs(chance - 0.5) > 0.33
                write(ax, j, i, f"{chance:.2f}", ha="center", va="center", color="white" if dark else "black")
    ticks(ax.xaxis, range(len(trials)), [f"trial {number}" for number in trials], rotation=90, fontsize=8)
    ticks(ax.yaxis, range(len(trials)), [f"trial {number}" for number in trials], fontsize=8)
    ax.tick_params(length=0)
    y_label(ax, "chance that this one is better")
    x_label(ax, "than this one")
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax, label="P(row beats column)", shrink=0.8)
    return ax
