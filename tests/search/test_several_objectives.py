"""Searchers that look for a front, and what they are told of it."""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from assay.search import SCHEDULERS, SEARCHERS, Phase, Report, Searcher, State, Sweep, Trial
from assay.search.observations import Observations
from assay.spaces import Config, Limit, Objective, Space
from assay.spaces.pareto import hypervolume

BOTH = Objective("gain", "maximize", others=(Objective("cost", "minimize"),))
SQUARE = Space({"x": "uniform(0, 1)", "y": "uniform(0, 1)", "z": "uniform(0, 1)"})
RAW: dict[str, Any] = {
    "name": "two",
    "objectives": [
        {"metric": "gain", "goal": "maximize", "target": 2.0, "reference": 0.5, "scorer": "accuracy"},
        {"metric": "cost", "goal": "minimize", "reference": 20},
    ],
    "constraints": [{"metric": "size", "max": 3}],
    "parameters": {"x": "uniform(0, 1)"},
    "budget": {"trials": 3},
}


def build(word: str, objective: Objective = BOTH, seed: int = 0, rungs: tuple[int, ...] = ()) -> Searcher:
    return SEARCHERS[word](type=word).build(SQUARE, objective, seed, rungs)


def over(number: int, config: Config, values: list[tuple[float, float]], state: State = State.COMPLETE) -> Trial:
    reports = tuple(
        Report(step, {"gain": gain, "cost": cost}, 0.0, 0) for step, (gain, cost) in enumerate(values, start=1)
    )
    return Trial(number, Phase.SEARCH, state, config, 0, 0, reports=reports)


def measured(config: Config) -> tuple[float, float]:
    """The front is y = z = 0.2, any x."""
    x, y, z = (float(config[name]) for name in "xyz")
    far = 4 * ((y - 0.2) ** 2 + (z - 0.2) ** 2)
    return x - far, x**2 + far


def reached(word: str, seed: int, rungs: tuple[int, ...] = (), trials: int = 60) -> float:
    """Hypervolume of the front that a search finds."""
    searcher, points = build(word, seed=seed, rungs=rungs), []
    for number in range(trials):
        config = searcher.ask(number, ())
        assert config is not None
        gain, cost = measured(config)
        points.append((gain, -cost))
        if rungs:
            searcher.on_report(number, 1, gain, cost)
        searcher.tell(over(number, config, [(gain, cost)]))
    return hypervolume(np.array(points), np.array([-1.0, -2.0]))


# The sweep


def test_a_sweep_gives_all_objectives_to_whoever_wants_them() -> None:
    first, second = Sweep.make(RAW).objective.each
    assert (first.metric, first.target, first.scorer, first.limits) == (
        "gain",
        2.0,
        "accuracy",
        (Limit("size", max=3),),
    )
    assert (second.metric, second.goal, second.target, second.others) == ("cost", "minimize", None, ())
    assert Sweep.make(RAW).objective.corner == (0.5, -20.0)


@pytest.mark.parametrize("metric", [None, "gain", "cost"])
def test_the_scheduler_compares_by_the_objective_that_it_names(metric: str | None) -> None:
    sweep = Sweep.make(RAW | {"scheduler": {"type": "asha", "metric": metric}, "fidelity": {"max": 9}})
    assert sweep.compared.metric == (metric or "gain")
    assert sweep.compared.goal == ("minimize" if metric == "cost" else "maximize")


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_scheduler_stops_for_a_front(scheduler: str) -> None:
    Sweep.make(RAW | {"scheduler": scheduler, "fidelity": {"max": 9}})


def test_a_target_is_reached_when_all_are_at_once() -> None:
    aims = Objective("gain", "maximize", target=2, others=(Objective("cost", "minimize", target=5),))
    assert aims.reached(aims.scores({"gain": 2, "cost": 5}))
    assert not aims.reached(aims.scores({"gain": 9, "cost": 6}))
    assert not BOTH.reached((1e9, 1e9)), "there is none"


# What models learn from


def test_the_good_at_a_rung_come_front_by_front() -> None:
    seen = Observations(BOTH, (1, 3), enough=1)
    values = [(1.0, 1.0), (2.0, 2.0), (0.5, 3.0), (2.0, 2.5), (1.5, 1.2)]
    for number, (gain, cost) in enumerate(values):
        seen.start(number, Config({"x": float(number)}))
        seen.report(number, 1, gain, cost)
    assert set(seen.ranked(1)[:3]) == {0, 1, 4}, "the first front"
    assert seen.ranked(1)[3:] == [3, 2], "the second, and the third"
    assert seen.score(1, 2) == 0.5


def test_beyond_a_limit_comes_last_whatever_the_front() -> None:
    seen = Observations(BOTH, (), enough=1)
    for number, (gain, cost, excess) in enumerate([(9.0, 0.0, 2.0), (1.0, 1.0, 0.0), (5.0, 0.5, 0.1), (0.5, 1.5, 0.0)]):
        seen.start(number, Config({"x": float(number)}))
        seen.end(number, {1: (gain, cost)}, State.COMPLETE, excess)
    assert seen.ranked(float("inf")) == [1, 3, 2, 0]


def test_optuna_hears_both_values_and_how_each_trial_ended() -> None:
    searcher = build("tpe")
    ends = [(State.COMPLETE, [(1.0, 4.0), (2.0, 3.0)]), (State.STOPPED, [(1.0, 4.0)]), (State.FAILED, [])]
    for number, (state, values) in enumerate(ends):
        config = searcher.ask(number, ())
        assert config is not None
        searcher.tell(over(number, config, values, state))
    heard = searcher.study.get_trials()  # type: ignore[attr-defined]
    assert [trial.state for trial in heard] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    assert heard[0].values == [2.0, 3.0]
    assert [direction.name for direction in searcher.study.directions] == ["MAXIMIZE", "MINIMIZE"]  # type: ignore[attr-defined]


def test_limits_steer_a_search_for_a_front() -> None:
    limited = Objective("gain", "maximize", limits=(Limit("cost", max=0.3),), others=BOTH.others)
    searcher = build("tpe", limited)
    costs = []
    for number in range(50):
        config = searcher.ask(number, ())
        assert config is not None
        searcher.tell(over(number, config, [measured(config)]))
        costs.append(measured(config)[1])
    assert np.mean(np.array(costs[-25:]) <= 0.3) > 2 * np.mean(np.array(costs[:10]) <= 0.3)


# How well they search


@pytest.mark.parametrize("rungs", [(), (1, 3)], ids=["optuna", "rungs"])
def test_tpe_finds_a_larger_front_than_random_search(rungs: tuple[int, ...]) -> None:
    seeds = range(5)
    tpe, random = ([reached(word, seed, rungs) for seed in seeds] for word in ("tpe", "random"))
    assert median(tpe) > median(random)
    assert sum(ours > theirs for ours, theirs in zip(tpe, random, strict=True)) >= 4


@pytest.mark.parametrize("rungs", [(), (1, 3)], ids=["optuna", "rungs"])
def test_told_the_same_it_proposes_the_same(rungs: tuple[int, ...]) -> None:
    first, again = build("tpe", seed=3, rungs=rungs), build("tpe", seed=3, rungs=rungs)
    for number in range(25):
        config = first.ask(number, ())
        assert config is not None
        if number == 24:
            assert again.ask(number, ()) == config
        again.adopt(number, config)
        for searcher in (first, again):
            searcher.on_report(number, 1, *measured(config))
            searcher.tell(over(number, config, [measured(config)]))
