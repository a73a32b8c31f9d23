"""How much worse than its best rival each finalist may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from .forest import row_name
from .style import BLUE, GREEN, GREY, bounds, drawable, legend, new_axes, plain, say, ticks, words, x_label

if TYPE_CHECKING:
    from ..results import Results


def differences(results: Results, ax: Axes | None = None) -> Axes:
    """Simultaneous intervals of how much worse than its best rival each finalist is; those that reach 0 are tied.

    Hsu, Multiple Comparisons: Theory and Methods, 1996, chapter 4.
    """
    board = results.leaderboard()
    rows = [row for row in board.rows if row.difference_interval is not None]
    ax = plain(ax or new_axes(height=1.1 + 0.34 * max(3, len(rows))), "x")
    if not rows:
        return say(ax, "there are no simultaneous intervals: finalists are not replicated yet, or the test gives none")
    ax.axvline(0.0, color="#444444", linewidth=1)
    if board.rope is not None:
        label = f"practically equal (±{board.rope:g})"
        ax.axvspan(-board.rope, board.rope, color=GREEN, alpha=0.12, linewidth=0, label=label)
    for place, row in enumerate(rows):
        ends = bounds(*row.difference_interval) if row.difference_interval is not None else None
        color = BLUE if row.tied else GREY
        if ends is not None:
            ax.plot(ends, [place, place], "|-", color=color, linewidth=2, markersize=8)
        if row.difference is not None and row.trial != board.winner:
            ax.plot(drawable(row.difference), place, "o", color=color, markersize=5)
    ax.plot([], [], "|-", color=BLUE, label="tied for best")
    ax.plot([], [], "|-", color=GREY, label="worse than the best")
    ticks(ax.yaxis, range(len(rows)), [row_name(row, board) for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    x_label(ax, f"worse than the best rival by, in {words(board.metric)} ({100 * (1 - board.alpha):g} %, simultaneous)")
    legend(ax, beside=True)
    return ax
