"""Figures: on the Axes that are given, or on new ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from matplotlib.figure import Figure

from assay.analysis import Results
from assay.analysis.plots import plot_history, plot_leaderboard, to_svg
from assay.search import State

from .conftest import Recorder


def test_new_and_given_axes(finished: Results) -> None:
    ax = Figure().add_subplot()
    assert plot_history(finished.trials, finished.sweep, ax=ax) is ax
    assert plot_history(finished.trials, finished.sweep) is not ax
    ax = Figure().add_subplot()
    assert plot_leaderboard(finished.leaderboard(), ax=ax) is ax
    assert plot_leaderboard(finished.leaderboard()) is not ax


def test_leaderboard_has_the_best_on_top(finished: Results) -> None:
    ax = plot_leaderboard(finished.leaderboard())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["trial 1", "trial 2", "trial 0"]
    assert ax.yaxis_inverted()
    assert ax.get_xlabel() == "accuracy, fresh replicates, 95 % interval"


@pytest.mark.parametrize(("goal", "expected"), [("maximize", [0.5, 0.9, 0.9]), ("minimize", [0.5, 0.3, 0.3])])
def test_history_follows_the_best_full_run(recorder: Callable[..., Recorder], goal: str, expected: list[float]) -> None:
    made = recorder(objectives=[{"metric": "score", "goal": goal}])
    for value in (0.5, 0.9, 0.3):
        made.search([value])
    for value in (0.01, 0.99):
        made.search([value], state=State.STOPPED)  # at a lower fidelity: not on the line
    made.search([2.0], state=State.FAILED)
    results = made.results()
    ax = plot_history(results.trials, results.sweep)
    (line,) = ax.get_lines()
    assert list(line.get_ydata()) == expected  # type: ignore[arg-type]
    assert ax.get_ylabel() == f"score ({goal})"
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {  # type: ignore[union-attr]
        "stopped early",
        "trained in full",
        "best full run so far",
    }


def test_nothing_to_draw(recorder: Callable[..., Recorder]) -> None:
    results = recorder().results()
    assert plot_history(results.trials, results.sweep).get_lines() == []  # type: ignore[comparison-overlap]
    plot_leaderboard(results.leaderboard())


def test_the_same_data_give_the_same_svg(finished: Results) -> None:
    svg = to_svg(plot_leaderboard(finished.leaderboard()))
    assert svg.startswith("<svg")
    assert svg == to_svg(plot_leaderboard(finished.leaderboard()))
