"""Who copied whom in population based training, and whose weights a trial began with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ...search import Phase, Trial
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

_COPIES, _PARENTS = "goes on from a copy", "begins with the weights of its parent"
_NOTHING = (
    "no trial was copied, and none began with the weights of another: that is what population based training does "
    "(scheduler pbt or pb2), and evolution that inherits (searcher regularized_evolution with inherit: true)"
)


def lineage(results: Results, ax: Axes | None = None) -> Axes:
    """A lane per trial, coloured by its values; arrows are copies, or weights of a parent. Black: the best's ancestry.

    A trial that began with the weights of another goes on where that one ended, so that all arrows are upright.
    """
    objective = results.sweep.objective
    trials = [trial for trial in results.phase(Phase.SEARCH) if trial.reports]
    begins = _begins(trials)
    copied = any(segment.source is not None for trial in trials for segment in trial.segments)
    inherited = [trial for trial in trials if trial.parent in begins]
    if not copied and not inherited:
        return say(ax or new_axes(), _NOTHING)
    ax = plain(ax or new_axes(height=1.2 + 0.28 * max(6, min(len(trials), 40))), "x")
    lanes = {trial.number: place for place, trial in enumerate(trials)}
    image = _lanes(ax, trials, lanes, begins, objective.metric)
    for trial in trials:
        for segment in trial.segments:
            if segment.source in lanes:
                at = begins[trial.number] + segment.first_step
                _arrow(ax, at, lanes[segment.source], lanes[trial.number])
    for trial in inherited:
        _arrow(ax, begins[trial.number], lanes[trial.parent or 0], lanes[trial.number])
    best = max(trials, key=lambda trial: objective.score(drawable(trial.value(objective.metric))))
    _ancestry(ax, best, {trial.number: trial for trial in trials}, lanes, begins)
    ticks(ax.yaxis, lanes.values(), [f"trial {number}" for number in lanes], fontsize=8)
    ax.set_ylim(len(lanes) - 0.5, -0.5)
    ax.margins(x=0.02)
    unit = words(results.sweep.fidelity.unit if results.sweep.fidelity else "report")
    x_label(ax, f"{unit}, from the first ancestor on" if inherited else unit)
    y_label(ax, "trial" if inherited else "member")
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax).set_label(measured(objective.metric, objective.goal), parse_math=False)
    ax.plot([], [], color=BLACK, linewidth=3, label=f"ancestry of trial {best.number}, the best")
    told = [_COPIES] * copied + [_PARENTS] * bool(inherited)
    ax.plot([], [], color=VERMILION, linewidth=1, label=" or ".join(told))
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    return ax


def _begins(trials: Sequence[Trial]) -> dict[int, int]:
    """By trial, how many steps its ancestors had trained when it began; a parent comes before its children."""
    begins: dict[int, int] = {}
    lengths = {trial.number: trial.last_step for trial in trials}
    for trial in trials:
        parent = trial.parent
        begins[trial.number] = begins[parent] + lengths[parent] if parent is not None and parent in begins else 0
    return begins


def _lanes(
    ax: Axes, trials: Sequence[Trial], lanes: dict[int, int], begins: dict[int, int], metric: str
) -> LineCollection:
    pieces, values = [], []
    for trial in trials:
        before, lane, first = 0, lanes[trial.number], begins[trial.number]
        for report in trial.reports:
            start = _first_step(trial, report.segment) if report.segment else 0
            since = max(before, start) if before < report.step else start
            pieces.append([(first + since, lane), (first + report.step, lane)])
            values.append(drawable(report.metrics.get(metric)))
            before = report.step
    image = LineCollection(pieces, array=np.array(values), cmap=SEQUENTIAL, linewidths=5, capstyle="butt", zorder=2)
    ax.add_collection(image)
    ax.autoscale_view()
    return image


def _first_step(trial: Trial, index: int) -> int:
    return next((segment.first_step for segment in trial.segments if segment.index == index), 0)


def _arrow(ax: Axes, at: int, source: int, target: int) -> None:
    how = {"arrowstyle": "->", "color": VERMILION, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (at, target), (at, source), arrowprops=how, zorder=4)


def _ancestry(ax: Axes, best: Trial, trials: dict[int, Trial], lanes: dict[int, int], begins: dict[int, int]) -> None:
    """Black lines along the stretches from which the best trial's state comes."""
    trial, index, end = best, _last(best), best.last_step
    seen: set[Stretch] = set()
    while (trial.number, index) not in seen:
        seen.add((trial.number, index))
        segment = next((one for one in trial.segments if one.index == index), None)
        start = segment.first_step if segment is not None else 0
        lane, first = lanes[trial.number] + 0.28, begins[trial.number]
        ax.plot([first + start, first + end], [lane, lane], color=BLACK, linewidth=2, zorder=3)
        if segment is not None and segment.source in trials:
            trial, index, end = trials[segment.source], segment.source_segment, start
        elif trial.parent in trials:
            trial = trials[trial.parent]
            index, end = _last(trial), trial.last_step
        else:
            return


def _last(trial: Trial) -> int:
    return trial.segments[-1].index if trial.segments else 0
