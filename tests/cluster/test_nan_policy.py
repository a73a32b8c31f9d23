"""What diverges is ended at once, costs next to nothing, and the searcher hears of it as it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState

from assay.cluster import InlineExecutor
from assay.cluster.proposals import PromptProposals
from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.search import State, Trial
from assay.search.tpe import TPE, TPEOptions
from assay.spaces import Config
from assay.trainables import Event, TrainableRef, TrialHandle, TrialSpec

from .worlds import World

UNFIT: list[dict[str, Any]] = [
    {"score": math.nan},
    {"score": math.inf},
    {"score": -math.inf},
    {"loss": 1.0},
]
SECTIONS: dict[str, Any] = {"scheduler": "asha", "fidelity": {"unit": "epoch", "max": 81}, "budget": {"trials": 40}}
_SHARE = 0.05


def curve_of(x: float, step: int) -> float:
    return x - 1 / (step + 1)


class Diverging:
    """A curve on which all configs with ``x`` below 0.3 give what is unfit, from one step on.

    Attributes:
        trained: steps by trial; each takes a second.
    """

    def __init__(self, unfit: dict[str, Any], when: Callable[[TrialSpec], int] = lambda spec: 1) -> None:
        self._unfit = unfit
        self._when = when
        self.trained: Counter[int] = Counter()

    def __call__(self, spec: TrialSpec, step: int) -> tuple[dict[str, Any], float]:
        self.trained[spec.number] += 1
        diverges = spec.config["x"] < 0.3 and step >= self._when(spec)
        return self._unfit if diverges else {"score": curve_of(spec.config["x"], step)}, 1.0


def assert_cheap(trials: list[Trial], trained: Counter[int]) -> None:
    """Those that diverge at their first report train one step, and all others are searched as ever."""
    failed = {trial.number for trial in trials if trial.state is State.FAILED}
    assert failed == {trial.number for trial in trials if trial.config["x"] < 0.3}
    assert 0.15 < len(failed) / len(trials) < 0.45, "about 30 %"
    for trial in trials:
        if trial.number in failed:
            assert trained[trial.number] == 1
            assert trial.reports == ()
            assert "score" in trial.reason
    assert sum(trained[number] for number in failed) < _SHARE * trained.total()
    best = max((t for t in trials if t.state is State.COMPLETE), key=lambda t: t.value("score") or 0.0)
    assert best.last_step == SECTIONS["fidelity"]["max"]
    assert best.config["x"] > 0.85


# What it costs


@pytest.mark.parametrize("seed", range(4))
def test_where_30_percent_diverge_they_cost_under_5_percent(world: Callable[..., World], seed: int) -> None:
    """A run is long beside its first report: 81 times under ASHA, whose other trials train about six on average."""
    small, curve = world(**SECTIONS, seed=seed), Diverging(UNFIT[0])
    small.simulate(curve, 4)
    assert small.ended is None
    assert len(small.trials) == 40
    assert all(trial.state.over for trial in small.trials)
    assert_cheap(small.trials, curve.trained)
    assert curve.trained.total() == sum(trial.last_step for trial in small.trials) + small.states.count(State.FAILED)


@pytest.mark.parametrize(
    ("plain", "unfit"), [*((False, unfit) for unfit in UNFIT), (True, UNFIT[0]), (True, UNFIT[-1])], ids=str
)
def test_a_training_function_does_not_train_on(world: Callable[..., World], plain: bool, unfit: dict[str, Any]) -> None:
    """The same with real training functions, which count what they train."""
    trained: Counter[int] = Counter()

    def measured(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, Any]]:
        for step in trial.steps():
            trained[trial.number] += 1
            yield unfit if config["x"] < 0.3 else {"score": curve_of(config["x"], step + 1)}

    def function(config: dict[str, Any], trial: TrialHandle) -> None:
        for metrics in measured(config, trial):
            trial.report(**metrics)

    small = world(**SECTIONS | {"budget": {"trials": 20}}, seed=3)
    executor = InlineExecutor(TrainableRef("train", ".", function if plain else measured), capacity=2)
    executor.clock = lambda: float(trained.total())  # type: ignore[attr-defined]
    small.drive(executor)
    assert small.ended is None
    assert len(small.trials) == 20
    assert_cheap(small.trials, trained)


def test_one_that_diverges_later_keeps_its_curve_and_costs_no_step_more(world: Callable[..., World]) -> None:
    small = world(**SECTIONS | {"scheduler": "none", "fidelity": {"max": 9}})
    curve = Diverging({"score": math.nan}, lambda spec: 2 + spec.number % 7)
    small.simulate(curve, 4)
    failed = [trial for trial in small.trials if trial.state is State.FAILED]
    assert len(failed) > 5
    for trial in failed:
        assert trial.last_step == 1 + trial.number % 7
        assert [r.metrics["score"] for r in trial.reports] == [
            curve_of(trial.config["x"], step) for step in range(1, trial.last_step + 1)
        ]
        assert curve.trained[trial.number] == trial.last_step + 1
    assert all(trial.last_step == 9 for trial in small.trials if trial not in failed)


# What Optuna hears


class Watched(VirtualExecutor):
    """Calls ``look`` whenever the controller waits, when all that it decided is recorded and done."""

    look: Callable[[], None]

    def wait(self, timeout: float) -> Sequence[Event]:
        self.look()
        return super().wait(timeout)


TPE_SECTIONS: dict[str, Any] = {
    "searcher": {"type": "tpe", "startup": 6},
    "parameters": {"x": "uniform(0, 1)", "depth": "int(1, 9)"},
    "fidelity": {"max": 9},
    "budget": {"trials": 16},
    "cluster": {"retry": {"lost": 99}},
}
every_scheduler = pytest.mark.parametrize("scheduler", ["none", "asha", "promotion_asha", "hyperband", "median"])


def rough(spec: TrialSpec, step: int) -> tuple[dict[str, Any], float]:
    """Every third trial diverges at one of its first four reports."""
    diverges = spec.number % 3 == 1 and step > spec.number % 4
    return {"score": math.nan if diverges else curve_of(spec.config["x"], step)}, 1.0 + spec.number / 1000


@pytest.fixture
def searchers(monkeypatch: pytest.MonkeyPatch) -> list[TPE]:
    """All that were made, the newest last."""
    made: list[TPE] = []

    def build(self: TPEOptions, *given: Any) -> TPE:
        made.append(TPE(*given[:3], self.startup, *given[3:]))
        return made[-1]

    monkeypatch.setattr(TPEOptions, "build", build)
    return made


def heard_by(searcher: TPE) -> dict[Config, FrozenTrial]:
    """The trials of its study by config, which is another one for each."""
    study = searcher.study.get_trials(deepcopy=False)
    heard = {Config(trial.params): trial for trial in study}
    assert len(heard) == len(study)
    return heard


def assert_true(searcher: TPE, trials: list[Trial]) -> Counter[TrialState]:
    """The study says of each trial what the ledger says; how often it says what."""
    heard = heard_by(searcher)
    for trial in trials:
        found = heard.pop(trial.config)
        if not trial.state.over:
            assert found.state == TrialState.RUNNING
            continue
        assert found.intermediate_values == {report.step: report.metrics["score"] for report in trial.reports}
        if trial.state is State.COMPLETE:
            assert (found.state, found.value) == (TrialState.COMPLETE, trial.value("score"))
            assert trial.last_step == 9
        else:
            assert found.state == {State.STOPPED: TrialState.PRUNED, State.FAILED: TrialState.FAIL}[trial.state]
    assert {trial.state for trial in heard.values()} <= {TrialState.RUNNING}, "it was asked for, and not yet started"
    return Counter(trial.state for trial in heard_by(searcher).values())


@every_scheduler
def test_the_study_has_the_truth(world: Callable[..., World], searchers: list[TPE], scheduler: str) -> None:
    small = world(**TPE_SECTIONS, scheduler=scheduler)
    small.simulate(rough, 3)
    states = assert_true(searchers[-1], small.trials)
    assert states.total() == len(small.trials) == 16
    assert states[TrialState.RUNNING] == 0
    assert states[TrialState.COMPLETE] > 0
    assert states[TrialState.FAIL] > 0
    assert (states[TrialState.PRUNED] > 0) == (scheduler != "none")


@every_scheduler
def test_the_study_has_the_truth_in_every_round_and_after_crashes(
    world: Callable[..., World], searchers: list[TPE], scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assay.cluster.phases.ThreadedProposals", PromptProposals)  # what was told is there at once
    small = world(**TPE_SECTIONS, scheduler=scheduler)
    rounds: list[Counter[TrialState]] = []

    def drive() -> None:
        faults = [Fault(seconds, trial=int(seconds)) for seconds in (4.5, 8.5)]
        executor = Watched(rough, 3, faults=faults)
        executor.look = lambda: rounds.append(assert_true(searchers[-1], small.trials))
        small.order.clear()
        small.drive(executor)

    for crash, count in (("before failed", 1), ("before report", 6), ("report", 4)):
        small.crash_at = lambda *at: [call for call, _ in small.order].count(crash) == count  # noqa: B023
        drive()
        assert small.ended is not None
    small.crash_at = None
    drive()
    assert small.ended is None
    assert len(searchers) == 4, "one for each driver"
    assert rounds[-1][TrialState.RUNNING] > 0
    assert {TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAIL} <= rounds[-1].keys()
    final = assert_true(searchers[-1], small.trials)
    assert final[TrialState.RUNNING] == 0
    assert final.total() == 16
