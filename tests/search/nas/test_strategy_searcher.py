"""NNI's strategies as searchers: what they propose is what NNI alone would, and they hear how each trial ended."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from assay.search import Phase, Report, Searcher, State, Trial
from assay.search.nas.strategy_options import NNIOptions
from assay.spaces import Config, Limit, Objective, Space
from assay.spaces.from_nni.fixes import nni

pytest.importorskip("nni")
nni()

from nni.nas.execution import SequentialExecutionEngine  # noqa: E402
from nni.nas.execution.event import ModelEventType  # noqa: E402
from nni.nas.strategy import GridSearch, PolicyBasedRL, Random, RegularizedEvolution  # noqa: E402
from nni.nas.strategy.base import Strategy  # noqa: E402

from assay.search.nas.engine import StrategyRun  # noqa: E402
from assay.search.nas.flat_space import FlatSpace  # noqa: E402
from assay.search.nas.strategy_searcher import StrategySearcher  # noqa: E402

SCORE = Objective("score", "maximize")
NETWORKS = Space({f"op{index}": list("abcde") for index in range(6)})
JOINT = Space(
    {
        "kind": {"values": ["conv", "pool"], "weights": [3, 1]},
        "kernel": {"values": [3, 5, 7], "when": {"kind": "conv"}},
        "width": {"min": 8, "max": 64, "log": True, "step": 8},
        "lr": "loguniform(1e-4, 1e-1)",
        "heads": {"min": 1, "max": 5000},
    },
    ["width >= 16 or lr < 0.01"],
)
SMALL = Space({"a": [1, 2, 3], "b": {"values": ["x", "y"], "when": {"a": [1, 2]}}, "c": [True, False]})
EVOLVING = {"population": 8, "sample": 4, "mutation_prob": 0.3}


def quality(config: Config) -> float:
    return sum(value == "c" for value in config.values()) / len(config)


def over(number: int, config: Config, values: Sequence[float], state: State = State.COMPLETE, **more: float) -> Trial:
    reports = tuple(Report(step, {"score": one, **more}, 0.1, number) for step, one in enumerate(values, 1))
    return Trial(number, Phase.SEARCH, state, config, seed=0, split=0, ended=number, reports=reports)


def build(space: Space, strategy: str, seed: int = 0, objective: Objective = SCORE, **options: Any) -> Searcher:
    return NNIOptions.model_validate({"type": "nni", "strategy": strategy, **options}).build(space, objective, seed)


def search(searcher: Searcher, trials: int, taken: set[Config] | None = None) -> list[Config]:
    """One after the other; what is taken is only what is given."""
    configs = []
    for number in range(trials):
        config = searcher.ask(number, () if taken is None else taken)
        if config is None:
            break
        if taken is not None:
            taken.add(config)
        configs.append(config)
        searcher.tell(over(number, config, [quality(config)]))
    return configs


def test_a_policy_is_made_without_compiling_what_it_may_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tianshou")
    from tianshou.policy import BasePolicy

    def compiled(self: Any) -> None:
        raise AssertionError("three seconds of Numba")

    monkeypatch.setattr(BasePolicy, "_compile", compiled)
    assert len(search(build(SMALL, "policy_rl", 1, samples_per_update=2), 4)) == 4


# The same as NNI


class Executed(FlatSpace):
    """Models that NNI's own engine can execute."""

    def execute(self) -> None:
        import nni

        nni.report_final_result(quality(self.config))


def by_nni(space: Space, strategy: Strategy, trials: int) -> list[Config]:
    engine = SequentialExecutionEngine(max_model_count=trials)
    strategy(Executed(space), engine)
    return [model.config for model in engine.list_models()]


