"""Whether probabilities can be taken at their word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from .diagnosed import diagnosed, whose
from .style import BLUE, GREY, PALE, bounds, drawable, legend, new_axes, plain, say, words, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results


def reliability(
    results: Results, ax: Axes | None = None, *, trial: int | None = None, part: str = "validation"
) -> Axes:
    """Whether probabilities come true as often as they say: points on the diagonal do.

    Args:
        trial: the winner when left out.
        part: ``validation``, or ``test`` where the sealed part was opened.
    """
    found = diagnosed(results, trial, part)
    if isinstance(found, str):
        return say(ax or new_axes(), found)
    if found.calibration is None:
        return say(ax or new_axes(), f"{found.kind} are no probabilities: there is nothing to calibrate")
    ax = plain(ax or new_axes(height=4.4, width=5.6))
    calibration = found.calibration
    most = max(one.count for one in calibration.bins)
    ax.plot([0, 1], [0, 1], ":", color="#444444", linewidth=1.2, label="as good as its word")
    for one in calibration.bins:
        # How many predictions a point stands for, below it: a point of few says little.
        ax.bar(one.low, 0.16 * one.count / most, width=one.high - one.low, align="edge", color=PALE, zorder=0)
        ends = bounds(one.observed.low, one.observed.high)
        if ends is not None:
            ax.plot([one.predicted, one.predicted], ends, color=BLUE, linewidth=1.2, alpha=0.7)
    observed = [drawable(one.observed.value) for one in calibration.bins]
    ax.plot([one.predicted for one in calibration.bins], observed, "o-", color=BLUE, label="observed, 95 % interval")
    ax.bar(0, 0, color=PALE, label=f"predictions (most: {most})")
    told = f"expected calibration error {calibration.ece:.3f} in {calibration.bin_count} bins, {whose(found)}"
    write(ax, 0.0, 1.03, told, transform=ax.transAxes, color=GREY)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    x_label(ax, f"predicted probability ({words(calibration.of, 40)})")
    y_label(ax, "share that came true")
    legend(ax, loc="upper left")
    return ax
