"""What single figures show."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from assay.analysis import Results
from assay.analysis.board import Interval, Leaderboard, Row
from assay.analysis.plots import emptiness, plot_critical_difference, plot_history, plot_leaderboard
from assay.analysis.plots.critical_difference import joined
from assay.analysis.plots.lane import objective_lane, parameter_lane
from assay.analysis.plots.style import bounds, drawable, keep_in_view, words
from assay.search import Segment, State
from assay.spaces import Categorical, Config, Float, UsageError

from .conftest import STATES, Maker, population, searched


def labels(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_yticklabels()]


def told(ax: Axes) -> set[str]:
    found = ax.get_legend()
    return {text.get_text() for text in found.get_texts()} if found is not None else set()


def board(*rows: Row, winner: int | None = None) -> Leaderboard:
    return Leaderboard("sweep", "loss", "minimize", 0.05, list(rows), winner=winner, replicates=4)


def row(trial: int, mean: float, **fields: object) -> Row:
    fresh = Interval(mean, mean - 1.0, mean + 1.0, 4)
    return replace(Row(1, trial, Config({"lr": 0.1}), False, mean - 0.5, fresh), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("goal", "expected"), [("maximize", [0.5, 0.9, 0.9]), ("minimize", [0.5, 0.3, 0.3])])
def test_history_follows_the_best_full_run(goal: str, expected: list[float]) -> None:
    made = Maker(objectives=[{"metric": "score", "goal": goal}])
    for value in (0.5, 0.9, 0.3):
        made.search([value])
    for value in (0.01, 0.99):
        made.search([value], State.STOPPED)  # at a lower fidelity: not on the line
        made.search([value], others={"latency_ms": 21.0})  # beyond the limit
    made.search([2.0], State.FAILED)
    ax = plot_history(made.trials, made.sweep)
    (line,) = ax.get_lines()
    assert list(line.get_ydata()) == expected  # type: ignore[arg-type]
    assert ax.get_ylabel() == f"score ({goal})"
    assert told(ax) == {"stopped early", "trained in full", "beyond a limit", "best full run so far"}


def test_history_shows_what_the_winner_is_worth(finished: Results) -> None:
    ax = finished.plot.history()
    honest = finished.leaderboard().reported or finished.leaderboard().row(finished.leaderboard().winner or 0).fresh
    assert honest is not None
    assert [*ax.get_lines()[-1].get_ydata()] == [honest.mean, honest.mean]  # type: ignore[misc]
    assert any(text.startswith("winner (trial ") for text in told(ax))
    assert not any(text.startswith("winner") for text in told(STATES["searched"]().plot.history()))


def test_history_by_trials(finished: Results) -> None:
    line = finished.plot.history(by="trials").get_lines()[0]
    ended = sum(t.state in (State.COMPLETE, State.STOPPED) for t in searched().trials)
    assert max(line.get_xdata()) == ended  # type: ignore[type-var, arg-type]
    with pytest.raises(UsageError, match="by must be 'seconds' or 'trials', got 'steps'"):
        finished.plot.history(by="steps")


def test_forest_has_the_best_on_top() -> None:
    rows = (row(7, 1.0, tied=True, default=True, optimism=0.5), row(3, 2.0, tied=True, rival=True), row(5, 9.0))
    ax = plot_leaderboard(board(*rows, winner=7))
    assert labels(ax) == ["trial 7 (winner, default)", "trial 3 (rival)", "trial 5"]
    assert ax.get_xlabel() == "loss (minimize), 4 fresh replicates, 95 % interval"
    assert told(ax) == {"tied for best", "worse than the best", "search score"}
    assert len(ax.patches) == 2  # the shaded rows
    assert len(ax.texts) == 1  # an arrow from the one search score that flatters
    assert ax.yaxis_inverted()


def test_forest_without_an_interval() -> None:
    ax = plot_leaderboard(board(row(1, 1.0, fresh=Interval(1.0, -math.inf, math.inf, 1))))
    assert ax.get_xlim()[1] < 2  # the mean is drawn, and no line of infinite length


def test_seeds_have_a_line_for_each_split(finished: Results) -> None:
    (lines,) = [one for one in finished.plot.seeds().collections if isinstance(one, LineCollection)]
    assert len(lines.get_segments()) == 4
    rows = [one for one in finished.leaderboard().rows if one.values]
    assert [point[1] for point in lines.get_segments()[0]] == [one.values[1] for one in rows]


def test_optimism_names_the_finalists() -> None:
    ax = STATES["two goals"]().plot.optimism()
    assert {text.get_text() for text in ax.texts} == {"2", "0", "6"}  # trial 10 was stopped: its score is no optimism
    assert "no flattery" in told(ax)


def test_curves_stand_apart(finished: Results) -> None:
    ax = finished.plot.curves()
    named = [f"trial {one.trial}" for one in finished.leaderboard().rows if one.fresh is not None]
    assert {*named} <= told(ax)
    assert [line.get_xdata()[0] for line in ax.get_lines() if line.get_linestyle() == ":"] == [1, 3]  # type: ignore[index]
    assert ax.get_xlabel() == "epoch"


def test_a_changed_member_has_a_curve_for_each_stretch() -> None:
    made = population()
    (lines,) = [one for one in made.results().plot.curves().collections if isinstance(one, LineCollection)]
    assert sorted(len(one) for one in lines.get_segments()) == [2, 4, 4, 6, 8]


def test_rungs_count_who_stopped_where() -> None:
    ax = searched().results().plot.rungs()
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in ax.containers}
    assert heights == {
        "stopped here": [2, 2, 0],
        "failed": [1, 0, 0],
        "trained in full": [0, 0, 7],
        "trained on": [9, 7, 0],
    }
    assert ax.texts[-1].get_text() == "4 of 12 trials stopped early, 7 trained in full"


def test_cost_adds_up() -> None:
    made = searched()
    spent = sum(trial.reports[-1].seconds for trial in made.trials)
    ax = made.results().plot.cost()
    assert ax.dataLim.y1 == pytest.approx(spent)
    assert "trained in full (6.3 s)" in told(ax)


def test_parallel_puts_inactive_parameters_aside(finished: Results) -> None:
    ax = finished.plot.parallel()
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["optimizer", "lr", "momentum", "layers", "accuracy (maximize)"]
    assert "off" in {text.get_text() for text in ax.texts}
    by_optimizer = {t.number: "momentum" in t.config for t in finished.trials}
    winner = finished.leaderboard().winner or 0
    line = next(one for one in ax.get_lines() if str(one.get_label()).startswith("winner"))
    assert (line.get_ydata()[2] < 0) is not by_optimizer[winner]  # type: ignore[index]


def test_slice_chooses_a_number(finished: Results) -> None:
    ax = finished.plot.slice()
    assert (ax.get_xlabel(), ax.get_xscale()) == ("lr", "log")
    other = finished.plot.slice(parameter="optimizer")
    assert [text.get_text() for text in other.get_xticklabels()] == ["adamw", "sgd"]
    with pytest.raises(UsageError, match=r"parameter must be 'optimizer', .*got 'momentun' \(did you mean 'momentum'"):
        finished.plot.slice(parameter="momentun")


def test_pareto_keeps_what_is_not_dominated(finished: Results) -> None:
    ax = finished.plot.pareto()
    front = next(line for line in ax.get_lines() if line.get_label() == "front of the search")
    points = list(zip(front.get_xdata(), front.get_ydata(), strict=True))  # type: ignore[arg-type]
    full = [t for t in searched().trials if t.state is State.COMPLETE and t.metrics["latency_ms"] <= 20]
    for x, y in points:
        assert not any(t.metrics["latency_ms"] <= x and t.value("accuracy") > y for t in full)  # type: ignore[operator]
    assert len(points) == 2
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("latency_ms (minimize)", "accuracy (maximize)")
    assert finished.plot.pareto(x="seconds").get_xlabel() == "seconds of training (minimize)"
    with pytest.raises(UsageError, match="pareto: x must be 'accuracy', 'latency_ms' or 'seconds', got 'size'"):
        finished.plot.pareto(x="size")


def test_pareto_of_replicated_objectives_has_crosses() -> None:
    assert {"winner on fresh seeds", "finalist on fresh seeds"} <= told(STATES["two goals"]().plot.pareto())


def test_lineage_of_the_best() -> None:
    ax = population().results().plot.lineage()
    black = [line for line in ax.get_lines() if line.get_color() == "#000000" and len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert [[*line.get_xdata()] for line in black] == [[4, 8], [0, 4]]  # type: ignore[misc]
    assert "ancestry of trial 2, the best" in told(ax)
    assert labels(ax) == ["trial 0", "trial 1", "trial 2"]


def test_lineage_of_weights_that_were_inherited() -> None:
    """2 began with the weights of 0, 3 with those of 2; a child goes on where its parent ended."""
    made = Maker()
    made.search([0.1, 0.2])
    made.search([0.3])
    made.search([0.3, 0.4, 0.5], parent=0)
    made.search([0.6, 0.7], parent=2)
    ax = made.results().plot.lineage()
    black = [line for line in ax.get_lines() if line.get_color() == "#000000" and len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert [[*line.get_xdata()] for line in black] == [[5, 7], [2, 5], [0, 2]]  # type: ignore[misc]
    assert [one.xyann + one.xy for one in ax.texts if isinstance(one, Annotation)] == [(2, 0, 2, 2), (5, 2, 5, 3)]
    assert told(ax) == {"ancestry of trial 3, the best", "begins with the weights of its parent"}
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch, from the first ancestor on", "trial")


def test_copies_of_a_trial_that_inherited() -> None:
    """2 began with the weights of 0, and went on from a copy of 1 after one more epoch."""
    made = Maker()
    made.search([0.1, 0.2])
    second = made.search([0.3, 0.35])
    stretches = (Segment(0, second.config, 1), Segment(1, second.config, 20, source=1, source_segment=0, first_step=1))
    made.search([0.3, 0.4], parent=0, segments=stretches)
    ax = made.results().plot.lineage()
    assert [one.xyann + one.xy for one in ax.texts if isinstance(one, Annotation)] == [(3, 1, 3, 2), (2, 0, 2, 2)]
    assert "goes on from a copy or begins with the weights of its parent" in told(ax)


def test_a_parent_that_reported_nothing_is_not_drawn() -> None:
    made = Maker()
    made.search([], State.FAILED)
    made.search([0.6, 0.7], parent=0)
    assert emptiness(made.results().plot.lineage()).startswith("no trial was copied, and none began with the weights")
    made.search([0.8], parent=1)
    ax = made.results().plot.lineage()
    assert labels(ax) == ["trial 1", "trial 2"]
    assert [one.xyann + one.xy for one in ax.texts if isinstance(one, Annotation)] == [(2, 0, 2, 1)]
    black = [line for line in ax.get_lines() if line.get_color() == "#000000" and len(line.get_xdata()) == 2]  # type: ignore[arg-type]
    assert [[*line.get_xdata()] for line in black] == [[2, 3], [0, 2]]  # type: ignore[misc]


def test_critical_difference_joins_what_is_close() -> None:
    ax = plot_critical_difference({"a": 1.0, "b": 1.9, "c": 4.0, "$d_1$": 3.1}, 1.0)
    names = [text.get_text().strip() for text in ax.texts]
    assert {"a  1.00", "b  1.90", "4.00  c", "3.10  $d_1$", "critical difference 1.00"} <= {*names}
    assert [line for line in ax.get_lines() if line.get_linewidth() == 4].__len__() == 2
    given = Figure().add_subplot()
    assert plot_critical_difference({"a": 1.0, "b": 2.0}, 0.5, given) is given
    assert emptiness(plot_critical_difference({"a": 1.0}, 0.5)) == "a critical difference needs two configs at least"
    with pytest.raises(UsageError, match="must be above 0"):
        plot_critical_difference({"a": 1.0, "b": 2.0}, 0.0)


@given(st.lists(st.floats(1, 9), max_size=9).map(sorted), st.floats(0.1, 5))
def test_joined_are_the_longest_runs(ranks: list[float], critical: float) -> None:
    runs = joined(ranks, critical)
    close = {(i, j) for i in range(len(ranks)) for j in range(i + 1, len(ranks)) if ranks[j] - ranks[i] <= critical}
    assert {*runs} <= close
    assert all(any(first <= i and j <= last for first, last in runs) for i, j in close)
    assert not any(a != b and b[0] <= a[0] and a[1] <= b[1] for a in runs for b in runs)


def test_lanes_are_on_the_scale_of_the_parameter() -> None:
    made = Maker(parameters={"lr": {"min": 1e-4, "max": 1.0, "log": True}, "act": ["a", "b"]}, constraints=[])
    trial = made.search([0.5], config={"lr": 1e-2, "act": "b"})
    assert parameter_lane(Float(1e-4, 1.0, log=True), "lr", [trial]).height(trial, -1) == pytest.approx(0.5)
    assert parameter_lane(Categorical(["a", "b"]), "act", [trial]).height(trial, -1) == 0.75
    assert parameter_lane(Float(0.0, 1.0), "other", [trial]).height(trial, -1) == -1


@pytest.mark.parametrize("goal", ["maximize", "minimize"])
def test_the_better_end_of_the_objective_is_on_top(goal: str) -> None:
    made = Maker(objectives=[{"metric": "m", "goal": goal}], constraints=[])
    trials = [made.search([value]) for value in (0.2, 0.3, 0.4, -50.0, 50.0)]
    lane = objective_lane(made.sweep.objective, trials)
    heights = [lane.height(trial, -1) for trial in trials]
    best = trials[4] if goal == "maximize" else trials[3]
    assert lane.height(best, -1) == max(heights) == 1
    assert min(heights) >= 0


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none())
def test_every_value_has_a_place(value: float | None) -> None:
    place = drawable(value)
    assert math.isnan(place) if value is None or math.isnan(value) else abs(place) <= 1e300


def test_an_interval_without_ends_is_not_drawn() -> None:
    assert bounds(-math.inf, math.inf) is None
    assert bounds(0.5, 1e308) == (0.5, 1e300)


@given(st.text(max_size=200), st.integers(9, 60))
def test_words_fit_in_a_line(text: str, most: int) -> None:
    shown = words(text, most)
    assert shown.isprintable() or not shown
    assert len(shown) <= most


def test_what_is_far_out_is_left_out_and_told() -> None:
    ax = Figure().add_subplot()
    keep_in_view(ax, [*np.linspace(0, 1, 20), 1e6, math.nan])
    assert ax.get_ylim()[1] < 2
    assert [text.get_text() for text in ax.texts] == ["1 outside the frame"]
    wanted = Figure().add_subplot()
    keep_in_view(wanted, [*np.linspace(0, 1, 20), 1e6], wanted=[1e6])
    assert wanted.get_ylim()[1] > 1e6
