"""Every searcher proposes valid, new configs, is seeded, learns from any trial and is rebuilt from its history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search import SEARCHERS, Phase, Report, Searcher, State, Trial
from assay.spaces import Config, Objective, Space

EXAMPLES = settings(max_examples=12, deadline=None, derandomize=True)
OBJECTIVE = Objective("loss", "minimize")

every_searcher = pytest.mark.parametrize("word", sorted(SEARCHERS))

HOUSE = Space(
    {
        "optimizer": ["adam", "sgd"],
        "optim.lr": "loguniform(1e-5, 1e-1)",
        "optim.momentum": {"min": 0.0, "max": 0.9, "step": 0.1, "when": {"optimizer": "sgd"}},
        "optim.nesterov": {"values": [True, False, 1, "1", None], "when": {"optim.momentum": [0.3, 0.6, 0.9]}},
        "hidden": {"min": 32, "max": 1024, "log": True, "step": 32},
        "decay": {"min": 0.01, "max": 1.0, "log": True, "step": 0.01},
        "thirds": {"min": 0.0, "max": 1.0, "step": 1 / 3},
        "even": {"min": 2, "max": 20, "step": 2},
        "epochs": 27,
    }
)
FINITE = Space({"a": [1, 2, 3], "b": {"values": ["x", "y"], "when": {"a": [1, 2]}}, "c": 7})
"""Five configs."""


@st.composite
def parameters(draw: st.DrawFn) -> Any:
    kind, log, step = draw(st.sampled_from(["float", "int", "choice", "constant"])), draw(st.booleans()), 1
    if kind == "choice":
        scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
        return {"values": draw(st.lists(scalars, min_size=1, max_size=4, unique_by=repr))}
    if kind == "constant":
        return draw(st.integers(0, 9))
    low, count = draw(st.integers(1, 50)), draw(st.integers(1, 30))
    if kind == "int":
        step = draw(st.integers(1, 9))
        return {"type": "int", "min": low, "max": low + step * count, "step": step, "log": log}
    if draw(st.booleans()):
        return {"type": "float", "min": low / 10, "max": (low + count) / 10, "step": 0.1, "log": log}
    scale = 10.0 ** draw(st.integers(-8, 8))
    return {"type": "float", "min": low * scale, "max": (low + count) * scale, "log": log}


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    raw: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 6))):
        parameter = draw(parameters())
        parents = [name for name, known in Space(raw).items() if known.cardinality < np.inf] if raw else []
        if parents and isinstance(parameter, dict) and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            parameter |= {"when": {parent: Space(raw)[parent].default_value}}
        raw[f"{draw(st.sampled_from(['', 'optim.', 'model.deep.']))}p{index}"] = parameter
    return Space(raw)


def build(word: str, space: Space, seed: int = 0, objective: Objective = OBJECTIVE) -> Searcher:
    return SEARCHERS[word](type=word).build(space, objective, seed)


def over(number: int, config: Config, values: Iterable[float], state: State = State.COMPLETE) -> Trial:
    reports = tuple(
        Report(step, {"loss": value, "seconds": 1}, 0.1 * step, number) for step, value in enumerate(values, 1)
    )
    return Trial(number, Phase.SEARCH, state, config, seed=0, split=0, ended=number, reports=reports)


def any_end(number: int, config: Config, rng: np.random.Generator) -> Trial:
    """A trial that is over in a random way."""
    state = [State.COMPLETE, State.COMPLETE, State.STOPPED, State.FAILED][number % 4]
    length = int(rng.integers(0, 3)) if state == State.FAILED else int(rng.integers(1, 5))
    return over(number, config, rng.normal(size=length), state)


def run(searcher: Searcher, space: Space, first: int, last: int, history: list[Trial]) -> list[Config]:
    """Ask and tell the trials ``first`` to ``last``; what they reported depends on their number alone."""
    proposals = []
    for number in range(first, last):
        config = searcher.ask(number, {trial.config for trial in history})
        if config is None:
            break
        proposals.append(config)
        history.append(any_end(number, config, np.random.default_rng(number)))
        searcher.tell(history[-1])
    return proposals


@every_searcher
@EXAMPLES
@given(space=spaces(), seed=st.integers(0, 2**32 - 1))
def test_proposals_are_valid_and_new(word: str, space: Space, seed: int) -> None:
    history: list[Trial] = []
    proposals = run(build(word, space, seed), space, 0, 16, history)
    assert proposals
    assert len(set(proposals)) == len(proposals)
    assert [space.validate(config.nested()) for config in proposals] == proposals


@every_searcher
def test_proposals_for_a_conditional_nested_space_are_valid_and_new(word: str) -> None:
    proposals = run(build(word, HOUSE, 3), HOUSE, 0, 60, [])
    assert len(set(proposals)) == 60
    assert [HOUSE.validate(config.nested()) for config in proposals] == proposals
    assert {config["optimizer"] for config in proposals} == {"adam", "sgd"}
    assert any("optim.nesterov" in config for config in proposals)


@every_searcher
def test_parallel_proposals_are_valid_and_new(word: str) -> None:
    searcher, taken = build(word, HOUSE), set[Config]()
    for round_ in range(5):
        asked = {}
        for number in range(8 * round_, 8 * round_ + 8):
            config = searcher.ask(number, taken)
            assert config is not None
            assert config not in taken
            asked[number] = HOUSE.validate(config)
            taken.add(config)
        for number in reversed(asked):
            searcher.tell(over(number, asked[number], [0.1 * number]))


@every_searcher
def test_a_finite_space_is_exhausted(word: str) -> None:
    searcher, history = build(word, FINITE), list[Trial]()
    proposals = run(searcher, FINITE, 0, 50, history)
    assert len(set(proposals)) == len(proposals) == 5
    assert searcher.ask(50, {trial.config for trial in history}) is None


@every_searcher
def test_nothing_is_left_when_every_config_was_tried_by_someone_else(word: str) -> None:
    space = Space({"a": [1, 2]})
    assert build(word, space).ask(0, {Config({"a": 1}), Config({"a": 2})}) is None
    assert build(word, space).ask(0, {Config({"a": 1})}) == Config({"a": 2})


@every_searcher
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_same_seed_and_history_give_the_same_proposals(word: str, seed: int) -> None:
    first, second = (run(build(word, HOUSE, seed), HOUSE, 0, 25, []) for _ in range(2))
    assert first == second
    assert first != run(build(word, HOUSE, 7), HOUSE, 0, 25, [])


@every_searcher
def test_proposals_do_not_touch_the_global_generators(word: str) -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    run(build(word, HOUSE), HOUSE, 0, 15, [])
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@every_searcher
@pytest.mark.parametrize("interrupted", [1, 9, 14, 23])
def test_a_searcher_rebuilt_from_the_history_proposes_the_same(word: str, interrupted: int) -> None:
    uninterrupted = run(build(word, HOUSE, 5), HOUSE, 0, 30, [])
    history: list[Trial] = []
    run(build(word, HOUSE, 5), HOUSE, 0, interrupted, history)
    rebuilt = build(word, HOUSE, 5)
    for trial in history:
        rebuilt.tell(trial)
    assert run(rebuilt, HOUSE, interrupted, 30, history) == uninterrupted[interrupted:]


@every_searcher
@EXAMPLES
@given(space=spaces(), seed=st.integers(0, 99))
def test_it_is_told_trials_it_never_proposed(word: str, space: Space, seed: int) -> None:
    rng, searcher = np.random.default_rng(seed), build(word, space, seed)
    history = [any_end(number, space.sample(rng), rng) for number in range(14)]
    for trial in [over(99, space.default(), [0.5]), *history]:
        searcher.tell(trial)
    config = searcher.ask(100, ())
    assert config is not None
    assert space.validate(config) == config


@every_searcher
@pytest.mark.parametrize("state", [State.COMPLETE, State.STOPPED, State.FAILED])
def test_a_trial_without_reports_harms_nothing(word: str, state: State) -> None:
    searcher = build(word, HOUSE)
    for number in range(12):
        config = searcher.ask(number, ())
        assert config is not None
        searcher.tell(over(number, config, [], state))
    assert searcher.ask(12, ()) is not None


@every_searcher
def test_both_goals_are_understood(word: str) -> None:
    """Turning the sign of goal and values gives the same proposals."""
    minimizing = build(word, HOUSE, 1, Objective("loss", "minimize"))
    maximizing = build(word, HOUSE, 1, Objective("loss", "maximize"))
    for number in range(20):
        config, mirrored = minimizing.ask(number, ()), maximizing.ask(number, ())
        assert config == mirrored
        assert config is not None
        value = float(np.random.default_rng(number).normal())
        minimizing.tell(over(number, config, [value]))
        maximizing.tell(over(number, config, [-value]))


@every_searcher
def test_unknown_options_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        SEARCHERS[word].model_validate({"type": word, "nonsense": 1})
    assert SEARCHERS[word](type=word).type == word
