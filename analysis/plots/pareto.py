"""Two metrics against each other, and what no other trial dominates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from ...search import State, Trial
from ...spaces import SCORERS, UsageError, did_you_mean, one_of
from ...spaces.pareto import front_ranks
from ..board import Interval, Row
from ..finalists import scored_search
from .style import (
    BLACK,
    BLUE,
    ORANGE,
    PURPLE,
    SKY,
    bounds,
    drawable,
    keep_in_view,
    legend,
    measured,
    new_axes,
    plain,
    say,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..results import Results

_SECONDS = "seconds"
_WIDE = 30
"""Largest over smallest value from which on a scale is logarithmic."""


@dataclass(frozen=True)
class _Measure:
    """A metric, or the seconds of training."""

    name: str
    goal: str

    @property
    def sign(self) -> int:
        return 1 if self.goal == "maximize" else -1

    def of(self, trial: Trial) -> float:
        value = trial.seconds if self.name == _SECONDS else trial.metrics.get(self.name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return drawable(value) if number else math.nan

    @property
    def label(self) -> str:
        return measured("seconds of training" if self.name == _SECONDS else self.name, self.goal)


def pareto(results: Results, ax: Axes | None = None, *, x: str | None = None, y: str | None = None) -> Axes:
    """Two metrics of the full runs, and those that no other dominates; finalists with both intervals.

    Args:
        x: a metric, or ``seconds`` of training; by default the second objective, the first limit, or seconds.
        y: the first objective when left out.
    """
    across, up = _measures(results, x, y)
    ax = plain(ax or new_axes(height=4.2, width=6.4))
    objective = results.sweep.objective
    full = [trial for trial in scored_search(results.trials) if trial.state is State.COMPLETE]
    known = [trial for trial in full if not math.isnan(across.of(trial) + up.of(trial))]
    if not known:
        return say(ax, f"no full run of the search has both {up.name} and {across.name}")
    feasible = [trial for trial in known if not objective.excess(trial.metrics)]
    beyond = [trial for trial in known if objective.excess(trial.metrics)]
    scores = np.array([(across.sign * across.of(t), up.sign * up.of(t)) for t in feasible]).reshape(-1, 2)
    first = (front_ranks(scores) == 0).tolist() if feasible else []
    best = [trial for trial, one in zip(feasible, first, strict=True) if one]
    rest = [trial for trial, one in zip(feasible, first, strict=True) if not one]
    for group, marker, color, label in ((beyond, "x", "#a8a8a8", "beyond a limit"), (rest, "o", SKY, "dominated")):
        if group:
            at = [across.of(t) for t in group], [up.of(t) for t in group]
            ax.scatter(*at, s=16, marker=marker, color=color, label=label, zorder=1)
    _front_line(ax, best, across, up)
    _replicated(ax, results, across, up)
    _knee(ax, results, across, up)
    keep_in_view(ax, [up.of(t) for t in known], [up.of(t) for t in best])
    if _wide([across.of(t) for t in known]):
        ax.set_xscale("log")
    x_label(ax, across.label)
    y_label(ax, up.label)
    legend(ax, beside=True)
    return ax


def _measures(results: Results, x: str | None, y: str | None) -> tuple[_Measure, _Measure]:
    goals = _goals(results)
    names = [one.metric for one in results.sweep.objectives]
    across = x if x is not None else next((one for one in goals if one not in names[:1]), _SECONDS)
    found = []
    for option, name in (("x", across), ("y", y if y is not None else names[0])):
        if name not in goals:
            raise UsageError(
                f"pareto: {option} must be {one_of(goals)}, got {name!r}{did_you_mean(name, goals)}; of other metrics "
                "it is not known which direction is better"
            )
        found.append(_Measure(name, goals[name]))
    return found[0], found[1]


def _goals(results: Results) -> dict[str, str]:
    """The metrics whose better direction is known: objectives, limits, seconds, and metrics of predictions."""
    goals: dict[str, str] = {one.metric: one.goal for one in results.sweep.objectives}
    for limit in results.sweep.objective.limits:
        goals.setdefault(limit.metric, "maximize" if limit.max is None else "minimize")
    goals.setdefault(_SECONDS, "minimize")
    for name in sorted({name for trial in results.trials for name in trial.metrics}):
        if name in SCORERS:
            goals.setdefault(name, SCORERS[name])
    return goals


def _wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) > _WIDE


def _front_line(ax: Axes, front: Sequence[Trial], across: _Measure, up: _Measure) -> None:
    if not front:
        return
    ordered = sorted(front, key=across.of)
    x, y = [across.of(t) for t in ordered], [up.of(t) for t in ordered]
    # The step keeps what is beaten on one side: behind a point nothing better is known.
    ax.step(x, y, where="post" if across.sign < 0 else "pre", color=BLUE, linewidth=1, zorder=2)
    ax.plot(x, y, "o", color=BLUE, markersize=6, label="front of the search", zorder=3)


def _replicated(ax: Axes, results: Results, across: _Measure, up: _Measure) -> None:
    """Crosses: the finalists' means on fresh seeds, with the intervals of both metrics."""
    board = results.leaderboard()
    label: str | None = "finalist on fresh seeds"
    for row in board.rows:
        x, y = _fresh(row, across.name, board.metric), _fresh(row, up.name, board.metric)
        if x is None or y is None or row.fresh is None:
            continue
        color = BLACK if row.trial == board.winner else ORANGE
        wide, tall = bounds(x.low, x.high), bounds(y.low, y.high)
        if wide is not None:
            ax.plot(wide, [drawable(y.mean)] * 2, color=color, linewidth=1, zorder=4)
        if tall is not None:
            ax.plot([drawable(x.mean)] * 2, tall, color=color, linewidth=1, zorder=4)
        winner = row.trial == board.winner
        named = "winner on fresh seeds" if winner else label
        ax.plot(drawable(x.mean), drawable(y.mean), "+", color=color, markersize=9, label=named, zorder=4)
        label = label if winner else None


def _knee(ax: Axes, results: Results, across: _Measure, up: _Measure) -> None:
    """A star at the bend of the front of two objectives."""
    objectives = {one.metric for one in results.sweep.objectives}
    if {across.name, up.name} != objectives or not results.leaderboard().replicated:
        return
    front = results.front()
    if front.knee is not None:
        values = front.point(front.knee.trial).values
        at = drawable(values[across.name].mean), drawable(values[up.name].mean)
        name = f"knee (trial {front.knee.trial})"
        ax.plot(*at, "*", color=PURPLE, markersize=13, alpha=0.7, label=name, zorder=5)


def _fresh(row: Row, metric: str, objective: str) -> Interval | None:
    if metric == objective:
        return row.fresh
    if metric == _SECONDS:
        return Interval(row.cost, math.nan, math.nan, 1)
    return row.others.get(metric)