@pytest.mark.parametrize("space", [NETWORKS, JOINT])
@pytest.mark.parametrize("seed", [0, 5])
def test_random_and_evolution_propose_what_nni_alone_does(space: Space, seed: int) -> None:
    arguments = {"population_size": 8, "sample_size": 4, "mutation_prob": 0.3, "seed": seed}
    assert search(build(space, "random", seed), 30) == by_nni(space, Random(seed=seed), 30)
    for crossover in (False, True):
        ours = search(build(space, "regularized_evolution", seed, crossover=crossover, **EVOLVING), 40)
        assert ours == by_nni(space, RegularizedEvolution(**arguments, crossover=crossover), 40)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_grid_is_gone_through_as_nni_does(shuffle: bool) -> None:
    ours = search(build(SMALL, "grid", 3, shuffle=shuffle), 20, set())
    assert ours == by_nni(SMALL, GridSearch(shuffle=shuffle, seed=3), 20)
    assert len(ours) == len(set(ours)) == SMALL.size()
    if not shuffle:
        assert ours == list(SMALL.configs())


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Networks this small are slower with more."""
    pytest.importorskip("tianshou")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_policy_learns_as_in_nni_and_leaves_the_global_generators_alone() -> None:
    from assay.search.nas.policy import policy_factory

    space = Space({"a": [1, 2, 3], "b": ["x", "y"], "c": [True, False]})
    np.random.seed(9)  # noqa: NPY002
    before = torch.manual_seed(9).get_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    ours = search(build(space, "policy_rl", 4, samples_per_update=3), 5)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert ours == by_nni(space, PolicyBasedRL(samples_per_update=3, policy_fn=policy_factory(4)), 5)
    assert ours != search(build(space, "policy_rl", 5), 5)


def test_the_policy_is_made_like_nnis_own() -> None:
    pytest.importorskip("tianshou")
    from nni.nas.strategy._rl_impl import TuningEnvironment, default_policy_fn

    from assay.search.nas.policy import policy_factory

    ours, theirs = (make(TuningEnvironment([3, 2, 5])).state_dict() for make in (policy_factory(0), default_policy_fn))
    assert ours.keys() == theirs.keys()
    for name in theirs:
        assert ours[name].shape == theirs[name].shape
        assert not ours[name].is_meta
        if theirs[name].numel() >= 64:
            assert float(ours[name].std()) == pytest.approx(float(theirs[name].std()), rel=0.3), name


# Events


class Recorder(Strategy):  # type: ignore[misc]
    """Submits random models, and notes what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Any, ...]] = []

    def _initialize(self, model_space: Any, engine: Any) -> Any:
        for kind in ModelEventType:
            engine.register_model_event_callback(kind, self._hear)
        return model_space

    def _hear(self, event: Any) -> None:
        told = getattr(event, "metric", None) or getattr(event, "status", None)
        self.heard.append((event.event_type.value, event.model.config, getattr(told, "value", told)))

    def _run(self) -> None:
        state = np.random.RandomState(0)
        while self.wait_for_resource():
            self.engine.submit_models(self.model_space.random(random_state=state))


def recorded(objective: Objective = SCORE) -> tuple[Searcher, Recorder]:
    recorder = Recorder()
    begin = lambda: StrategyRun(recorder, FlatSpace(NETWORKS))  # noqa: E731
    return StrategySearcher(NETWORKS, objective, 0, begin), recorder


def test_strategies_hear_reports_and_ends() -> None:
    searcher, recorder = recorded(Objective("score", "minimize"))
    configs = [searcher.ask(number, ()) for number in range(3)]
    one, two, three = configs
    assert one is not None and two is not None and three is not None
    for step, value in enumerate([3.0, 2.0], 1):
        searcher.on_report(0, step, value)
    searcher.on_report(1, 1, 5.0)
    searcher.tell(over(1, two, [5.0], State.STOPPED))
    searcher.tell(over(2, three, [4.0], State.FAILED))
    searcher.tell(over(0, one, [3.0, 2.0]))
    assert recorder.heard == [
        ("intermediate_metric", one, -3.0),
        ("intermediate_metric", one, -2.0),
        ("intermediate_metric", two, -5.0),
        ("final_metric", two, -5.0),
        ("training_end", two, "interrupted"),
        ("training_end", three, "failed"),
        ("final_metric", one, -2.0),
        ("training_end", one, "trained"),
    ]


def test_what_is_beyond_the_limits_has_no_value() -> None:
    searcher, recorder = recorded(Objective("score", "maximize", limits=(Limit("size", max=5),)))
    config = searcher.ask(0, ())
    assert config is not None
    searcher.tell(over(0, config, [3.0], size=6))
    assert recorder.heard == [("training_end", config, "trained")]


def test_proposals_that_are_taken_are_answered_with_what_is_known() -> None:
    """Two that it proposes first are over, with a value and without one: both are answered before the third comes."""
    first, second, third = search(recorded()[0], 3)
    searcher, recorder = recorded()
    searcher.tell(over(7, first, [0.25]))
    recorder.heard.clear()
    assert searcher.ask(8, {first, second}) == third
    assert recorder.heard == [
        ("final_metric", first, 0.25),
        ("training_end", first, "trained"),
        ("training_end", second, "invalid"),
    ]


def test_evolution_learns_from_a_config_that_it_did_not_propose() -> None:
    best = Config(dict.fromkeys(NETWORKS, "c"))
    searcher = build(NETWORKS, "regularized_evolution", population=4, sample=4, mutation_prob=0.2)
    searcher.adopt(0, best)
    searcher.tell(over(0, best, [1.0]))
    children = search(searcher, 7, {best})[3:]
    assert all(sum(child[name] != "c" for name in child) <= 4 for child in children)
    assert np.mean([quality(child) for child in children]) > 0.5


def test_evolution_goes_on_while_more_trials_run_than_there_are_members() -> None:
    searcher = build(NETWORKS, "regularized_evolution", population=2, sample=1)
    configs = [searcher.ask(number, ()) for number in range(8)]
    assert None not in configs
    assert len(set(configs)) == 8


