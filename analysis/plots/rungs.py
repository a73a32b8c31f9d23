"""What early stopping did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from ...search import Phase, State, Trial
from .curves import rungs_of
from .style import BLUE, GREY, SKY, VERMILION, legend, new_axes, plain, say, ticks, words, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results

_FATES = (
    ("trained in full", BLUE, State.COMPLETE),
    ("stopped here", GREY, State.STOPPED),
    ("failed", VERMILION, State.FAILED),
)


def rungs(results: Results, ax: Axes | None = None) -> Axes:
    """How many trials came to each rung, and how many of them were stopped there."""
    ax = plain(ax or new_axes(), "y")
    trials = [trial for trial in results.phase(Phase.SEARCH) if trial.reports]
    if not trials:
        return say(ax, "no trial of the search has reported yet")
    steps = sorted({*rungs_of(results), *_ends(trials, State.STOPPED), max(trial.last_step for trial in trials)})
    came = [sum(trial.last_step >= step for trial in trials) for step in steps]
    base = [0] * len(steps)
    for label, color, state in _FATES:
        base = _bars(ax, _counts(_ends(trials, state), steps), base, color, label)
    _bars(ax, [max(0, total - ended) for total, ended in zip(came, base, strict=True)], base, SKY, "trained on")
    ticks(ax.xaxis, range(len(steps)), steps)
    x_label(ax, words(results.sweep.fidelity.unit if results.sweep.fidelity else "report"))
    y_label(ax, "trials that came so far")
    stopped, full = (len(_ends(trials, state)) for state in (State.STOPPED, State.COMPLETE))
    told = f"{stopped} of {len(trials)} trials stopped early, {full} trained in full"
    write(ax, 0.0, 1.02, told, transform=ax.transAxes, color=GREY)
    legend(ax, beside=True)
    return ax


def _ends(trials: Sequence[Trial], state: State) -> list[int]:
    """Where the trials ended that ended so."""
    return [trial.last_step for trial in trials if trial.state is state]


def _counts(ends: Sequence[int], steps: Sequence[int]) -> list[int]:
    """How many ended at each step or before the next; what ended before the first counts there."""
    rung = [max((place for place, step in enumerate(steps) if step <= end), default=0) for end in ends]
    return [rung.count(place) for place in range(len(steps))]


def _bars(ax: Axes, heights: Sequence[int], base: Sequence[int], color: str, label: str) -> list[int]:
    if any(heights):
        ink = "white" if color == BLUE else "black"
        bars = ax.bar(range(len(heights)), heights, bottom=base, color=color, label=label, width=0.7)
        ax.bar_label(bars, [str(one) if one else "" for one in heights], label_type="center", fontsize=8, color=ink)
    return [below + height for below, height in zip(base, heights, strict=True)]
