"""Which trials go on to replication, and in which order."""

from __future__ import annotations

import pytest

from assay.analysis import select_finalists
from assay.analysis.finalists import rank_search
from assay.search import Phase, Report, State, Trial
from assay.spaces import Config, Objective

DEFAULT = Config({"x": 0})


def trial(number: int, *values: float, state: State = State.COMPLETE, phase: Phase = Phase.SEARCH) -> Trial:
    reports = tuple(Report(step, {"m": value}, 0.0, 0) for step, value in enumerate(values, start=1))
    return Trial(number, phase, state, Config({"x": number}), seed=0, split=0, reports=reports)


def chosen(trials: list[Trial], top: int = 3, goal: str = "maximize") -> list[int]:
    return [t.number for t in select_finalists(trials, Objective("m", goal), top, [DEFAULT])]  # type: ignore[arg-type]


@pytest.mark.parametrize(("goal", "expected"), [("maximize", [2, 1, 3]), ("minimize", [3, 1, 2])])
def test_the_last_value_decides_in_the_direction_of_the_goal(goal: str, expected: list[int]) -> None:
    trials = [trial(1, 0.1, 0.5), trial(2, 0.1, 0.9), trial(3, 0.99, 0.2)]
    assert chosen(trials, goal=goal) == expected


def test_complete_before_stopped_and_deeper_before_shallower() -> None:
    trials = [
        trial(1, 0.99, state=State.STOPPED),
        trial(2, 0.1, 0.1, 0.1),
        trial(3, 0.5, 0.5, state=State.STOPPED),
        trial(4, 0.6, 0.6, state=State.STOPPED),
    ]
    assert chosen(trials, top=4) == [2, 4, 3, 1]


def test_a_full_run_that_took_fewer_steps_is_no_less() -> None:
    assert chosen([trial(1, 0.5, 0.6, 0.7), trial(2, 0.9)]) == [2, 1]


def test_the_default_joins_when_it_has_a_score() -> None:
    others = [trial(1, 0.5), trial(2, 0.6)]
    assert chosen([trial(0, 0.1), *others], top=1) == [2, 0]
    assert chosen([trial(0, 0.9), *others], top=1) == [0]
    assert chosen([trial(0, 0.1, state=State.STOPPED), *others], top=1) == [2, 0]
    assert chosen([trial(0), *others], top=1) == [2]
    assert chosen([trial(0, 0.9, state=State.FAILED), *others], top=1) == [2]


def test_failed_trials_and_other_phases_never() -> None:
    trials = [trial(1, 0.9, state=State.FAILED), trial(2, 0.8, phase=Phase.REPLICATE), trial(3)]
    assert chosen(trials) == []


def test_equal_values_go_by_number_and_zero_is_a_value() -> None:
    assert chosen([trial(3, 0.0), trial(1, 0.0), trial(2, -1.0)]) == [1, 3, 2]


def test_ranking_holds_all_scored_trials() -> None:
    trials = [trial(number, float(number)) for number in range(5)]
    assert [t.number for t in rank_search(trials, Objective("m", "maximize"))] == [4, 3, 2, 1, 0]


def test_a_lucky_last_epoch_makes_no_finalist() -> None:
    steady = trial(1, *[0.8] * 12)
    lucky = trial(2, *[0.7] * 11, 0.9)
    assert chosen([steady, lucky], top=1) == [1]
    assert [t.number for t in rank_search([steady, lucky], Objective("m", "maximize"))] == [2, 1], "what it reported"


def test_of_few_reports_the_last_decides() -> None:
    assert chosen([trial(1, 0.1, 0.1, 0.9), trial(2, 0.8, 0.8, 0.8)], top=1) == [1]


def test_rivals_join() -> None:
    trials = [trial(number, number / 10) for number in range(6)]
    found = select_finalists(trials, Objective("m", "maximize"), 2, [DEFAULT, Config({"x": 3})])
    assert [one.number for one in found] == [5, 4, 3, 0]
