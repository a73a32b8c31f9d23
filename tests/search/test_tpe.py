"""TPE learns, and Optuna hears of every trial exactly as it ended."""

from __future__ import annotations

import pickle
from statistics import median
from typing import Any

import numpy as np
import pytest
from optuna.trial import FrozenTrial, TrialState

from assay.search import SEARCHERS, Phase, Report, Searcher, State, Trial
from assay.spaces import Config, Objective, Space

QUADRATIC = Space({"x": "uniform(-5, 5)", "y": "loguniform(1e-4, 1)"})


def build(word: str = "tpe", space: Space = QUADRATIC, seed: int = 0, **options: Any) -> Searcher:
    return SEARCHERS[word](type=word, **options).build(space, Objective("loss", "minimize"), seed)


def over(number: int, config: Config, values: list[float], state: State = State.COMPLETE) -> Trial:
    reports = tuple(Report(step, {"loss": value}, 0.0, 0) for step, value in enumerate(values, 1))
    return Trial(number, Phase.SEARCH, state, config, 0, 0, reports=reports)


def told(searcher: Searcher) -> list[FrozenTrial]:
    return searcher.study.get_trials(deepcopy=False)  # type: ignore[attr-defined,no-any-return]


def loss(config: Config) -> float:
    return float((config["x"] - 2) ** 2 + (np.log10(config["y"]) + 2) ** 2)  # type: ignore[operator,arg-type]


def best_of(word: str, seed: int, trials: int = 40) -> float:
    searcher, values = build(word, seed=seed), []
    for number in range(trials):
        config = searcher.ask(number, ())
        assert config is not None
        values.append(loss(config))
        searcher.tell(over(number, config, [values[-1]]))
    return min(values)


def test_it_beats_random_search_on_a_quadratic() -> None:
    random = median(best_of("random", seed) for seed in range(11))
    tpe = median(best_of("tpe", seed) for seed in range(5))
    assert tpe < 0.5 * random


def test_failed_and_stopped_trials_do_not_keep_it_from_learning() -> None:
    searcher, values = build(seed=1), []
    for number in range(50):
        config = searcher.ask(number, ())
        assert config is not None
        value = loss(config)
        if number % 5 == 4:
            searcher.tell(over(number, config, [], State.FAILED))
        elif number % 5 == 3:
            searcher.tell(over(number, config, [value + 1], State.STOPPED))
        else:
            values.append(value)
            searcher.tell(over(number, config, [value + 1, value]))
    assert median(values[-10:]) < 0.5 * median(values[:10])


@pytest.mark.parametrize("proposed", [True, False])
@pytest.mark.parametrize(
    ("state", "values", "expected"),
    [
        (State.COMPLETE, [3.0, 2.0, 2.5], (TrialState.COMPLETE, 2.5, {1: 3.0, 2: 2.0, 3: 2.5})),
        (State.STOPPED, [3.0, 2.0], (TrialState.PRUNED, None, {1: 3.0, 2: 2.0})),
        (State.FAILED, [3.0], (TrialState.FAIL, None, {1: 3.0})),
        (State.FAILED, [], (TrialState.FAIL, None, {})),
        (State.COMPLETE, [], (TrialState.FAIL, None, {})),
    ],
)
def test_optuna_hears_how_a_trial_ended(proposed: bool, state: State, values: list[float], expected: Any) -> None:
    searcher = build()
    config = searcher.ask(3, ()) if proposed else QUADRATIC.default()
    assert config is not None
    searcher.tell(over(3, config, values, state))
    heard = told(searcher)[-1]
    # Optuna gives the last intermediate value of a pruned trial as its value.
    value = values[-1] if heard.state == TrialState.PRUNED and heard.value is not None else expected[1]
    assert (heard.state, heard.value, heard.intermediate_values) == (expected[0], value, expected[2])
    assert heard.params == dict(config)


def test_only_trials_that_run_are_running() -> None:
    searcher, asked = build(), dict[int, Config]()
    for number in range(6):
        proposed = searcher.ask(number, set(asked.values()))
        assert proposed is not None
        asked[number] = proposed
    running = [trial.params for trial in told(searcher) if trial.state == TrialState.RUNNING]
    assert running == [dict(config) for config in asked.values()]
    states = [State.COMPLETE, State.STOPPED, State.FAILED] * 2
    for number, state in zip(asked, states, strict=True):
        searcher.tell(over(number, asked[number], [1.0], state))
    ended = [trial.state for trial in told(searcher)]
    assert TrialState.RUNNING not in ended
    assert [ended.count(state) for state in (TrialState.COMPLETE, TrialState.PRUNED)] == [2, 2]


def test_a_duplicate_that_was_refused_leaves_nothing_running() -> None:
    space = Space({"a": [1, 2, 3]})
    searcher = build(space=space)
    taken = {Config({"a": 1}), Config({"a": 2})}
    for number in range(5):
        assert searcher.ask(number, taken) == Config({"a": 3})
        searcher.tell(over(number, Config({"a": 3}), [1.0]))
    assert searcher.ask(9, {*taken, Config({"a": 3})}) is None
    assert all(trial.state != TrialState.RUNNING for trial in told(searcher))


def test_parallel_trials_spread() -> None:
    """The constant liar: proposals that wait for their result push the next one away."""
    searcher = build(seed=4)
    for number in range(15):
        config = searcher.ask(number, ())
        assert config is not None
        searcher.tell(over(number, config, [loss(config)]))
    asked = {searcher.ask(number, ()) for number in range(15, 25)}
    assert len(asked) == 10


def test_startup_trials_are_random() -> None:
    """Up to ``startup``, results change nothing."""
    proposals = []
    for sign in (1, -1):
        searcher = build(startup=8, seed=2)
        configs = []
        for number in range(12):
            config = searcher.ask(number, ())
            assert config is not None
            configs.append(config)
            searcher.tell(over(number, config, [sign * loss(config)]))
        proposals.append(configs)
    assert proposals[0][:8] == proposals[1][:8]
    assert proposals[0][8:] != proposals[1][8:]


def test_it_can_be_pickled() -> None:
    searcher = build()
    for number in range(12):
        config = searcher.ask(number, ())
        assert config is not None
        searcher.tell(over(number, config, [loss(config)]))
    copy = pickle.loads(pickle.dumps(searcher))
    assert copy.ask(12, ()) == searcher.ask(12, ())


def test_parameters_are_modelled_each_for_itself_when_that_is_wanted() -> None:
    proposals = []
    for multivariate in (True, False):
        searcher = build(startup=5, multivariate=multivariate)
        asked = [searcher.ask(number, ()) for number in range(5)]
        for number, config in enumerate(asked):
            assert config is not None
            searcher.tell(over(number, config, [loss(config)]))
        proposals.append((asked, searcher.ask(5, ())))
    (start, together), (same_start, apart) = proposals
    assert start == same_start
    assert together != apart
