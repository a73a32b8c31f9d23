"""The way from the default config to the best, one change at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from ...spaces import NoResultError, UsageError
from ..text import parameter as shown
from .style import BLUE, ORANGE, bounds, drawable, legend, new_axes, plain, say, ticks, words, x_label

if TYPE_CHECKING:
    from ..explain.ablation_report import AblationReport, AblationStep, Gain
    from ..results import Results


def ablation(results: Results, ax: Axes | None = None) -> Axes:
    """What each change on the way from the default config to the best brings, as the model predicts it."""
    try:
        report = results.ablation()
    except (NoResultError, UsageError) as error:  # nothing to learn from; the default config is the best
        return say(ax or new_axes(), str(error))
    return plot_ablation(report, ax)


def plot_ablation(report: AblationReport, ax: Axes | None = None) -> Axes:
    """Bars of the predicted gains, the first change on top; measured gains beside them when runs were made."""
    ax = plain(ax or new_axes(height=1.5 + 0.36 * max(3, len(report.steps)), width=7), "x")
    if not report.steps:
        return say(ax, "the best config is the default: there is no way between them")
    measured = any(step.measured is not None for step in report.steps)
    for place, step in enumerate(report.steps):
        _bar(ax, place - 0.17 * measured, step.predicted, BLUE)
        if step.measured is not None:
            _bar(ax, place + 0.23, step.measured, ORANGE)
    ax.plot([], [], "s", color=BLUE, label="predicted by a forest")
    if measured:
        ax.plot([], [], "s", color=ORANGE, label="measured, same seeds")
    ax.axvline(0.0, color="#444444", linewidth=1)
    ticks(ax.yaxis, range(len(report.steps)), [_name(step) for step in report.steps])
    ax.set_ylim(len(report.steps) - 0.5, -0.5)
    x_label(ax, f"gain in {words(report.metric)} ({report.goal}), positive is better, 95 % interval")
    legend(ax, beside=True)
    return ax


def _bar(ax: Axes, place: float, gain: Gain, color: str) -> None:
    ax.barh(place, drawable(gain.mean), height=0.36, color=color, alpha=0.85)
    ends = bounds(gain.low, gain.high)
    if ends is not None:
        ax.plot(ends, [place, place], "|-", color="#333333", linewidth=1.2, markersize=6)


def _name(step: AblationStep) -> str:
    changed = ", ".join(f"{name} = {shown(value)}" for name, value in step.changed.items())
    return words(changed, 40)
