"""Which test a leaderboard takes, what it takes for granted, and what follows for the winner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from assay.analysis import Leaderboard, Results
from assay.analysis.inference import Replicates, choose_test
from assay.analysis.replication import look_schedule
from assay.search import Phase, State, Trial
from assay.spaces import UsageError

from .conftest import Recorder

Maker = Callable[..., Recorder]
SPLIT = {"resplit": True, "train_rows": 600, "validation_rows": 200}
FIXED = {"resplit": False}


def replicated(recorder: Maker, matrix: Any, fields: dict[str, Any], **changes: Any) -> Recorder:
    """Finalists with rows of scores, shape (k, r)."""
    rows = np.asarray(matrix)
    made = recorder(**{"leaderboard": {"top": len(rows), "seeds": rows.shape[1]}} | changes)
    trials = [made.search([0.5 + 0.01 * number]) for number in range(len(rows))]
    for trial, values in zip(trials, rows.tolist(), strict=True):
        made.replicate(trial, values, **fields)
    return made


def noisy(count: int, seeds: int, shifts: Sequence[float] = (), sd: float = 0.01) -> Any:
    """Scores with noise that looks equally large for all, shape (count, seeds)."""
    means = np.zeros(count)
    means[: len(shifts)] = shifts
    for seed in range(100):
        rng = np.random.default_rng(seed)
        matrix = 0.8 + means[:, None] + rng.normal(0, 0.02, seeds) + rng.normal(0, sd, (count, seeds))
        if choose_test(Replicates(matrix))[0] == "mcb":
            return matrix
    raise AssertionError("no such noise")


def assumed(board: Leaderboard) -> dict[str, bool | None]:
    return {one.name: one.holds for one in board.assumptions}


def test_replicates_of_one_data_set_are_compared_with_the_corrected_variance(recorder: Maker) -> None:
    board = replicated(recorder, noisy(4, 5, [0.05]), SPLIT).results().leaderboard()
    assert board.test == "mcb"
    assert assumed(board)["overlap"] is True
    assert not any("their training rows overlap" in note for note in board.notes)
    plain = replicated(recorder, noisy(4, 5, [0.05]), FIXED).results().leaderboard()
    assert plain.test == "mcb"
    wide, narrow = (one.rows[-1].difference_interval for one in (board, plain))
    assert wide is not None
    assert narrow is not None
    assert wide[1] > narrow[1], "training rows overlap"


def test_ten_splits_are_enough_for_a_variance_of_each_pair(recorder: Maker) -> None:
    board = replicated(recorder, noisy(3, 12, [0.05]), SPLIT).results().leaderboard()
    assert board.test == "nadeau_bengio"


def test_models_scored_on_the_same_examples_are_compared_by_seeds_and_examples(recorder: Maker) -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 100)
    right = rng.random((3, 4, 100)) < np.array([0.9, 0.85, 0.6])[:, None, None]
    scores = right.mean(axis=2)
    made = recorder(leaderboard={"top": 3, "seeds": 4})
    trials = [made.search([0.5 + 0.01 * number]) for number in range(3)]
    for trial, values, own in zip(trials, scores.tolist(), right, strict=True):
        for run, hits in zip(made.replicate(trial, values, **FIXED), own, strict=True):
            sure = np.where(hits == (targets == 1), 0.9, 0.1)
            made.predict(run, "validation", np.stack([1 - sure, sure], axis=1), targets)
    board = made.results().leaderboard()
    assert board.test == "mrmc"
    assert assumed(board)["holdout"] is True
    assert board.tied == [0, 1]
    conditional = made.results().leaderboard("mcb")
    assert assumed(conditional)["holdout"] is False


def test_predictions_of_different_splits_are_pooled(recorder: Maker) -> None:
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 2, 120)
    skill = np.array([0.92, 0.7])
    made = recorder(leaderboard={"top": 2, "seeds": 4})
    trials = [made.search([0.5 + 0.01 * number]) for number in range(2)]
    parts = [rng.permutation(120)[:40] for _ in range(4)]
    right = rng.random((2, 4, 40)) < skill[:, None, None]
    for trial, own in zip(trials, right, strict=True):
        runs = made.replicate(trial, own.mean(axis=1).tolist(), **SPLIT)
        for run, hits, rows in zip(runs, own, parts, strict=True):
            sure = np.where(hits == (targets[rows] == 1), 0.9, 0.1)
            made.predict(run, "validation", np.stack([1 - sure, sure], axis=1), targets[rows], rows=rows)
    results = made.results()
    board = results.leaderboard()
    assert board.test == "pooled"
    assert board.tied == [0]
    assert assumed(board)["overlap"] is True
    assert not any("their training rows overlap" in note for note in board.notes)
    assert results.compare(0, 1).test == "pooled"
    assert results.compare(0, 1).p_value < 0.01
    with pytest.raises(UsageError, match="mrmc: replicates were scored on different examples: write test: pooled"):
        results.leaderboard("mrmc")


def test_the_same_without_predictions_says_what_is_missing(recorder: Maker) -> None:
    board = replicated(recorder, noisy(3, 4), FIXED).results().leaderboard()
    assert board.test == "mcb"
    assert any("validated on the same data, so intervals hold seed noise only" in note for note in board.notes)


def test_unequal_noise_is_not_pooled(recorder: Maker) -> None:
    rng = np.random.default_rng(2)
    matrix = 0.8 + rng.normal(0, 1, (5, 8)) * np.array([0.001, 0.001, 0.001, 0.05, 0.001])[:, None]
    board = replicated(recorder, matrix, FIXED).results().leaderboard()
    assert board.test == "paired_t"


def test_a_test_that_cannot_decide_is_told_and_another_taken(recorder: Maker) -> None:
    made = replicated(recorder, noisy(3, 4), FIXED, leaderboard={"top": 3, "seeds": 4, "test": "nadeau_bengio"})
    results = made.results()
    board = results.leaderboard()
    assert board.test == "mcb"
    assert board.notes[0].startswith("test nadeau_bengio cannot be used here: ")
    with pytest.raises(UsageError, match="nadeau_bengio is for replicates that split one data set"):
        results.leaderboard("nadeau_bengio")
    with pytest.raises(UsageError, match=r"there is no test 'mbc' \(did you mean 'mcb'\?\)"):
        results.leaderboard("mbc")


def test_the_reported_score_is_not_the_best_mean(recorder: Maker) -> None:
    board = replicated(recorder, noisy(6, 5), FIXED).results().leaderboard()
    best = board.rows[0]
    assert board.reported is not None
    assert best.fresh is not None
    assert board.reported.mean < best.fresh.mean, "the best of equals was lucky"
    assert board.reported.low < board.reported.mean < board.reported.high


def test_what_the_model_believes(recorder: Maker) -> None:
    board = replicated(recorder, noisy(4, 6, [0.1]), FIXED).results().leaderboard()
    best, *others = board.rows
    assert best.trial == 0
    assert best.p_best is not None
    assert best.p_best > 0.99
    assert sum(row.p_best or 0 for row in board.rows) == pytest.approx(1)
    assert best.p_superior is None
    assert all(row.p_superior is not None and row.p_superior > 0.9 for row in others)
    assert board.superiority[0, 1] == pytest.approx(1 - board.superiority[1, 0])
    assert all(abs((row.shrunk or 0) - (row.fresh.mean if row.fresh else 0)) < 0.05 for row in board.rows)


def of_thirty(recorder: Maker, parents: Mapping[int, int]) -> Leaderboard:
    """Of thirty trials, of which some started from the weights of others."""
    made = recorder(leaderboard={"top": 2, "seeds": 4})
    rng = np.random.default_rng(0)
    truth = rng.normal(0.7, 0.02, 30)
    trials = [
        made.search([float(value + rng.normal(0, 0.01))], parent=parents.get(number))
        for number, value in enumerate(truth)
    ]
    finalists = sorted(trials, key=lambda trial: -(trial.value("accuracy") or 0))[:2] + trials[:1]
    for trial in {one.number: one for one in finalists}.values():
        made.replicate(trial, [float(truth[trial.number] + rng.normal(0, 0.01)) for _ in range(4)], **FIXED)
    return made.results().leaderboard()


def test_what_the_search_may_have_missed(recorder: Maker) -> None:
    board = of_thirty(recorder, {})
    assert not any("from scratch" in note for note in board.notes)
    assert board.p_best_among_finalists is not None
    assert board.expected_regret is not None
    assert 0.2 < board.p_best_among_finalists < 1
    assert 0 < board.expected_regret < 0.02


def test_search_scores_of_children_do_not_compare_with_others(recorder: Maker) -> None:
    board = of_thirty(recorder, {7: 2, 29: 7})
    assert (board.p_best_among_finalists, board.expected_regret) == (None, None)
    (note,) = (note for note in board.to_dict()["notes"] if "from scratch" in note)
    assert note.startswith("search scores of 2 of 30 trials include the training of their parents")


def test_practical_equivalence(recorder: Maker) -> None:
    made = replicated(recorder, noisy(3, 8, [0.02, 0.019, 0.0], sd=0.001), FIXED)
    results = made.results()
    assert [row.in_rope for row in results.leaderboard().rows] == [None] * 3
    board = results.leaderboard(rope=0.005)
    assert [row.in_rope for row in board.rows] == [True, True, False]
    rope = board.rows[2].rope
    assert rope is not None
    assert rope[0] > 0.99, "worse by more than it"
    with pytest.raises(UsageError, match="rope must be a difference of the metric above 0"):
        results.leaderboard(rope=0.0)


def test_ties_go_by_metrics_in_order(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 3, "seeds": 2, "tie_break": ["latency", "size"]})
    trials = [made.search([0.5]) for _ in range(3)]
    values = ([0.80, 0.82], [0.81, 0.80], [0.79, 0.83])
    runs = [made.replicate(trial, own, **FIXED) for trial, own in zip(trials, values, strict=True)]
    results = made.results()
    extra = {0: (20.0, 5.0), 1: (10.01, 4.0), 2: (10.02, 3.0)}

    def measured(trial: Trial) -> Trial:
        if trial.phase is not Phase.REPLICATE or trial.parent is None:
            return trial
        latency, size = extra[trial.parent]
        (report,) = trial.reports
        return replace(trial, reports=(replace(report, metrics=report.metrics | {"latency": latency, "size": size}),))

    results.__dict__["trials"] = [measured(trial) for trial in results.trials]
    board = results.leaderboard()
    assert len(runs) == 3
    assert board.winner == 2, "latencies agree to two digits, so the size decides"
    assert board.row(2).others["latency"].mean == pytest.approx(10.02)
    assert board.headline.endswith("trial 2 is handed over (by latency and size)")


def test_metrics_that_nobody_reports_break_no_ties(recorder: Maker) -> None:
    for choice, words in ((["flops"], "the best mean"), (["flops", "latency_ms"], "by latency_ms")):
        made = recorder(leaderboard={"top": 2, "seeds": 2, "tie_break": choice})
        for latency, values in ((2.0, [0.80, 0.82]), (1.0, [0.81, 0.80])):
            made.others = {"latency_ms": latency}
            made.replicate(made.search([0.5]), values, **FIXED)
        board = made.results().leaderboard()
        assert (len(board.tied), board.tie_break) == (2, words)
        assert board.headline.endswith("handed over (by latency_ms)" if len(choice) > 1 else "has the best mean")


def test_more_replicates_are_asked_for_when_they_would_help(recorder: Maker) -> None:
    board = replicated(recorder, noisy(4, 4), FIXED).results().leaderboard()
    assert len(board.tied) > 1
    assert board.ask_for[0].startswith("to tell trial ")
    assert "assay replicate demo --seeds" in board.ask_for[0]


def test_one_finalist_alone(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 3})
    made.replicate(made.search([0.9]), [0.8, 0.9, 0.85])
    board = made.results().leaderboard()
    assert (board.winner, board.test, board.superiority) == (0, "", {})


def test_a_confirmed_score_replaces_the_reported_one(recorder: Maker) -> None:
    made = replicated(recorder, noisy(3, 4, [0.05]), FIXED)
    confirmed = Trial(90, Phase.CONFIRM, State.COMPLETE, made.results().trials[0].config, 5, 5, parent=0)
    made.add(confirmed, [0.7], {})
    made.add(replace(confirmed, number=91, split=6), [0.8], {})
    results: Results = made.results()
    board = results.leaderboard()
    assert board.reported is not None
    assert (board.reported.mean, board.reported.count) == (pytest.approx(0.75), 2)


def test_a_minimised_metric_reads_the_same_the_other_way_round(recorder: Maker) -> None:
    matrix = noisy(4, 6, [0.03, 0.01])
    up = replicated(recorder, matrix, FIXED).results().leaderboard(rope=0.005)
    made = recorder(leaderboard={"top": 4, "seeds": 6}, objectives=[{"metric": "loss", "goal": "minimize"}])
    trials = [made.search([-(0.5 + 0.01 * number)]) for number in range(4)]
    for trial, values in zip(trials, (-matrix).tolist(), strict=True):
        made.replicate(trial, values, **FIXED)
    down = made.results().leaderboard(rope=0.005)
    assert (down.winner, down.tied, down.test) == (up.winner, up.tied, up.test)
    for one, other in zip(up.rows, down.rows, strict=True):
        assert other.shrunk == pytest.approx(-(one.shrunk or 0))
        assert (other.p_value, other.p_best) == (pytest.approx(one.p_value), pytest.approx(one.p_best))
        assert other.rope == (pytest.approx(one.rope) if one.rope else None)
        assert other.optimism == pytest.approx(one.optimism)
    assert up.reported is not None
    assert down.reported is not None
    assert (down.reported.low, down.reported.high) == pytest.approx((-up.reported.high, -up.reported.low))
    worst = up.rows[-1]
    assert worst.rope is not None
    assert worst.rope[0] > worst.rope[2], "worse than the best, not better"


def test_what_a_minimised_search_may_have_missed(recorder: Maker) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0.3, 0.02, 30)
    made = recorder(objectives=[{"metric": "loss", "goal": "minimize"}], leaderboard={"top": 2, "seeds": 4})
    trials = [made.search([float(value + rng.normal(0, 0.005))]) for value in truth]
    finalists = sorted(trials, key=lambda trial: trial.value("loss") or 0)[:2] + trials[:1]
    for trial in {one.number: one for one in finalists}.values():
        made.replicate(trial, [float(truth[trial.number] + rng.normal(0, 0.005)) for _ in range(4)], **FIXED)
    board = made.results().leaderboard()
    assert board.full_runs == 30
    assert board.expected_regret is not None
    assert board.expected_regret < 0.01, "the finalists are the smallest, not the largest"


def test_a_race_reports_from_all_replicates_of_those_that_stayed(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 3, "replicate": "race", "budget": 21}, budget={"trials": 3})
    trials = [made.search([0.5 + 0.01 * number]) for number in range(3)]
    rng = np.random.default_rng(0)
    for trial, (mean, count) in zip(trials, ((0.9, 9), (0.9, 9), (0.1, 3)), strict=True):
        made.replicate(trial, (mean + rng.normal(0, 0.02, count)).tolist(), **FIXED)
    results = made.results()
    board = results.leaderboard()
    assert board.test == "race"
    assert board.reported is not None
    assert board.reported.count == max(row.fresh.count for row in board.rows if row.fresh) > 3
    assert assumed(board)["balance"] is None
    assert board.row(2).left_after == 3
    looks = look_schedule(3, 21)
    first = results.replication().looks[0].best_set
    assert board.row(2).p_value == pytest.approx(min(1.0, len(looks) * first.p_values[2])), "over all looks"


def test_a_damaged_file_of_predictions_leaves_the_rest_readable(recorder: Maker) -> None:
    made = replicated(recorder, noisy(2, 3), FIXED)
    runs = made.results().phase(Phase.REPLICATE)
    files = [made.predict(run, "validation", [[0.9, 0.1]] * 30, [0] * 30) for run in runs]
    files[0].write_bytes(b"damaged")
    results = made.results()
    assert results.leaderboard().replicated
    with pytest.raises(UsageError, match="is not as it was written"):
        results.compare_models(runs[0].number, runs[1].number)


def test_when_all_replicates_failed_nobody_is_ranked(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 2})
    trial = made.search([0.9])
    for split in (1, 2):
        made.failed_replicate(trial, split, "boom")
    board = made.results().leaderboard()
    assert board.headline.startswith("no finalist can be ranked: each has a replicate that failed")
