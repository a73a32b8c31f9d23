"""The replicates behind the leaderboard: the same seeds and splits for all finalists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from .forest import row_name
from .style import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    SHADE,
    drawable,
    legend,
    measured,
    new_axes,
    plain,
    say,
    ticks,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..results import Results


def seeds(results: Results, ax: Axes | None = None) -> Axes:
    """One line per seed across the finalists: lines that run side by side are why pairing decides more than means."""
    board = results.leaderboard()
    rows = [row for row in board.rows if row.values]
    ax = plain(ax or new_axes(), "y")
    if not rows:
        return say(ax, "no finalist is replicated yet")
    splits = sorted({split for row in rows for split in row.values})
    # Where a finalist lacks the split, the line has a gap.
    table = np.array([[drawable(row.values.get(split)) for row in rows] for split in splits])
    places = np.arange(len(rows), dtype=float)
    for place, row in enumerate(rows):
        if row.tied:
            ax.axvspan(place - 0.5, place + 0.5, color=SHADE, linewidth=0, zorder=0)
    ax.add_collection(
        LineCollection([np.column_stack([places, line]) for line in table], colors=PALE, linewidths=1, zorder=1)
    )
    colors = [BLUE if row.tied else GREY for row in rows]
    for place, color in enumerate(colors):
        ax.scatter(np.full(len(splits), place), table[:, place], s=14, color=color, zorder=2)
    for place, row in enumerate(rows):
        if row.fresh is not None:
            mean = drawable(row.fresh.mean)
            label = "mean" if place == 0 else None
            ax.plot([place - 0.18, place + 0.18], [mean, mean], color=BLACK, linewidth=2, zorder=3, label=label)
    ax.plot([], [], "-", color=PALE, label="one seed and split")
    ticks(ax.xaxis, places, [row_name(row, board).replace(" (", "\n(") for row in rows], fontsize=8)
    ax.set_xlim(-0.5, len(rows) - 0.5)
    x_label(ax, "finalists, best mean first")
    y_label(ax, measured(board.metric, board.goal))
    legend(ax, beside=True)
    return ax
