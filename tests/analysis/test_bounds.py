"""No interval promises what no value of the metric can be."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from assay.analysis import Interval
from assay.analysis.bounds import _KNOWN, Bounds
from assay.search import Phase
from assay.spaces import SCORERS, Goal, Objective

from .conftest import Recorder


@pytest.mark.parametrize(
    ("objective", "values", "expected"),
    [
        (Objective("accuracy", "maximize"), [0.2, 1.0], Bounds(0.0, 1.0)),
        (Objective("val_auc", "maximize"), [0.2], Bounds(0.0, 1.0)),
        (Objective("mine", "maximize", scorer="accuracy"), [0.2], Bounds(0.0, 1.0)),
        (Objective("rmse", "minimize"), [7.0], Bounds(0.0, math.inf)),
        (Objective("r2", "maximize"), [-3.0], Bounds(-math.inf, 1.0)),
        (Objective("accuracy", "maximize"), [93.5, 0.7], Bounds()),  # in percent
        (Objective("reward", "maximize"), [0.5], Bounds()),
        (Objective("error", "minimize"), [0.5], Bounds()),  # of what, nobody says
        (Objective("error", "minimize", scorer="error"), [0.5], Bounds(0.0, 1.0)),
        (None, [0.5], Bounds()),
    ],
)
def test_what_is_known_of_a_metric(objective: Objective | None, values: list[float], expected: Bounds) -> None:
    assert Bounds.of(objective, values) == expected


def test_every_scorer_has_bounds() -> None:
    assert _KNOWN.keys() == SCORERS.keys()


def test_intervals_are_cut() -> None:
    bounds = Bounds(0.0, 1.0)
    assert bounds.cut(Interval(0.9, 0.7, 1.1, 3)) == Interval(0.9, 0.7, 1.0, 3)
    assert bounds.cut(Interval(0.1, -0.7, 0.9, 3)) == Interval(0.1, 0.0, 0.9, 3)
    assert bounds.cut_difference(-0.2, 1.3) == (-0.2, 1.0)
    assert Bounds(0.0, math.inf).cut_difference(-5.0, 7.0) == (-5.0, 7.0)
    assert Bounds(-math.inf, 1.0).cut_difference(-3.0, 4.0) == (-3.0, 4.0)
    unknown = Interval(0.9, -math.inf, math.inf, 1)
    assert bounds.cut(unknown) == unknown
    assert bounds.cut_difference(-math.inf, math.inf) == (-math.inf, math.inf)


def two(store: Path, *metrics: tuple[str, Goal]) -> Recorder:
    """Two configs whose replicates differ so much that nothing is known of them, the same in each metric."""
    leaderboard = {"top": 2, "seeds": 2, "test": "paired_t"}
    objectives = [{"metric": metric, "goal": goal} for metric, goal in metrics]
    made = Recorder(store, objectives=objectives, leaderboard=leaderboard)
    made.others = {metric: 0.5 for metric, _ in metrics[1:]}
    trials = [made.search([0.9]), made.search([0.8])]
    for trial, scores in zip(trials, ((0.99, 0.3), (0.05, 0.6)), strict=True):
        for split, score in enumerate(scores, start=1):
            made.others = {metric: score for metric, _ in metrics[1:]}
            made.again(trial, Phase.REPLICATE, split, score)
    return made


@pytest.mark.parametrize(("metric", "goal"), [("accuracy", "maximize"), ("hamming_loss", "minimize")])
def test_the_board_and_a_comparison_stay_within(tmp_path: Path, metric: str, goal: Goal) -> None:
    results = two(tmp_path, (metric, goal)).results()
    board = results.leaderboard()
    assert [(row.fresh.low, row.fresh.high) for row in board.rows if row.fresh] == [(0.0, 1.0), (0.0, 1.0)]
    assert all(row.difference_interval and min(row.difference_interval) >= -1 for row in board.rows)
    assert all(row.difference_interval and max(row.difference_interval) <= 1 for row in board.rows)
    assert board.reported is not None
    assert (board.reported.low, board.reported.high) == (0.0, 1.0)
    found = results.compare(0, 1)
    assert (found.first.mean.low, found.first.mean.high) == (0.0, 1.0)
    assert (found.difference.low, found.difference.high) == (-1.0, 1.0)


def test_a_metric_without_known_bounds_is_left_as_it_is(tmp_path: Path) -> None:
    (first, _) = two(tmp_path, ("reward", "maximize")).results().leaderboard().rows
    assert first.fresh is not None
    assert first.fresh.high > 1 and first.fresh.low < 0


def test_confirmations_and_other_objectives_stay_within(tmp_path: Path) -> None:
    made = two(tmp_path, ("accuracy", "maximize"), ("roc_auc", "maximize"))
    made.others = {"roc_auc": 0.5}
    winner = made.results().leaderboard().winner
    trial = next(one for one in made.results().trials if one.number == winner)
    for split, score in ((3, 0.99), (4, 0.1)):
        made.again(trial, Phase.CONFIRM, split, score)
    board = made.results().leaderboard()
    assert board.reported is not None
    assert (board.reported.low, board.reported.high, board.reported.count) == (0.0, 1.0, 2)
    assert [row.others["roc_auc"].high for row in board.rows] == [1.0, 1.0]
    front = made.results().front()
    assert front.points
    assert all(0 <= one.low <= one.high <= 1 for point in front.points for one in point.values.values())


def test_a_metric_has_the_same_bounds_in_all_rows(tmp_path: Path) -> None:
    """In percent, where the values of one finalist could be shares."""
    made = Recorder(
        tmp_path,
        objectives=[{"metric": "reward", "goal": "maximize"}, {"metric": "accuracy", "goal": "maximize"}],
        leaderboard={"top": 2, "seeds": 2},
    )
    made.others = {"accuracy": 0.5}
    trials = [made.search([0.9]), made.search([0.8])]
    for trial, scores in zip(trials, ((0.9, 0.1), (40.0, 60.0)), strict=True):
        for split, score in enumerate(scores, start=1):
            made.others = {"accuracy": score}
            made.again(trial, Phase.REPLICATE, split, score)
    rows = made.results().leaderboard().rows
    assert min(row.others["accuracy"].low for row in rows) < 0
    assert min(row.others["accuracy"].low for row in rows if row.trial == 0) < 0
    assert [point.values["accuracy"].low < 0 for point in made.results().front().points]
