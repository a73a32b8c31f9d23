"""Parallel coordinates: all parameters of all trials at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ...search import State, Trial
from ...spaces import Objective
from ..finalists import scored_search
from .lane import Lane, objective_lane, parameter_lane
from .style import (
    BLACK,
    PALE,
    SEQUENTIAL,
    VERMILION,
    Floats,
    drawable,
    legend,
    measured,
    new_axes,
    say,
    ticks,
    words,
    write,
)

if TYPE_CHECKING:
    from ..results import Results

_OFF = -0.13
"""Height of the lane of parameters that are not active."""


def parallel(results: Results, ax: Axes | None = None) -> Axes:
    """A line per trial across all searched parameters; what is not active runs through the lane "off".

    Full runs are coloured by their value, stopped ones are grey, finalists thick and the winner black.
    """
    objective, space = results.sweep.objective, results.sweep.parameters
    trials = sorted(scored_search(results.trials), key=lambda t: objective.score(drawable(t.value(objective.metric))))
    names = space.searched
    ax = ax or new_axes(height=4.6, width=max(8.0, 1.15 * (len(names) + 1)))
    if not trials or not names:
        return say(ax, "no trial of the search has a score yet" if names else "the space has nothing to choose")
    lanes = [parameter_lane(space[name], name, trials) for name in names]
    lanes.append(objective_lane(objective, trials))
    heights = np.array([[lane.height(trial, _OFF) for lane in lanes] for trial in trials])
    _lines(ax, results, trials, heights)
    _axes(ax, lanes, off=bool((heights == _OFF).any()))
    legend(ax, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4)
    return ax


def _lines(ax: Axes, results: Results, trials: Sequence[Trial], heights: Floats) -> None:
    board, objective = results.leaderboard(), results.sweep.objective
    full = np.array([trial.state is State.COMPLETE for trial in trials])
    finalists = {row.trial for row in board.rows if row.fresh is not None and row.trial != board.winner}
    rows = np.arange(heights.shape[1], dtype=float)
    points = np.stack([np.broadcast_to(rows, heights.shape), heights], axis=2)  # (trials, lanes, x and y)
    faint = max(0.25, min(0.9, 40 / len(trials)))
    if not full.all():
        label = "stopped early or under way"
        ax.add_collection(LineCollection(list(points[~full]), colors=PALE, linewidths=0.7, alpha=faint, label=label))
    if full.any():
        done = [trial for trial in trials if trial.state is State.COMPLETE]
        _coloured(ax, done, points[full], objective, finalists, max(faint, 0.5))
    for index, trial in enumerate(trials):
        if trial.number == board.winner:
            ax.plot(rows, heights[index], color=BLACK, linewidth=2.6, zorder=4, label=f"winner (trial {trial.number})")


def _coloured(
    ax: Axes, trials: Sequence[Trial], points: Floats, objective: Objective, finalists: set[int], alpha: float
) -> None:
    """Lines coloured by their value, with the scale beside the axes."""
    values = np.array([drawable(trial.value(objective.metric)) for trial in trials])
    widths = [2.6 if trial.number in finalists else 1.0 for trial in trials]
    lines = LineCollection(list(points), array=values, cmap=_colours(objective), linewidths=widths, zorder=2)
    lines.set_clim(*_limits(values, objective))
    ax.add_collection(lines)
    figure = ax.get_figure()
    if figure is not None:
        bar = figure.colorbar(lines, ax=ax, pad=0.03)
        bar.set_label(measured(objective.metric, objective.goal), parse_math=False)
    lines.set_alpha(alpha)  # after the scale, which stays opaque


def _colours(objective: Objective) -> str:
    """Good is dark, whichever direction is better."""
    return f"{SEQUENTIAL}_r" if objective.sign > 0 else SEQUENTIAL


def _limits(values: Floats, objective: Objective) -> tuple[float, float]:
    """Colours are for the better three quarters: what failed badly needs no shades."""
    scale = float(np.abs(values).max()) or 1.0
    quarter = float(np.quantile(values / scale, 0.25 if objective.sign > 0 else 0.75)) * scale
    return (quarter, float(values.max())) if objective.sign > 0 else (float(values.min()), quarter)


def _axes(ax: Axes, lanes: Sequence[Lane], off: bool) -> None:
    for place, lane in enumerate(lanes):
        ax.plot([place, place], [0, 1], color="#555555", linewidth=1, zorder=3)
        for height, text in lane.ticks:
            ax.plot([place - 0.03, place], [height, height], color="#555555", linewidth=0.8, zorder=3)
            box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
            last = place == len(lanes) - 1
            at, align = (place + 0.04, "left") if last else (place - 0.05, "right")
            write(ax, at, height, words(text, 14), ha=align, va="center", fontsize=7, bbox=box, zorder=5)
    if off:
        ax.axhline(_OFF, color=VERMILION, linewidth=0.7, linestyle=":", zorder=1)
        write(ax, -0.28, _OFF, "off", ha="right", va="center", color=VERMILION)
    crowded = max(len(lane.name) for lane in lanes) > 11 or len(lanes) > 9
    how = {"rotation": 20, "ha": "right"} if crowded else {}
    ticks(ax.xaxis, range(len(lanes)), [words(lane.name, 32) for lane in lanes], fontsize=8, **how)
    ax.set_yticks([])
    ax.tick_params(length=0)
    ax.set_xlim(-0.6, len(lanes) - 1 + 0.5)
    ax.set_ylim(_OFF - 0.06 if off else -0.06, 1.06)
    for spine in ax.spines.values():
        spine.set_visible(False)
