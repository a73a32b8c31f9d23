"""Who is replicated next: decided from what is recorded alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from assay.analysis.replication import Replication, look_schedule, plan_replication
from assay.search import Sweep, Trial
from assay.spaces import SweepError

from .conftest import SPEC, Recorder

Maker = Callable[..., Recorder]


def planned(made: Recorder) -> Replication:
    return plan_replication(made.record.sweep, made.ledger.trials(made.record))


def run_on(made: Recorder, truth: dict[int, float], sd: float, most: int = 1000) -> Replication:
    """Give the plan all that it wants; replicate r of all finalists shares its seed."""
    trials = {trial.number: trial for trial in made.ledger.trials(made.record)}
    for _ in range(most):
        plan = planned(made)
        if plan.over:
            return plan
        for number, split in plan.wanted:
            noise = np.random.default_rng([number, split]).normal(0, sd) + np.random.default_rng(split).normal(0, 1)
            made._replicate(trials[number], split, [truth[number] + noise], {})
    raise AssertionError("the plan never ends")


def finalists(made: Recorder, count: int) -> list[Trial]:
    return [made.search([0.5 + 0.01 * number]) for number in range(count)]


def test_top_k_wants_complete_pairs_first(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 2, "seeds": 3})
    finalists(made, 4)
    plan = planned(made)
    assert [f.number for f in plan.finalists] == [3, 2, 0], "and the default config"
    assert plan.wanted == [(number, split) for split in (1, 2, 3) for number in (3, 2, 0)]
    assert (plan.budget, plan.spent, plan.over) == (9, 0, False)


def test_what_is_recorded_is_not_wanted_again(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 1, "seeds": 3})
    first, second = finalists(made, 2)
    made.replicate(second, [0.5, 0.6])
    made.failed_replicate(first, 1, "boom")
    assert planned(made).wanted == [(0, 2), (1, 3), (0, 3)]


@pytest.mark.parametrize(
    ("count", "budget", "looks"),
    [(6, 30, [3, 5, 8, 9]), (2, 10, [3, 5]), (6, 12, [2]), (10, 100, [3, 5, 8, 12, 18, 27, 38])],
)
def test_looks_of_a_race(count: int, budget: int, looks: list[int]) -> None:
    assert look_schedule(count, budget) == looks


def test_a_race_drops_who_is_clearly_worse_and_spends_the_rest_on_the_others(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 6, "replicate": "race", "budget": 36}, budget={"trials": 6})
    finalists(made, 6)
    truth = {number: 0.9 if number in (2, 4) else 0.2 for number in range(6)}
    plan = run_on(made, truth, sd=0.05)
    counts = {number: len(runs) for number, runs in plan.runs.items()}
    assert plan.left == dict.fromkeys((0, 1, 3, 5), 3)
    assert counts[0] == 3
    assert counts[2] == counts[4] > 6, "more than an even share"
    assert plan.spent <= 36
    assert [look.numbers for look in plan.looks[1:]] == [(2, 4)] * (len(plan.looks) - 1)
    board = made.results().leaderboard()
    assert board.test == "race"
    assert sorted(board.tied) == [2, 4]
    assert [row.left_after for row in board.rows] == [None, None, 3, 3, 3, 3]
    assert {row.fresh.count for row in board.rows[2:] if row.fresh} == {3}
    assert all(row.p_value is not None and row.p_value <= 0.05 for row in board.rows[2:])


def test_a_race_ends_when_one_is_left(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 4, "replicate": "race", "seeds": 10}, budget={"trials": 4})
    finalists(made, 4)
    plan = run_on(made, {0: 0.1, 1: 0.1, 2: 0.9, 3: 0.1}, sd=0.02)
    assert plan.stopped == "one finalist is left after 3 replicates"
    assert plan.spent == 12
    board = made.results().leaderboard()
    assert (board.winner, board.tied) == (2, [2])
    assert board.stopped == plan.stopped


def test_a_race_among_equals_keeps_the_best_in_95_of_100() -> None:
    from assay.analysis.inference import TESTS, Replicates

    rng = np.random.default_rng(0)
    schedule, kept, worlds = look_schedule(6, 60), 0, 200
    for _ in range(worlds):
        scores, alive = rng.normal(size=(6, max(schedule))), np.arange(6)
        for look in schedule:
            best_set = TESTS["mcb"](Replicates(scores[alive, :look]), 0.05 / len(schedule))
            alive = alive[best_set.tied]
            if len(alive) == 1:
                break
        kept += 0 in alive
    assert kept / worlds >= 0.94


def test_a_finalist_with_a_failed_replicate_leaves_the_race(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 3, "replicate": "race", "budget": 24}, budget={"trials": 3})
    first, second, third = finalists(made, 3)
    made.replicate(first, [0.5, 0.6, 0.4])
    made.replicate(second, [0.52, 0.61, 0.43])
    made.replicate(third, [0.5, 0.6])
    made.failed_replicate(third, 3, "boom")
    plan = planned(made)
    assert {number for number, _ in plan.wanted} == {0, 1}
    assert made.results("running").leaderboard().winner is None


def test_limits_leave_the_race(recorder: Maker) -> None:
    made = recorder(
        leaderboard={"top": 2, "replicate": "race", "budget": 12}, constraints=[{"metric": "accuracy", "max": 0.7}]
    )
    first, second = finalists(made, 2)
    made.replicate(first, [0.5, 0.6, 0.4])
    made.replicate(second, [0.9, 0.8, 0.9])
    assert planned(made).wanted == []


def test_the_plan_does_not_depend_on_the_order_of_recording(recorder: Maker) -> None:
    made = recorder(leaderboard={"top": 3, "replicate": "race", "budget": 30}, budget={"trials": 3})
    for trial, value in zip(finalists(made, 3), (0.2, 0.9, 0.8), strict=True):
        made.replicate(trial, [value, value + 0.01, value - 0.02])
    trials = made.ledger.trials(made.record)
    straight, backward = (plan_replication(made.record.sweep, order) for order in (trials, trials[::-1]))
    assert (straight.wanted, straight.left, straight.runs) == (backward.wanted, backward.left, backward.runs)


def mistakes(**leaderboard: Any) -> Sequence[str]:

    with pytest.raises(SweepError) as caught:
        Sweep.make(SPEC | {"leaderboard": leaderboard})
    return [str(problem) for problem in caught.value.problems]


def test_what_contradicts_itself_is_refused() -> None:
    assert "leaderboard.budget: top_k makes top x seeds replicates" in mistakes(budget=9)[0]
    assert "leaderboard.test: race decides by" in mistakes(replicate="race", test="mcb")[0]
    assert "leaderboard.data: race looks at the scores again and again" in mistakes(replicate="race", data="test")[0]
    assert "leaderboard.test: the signs of 3 replicates have too few patterns" in mistakes(test="sign_flip", seeds=3)[0]
    assert mistakes(rivals=[{"lr": 5.0}])[0].startswith("leaderboard.rivals.0.lr: ")
    assert mistakes(rivals=[{"lt": 0.5}])[0].startswith("leaderboard.rivals.0.lt: unknown parameter")
