"""How far off predicted numbers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from .diagnosed import diagnosed, whose
from .style import BLUE, GREY, VERMILION, drawable, legend, new_axes, plain, say, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results


def residuals(results: Results, ax: Axes | None = None, *, trial: int | None = None, part: str = "validation") -> Axes:
    """Target minus prediction in tenths of the predictions: mean, standard deviation, and the worst examples.

    Args:
        trial: the winner when left out.
        part: ``validation``, or ``test`` where the sealed part was opened.
    """
    found = diagnosed(results, trial, part)
    if isinstance(found, str):
        return say(ax or new_axes(), found)
    if found.residuals is None:
        return say(ax or new_axes(), f"{found.kind} have no residuals: they are of numbers")
    ax, seen = plain(ax or new_axes(width=6.8)), found.residuals
    ax.axhline(0.0, color="#444444", linewidth=1)
    for index, one in enumerate(seen.bins):
        middle, label = (drawable(one.low) + drawable(one.high)) / 2, index == 0
        ends = [drawable(one.mean - one.sd), drawable(one.mean + one.sd)]
        ax.plot([middle, middle], ends, color=BLUE, linewidth=5, alpha=0.3, label="± sd" if label else None)
        width = [drawable(one.low), drawable(one.high)]
        ax.plot(width, [drawable(one.mean)] * 2, color=BLUE, linewidth=2, label="mean of a tenth" if label else None)
    if seen.worst:
        at = [drawable(one.prediction) for one in seen.worst], [drawable(one.residual) for one in seen.worst]
        ax.scatter(at[0], at[1], s=16, marker="x", color=VERMILION, label="worst examples")
    told = f"bias {seen.mean.value:.3g} [{seen.mean.low:.3g}, {seen.mean.high:.3g}], R² {seen.r2:.3f}, {whose(found)}"
    write(ax, 0.0, 1.03, told, transform=ax.transAxes, color=GREY)
    x_label(ax, "prediction")
    y_label(ax, "target minus prediction")
    legend(ax, beside=True)
    return ax
