"""Learning curves of the search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from ...search import Phase, State, Trial
from .style import (
    GREY,
    PALE,
    SERIES,
    Floats,
    drawable,
    keep_in_view,
    legend,
    measured,
    new_axes,
    plain,
    say,
    words,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..results import Results

_MOST_COLOURS = len(SERIES)


def curves(results: Results, ax: Axes | None = None) -> Axes:
    """Learning curves: stopped trials in grey, finalists in colour, dotted lines where trials could be stopped."""
    metric, goal = results.sweep.objective.metric, results.sweep.objective.goal
    ax = plain(ax or new_axes())
    reported = [trial for trial in results.phase(Phase.SEARCH) if trial.reports]
    if not reported:
        return say(ax, "no trial of the search has reported yet")
    board = results.leaderboard()
    named = [row.trial for row in board.rows if row.fresh is not None][:_MOST_COLOURS]
    rest = [trial for trial in reported if trial.number not in named]
    _background(ax, [t for t in rest if t.state is not State.COMPLETE], metric, PALE, "stopped, failed or under way")
    _background(ax, [t for t in rest if t.state is State.COMPLETE], metric, GREY, "trained in full")
    by_number = {trial.number: trial for trial in reported}
    shown: list[float] = []
    for color, number in zip(SERIES, named, strict=False):
        for index, line in enumerate(_lines(by_number[number], metric)):
            ax.plot(*line.T, color=color, linewidth=1.6, marker=".", zorder=3, label="" if index else f"trial {number}")
            shown += line[:, 1].tolist()
    for rung in rungs_of(results):
        ax.axvline(rung, color="#777777", linestyle=":", linewidth=0.9, zorder=2)
    ax.autoscale_view()
    keep_in_view(ax, [drawable(r.metrics.get(metric)) for t in reported for r in t.reports], shown)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    x_label(ax, words(results.sweep.fidelity.unit if results.sweep.fidelity else "report"))
    y_label(ax, measured(metric, goal))
    legend(ax, beside=True)
    return ax


def rungs_of(results: Results) -> list[int]:
    """Steps at which the sweep's scheduler may stop a trial; none without a fidelity."""
    fidelity = results.sweep.granted
    return [] if fidelity is None else results.sweep.scheduler.rungs(fidelity)


def _background(ax: Axes, trials: Sequence[Trial], metric: str, color: str, label: str) -> None:
    lines = [line for trial in trials for line in _lines(trial, metric)]
    if not lines:
        return
    faint = max(0.15, min(1.0, 60 / len(lines)))
    ax.add_collection(LineCollection(lines, colors=color, linewidths=0.9, alpha=faint, label=label, zorder=1))
    alone = np.array([line[0] for line in lines if len(line) == 1])
    if len(alone):  # a line of a single point is not seen
        ax.scatter(alone[:, 0], alone[:, 1], s=5, color=color, zorder=1)


def _lines(trial: Trial, metric: str) -> Iterator[Floats]:
    """Points (step, value) of each segment of a trial, shape (n, 2)."""
    for segment in sorted({report.segment for report in trial.reports}):
        points = [(r.step, drawable(r.metrics.get(metric))) for r in trial.reports if r.segment == segment]
        yield np.array(points, dtype=float)
