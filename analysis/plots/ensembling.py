"""Figures of the ensemble."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ...spaces import SCORERS
from ..text import signed
from .style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    drawable,
    legend,
    measured,
    new_axes,
    plain,
    say,
    ticks,
    words,
    write,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..results import Results


def ensemble(results: Results, ax: Axes | None = None) -> Axes:
    """Score of the greedy selection step by step: where it was selected, and cross-fitted, beside the best single."""
    report, why_not = results.ensemble_or_why("greedy")
    ax = plain(ax or new_axes(width=6.4))
    if report is None:
        return say(ax, why_not)
    steps = report.trajectory
    members = [step.members for step in steps]
    for values, color, label in (
        ([step.selection_score for step in steps], ORANGE, "where it was selected: flatters"),
        ([step.score for step in steps], BLUE, "cross-fitted: honest"),
    ):
        ax.plot(members, [drawable(value) for value in values], ".-", color=color, label=label)
    single = f"best single (trial {report.single}), cross-fitted"
    raw = steps[0].score if steps else report.single_score  # like the path, without a temperature
    ax.axhline(drawable(raw), color=GREY, linestyle="--", linewidth=1.2, label=single)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    x_label(ax, "steps of the selection, each adds a member or weight to one")
    y_label(ax, measured(report.metric, SCORERS[report.metric]))
    legend(ax)
    return ax


def weights(results: Results, ax: Axes | None = None, *, method: str = "auto") -> Axes:
    """Who is in the ensemble with which share, and what it is worth.

    Args:
        method: how models are combined; see :data:`assay.analysis.ensembles.METHODS`.
    """
    report, why_not = results.ensemble_or_why(method)
    if report is None:
        return say(ax or new_axes(), why_not)
    shares = sorted(report.weights.items(), key=lambda item: (-item[1], item[0]))
    ax = plain(ax or new_axes(height=1.2 + 0.3 * max(3, len(shares)), width=6.4), "x")
    bars = ax.barh(range(len(shares)), [100 * share for _, share in shares], color=GREEN if report.accepted else GREY)
    ax.bar_label(bars, [f"{100 * share:.0f} %" for _, share in shares], padding=3, fontsize=8)
    ticks(ax.yaxis, range(len(shares)), [f"trial {number}" for number, _ in shares])
    ax.set_ylim(len(shares) - 0.5, -0.5)
    ax.margins(x=0.1)
    gain = "" if report.gain_interval is None else f"gain {signed(report.gain)} [{_interval(report.gain_interval)}]: "
    told = f"{words(gain + report.verdict, 110)}"
    write(ax, 0.0, 1.03, told, transform=ax.transAxes, color="#444444")
    x_label(ax, f"share of the ensemble in % ({report.method})")
    return ax


def _interval(ends: tuple[float, float]) -> str:
    return ", ".join(signed(end) for end in ends)
