"""Population based training: who copied whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ...search import Phase, Segment, Trial
from .style import (
    BLACK,
    SEQUENTIAL,
    VERMILION,
    drawable,
    legend,
    measured,
    new_axes,
    plain,
    say,
    ticks,
    words,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..results import Results

Stretch = tuple[int, int]
"""A trial and one of its segments."""


def lineage(results: Results, ax: Axes | None = None) -> Axes:
    """A lane per member, coloured by its values; arrows are copies. The ancestry of the best is thick and black."""
    objective = results.sweep.objective
    trials = [trial for trial in results.phase(Phase.SEARCH) if trial.reports]
    if not any(segment.source is not None for trial in trials for segment in trial.segments):
        why = "no trial was copied: that is what population based training does (scheduler pbt or pb2)"
        return say(ax or new_axes(), why)
    ax = plain(ax or new_axes(height=1.2 + 0.28 * max(6, min(len(trials), 40))), "x")
    lanes = {trial.number: place for place, trial in enumerate(trials)}
    image = _lanes(ax, trials, lanes, objective.metric)
    for trial in trials:
        for segment in trial.segments:
            if segment.source in lanes:
                _arrow(ax, segment, lanes[segment.source], lanes[trial.number])
    best = max(trials, key=lambda trial: objective.score(drawable(trial.value(objective.metric))))
    _ancestry(ax, best, {trial.number: trial for trial in trials}, lanes)
    ticks(ax.yaxis, lanes.values(), [f"trial {number}" for number in lanes], fontsize=8)
    ax.set_ylim(len(lanes) - 0.5, -0.5)
    ax.margins(x=0.02)
    x_label(ax, words(results.sweep.fidelity.unit if results.sweep.fidelity else "report"))
    y_label(ax, "member")
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax).set_label(measured(objective.metric, objective.goal), parse_math=False)
    ax.plot([], [], color=BLACK, linewidth=3, label=f"ancestry of trial {best.number}, the best")
    ax.plot([], [], color=VERMILION, linewidth=1, label="goes on from a copy")
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return ax


def _lanes(ax: Axes, trials: Sequence[Trial], lanes: dict[int, int], metric: str) -> LineCollection:
    pieces, values = [], []
    for trial in trials:
        before, lane = 0, lanes[trial.number]
        for report in trial.reports:
            start = _first_step(trial, report.segment) if report.segment else 0
            pieces.append([(max(before, start) if before < report.step else start, lane), (report.step, lane)])
            values.append(drawable(report.metrics.get(metric)))
            before = report.step
    image = LineCollection(pieces, array=np.array(values), cmap=SEQUENTIAL, linewidths=5, capstyle="butt", zorder=2)
    ax.add_collection(image)
    ax.autoscale_view()
    return image


def _first_step(trial: Trial, index: int) -> int:
    return next((segment.first_step for segment in trial.segments if segment.index == index), 0)


def _arrow(ax: Axes, segment: Segment, source: int, target: int) -> None:
    how = {"arrowstyle": "->", "color": VERMILION, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (segment.first_step, target), (segment.first_step, source), arrowprops=how, zorder=4)


def _ancestry(ax: Axes, best: Trial, trials: dict[int, Trial], lanes: dict[int, int]) -> None:
    """Black lines along the stretches from which the best trial's state comes."""
    trial, index, end = best, best.segments[-1].index if best.segments else 0, best.last_step
    seen: set[Stretch] = set()
    while (trial.number, index) not in seen:
        seen.add((trial.number, index))
        segment = next((one for one in trial.segments if one.index == index), None)
        start = segment.first_step if segment is not None else 0
        lane = lanes[trial.number] + 0.28
        ax.plot([start, end], [lane, lane], color=BLACK, linewidth=2, zorder=3)
        if segment is None or segment.source not in trials:
            return
        trial, index, end = trials[segment.source], segment.source_segment, start
