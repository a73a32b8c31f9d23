"""A metric by the values of the sensitive column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from ...spaces import UsageError, did_you_mean, one_of
from .diagnosed import diagnosed, whose
from .style import BLUE, GREY, bounds, drawable, legend, new_axes, plain, say, ticks, words, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results


def groups(
    results: Results,
    ax: Axes | None = None,
    *,
    metric: str | None = None,
    trial: int | None = None,
    part: str = "validation",
) -> Axes:
    """A metric for each value of the sensitive column with its interval; small groups are grey.

    Args:
        metric: one of those in which groups are compared; the first when left out.
        trial: the winner when left out.
        part: ``validation``, or ``test`` where the sealed part was opened.
    """
    found = diagnosed(results, trial, part)
    if isinstance(found, str):
        return say(ax or new_axes(), found)
    if found.groups is None or not found.groups.rows:
        return say(ax or new_axes(), "there are no groups: give trial.split a sensitive column")
    rows = found.groups.rows
    known = list(dict.fromkeys(name for row in rows for name in row.metrics))
    name = metric if metric is not None else known[0]
    if name not in known:
        raise UsageError(f"groups: metric must be {one_of(known)}, got {name!r}{did_you_mean(name, known)}")
    ax = plain(ax or new_axes(height=1.4 + 0.34 * max(3, len(rows)), width=6.8), "x")
    for place, row in enumerate(rows):
        estimate = row.metrics.get(name)
        if estimate is None:
            continue
        color, ends = GREY if row.small else BLUE, bounds(estimate.low, estimate.high)
        if ends is not None:
            ax.plot(ends, [place, place], color=color, linewidth=2)
        ax.plot(drawable(estimate.value), place, "o", color=color, markersize=6)
    ticks(ax.yaxis, range(len(rows)), [f"{words(row.name, 24)} ({row.count})" for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.plot([], [], "o-", color=BLUE, label="95 % interval")
    if any(row.small for row in rows):
        ax.plot([], [], "o-", color=GREY, label=f"fewer than {found.groups.fewest} examples")
    gap = next((one for one in found.groups.gaps if one.metric == name), None)
    told = "" if gap is None else f"gap {gap.value.value:.3g} [{gap.value.low:.3g}, {gap.value.high:.3g}], "
    write(ax, 0.0, 1.03, f"{told}{whose(found)}", transform=ax.transAxes, color=GREY)
    x_label(ax, words(name))
    y_label(ax, "group (examples)")
    legend(ax, beside=True)
    return ax
