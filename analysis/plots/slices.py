"""One parameter against the objective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from ...search import State, Trial
from ...spaces import Categorical, Constant, UsageError, did_you_mean, one_of
from ...spaces.numeric import Numeric
from ..finalists import scored_search
from .style import (
    BLACK,
    SEQUENTIAL,
    drawable,
    keep_in_view,
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

_GOLDEN = 0.618034
"""Multiples of it, modulo 1, spread evenly."""


def parameter_slice(results: Results, ax: Axes | None = None, *, parameter: str | None = None) -> Axes:
    """Values of one parameter against the objective, full runs filled, stopped ones hollow, finalists ringed.

    Args:
        parameter: its name; the first number that is searched when left out.
    """
    name = searched_parameter(results, parameter)
    objective = results.sweep.objective
    ax = plain(ax or new_axes(width=6.4))
    trials = [trial for trial in scored_search(results.trials) if name in trial.config]
    if not trials:
        return say(ax, f"no trial with a score in which {words(name)} is active")
    x, y = _places(results, ax, name, trials), [drawable(trial.value(objective.metric)) for trial in trials]
    full = [trial.state is State.COMPLETE for trial in trials]
    numbers = [trial.number for trial in trials]
    scale: dict[str, Any] = {"vmin": min(numbers), "vmax": max(numbers), "cmap": SEQUENTIAL, "zorder": 2}
    for filled, label, size in ((False, "stopped early or under way", 8), (True, "trained in full", 24)):
        at = [index for index, one in enumerate(full) if one is filled]
        if at:
            image = ax.scatter(
                [x[i] for i in at], [y[i] for i in at], s=size, c=[numbers[i] for i in at], label=label, **scale
            )
    finalists = {row.trial for row in results.leaderboard().rows if row.fresh is not None}
    at = [index for index, number in enumerate(numbers) if number in finalists]
    if at:
        x_of, y_of = [x[i] for i in at], [y[i] for i in at]
        ax.scatter(x_of, y_of, s=70, facecolors="none", edgecolors=BLACK, label="finalist", zorder=3)
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax, label="trial")
    keep_in_view(ax, y, [y[i] for i in at])
    x_label(ax, words(name))
    y_label(ax, measured(objective.metric, objective.goal))
    legend(ax, loc="upper center", bbox_to_anchor=(0.5, 1.13), ncols=3)
    return ax


def searched_parameter(results: Results, parameter: str | None) -> str:
    """A parameter by its name; for None the first number that is searched, or the first choice.

    Raises:
        UsageError: for a name that is not in the space.
    """
    space = results.sweep.parameters
    if parameter is None:
        names = space.searched or list(space)
        return next((name for name in names if isinstance(space[name], Numeric)), names[0])
    if parameter not in space:
        raise UsageError(f"parameter must be {one_of(space)}, got {parameter!r}{did_you_mean(parameter, space)}")
    return parameter


def _places(results: Results, ax: Axes, name: str, trials: Sequence[Trial]) -> list[float]:
    """Where the values stand on the x axis, which is given its scale."""
    found = results.sweep.parameters[name]
    values = [trial.config[name] for trial in trials]
    if isinstance(found, Numeric):
        if found.log:
            ax.set_xscale("log")
        return [float(value) for value in values]  # type: ignore[arg-type]
    choices = found.choices if isinstance(found, (Categorical, Constant)) else values
    order = {repr(value): place for place, value in enumerate(choices)}
    ticks(ax.xaxis, range(len(choices)), [words(choice, 24) for choice in choices])
    # Beside each other, always in the same way, so that equal choices do not hide each other.
    return [order[repr(t.config[name])] + 0.3 * (t.number * _GOLDEN % 1 - 0.5) for t in trials]
