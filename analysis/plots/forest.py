"""The leaderboard as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from ..board import Leaderboard, Row
from .style import (
    BLUE,
    GREEN,
    GREY,
    SHADE,
    VERMILION,
    bounds,
    drawable,
    legend,
    measured,
    new_axes,
    plain,
    say,
    ticks,
    x_label,
)

if TYPE_CHECKING:
    from ..results import Results


def forest(results: Results, ax: Axes | None = None) -> Axes:
    """The leaderboard: fresh means with intervals, the tied set shaded, search scores with their flattery."""
    return plot_leaderboard(results.leaderboard(), ax)


def plot_leaderboard(board: Leaderboard, ax: Axes | None = None) -> Axes:
    """Fresh means with intervals, best on top; the set tied for best shaded.

    A hollow mark is the search score, and the arrow from it the optimism; a diamond is the sealed test.
    """
    rows = [row for row in board.rows if row.fresh is not None]
    ax = plain(ax or new_axes(height=1.1 + 0.34 * max(3, len(rows))), "x")
    if not rows:
        return say(ax, "no finalist is replicated yet: there are search scores only, which flatter the best")
    for place, row in enumerate(rows):
        _draw_row(ax, place, row)
    ax.plot([], [], "o-", color=BLUE, label="tied for best")
    if any(not row.tied for row in rows):
        ax.plot([], [], "o-", color=GREY, label="worse than the best")
    if any(row.optimism is not None for row in rows):
        hollow = {"markerfacecolor": "none", "markeredgecolor": VERMILION}
        ax.plot([], [], "o", label="search score", **hollow)  # type: ignore[arg-type]
    if any(row.test is not None for row in rows):
        ax.plot([], [], "D", color=GREEN, markersize=5, label="sealed test")
    ticks(ax.yaxis, range(len(rows)), [row_name(row, board) for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    level = f"{100 * (1 - board.alpha):g} % interval"
    x_label(ax, f"{measured(board.metric, board.goal)}, {board.replicates} fresh replicates, {level}")
    legend(ax, beside=True)
    return ax


def row_name(row: Row, board: Leaderboard) -> str:
    """``trial 3``, and what it is besides."""
    roles = ("winner" * (row.trial == board.winner), "default" * row.default, "rival" * row.rival)
    found = ", ".join(filter(None, roles))
    return f"trial {row.trial} ({found})" if found else f"trial {row.trial}"


def _draw_row(ax: Axes, place: int, row: Row) -> None:
    if row.fresh is None:
        return
    color, mean = BLUE if row.tied else GREY, drawable(row.fresh.mean)
    if row.tied:
        ax.axhspan(place - 0.5, place + 0.5, color=SHADE, linewidth=0, zorder=0)
    ends = bounds(row.fresh.low, row.fresh.high)
    if ends is not None:
        ax.plot(ends, [place, place], color=color, linewidth=2)
    ax.plot(mean, place, "o", color=color, markersize=6, zorder=3)
    if row.test is not None:
        ax.plot(drawable(row.test.mean), place + 0.22, "D", color=GREEN, markersize=4)
    if row.optimism is not None:
        searched, above = drawable(row.search_score), place - 0.22
        ax.plot(searched, above, "o", markerfacecolor="none", markeredgecolor=VERMILION, markersize=6)
        arrow = {"arrowstyle": "->", "color": VERMILION, "linewidth": 0.9, "shrinkA": 4, "shrinkB": 0}
        ax.annotate("", (mean, above), (searched, above), arrowprops=arrow)
