"""Which parameters matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from ...spaces import NoResultError
from .style import BLUE, GREY, VERMILION, choice, new_axes, plain, say, ticks, words, write, x_label

if TYPE_CHECKING:
    from ..explain.importance import ImportanceReport
    from ..results import Results


def importance(results: Results, ax: Axes | None = None, *, method: str = "fanova") -> Axes:
    """Importance of each parameter with its 95 % interval, and how far a model explains the trials at all.

    Args:
        method: ``fanova``, ``ped_anova`` or ``forest``.
    """
    from ..explain.importance import METHODS

    choice("method", method, METHODS)
    try:
        report = results.importance(method)
    except NoResultError as error:  # too few trials, all of one value, ...
        return say(ax or new_axes(), str(error))
    return plot_importance(report, ax)


def plot_importance(report: ImportanceReport, ax: Axes | None = None) -> Axes:
    """Bars with intervals, the most important on top; a parameter that is active only in some trials says so."""
    rows = report.parameters
    ax = plain(ax or new_axes(height=1.5 + 0.32 * max(3, len(rows)), width=7), "x")
    if not rows:
        return say(ax, "no parameter was searched")
    for place, row in enumerate(rows):
        ax.barh(place, row.share, color=BLUE, height=0.6, alpha=0.85)
        ax.plot([row.low, row.high], [place, place], "|-", color="#333333", linewidth=1.3, markersize=7)
    names = [words(row.name, 28) + ("" if row.active == 1 else f" (in {100 * row.active:.0f} %)") for row in rows]
    ticks(ax.yaxis, range(len(rows)), names)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(left=min(0.0, *(row.low for row in rows)))
    known = (
        f"{report.trials} trials; a forest predicts {100 * max(0.0, report.r2):.0f} % of the variance of unseen ones"
    )
    write(ax, 0.0, 1.03, known, transform=ax.transAxes, color=VERMILION if report.warnings else GREY)
    x_label(ax, f"{words(report.metric, 24)}: {words(report.words, 90)}")
    return ax
