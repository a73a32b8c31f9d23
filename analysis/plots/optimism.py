"""The winner's curse: what was selected looked better than it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from ..board import Row
from .style import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    bounds,
    drawable,
    legend,
    measured,
    new_axes,
    plain,
    say,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..results import Results

_FEWEST = 4
"""Finalists for a line through them."""
_NAMED = 12


def optimism(results: Results, ax: Axes | None = None) -> Axes:
    """Search score against the mean on fresh seeds; below the diagonal (above, when smaller is better) is flattery.

    A square is the mean drawn towards those of the others. The line is the least squares fit of the finalists; that
    they were selected by the search score does not bias it.
    """
    board = results.leaderboard()
    rows = [row for row in board.rows if row.fresh is not None and row.optimism is not None]
    ax = plain(ax or new_axes(height=4.2, width=6.4))
    if not rows:
        return say(ax, "no finalist that was trained in full in the search is replicated yet")
    _points(ax, rows)
    ends = _diagonal(ax, rows)
    _fit(ax, rows, ends)
    x_label(ax, f"search score, {measured(board.metric, board.goal)}")
    y_label(ax, f"fresh mean, {100 * (1 - board.alpha):g} % interval")
    legend(ax, beside=True)
    return ax


def _points(ax: Axes, rows: Sequence[Row]) -> None:
    for row in rows:
        if row.fresh is None:
            continue
        x, y, color = drawable(row.search_score), drawable(row.fresh.mean), BLUE if row.tied else GREY
        ends = bounds(row.fresh.low, row.fresh.high)
        if ends is not None:
            ax.plot([x, x], ends, color=color, linewidth=1.2, alpha=0.7, zorder=2)
        ax.plot(x, y, "o", color=color, markersize=5, zorder=3)
        if row.shrunk is not None:
            ax.plot(x, drawable(row.shrunk), "s", markerfacecolor="none", markeredgecolor=VERMILION, markersize=6)
        if len(rows) <= _NAMED:
            ax.annotate(f"{row.trial}", (x, y), (4, 3), textcoords="offset points", fontsize=8, color=color)
    ax.plot([], [], "o-", color=BLUE, label="tied for best")
    if any(not row.tied for row in rows):
        ax.plot([], [], "o-", color=GREY, label="worse than the best")
    if any(row.shrunk is not None for row in rows):
        ax.plot([], [], "s", markerfacecolor="none", markeredgecolor=VERMILION, label="shrunk mean")


def _diagonal(ax: Axes, rows: Sequence[Row]) -> tuple[float, float]:
    searched = [drawable(row.search_score) for row in rows]
    fresh = [drawable(row.fresh.mean) for row in rows if row.fresh is not None]
    low, high = min(*searched, *fresh), max(*searched, *fresh)
    ax.plot([low, high], [low, high], color="#444444", linestyle=":", linewidth=1.2, label="no flattery")
    return min(searched), max(searched)


def _fit(ax: Axes, rows: Sequence[Row], ends: tuple[float, float]) -> None:
    if len(rows) < _FEWEST or ends[0] == ends[1]:
        return
    scale = max(abs(end) for end in ends)
    x = np.array([row.search_score for row in rows]) / scale
    y = np.array([row.fresh.mean for row in rows if row.fresh is not None]) / scale
    slope, level = np.linalg.lstsq(np.column_stack([x, np.ones_like(x)]), y, rcond=None)[0]
    values = [drawable((slope * end / scale + level) * scale) for end in ends]
    ax.plot(ends, values, color=GREEN, linewidth=1.5, label=f"fit, slope {slope:.2g}")