def test_evolution_finds_what_random_misses() -> None:
    found = {
        word: np.mean([max(map(quality, search(build(NETWORKS, word, seed), 120, set()))) for seed in range(3)])
        for word in ("random", "regularized_evolution")
    }
    assert found["regularized_evolution"] >= found["random"] + 0.2


# Interruptions


@pytest.mark.parametrize("interrupted", [1, 9, 25])
@pytest.mark.parametrize("strategy", ["random", "grid", "regularized_evolution"])
def test_rebuilt_from_its_history_it_proposes_the_same(strategy: str, interrupted: int) -> None:
    """Also with configs from elsewhere, and with half of what it proposes taken by nobody that it knows."""
    space = NETWORKS if strategy == "grid" else JOINT
    searcher, history = build(space, strategy, 2), list[Trial]()
    for number in range(32):
        if number in (0, 7):
            config = space.default() if number == 0 else space.sample(np.random.default_rng(5))
            searcher.adopt(number, config)
        else:
            config = asked(searcher, number, history)
        history.append(over(number, config, [noise(config)], (State.COMPLETE, State.STOPPED, State.FAILED)[number % 3]))
        searcher.tell(history[-1])
    rebuilt = build(space, strategy, 2)
    for trial in history[:interrupted]:
        rebuilt.adopt(trial.number, trial.config)
        rebuilt.tell(trial)
    for trial in history[interrupted:]:
        if trial.number == 7:
            rebuilt.adopt(7, trial.config)
        else:
            assert asked(rebuilt, trial.number, history[: trial.number]) == trial.config
        rebuilt.tell(trial)


class Taken:
    """What was tried, and half of everything else."""

    def __init__(self, history: Sequence[Trial]) -> None:
        self._known = {trial.config for trial in history}

    def __contains__(self, config: object) -> bool:
        assert isinstance(config, Config)
        return config in self._known or int(config.config_id, 16) % 2 == 0


def asked(searcher: Searcher, number: int, history: Sequence[Trial]) -> Config:
    config = searcher.ask(number, Taken(history))
    assert config is not None
    assert config not in Taken(history)
    return config


def noise(config: Config) -> float:
    return float(np.random.default_rng(int(config.config_id, 16)).random())


@pytest.mark.usefixtures("one_thread")
def test_a_policy_survives_an_interruption() -> None:
    space = Space({"a": [1, 2, 3, 4], "b": ["x", "y", "z"]})
    searcher, again = (build(space, "policy_rl", 1, samples_per_update=3) for _ in range(2))
    taken = {space.default()}
    for one in (searcher, again):
        one.adopt(0, space.default())
    for number in range(1, 6):
        config = searcher.ask(number, taken)
        assert config is not None
        taken.add(config)
        again.adopt(number, config)
        for one in (searcher, again):
            one.tell(over(number, config, [noise(config)]))
    assert again.ask(6, taken) == searcher.ask(6, taken)


# Threads


def test_a_searcher_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    searchers = [build(NETWORKS, "regularized_evolution", seed) for seed in range(3)]
    assert set(threading.enumerate()) <= before, "none before the first proposal"
    for searcher in searchers:
        search(searcher, 3)
    threads = set(threading.enumerate()) - before
    assert len(threads) == 3
    del searcher, searchers
    gc.collect()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_what_goes_wrong_in_a_strategy_is_raised_where_it_is_asked() -> None:
    class Broken(Strategy):  # type: ignore[misc]
        def _run(self) -> None:
            raise KeyError("lost")

    begin = lambda: StrategyRun(Broken(), FlatSpace(NETWORKS))  # noqa: E731
    with pytest.raises(KeyError, match="lost"):
        StrategySearcher(NETWORKS, SCORE, 0, begin).ask(0, ())


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    search(build(NETWORKS, "regularized_evolution", population=2, sample=1), 6)
    assert capsys.readouterr().out == ""


class All:
    """Everything is taken but the configs in ``left``."""

    def __init__(self, *left: Config) -> None:
        self._left = left

    def __contains__(self, config: object) -> bool:
        return config not in self._left


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_grid_goes_on_however_many_are_taken_and_ends(shuffle: bool) -> None:
    whole = list(NETWORKS.configs())
    first, last = whole[2000], whole[-1]
    searcher = build(NETWORKS, "grid", shuffle=shuffle)
    assert searcher.ask(0, All(first, last)) == first
    assert searcher.ask(1, All(last)) == last
    assert searcher.ask(2, All()) is None
    assert searcher.ask(3, ()) is None


def test_a_grid_leaves_nothing_out_before_a_config_from_elsewhere() -> None:
    searcher = build(SMALL, "grid", shuffle=False)
    whole = list(SMALL.configs())
    searcher.adopt(0, whole[3])
    assert [searcher.ask(number, ()) for number in range(1, len(whole) + 1)] == [*whole[:3], *whole[4:], None]
