"""How the search went, and what its best is worth on fresh seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from ...search import Phase, State, Sweep, Trial
from ...spaces import Objective
from ..board import Leaderboard
from .style import (
    BLUE,
    GREEN,
    GREY,
    PALE,
    VERMILION,
    bounds,
    choice,
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

_BY = {"seconds": "seconds of search", "trials": "trials of the search that had ended"}


def history(results: Results, ax: Axes | None = None, *, by: str = "seconds") -> Axes:
    """Each trial when it ended, the best of full runs so far, and the winner's score on fresh seeds.

    Args:
        by: ``seconds`` of search, or ``trials``.
    """
    return plot_history(results.trials, results.sweep, ax, results.leaderboard(), by)


def plot_history(
    trials: Sequence[Trial],
    sweep: Sweep,
    ax: Axes | None = None,
    board: Leaderboard | None = None,
    by: str = "seconds",
) -> Axes:
    """Value of each search trial when it ended, and the best of full runs so far.

    With a fidelity only full runs make the line: values at lower fidelities are not comparable.

    Args:
        board: adds the winner's score on fresh seeds with its interval: what the search's best is worth.
        by: ``seconds`` of search, or ``trials``.

    Raises:
        UsageError: for another ``by``.
    """
    x_label_text = _BY[choice("by", by, _BY)]
    ax = plain(ax or new_axes())
    objective = sweep.objective
    ended = sorted(
        (t for t in trials if t.phase is Phase.SEARCH and t.reports and t.state in (State.COMPLETE, State.STOPPED)),
        key=lambda trial: trial.reports[-1].elapsed,
    )
    if not ended:
        return say(ax, "no trial of the search has ended with a score yet")
    places = {t.number: t.reports[-1].elapsed if by == "seconds" else n for n, t in enumerate(ended, start=1)}
    _scatter(ax, ended, places, objective)
    best = _best_so_far(ended, places, objective)
    if best:
        times, values = zip(*best, strict=True)
        ax.step(times, values, where="post", color=BLUE, label="best full run so far", zorder=3)
    shown = _validated(ax, board) if board is not None else []
    keep_in_view(ax, [_value(trial, objective) for trial in ended], [*(value for _, value in best), *shown])
    x_label(ax, x_label_text)
    y_label(ax, measured(objective.metric, objective.goal))
    legend(ax)
    return ax


def _scatter(ax: Axes, ended: Sequence[Trial], places: dict[int, float], objective: Objective) -> None:
    groups = (
        ("stopped early", PALE, "o", [t for t in ended if t.state is State.STOPPED]),
        ("trained in full", GREY, "o", [t for t in ended if _counts(t, objective)]),
        ("beyond a limit", VERMILION, "x", [t for t in ended if t.state is State.COMPLETE and _broken(t, objective)]),
    )
    for label, color, marker, group in groups:
        if group:
            x, y = [places[t.number] for t in group], [_value(t, objective) for t in group]
            ax.scatter(x, y, s=18, color=color, marker=marker, label=label, zorder=2)


def _best_so_far(ended: Sequence[Trial], places: dict[int, float], objective: Objective) -> list[tuple[float, float]]:
    best: list[tuple[float, float]] = []
    for trial in ended:
        value = _value(trial, objective)
        if _counts(trial, objective) and (not best or objective.score(value) > objective.score(best[-1][1])):
            best.append((places[trial.number], value))
    return [*best, (places[ended[-1].number], best[-1][1])] if best else []


def _validated(ax: Axes, board: Leaderboard) -> list[float]:
    """Draws the winner's honest score; returns what of it has to be seen."""
    if board.winner is None:
        return []
    honest = board.reported or board.row(board.winner).fresh
    if honest is None:
        return []
    label = f"winner (trial {board.winner}) on fresh seeds, {100 * (1 - board.alpha):g} % interval"
    ax.axhline(drawable(honest.mean), color=GREEN, linestyle="--", linewidth=1.3, label=label)
    band = bounds(honest.low, honest.high)
    if band is not None:
        ax.axhspan(*band, color=GREEN, alpha=0.15, linewidth=0)
    return [drawable(honest.mean), *(band or ())]


def _value(trial: Trial, objective: Objective) -> float:
    return drawable(trial.value(objective.metric))


def _broken(trial: Trial, objective: Objective) -> bool:
    return objective.excess(trial.metrics) > 0


def _counts(trial: Trial, objective: Objective) -> bool:
    return trial.state is State.COMPLETE and not _broken(trial, objective)
