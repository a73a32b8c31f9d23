"""Every searcher proposes valid, new configs, is seeded, learns from any trial and is rebuilt from its history."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search import SEARCHERS, Phase, Report, Searcher, Segment, State, Trial
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
BOUND = Space(
    {
        "width": {"min": 8, "max": 512, "log": True, "step": 8},
        "layers": {"min": 1, "max": 8, "prior": {"center": 2, "confidence": "low"}},
        "skip": {"values": [True, False], "when": "layers >= 3"},
        "drop": {"min": 0.0, "max": 0.5, "when": "layers >= 3 and not skip"},
        "noise": {"mean": 0.0, "std": 1.0, "when": "width * layers > 64"},
        "size": {"values": [16, 32, 64, 128], "ordered": True, "weights": [1, 2, 3, 4]},
        "kind": {"values": ["a", "b"], "weights": [1, 5]},
        "rate": "lognormal(-7, 1)",
    },
    ["width * layers <= 512", "kind == 'a' or size >= 32", "drop < 0.4"],
)
"""Every distribution, expressions, and constraints that a third of the configs meets."""
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


RUNGS = (1, 2, 4)


def build(
    word: str, space: Space, seed: int = 0, objective: Objective = OBJECTIVE, rungs: tuple[int, ...] = RUNGS
) -> Searcher:
    return SEARCHERS[word](type=word).build(space, objective, seed, rungs)


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


def hear(searcher: Searcher, trial: Trial) -> None:
    """All reports of a trial, then its end."""
    for report in trial.reports:
        searcher.on_report(trial.number, report.step, report.metrics["loss"])
    searcher.tell(trial)


def run(searcher: Searcher, space: Space, first: int, last: int, history: list[Trial]) -> list[Config]:
    """Ask and tell the trials ``first`` to ``last``; what they reported depends on their number alone."""
    proposals = []
    for number in range(first, last):
        config = searcher.ask(number, {trial.config for trial in history})
        if config is None:
            break
        proposals.append(config)
        history.append(any_end(number, config, np.random.default_rng(number)))
        hear(searcher, history[-1])
    return proposals


class Crowd:
    """Several trials at a time, which report and end in any order, as drawn from ``seed``."""

    def __init__(self, searcher: Searcher, space: Space, seed: int) -> None:
        self.searcher, self.space, self.seed = searcher, space, seed
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.taken: set[Config] = set()

    def run(self, trials: int, places: int = 4) -> None:
        rng = np.random.default_rng(self.seed)
        steps: dict[int, int] = {}
        configs: dict[int, Config] = {}
        while len(configs) < trials or steps:
            if len(steps) < places and len(configs) < trials:
                number = len(configs)
                configs[number] = self._first() if number == 0 else self._ask(number)
                steps[number] = 0
                continue
            number = int(rng.choice(sorted(steps)))
            fate = rng.random()
            if fate < 0.6 and steps[number] < RUNGS[-1]:
                steps[number] += 1
                self._call("on_report", number, steps[number], self._value(number, steps[number]))
                continue
            state = State.FAILED if fate > 0.95 else State.COMPLETE if steps[number] == RUNGS[-1] else State.STOPPED
            values = [self._value(number, step) for step in range(1, steps.pop(number) + 1)]
            self._call("tell", over(number, configs[number], values, state))

    def repeat(self, searcher: Searcher, calls: list[tuple[str, tuple[Any, ...]]]) -> None:
        """Tell another searcher the same; what was asked is adopted."""
        for name, arguments in calls:
            getattr(searcher, "adopt" if name == "ask" else name)(*arguments)

    def _first(self) -> Config:
        """The default, which nobody asked for."""
        config = self.space.default()
        self.taken.add(config)
        self._call("adopt", 0, config)
        return config

    def _ask(self, number: int) -> Config:
        config = self.searcher.ask(number, self.taken)
        assert config is not None
        assert config not in self.taken
        self.taken.add(config)
        self.calls.append(("ask", (number, config)))
        return config

    def _call(self, name: str, *arguments: Any) -> None:
        getattr(self.searcher, name)(*arguments)
        self.calls.append((name, arguments))

    def _value(self, number: int, step: int) -> float:
        return float(np.random.default_rng([self.seed, number, step]).normal())


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
@pytest.mark.parametrize("rungs", [RUNGS, ()])
def test_proposals_meet_the_constraints(word: str, rungs: tuple[int, ...]) -> None:
    proposals = run(build(word, BOUND, 3, rungs=rungs), BOUND, 0, 60, [])
    assert len(set(proposals)) == 60
    assert [BOUND.validate(config.nested()) for config in proposals] == proposals
    assert any("drop" in config for config in proposals)


@every_searcher
@pytest.mark.parametrize("rungs", [RUNGS, ()])
def test_a_searcher_rebuilt_over_rounded_values_proposes_the_same(word: str, rungs: tuple[int, ...]) -> None:
    """What was drawn from is lost where many draws are rounded to one value."""
    history: list[Trial] = []
    proposals = run(build(word, BOUND, 5, rungs=rungs), BOUND, 0, 40, history)
    again = build(word, BOUND, 5, rungs=rungs)
    for trial in history[:30]:
        again.adopt(trial.number, trial.config)
        hear(again, trial)
    assert run(again, BOUND, 30, 40, history[:30]) == proposals[30:]


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
    logs = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
        crowd = Crowd(build(word, HOUSE), HOUSE, 3)
        crowd.run(15)
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002
        logs.append(crowd.calls)
    assert logs[0] == logs[1]


@every_searcher
@pytest.mark.parametrize("interrupted", [1, 9, 14, 23])
def test_a_searcher_rebuilt_from_the_history_proposes_the_same(word: str, interrupted: int) -> None:
    uninterrupted = run(build(word, HOUSE, 5), HOUSE, 0, 30, [])
    history: list[Trial] = []
    run(build(word, HOUSE, 5), HOUSE, 0, interrupted, history)
    rebuilt = build(word, HOUSE, 5)
    for trial in history:
        rebuilt.adopt(trial.number, trial.config)
        hear(rebuilt, trial)
    assert run(rebuilt, HOUSE, interrupted, 30, history) == uninterrupted[interrupted:]


@every_searcher
@pytest.mark.parametrize("seed", range(3))
def test_a_searcher_rebuilt_while_trials_run_proposes_the_same(word: str, seed: int) -> None:
    """Wherever the record breaks off; each proposal is made again by one that was told all that came before it."""
    crowd = Crowd(build(word, HOUSE, seed), HOUSE, seed)
    crowd.run(30)
    asks = [index for index, (name, _) in enumerate(crowd.calls) if name == "ask"]
    for index in asks[:: 1 if word == "random" else 3]:
        rebuilt = build(word, HOUSE, seed)
        crowd.repeat(rebuilt, crowd.calls[:index])
        number, config = crowd.calls[index][1]
        taken = {arguments[1] for name, arguments in crowd.calls[:index] if name in ("ask", "adopt")}
        assert rebuilt.ask(number, taken) == config


@every_searcher
def test_the_same_calls_give_the_same_proposals(word: str) -> None:
    first, second = (Crowd(build(word, HOUSE, 8), HOUSE, 8) for _ in range(2))
    first.run(25)
    second.run(25)
    assert first.calls == second.calls


@every_searcher
def test_a_trial_whose_config_changes_on_the_way_is_told_and_adopted_again(word: str) -> None:
    """Population based training: each stretch counts as a trial of its own."""
    searcher, rng = build(word, HOUSE, 2), np.random.default_rng(2)
    for number in range(14):
        asked = searcher.ask(number, ())
        assert asked is not None
        searcher.on_report(number, 1, 0.1 * number)
        first = over(number, asked, [0.1 * number], State.STOPPED)
        searcher.tell(first)
        changed = HOUSE.sample(rng)
        searcher.adopt(number, changed)
        searcher.on_report(number, 2, 0.2 * number)
        report = Report(2, {"loss": 0.2 * number}, 0.2, number, segment=1)
        segments = (Segment(0, asked, 0), Segment(1, changed, 1, source=0, first_step=1))
        searcher.tell(replace(first, state=State.COMPLETE, config=changed, segments=segments, reports=(report,)))
    config = searcher.ask(14, ())
    assert config is not None
    assert HOUSE.validate(config) == config


@every_searcher
def test_a_trial_that_never_reports_may_be_adopted_and_left(word: str) -> None:
    """A place that is held and never told again keeps nobody from proposing."""
    searcher = build(word, FINITE)
    searcher.adopt(0, FINITE.default())
    taken = {FINITE.default()}
    for number in range(1, 5):
        config = searcher.ask(number, taken)
        assert config is not None
        taken.add(config)
    assert searcher.ask(5, taken) is None


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
def test_reports_of_trials_it_never_heard_of_harm_nothing(word: str) -> None:
    """A sweep that was extended goes on with trials that were told as over."""
    searcher = build(word, HOUSE)
    config = searcher.ask(0, ())
    assert config is not None
    hear(searcher, over(0, config, [0.4]))
    searcher.on_report(0, 2, 0.3)
    searcher.on_report(77, 1, 0.3)
    searcher.tell(over(0, config, [0.4, 0.3]))
    assert searcher.ask(1, {config}) is not None


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
