"""Children of a search that start from the weights of their parents, and networks that are not worth a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from assay.analysis import Results
from assay.analysis.export import _search_trial
from assay.cluster import InlineExecutor, PhaseRunner
from assay.cluster.controller import Controller
from assay.cluster.launch import refuse_what_cannot_be_submitted, refuse_what_cannot_run
from assay.cluster.open_trial import OpenTrial
from assay.cluster.plan import FixedPlan, Request
from assay.search import Ledger, Phase, Report, State, Sweep
from assay.search.nas.screening import Screen
from assay.spaces import Config
from assay.spaces.networks import measures
from assay.spaces.networks.draws import own_draws
from assay.spaces.networks.measures import parameter_count
from assay.trainables import Cause, Event, Failed, Reported, TrainableRef, TrialHandle, TrialSpec
from assay.trainables.weights import Weights

from .worlds import Crash, Notes, Script, ScriptedExecutor, World, make_sweep

EVOLUTION = {"type": "regularized_evolution", "population": 2, "sample": 2, "inherit": True}
STAGES = [{"ops": ["conv3x3", "conv1x1"], "depth": [1, 2], "width": [2, 4]}]


pytestmark = pytest.mark.usefixtures("one_thread")


def by_x(spec: TrialSpec, attempt: int) -> list[float]:
    return [spec.config["x"] + step / 100 for step in range(1, 5)]


class Networks(ScriptedExecutor):
    """Each trial that ends by itself gives its weights, but those of ``mute``; children of ``alien`` can use none."""

    mute: frozenset[int] = frozenset()
    alien: frozenset[int] = frozenset()

    def wait(self, timeout: float) -> Sequence[Event]:
        began = {spec.number: spec.inherit is not None and spec.number not in self.alien for spec in self.specs}
        return [self._seen(event, began[event.number]) for event in super().wait(timeout)]

    def _seen(self, event: Event, inherited: bool) -> Event:
        if isinstance(event, Failed):
            return event
        if isinstance(event, Reported) or event.number in self.mute:
            return replace(event, inherited=inherited)
        return replace(event, inherited=inherited, weights=Weights(b"weights", "began", "shape"))


def grown(world: World, script: Script = by_x, **options: Any) -> Networks:
    """Drive the search of ``world``, with networks that have weights."""
    numbers = {name: frozenset(options.pop(name, ())) for name in ("mute", "alien")}
    executor = Networks(script, world.clock, checkpoints=world.store, **options)
    executor.mute, executor.alien = numbers["mute"], numbers["alien"]
    world.drive(executor)
    return executor


@pytest.fixture
def bred(world: Callable[..., World]) -> World:
    networks = {"input": [1, 8, 8], "output": 2, "stages": STAGES}
    return world(searcher=EVOLUTION, architecture=networks, budget={"trials": 8})


def weights_of(world: World, number: int) -> str:
    return str((world.store / "small" / "weights" / f"trial-{number:05d}.safetensors").absolute())


def test_children_are_told_where_their_parents_weights_are(bred: World) -> None:
    specs = {spec.number: spec.inherit for spec in grown(bred).specs}
    parents = {trial.number: trial.parent for trial in bred.trials}
    assert [number for number, parent in parents.items() if parent is not None] == list(range(2, 8))
    assert specs == {number: None if parent is None else weights_of(bred, parent) for number, parent in parents.items()}
    assert all(step.recorded == step.made for step in bred.repeated())


def test_a_driver_that_goes_on_tells_the_same(bred: World) -> None:
    bred.crash_at = ("report", 4)
    first = grown(bred).specs
    assert isinstance(bred.ended, Crash)
    second = grown(bred).specs
    assert first[-1].number == second[0].number == 4
    assert first[-1].inherit == second[0].inherit is not None
    assert all(spec.inherit for spec in second)


def test_a_parent_that_still_trains_has_no_weights_to_give(bred: World) -> None:
    """With several places children are made of scores so far; such a child starts fresh, and is recorded so."""
    specs = {spec.number: spec for spec in grown(bred, capacity=3).specs}
    for trial in bred.trials:
        assert (specs[trial.number].inherit is None) == (trial.parent is None)
        if trial.parent is not None:
            parent = bred.trials[trial.parent]
            assert parent.ended is not None
            assert parent.ended < trial.started


def test_a_parent_without_weights_is_none(bred: World) -> None:
    """The best ends without weights, the next best fails: nobody starts from either, and the record says so."""
    scores = [0.1, 0.5, 0.9, 0.8]

    def script(spec: TrialSpec, attempt: int) -> list[Any]:
        if spec.number == 3:
            return [0.99, Cause.EXCEPTION]
        return [scores[spec.number] if spec.number < len(scores) else 0.2 for _ in range(4)]

    specs = grown(bred, script, mute=[2]).specs
    assert bred.trials[3].parent is None  # a child of the best
    assert {trial.parent for trial in bred.trials} - {None} == {1, 4, 5}
    for spec in specs:
        parent = bred.trials[spec.number].parent
        assert spec.inherit == (None if parent is None else weights_of(bred, parent))


def test_weights_that_were_removed_are_no_start(bred: World) -> None:
    def script(spec: TrialSpec, attempt: int) -> list[float]:
        if spec.number == 4:
            for file in (bred.store / "small" / "weights").iterdir():
                file.unlink()
        return by_x(spec, attempt)

    grown(bred, script)
    assert [trial.parent is None for trial in bred.trials][:6] == [True, True, False, False, False, True]


def test_weights_of_which_nothing_was_used_make_no_parent(bred: World) -> None:
    grown(bred, alien=[4, 5])
    assert [trial.parent is None for trial in bred.trials] == [number in (0, 1, 4, 5) for number in range(8)]


def test_a_parent_stays_as_long_as_nothing_is_known(bred: World) -> None:
    """Which is so when the network was built in an earlier attempt, or is built after the first report."""

    class Silent(Networks):
        def _seen(self, event: Event, inherited: bool) -> Event:
            seen = super()._seen(event, inherited)
            return seen if isinstance(seen, Failed) else replace(seen, inherited=None)

    bred.drive(Silent(by_x, bred.clock, checkpoints=bred.store))
    assert [trial.number for trial in bred.trials if trial.parent is not None] == list(range(2, 8))


def test_that_nothing_was_used_is_known_after_an_interruption(bred: World) -> None:
    bred.crash_at = lambda call, number: call == "resume" and number == 4
    assert grown(bred, alien=[4]).specs[-1].inherit is not None
    assert bred.trials[4].parent is None
    assert grown(bred, alien=[4]).specs[0].inherit is None
    assert bred.trials[4].state is State.COMPLETE
    assert [trial.parent is None for trial in bred.trials] == [number in (0, 1, 4) for number in range(8)]
    assert all(step.recorded == step.made for step in bred.repeated())


def test_without_inheritance_no_parent_is_recorded(world: Callable[..., World]) -> None:
    small = world(searcher=EVOLUTION | {"inherit": False}, budget={"trials": 6})
    assert {spec.inherit for spec in grown(small).specs} == {None}
    assert {trial.parent for trial in small.trials} == {None}


def test_replicates_train_from_scratch_and_a_test_as_its_model_did(bred: World) -> None:
    executor = grown(bred)
    child = bred.trials[-1]
    with closing(Ledger(bred.store)) as ledger:
        record = ledger.sweep("small")
        controller = Controller(ledger, record, executor, clock=executor.clock, observer=bred.notes)
        replicate = FixedPlan(Phase.REPLICATE, [Request(Phase.REPLICATE, child.config, 1, 1, child.number)])
        controller.run(replicate, [], [])
        [made] = ledger.trials(record, Phase.REPLICATE)
        tests = [Request(Phase.TEST, child.config, 0, 0, number) for number in (child.number, made.number)]
        controller.run(FixedPlan(Phase.TEST, tests), [], [])
    repeated, of_search, of_replicate = executor.specs[-3:]
    assert (repeated.inherit, of_replicate.inherit) == (None, None)
    assert of_search.inherit == weights_of(bred, child.parent or 0)


def test_a_child_is_exported_and_shown_as_itself(bred: World) -> None:
    grown(bred)
    child = bred.trials[-1]
    assert child.parent is not None
    with closing(Ledger(bred.store)) as ledger:
        assert _search_trial(Results(ledger, ledger.sweep("small")), child.number) == child


def networks(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    """Each step adds 1 to the first weights; how large they were at the start is reported."""
    model = trial.build_model()
    began = float(model.stem.conv.weight.detach().abs().sum())  # type: ignore[union-attr, operator]
    for _ in trial.steps():
        with torch.no_grad():
            model.stem.conv.weight += 1  # type: ignore[union-attr, operator]
        yield {"score": config["x"], "began": began}


def architecture_sweep(**changes: Any) -> Sweep:
    architecture = {"input": [1, 4, 4], "output": 2, "stages": STAGES}
    return make_sweep(architecture=architecture, fidelity={"unit": "epoch", "max": 1}, **changes)


def test_networks_grow_from_what_their_parents_learned(tmp_path: Path) -> None:
    sweep = architecture_sweep(searcher=EVOLUTION, budget={"trials": 6}, leaderboard={"top": 1, "seeds": 2})
    executor, folder = InlineExecutor(TrainableRef("train", ".", networks)), tmp_path / "small" / "weights"
    with closing(Ledger(tmp_path, create=True)) as ledger:
        record = ledger.create_sweep(sweep, ".")
        PhaseRunner(ledger, record, executor, clock=lambda: 0.0, observer=Notes()).run()
        trials = ledger.trials(record)
    children = [trial for trial in trials if trial.phase is Phase.SEARCH and trial.parent is not None]
    assert len(children) == 4
    same = 0
    for child in children:
        weight = load_file(folder / f"trial-{child.parent:05d}.safetensors")["stem.conv.weight"]
        if child.config["architecture.stage1.width"] == trials[child.parent or 0].config["architecture.stage1.width"]:
            assert child.metrics["began"] == pytest.approx(float(weight.abs().sum()))
            same += 1
    assert same
    found = sweep.networks()
    assert found is not None
    for trial in trials:
        if trial.parent is None or trial.phase is Phase.REPLICATE:
            with own_draws(trial.seed):
                fresh = found.build(trial.config).state_dict()["stem.conv.weight"]
            assert trial.metrics["began"] == pytest.approx(float(fresh.abs().sum()))
    assert all(trial.metrics["params_m"] > 0 for trial in trials if trial.phase is Phase.SEARCH)


def test_latency_is_an_objective_and_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is made up, so that it is the same each time; larger networks score better, and are slower."""
    measured_as: list[dict[str, int]] = []

    def by_size(model: torch.nn.Module, shape: tuple[int, ...], **how: int) -> float:
        measured_as.append(how)
        return parameter_count(model) / 10

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        model = trial.build_model()
        yield {"score": parameter_count(model) + config["x"] + trial.seed % 100 / 1000}

    monkeypatch.setattr(measures, "latency_ms", by_size)
    how = {"batch": 2, "warmup": 0, "runs": 1}
    sweep = make_sweep(
        architecture={"input": [1, 4, 4], "output": 2, "stages": STAGES, "latency": how},
        fidelity={"unit": "epoch", "max": 1},
        objectives=[{"metric": "score", "goal": "maximize"}, {"metric": "latency_ms", "goal": "minimize"}],
        constraints=[{"metric": "latency_ms", "max": 10}],
        searcher=EVOLUTION | {"inherit": False},
        budget={"trials": 14},
        leaderboard={"top": 2, "seeds": 2},
    )
    with closing(Ledger(tmp_path, create=True)) as ledger:
        record = ledger.create_sweep(sweep, ".")
        executor = InlineExecutor(TrainableRef("train", ".", train))
        results = PhaseRunner(ledger, record, executor, clock=lambda: 0.0, observer=Notes()).run()
        search, again = (results.phase(phase) for phase in (Phase.SEARCH, Phase.REPLICATE))
        front = results.front().trials
    assert measured_as == [how] * len([*search, *again])
    slow = {trial.number for trial in search if trial.metrics["latency_ms"] > 10}
    assert 0 < len(slow) < len(search)  # which is known when they are trained
    assert not {trial.parent for trial in again} & slow
    assert all(0 < trial.metrics["latency_ms"] <= 10 for trial in again)
    by_latency = sorted((trial for trial in again if trial.parent in front), key=lambda one: one.metrics["latency_ms"])
    scores = [trial.metrics["score"] // 1 for trial in by_latency]
    assert front
    assert scores == sorted(scores)


def test_a_limit_on_what_was_never_built_names_the_cure(tmp_path: Path) -> None:
    limited = World(tmp_path, architecture_sweep(constraints=[{"metric": "params", "max": 10}], budget={"trials": 1}))
    limited.script(lambda spec, attempt: [0.5])
    [trial] = limited.trials
    assert trial.state is State.FAILED
    assert trial.reason == (
        "constraint metric 'params' was never reported: report it, or build the network with trial.build_model()"
    )


MODEL_SPACE = {"space": "models.py:Net", "parameters": {"architecture.op": ["relu", "tanh"]}}
MODELS = """
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from torch import nn

class Net(ModelSpace):
    def __init__(self):
        super().__init__()
        self.op = LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, label="op")

    def forward(self, x):
        return self.op(x)
"""


@pytest.mark.parametrize(
    ("limits", "more"),
    [
        ([{"metric": "flops", "max": 10}], ", and give architecture.input"),
        ([{"metric": "params", "max": 10}], ""),
        ([{"metric": "params", "max": 10}, {"metric": "flops", "max": 10}], ""),
        ([{"metric": "size", "max": 10}, {"metric": "flops", "max": 10}], None),
        ([{"metric": "word", "max": 10}, {"metric": "flops", "max": 10}], None),
    ],
)
def test_the_cure_is_that_of_what_was_not_reported(limits: list[dict[str, Any]], more: str | None) -> None:
    """Where the shape of an example is not known."""
    reports = [Report(1, {"score": 0.5, "word": "large"}, 1.0, 1)]
    trial = OpenTrial(0, Phase.SEARCH, Config({}), 0, 0, parent=None, asked=0, started=0, reports=reports)
    name = limits[0]["metric"]
    said = "is 'large', not a number" if name == "word" else "was never reported"
    cure = "" if more is None else f": report it, or build the network with trial.build_model(){more}"
    unknown = trial.unknown(make_sweep(architecture=MODEL_SPACE, constraints=limits))
    assert unknown == f"constraint metric {name!r} {said}{cure}"


@pytest.mark.parametrize("metric", ["flops_m", "latency_ms"])
def test_what_the_training_function_measures_itself_needs_no_example(tmp_path: Path, metric: str) -> None:
    """A model space whose example has no known shape."""
    pytest.importorskip("nni")
    (tmp_path / "models.py").write_text(MODELS)

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        yield {"score": 0.5, metric: {"relu": 1.0, "tanh": 2.0}[config["architecture"]["op"]]}

    sweep = make_sweep(
        architecture=MODEL_SPACE,
        parameters={"x": [0.5]},
        fidelity={"unit": "epoch", "max": 1},
        objectives=[{"metric": "score", "goal": "maximize"}, {"metric": metric, "goal": "minimize"}],
        constraints=[{"metric": metric, "max": 1}],
        leaderboard={"top": 1, "seeds": 2, "tie_break": [metric]},
        budget={"trials": 2},
    )
    refuse_what_cannot_run(sweep, tmp_path)
    refuse_what_cannot_be_submitted(sweep, tmp_path)
    with closing(Ledger(tmp_path, create=True)) as ledger:
        executor = InlineExecutor(TrainableRef("train", str(tmp_path), train))
        record = ledger.create_sweep(sweep, str(tmp_path))
        results = PhaseRunner(ledger, record, executor, clock=lambda: 0.0, observer=Notes()).run()
        search, again = (results.phase(phase) for phase in (Phase.SEARCH, Phase.REPLICATE))
    assert [(trial.state, trial.metrics[metric]) for trial in search] == [(State.COMPLETE, 1), (State.COMPLETE, 2)]
    assert {trial.parent for trial in again} == {0}  # the other breaks the limit


def test_what_the_screen_refuses_gets_no_trial_but_what_is_given_does(tmp_path: Path) -> None:
    """Twelve networks, most of them too large; the default is one of those."""
    limit = {"metric": "params", "max": 60}
    sweep = architecture_sweep(
        parameters={"x": [0.5]}, constraints=[limit], budget={"trials": 50}, searcher="regularized_evolution"
    )
    screen = Screen.of(sweep)
    assert screen is not None
    default = sweep.parameters.default()
    fitting = {screen.key(one) for one in sweep.parameters.configs() if not screen.refuses(one)}
    assert fitting
    assert screen.refuses(default)
    world = World(tmp_path, sweep)
    world.simulate(lambda spec, step: ({"score": 0.5, "params": 50}, 1.0))
    tried = [trial.config for trial in world.trials]
    assert tried[0] == default
    assert {screen.key(one) for one in tried[1:]} == fitting
    assert len(tried) == 1 + len(fitting)
    found = sweep.networks()
    assert found is not None
    assert all(parameter_count(found.build(one)) <= 60 for one in tried[1:])
    [message] = [text for text in world.notes.messages if text.startswith("no config that is new")]
    assert f"the search ends after {len(tried)} (of " in message
    assert "break limits on params)" in message
    assert all(step.recorded == step.made for step in world.repeated())


def test_bayesian_optimisation_sees_the_scores_without_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Config] = []
    features = Screen.features

    def noted(self: Screen, config: Config) -> tuple[float, ...]:
        seen.append(config)
        return features(self, config)

    monkeypatch.setattr(Screen, "features", noted)
    for zero_cost in ([], ["params"]):
        architecture = {"input": [1, 4, 4], "output": 2, "stages": STAGES, "zero_cost": zero_cost}
        sweep = make_sweep(architecture=architecture, searcher={"type": "gp", "startup": 2}, budget={"trials": 6})
        world = World(tmp_path / f"{len(zero_cost)}", sweep)
        world.simulate(lambda spec, step: ({"score": spec.config["x"]}, 1.0))
        tried = {trial.config for trial in world.trials}
        assert len(tried) == 6
        assert len(tried & set(seen)) >= 5 * len(zero_cost)
        assert bool(seen) == bool(zero_cost)
        assert all(step.recorded == step.made for step in world.repeated())
