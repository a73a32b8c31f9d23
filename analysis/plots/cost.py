"""What the search spent, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from ...search import Phase, State, Trial
from ..text import seconds
from .style import BLUE, GREY, PALE, VERMILION, Floats, legend, new_axes, plain, say, write, x_label, y_label

if TYPE_CHECKING:
    from ..results import Results


def cost(results: Results, ax: Axes | None = None) -> Axes:
    """Seconds of training so far against the seconds of the search, by what became of the trials."""
    ax = plain(ax or new_axes())
    search = [trial for trial in results.phase(Phase.SEARCH) if trial.reports]
    if not search:
        return say(ax, "no trial of the search has reported yet")
    times = np.array(sorted({0.0, *(report.elapsed for trial in search for report in trial.reports)}))
    groups = [
        ("trained in full", BLUE, [t for t in search if t.state is State.COMPLETE]),
        ("stopped early", GREY, [t for t in search if t.state is State.STOPPED]),
        ("failed", VERMILION, [t for t in search if t.state is State.FAILED]),
        ("under way", PALE, [t for t in search if not t.state.over]),
    ]
    kept = [(label, color, _spent(group, times)) for label, color, group in groups if group]
    labels = [f"{label} ({seconds(float(sums[-1]))})" for label, _, sums in kept]
    ax.stackplot(times, [sums for *_, sums in kept], colors=[color for _, color, _ in kept], labels=labels)
    later = {phase: results.phase(phase) for phase in Phase if phase is not Phase.SEARCH}
    spent = {phase: sum(trial.seconds for trial in trials) for phase, trials in later.items() if trials}
    told = ", ".join(f"{phase.value} {seconds(total)}" for phase, total in spent.items())
    if told:
        write(ax, 0.0, 1.02, f"beside the search: {told} of training", transform=ax.transAxes, color=GREY)
    x_label(ax, "seconds of search")
    y_label(ax, "seconds of training, all trials together")
    legend(ax, loc="upper left")
    return ax


def _spent(trials: Sequence[Trial], times: Floats) -> Floats:
    """Seconds of training by each of ``times``, summed over trials, up to the last report of each."""
    steps = [
        (report.elapsed, report.seconds - before)
        for trial in trials
        for report, before in zip(trial.reports, [0.0, *(r.seconds for r in trial.reports)], strict=False)
    ]
    at, amounts = zip(*steps, strict=True)
    increments = np.bincount(np.searchsorted(times, at), weights=amounts, minlength=len(times))
    return np.cumsum(increments)
