"""Figures. Each function draws on the Axes it is given, or on a new one, and returns it. Imports matplotlib."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...search import Phase, State, Sweep, Trial
from ..leaderboard import Leaderboard

_BEST, _OTHER, _STOPPED, _LINE = "#0072b2", "#8a8a8a", "#c9c9c9", "#d55e00"


def plot_history(trials: Sequence[Trial], sweep: Sweep, ax: Axes | None = None) -> Axes:
    """Value of each search trial when it ended, against the search's seconds, and the best of full runs so far.

    With a fidelity only full runs make the line: values at lower fidelities are not comparable.
    """
    ax = ax or _axes(height=3.2)
    objective = sweep.objective
    ended = sorted(
        (t for t in trials if t.phase is Phase.SEARCH and t.reports and t.state in (State.COMPLETE, State.STOPPED)),
        key=lambda trial: trial.reports[-1].elapsed,
    )
    for state, color, label in (
        (State.STOPPED, _STOPPED, "stopped early"),
        (State.COMPLETE, _OTHER, "trained in full"),
    ):
        points = [
            (trial.reports[-1].elapsed, _drawable(trial.reports[-1].metrics[objective.metric]))
            for trial in ended
            if trial.state is state
        ]
        if points:
            ax.scatter([x for x, _ in points], [y for _, y in points], s=18, color=color, label=label, zorder=2)
    best: list[tuple[float, float]] = []
    for trial in ended:
        value = trial.value(objective.metric)
        better = value is not None and (not best or objective.score(value) > objective.score(best[-1][1]))
        if trial.state is State.COMPLETE and value is not None and better:
            best.append((trial.reports[-1].elapsed, value))
    if best:
        best.append((ended[-1].reports[-1].elapsed, best[-1][1]))
        times, values = zip(*best, strict=True)
        ax.step(
            times,
            [_drawable(value) for value in values],
            where="post",
            color=_BEST,
            label="best full run so far",
            zorder=3,
        )
    ax.set_xlabel("seconds of search")
    ax.set_ylabel(f"{objective.metric} ({objective.goal})", parse_math=False)
    if ended:
        ax.legend(frameon=False, fontsize=8)
    return ax


def plot_leaderboard(board: Leaderboard, ax: Axes | None = None) -> Axes:
    """Fresh means with intervals, best on top; the tied set in colour, search scores as hollow marks."""
    rows = [row for row in board.rows if row.fresh is not None]
    ax = ax or _axes(height=0.9 + 0.32 * max(1, len(rows)))
    for place, row in enumerate(rows):
        if row.fresh is None:
            continue
        color = _BEST if row.tied else _OTHER
        ax.plot([_drawable(row.fresh.low), _drawable(row.fresh.high)], [place, place], color=color, linewidth=2)
        ax.plot(_drawable(row.fresh.mean), place, "o", color=color, markersize=6)
        if row.optimism is not None:
            ax.plot(
                _drawable(row.search_score), place, "o", markerfacecolor="none", markeredgecolor=_LINE, markersize=6
            )
    ax.plot([], [], "o-", color=_BEST, label="tied for best")
    ax.plot([], [], "o-", color=_OTHER, label="worse than the best")
    ax.plot([], [], "o", markerfacecolor="none", markeredgecolor=_LINE, label="search score")
    ax.set_yticks(range(len(rows)), [f"trial {row.trial}" for row in rows])
    ax.invert_yaxis()
    ax.set_xlabel(f"{board.metric}, fresh replicates, {100 * (1 - board.alpha):g} % interval", parse_math=False)
    if rows:
        ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def to_svg(ax: Axes) -> str:
    """The figure of ``ax`` as an SVG element, the same for the same data."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "assay", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)  # the reader's font has it
        ax.get_figure(root=True).savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})  # type: ignore[union-attr]
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _drawable(value: float) -> float:
    """A diverged metric may be so large that the width of an axis around it overflows."""
    return max(-1e300, min(1e300, value))


def _axes(height: float) -> Axes:
    ax = Figure(figsize=(8.0, height), layout="constrained").add_subplot()
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(color="#eeeeee")
    ax.set_axisbelow(True)
    return ax
