"""Who is best: known answers on made-up sweeps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.analysis import Interval, Leaderboard, Results
from assay.analysis.leaderboard import build_leaderboard
from assay.search import Phase, Report, State, Trial

MINIMIZE = {"objectives": [{"metric": "loss", "goal": "minimize"}]}
TWO = {"leaderboard": {"top": 2, "seeds": 3, "test": "paired_t"}}


def order(board: Leaderboard) -> list[int]:
    return [row.trial for row in board.rows]


def test_known_answer(finished: Results) -> None:
    board = finished.leaderboard()
    first, second, third = board.rows
    assert (order(board), board.winner, board.tied, board.replicates) == ([1, 2, 0], 1, [1, 2], 3)
    assert [row.rank for row in board.rows] == [1, 2, 3]
    assert [row.tied for row in board.rows] == [True, True, False]
    assert [row.default for row in board.rows] == [False, False, True]
    best, other, default = np.array([[0.90, 0.93, 0.93], [0.91, 0.90, 0.94], [0.71, 0.69, 0.70]])
    low, high = stats.ttest_1samp(best, 0).confidence_interval(0.95)
    assert first.fresh is not None
    assert first.fresh.count == 3
    np.testing.assert_allclose([first.fresh.mean, first.fresh.low, first.fresh.high], [best.mean(), low, high])
    raw = [stats.ttest_rel(best, values, alternative="greater").pvalue for values in (other, default)]
    np.testing.assert_allclose([first.p_value, second.p_value, third.p_value], [1.0, raw[0], 2 * raw[1]])
    np.testing.assert_allclose([first.difference, second.difference, third.difference], [0, 0.01 / 3, 0.22])
    np.testing.assert_allclose([row.optimism for row in board.rows], [0.03, 0.01 / 3, 0.0], atol=1e-12)
    assert first.test == Interval(0.75, 0.75, 0.75, 3)
    assert third.test is None


def test_headline_of_ties(finished: Results) -> None:
    text = "2 of 3 finalists are tied for best (95 %, paired t, Holm); trial 1 has the best mean"
    assert finished.leaderboard().headline == text


def test_minimize(recorder: Callable[..., Any]) -> None:
    made = recorder(**MINIMIZE, **TWO)
    worse, better = made.search([0.50]), made.search([0.10])
    made.replicate(worse, [0.50, 0.52, 0.51])
    made.replicate(better, [0.19, 0.21, 0.20])
    board = made.results().leaderboard()
    assert order(board) == [1, 0]
    assert [row.tied for row in board.rows] == [True, False]
    np.testing.assert_allclose([row.difference for row in board.rows], [0.0, 0.31])
    assert math.copysign(1, board.rows[0].difference or 0.0) == 1.0
    np.testing.assert_allclose([row.optimism for row in board.rows], [0.1, 0.01])  # a lower loss flatters
    assert board.headline == "trial 1 is better than the other finalist (95 %, paired t, Holm)"


def test_a_trial_stopped_early_has_no_optimism(recorder: Callable[..., Any]) -> None:
    made = recorder(**TWO)
    full, stopped = made.search([0.5, 0.8]), made.search([0.4], state=State.STOPPED)
    for trial in (full, stopped):
        made.replicate(trial, [0.7, 0.8, 0.9])
    rows = {row.trial: row for row in made.results().leaderboard().rows}
    assert rows[0].optimism == pytest.approx(0.0)
    assert rows[1].optimism is None
    assert rows[1].search_score == 0.4


@pytest.mark.parametrize("scale", [1e-14, 1.0, 1e6])
def test_equal_means_go_to_the_cheaper(recorder: Callable[..., Any], scale: float) -> None:
    made = recorder(**TWO)
    dear, cheap = made.search([0.9 * scale]), made.search([0.8 * scale])
    made.replicate(dear, [0.1 * scale, 0.2 * scale, 0.3 * scale], seconds=9.0)
    made.replicate(cheap, [0.3 * scale, 0.1 * scale, 0.2 * scale], seconds=2.0)  # the same mean up to rounding
    board = made.results().leaderboard()
    assert order(board) == [1, 0]
    assert [row.cost for row in board.rows] == [2.0, 9.0]
    assert board.rows[1].difference == pytest.approx(0.0, abs=1e-12 * scale)


def test_tiny_metrics_are_told_apart(recorder: Callable[..., Any]) -> None:
    made = recorder(**MINIMIZE, **TWO)
    worse, better = made.search([5e-14]), made.search([1e-14])
    made.replicate(worse, [5.0e-14, 5.1e-14, 5.3e-14], seconds=0.1)
    made.replicate(better, [1.0e-14, 1.2e-14, 1.1e-14])
    board = made.results().leaderboard()
    assert order(board) == [1, 0]
    assert board.tied == [1]


def test_tie_break_by_cost(recorder: Callable[..., Any]) -> None:
    made = recorder(leaderboard={"top": 3, "seeds": 3, "tie_break": "cost", "test": "paired_t"})
    default, dear, cheap = (made.search([value]) for value in (0.2, 0.9, 0.8))
    made.replicate(default, [0.20, 0.21, 0.19], seconds=0.1)  # cheapest of all, but not tied
    made.replicate(dear, [0.90, 0.91, 0.95], seconds=9.0)
    made.replicate(cheap, [0.89, 0.93, 0.91], seconds=2.0)
    board = made.results().leaderboard()
    assert order(board) == [1, 2, 0]
    assert (board.winner, board.tied) == (2, [1, 2])
    assert board.headline.endswith("; trial 2 is handed over (the cheapest)")


def test_failed_replicates_are_named_and_not_ranked(recorder: Callable[..., Any]) -> None:
    made = recorder()
    first, second, third = (made.search([value]) for value in (0.9, 0.8, 0.7))
    made.replicate(first, [0.8, 0.9])
    made.failed_replicate(first, 3, "out of memory")
    made.replicate(second, [0.80, 0.82, 0.84])
    made.replicate(third, [0.70, 0.72, 0.71])
    board = made.results().leaderboard()
    assert [(row.trial, row.rank, row.failed) for row in board.rows] == [(1, 1, 0), (2, 2, 0), (0, None, 1)]
    assert board.rows[2].fresh is None
    assert "trial 0 is not ranked: 1 of 3 replicates failed (out of memory)" in board.notes
    assert board.headline == "trial 1 is better than the other finalist (95 %, paired t, Holm)"


def test_one_ranked_finalist_is_not_called_better(recorder: Callable[..., Any]) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 2})
    made.replicate(made.search([0.9]), [0.8, 0.9])
    board = made.results().leaderboard()
    assert (board.winner, board.tied, board.rows[0].p_value) == (0, [0], 1.0)
    assert board.headline == "trial 0 is the only finalist that is ranked: there was nothing to compare it with"


def test_all_replicates_failed(recorder: Callable[..., Any]) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 2})
    trial = made.search([0.9])
    for split in (1, 2):
        made.failed_replicate(trial, split, "boom")
    board = made.results().leaderboard()
    assert board.winner is None
    assert board.notes == ["trial 0 is not ranked: 2 of 2 replicates failed (boom)"]


def test_unreplicated(recorder: Callable[..., Any]) -> None:
    made = recorder()
    for value in (0.5, 0.9, 0.7):
        made.search([value])
    board = made.results().leaderboard()
    assert order(board) == [1, 2, 0]
    assert {row.rank for row in board.rows} == {None}
    assert not board.replicated
    assert (board.winner, board.tied, board.notes) == (None, [], [])
    assert board.headline == "not replicated yet: these are search scores, which flatter the best"


def test_nothing_is_claimed_while_replicates_are_missing(recorder: Callable[..., Any]) -> None:
    made = recorder(**TWO)
    first, second = made.search([0.9]), made.search([0.8])
    made.replicate(first, [0.9, 0.9, 0.9])
    made.replicate(second, [0.1, 0.1])
    board = made.results("running").leaderboard()
    assert board.winner is None
    assert board.notes == ["replication is under way: 5 of 6 runs are over; ranks follow when all are"]


def test_empty(recorder: Callable[..., Any]) -> None:
    board = recorder().results().leaderboard()
    assert board.rows == []
    assert json.loads(json.dumps(board.to_dict(), allow_nan=False))["winner"] is None


def test_notes_on_splits_and_the_sealed_test(recorder: Callable[..., Any]) -> None:
    def notes(metric: str, **fields: Any) -> list[str]:
        made = recorder(objectives=[{"metric": metric, "goal": "maximize"}], leaderboard={"top": 1, "seeds": 2})
        made.replicate(made.search([0.9]), [0.8, 0.9], **fields)
        return made.results().leaderboard().notes[2:]

    overlap, over_models = notes("accuracy", resplit=True, testable=True)
    assert "their training rows overlap" in overlap
    assert over_models.startswith("the intervals of the sealed test are over models")
    same_data, _ = notes("accuracy", resplit=False, testable=True)
    assert "all replicates were validated on the same data, so intervals hold seed noise only" in same_data
    _, sealed = notes("accuracy", resplit=True, testable=False)
    assert sealed.startswith("no score on a sealed test part: it needs trial.split(inputs, targets)")
    _, unknown = notes("reward", resplit=True, testable=True)
    assert unknown.startswith("no score on the sealed test part: 'reward' is not known as a metric of predictions")


def test_keys_of_the_json_are_stable(finished: Results) -> None:
    document = json.loads(json.dumps(finished.leaderboard().to_dict(), allow_nan=False))
    assert set(document) == {
        "schema_version", "sweep", "metric", "goal", "alpha", "test", "test_words", "statement", "assumptions", "rope",
        "confirmed", "unranked",
        "reported", "full_runs", "p_best_among_finalists", "expected_regret", "superiority", "tie_break", "stopped",
        "ask_for",
        "replicated", "replicates", "varies", "winner", "tied", "headline", "notes", "broken_limits", "rows",
    }  # fmt: skip
    assert set(document["rows"][0]) == {
        "rank", "trial", "config_id", "config", "default", "rival", "tied", "fresh", "values", "difference",
        "difference_interval", "p_value", "p_best", "p_superior", "shrunk", "rope", "in_rope", "left_after",
        "search_score", "optimism", "cost_seconds", "failed_replicates", "test", "others", "on_front",
        "network", "network_short", "supernet",
    }  # fmt: skip
    assert list(document["rows"][0]["fresh"]) == ["mean", "low", "high", "count"]
    assert document["rows"][0]["test"] == {"mean": 0.75, "low": 0.75, "high": 0.75, "count": 3}


@pytest.mark.parametrize("values", [[1e200, 0.1, 0.2], [1.7e308, 1.7e308, -1.7e308], [0.0, 0.0, 0.0]])
def test_json_has_no_infinity_for_extreme_values(recorder: Callable[..., Any], values: list[float]) -> None:
    made = recorder(**TWO)
    for start in (0.5, 1.7e308):
        trial = made.search([start])
        made.replicate(trial, values if start == 0.5 else [-value for value in values])
    board = made.results().leaderboard()
    json.dumps(board.to_dict(), allow_nan=False)
    assert len(board.rows) == 2


def test_json_has_no_infinity_for_one_test_score(recorder: Callable[..., Any]) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 2})
    model, _ = made.replicate(made.search([0.9]), [0.8, 0.9])
    made.test(model, [[0.9, 0.1]], [0])
    (row,) = made.results().leaderboard().to_dict()["rows"]
    assert row["test"] == {"mean": 1.0, "low": None, "high": None, "count": 1}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3))
def test_search_scores_change_nothing_but_optimism(finished: Results, scores: list[float]) -> None:
    def with_score(trial: Trial) -> Trial:
        if trial.phase is not Phase.SEARCH:
            return trial
        return replace(trial, reports=(Report(2, {"accuracy": scores[trial.number]}, 0.0, 0),))

    before = finished.leaderboard()
    after = build_leaderboard(finished.sweep, [with_score(trial) for trial in finished.trials], {})
    neutral = {"search_score": 0.0, "optimism": 0.0, "test": None}
    assert [replace(row, **neutral) for row in after.rows] == [replace(row, **neutral) for row in before.rows]
    assert (after.winner, after.tied, after.headline) == (before.winner, before.tied, before.headline)
    assert [row.search_score for row in after.rows] == [scores[row.trial] for row in after.rows]


def test_pairs_are_matched_by_split_whatever_the_order_of_recording(recorder: Callable[..., Any]) -> None:
    made = recorder(**TWO)
    first, second = made.search([0.9]), made.search([0.8])
    made.replicate(first, [0.1, 0.5, 0.9])
    made.replicate(second, [0.09, 0.48, 0.87])
    results = made.results()
    straight = results.leaderboard()
    backward = build_leaderboard(results.sweep, results.trials[::-1], {})
    assert backward == straight
    expected = stats.ttest_rel([0.1, 0.5, 0.9], [0.09, 0.48, 0.87], alternative="greater").pvalue
    assert straight.rows[1].p_value == pytest.approx(2 * expected), "two configs: which is tested was chosen by looking"


def test_alpha_widens_the_intervals_and_the_tied_set(recorder: Callable[..., Any]) -> None:
    def board(alpha: float) -> Leaderboard:
        made = recorder(leaderboard={"top": 2, "seeds": 3, "alpha": alpha, "test": "paired_t"})
        for value, runs in ((0.9, [0.92, 0.95, 0.93]), (0.8, [0.90, 0.91, 0.92])):
            made.replicate(made.search([value]), runs)
        return made.results().leaderboard()

    loose, strict = board(0.2), board(0.001)
    assert len(loose.tied) == 1
    assert len(strict.tied) == 2
    assert "(99.9 %, paired t, Holm)" in strict.headline
    assert strict.rows[0].fresh is not None
    assert loose.rows[0].fresh is not None
    assert strict.rows[0].fresh.low < loose.rows[0].fresh.low


def test_html(finished: Results) -> None:
    assert finished.leaderboard()._repr_html_().count("<table") == 1
    assert finished._repr_html_().count("<tr") == 4


def test_replicates_that_never_vary_prove_nothing(recorder: Callable[..., Any]) -> None:
    made = recorder(**TWO)
    for value in (0.9, 0.8):
        made.replicate(made.search([value]), [value] * 3)
    board = made.results().leaderboard()
    assert not board.varies
    assert board.headline == "trial 0 is better than the other finalist (replicates do not vary: no test)"
    assert [row.p_value for row in board.rows] == [None, None]
    assert [row.tied for row in board.rows] == [True, False]
    assert any("nothing is random here, so nothing can be tested" in note for note in board.notes)
