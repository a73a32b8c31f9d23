"""One-shot search from the supernet to the report: recorded, interrupted, replayed, refused."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nni")

from assay.analysis import Results
from assay.analysis.supernet import read_found, supernet_lines, supernet_report
from assay.analysis.terminal import summary_lines, trials_table
from assay.cluster import InlineExecutor, PhaseRunner, RayExecutor
from assay.cluster.environment import Site
from assay.cluster.extend import extend_sweep
from assay.cluster.launch import refuse_what_cannot_be_submitted, refuse_what_cannot_run
from assay.cluster.replay import replay
from assay.cluster.supernets import missing_of_searcher
from assay.cluster.wish import Wish
from assay.search import SEARCHERS, Ledger, Phase, State, Sweep, Trial
from assay.search.nas.one_shot.found import SCORE
from assay.spaces import Config, DamagedFileError, NoResultError, Space, SweepError, SweepInterrupted
from assay.trainables import TrainableRef

from .worlds import Notes

TASK = TrainableRef("supernet_task.py:train", str(Path(__file__).parent))
STAGES = [
    {"ops": ["conv3x3", "sepconv3x3", "identity"], "depth": {"min": 1, "max": 2}, "width": 3},
    {"ops": ["conv3x3", "conv1x1"], "depth": 1, "width": 4, "stride": 2},
]


pytestmark = pytest.mark.usefixtures("one_thread")


def sweep_of(**changes: Any) -> Sweep:
    searcher = {"type": "one_shot", "epochs": 3, "top": 2, "samples": 2, "candidates": 4}
    return Sweep.make(
        {
            "name": "nets",
            "objectives": [{"metric": "accuracy", "goal": "maximize"}],
            "parameters": {"lr": "loguniform(1e-3, 1e-1)"},
            "architecture": {"input": [1, 8, 8], "output": 10, "stages": STAGES},
            "searcher": searcher | changes.pop("searcher", {}),
            "budget": {"trials": 6},
            "checkpoints": {"every": 1},
            "leaderboard": {"top": 2, "seeds": 2},
        }
        | changes
    )


class Driver:
    """Runs one sweep in one store as often as it is told to; pauses when so many reports of a supernet are recorded."""

    def __init__(self, store: Path, sweep: Sweep, trainable: TrainableRef = TASK) -> None:
        self.ledger = Ledger(store, create=True)
        self.record = self.ledger.create_sweep(sweep, trainable.directory)
        self.trainable, self.notes = trainable, Notes()
        self.pause_after: int | None = None

    def run(self, executor: Any = None) -> Results:
        import time

        executor = executor or InlineExecutor(self.trainable)
        executor.open()
        try:
            runner = PhaseRunner(
                self.ledger, self.record, executor, clock=time.monotonic, wish=self._wish, observer=self.notes
            )
            return runner.run()
        finally:
            executor.close()

    def _wish(self) -> Wish:
        reports = [report for trial in self.phase(Phase.SUPERNET) for report in trial.reports]
        return Wish.PAUSE if self.pause_after is not None and len(reports) >= self.pause_after else Wish.NONE

    def phase(self, phase: Phase) -> list[Trial]:
        return self.ledger.trials(self.record, phase)


@pytest.fixture
def driver_of(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    made: list[Driver] = []

    def make(sweep: Sweep, trainable: TrainableRef = TASK) -> Driver:
        made.append(Driver(tmp_path / f"store{len(made)}", sweep, trainable))
        return made[-1]

    yield make
    for driver in made:
        driver.ledger.close()


def architecture(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in trial.config.items() if name.startswith("architecture.")}


def test_from_the_supernet_to_the_winner(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(sweep_of(searcher={"strategy": "random"}))
    results = driver.run()
    (supernet,) = results.phase(Phase.SUPERNET)
    assert (supernet.state, supernet.number, supernet.split) == (State.COMPLETE, 0, 0)
    assert [report.step for report in supernet.reports] == [1, 2, 3]
    assert all(report.checkpoint and SCORE in report.metrics for report in supernet.reports)
    assert supernet.value("accuracy") is None
    found = read_found(driver.ledger, driver.record)
    assert found is not None
    assert [one.origin for one in found.candidates] == ["top", "top", "sample", "sample"]

    search = results.phase(Phase.SEARCH)
    assert [trial.state for trial in search] == [State.COMPLETE] * 6
    assert search[0].config == driver.record.sweep.parameters.default()
    taken = {search[0].config}
    expected = [driver.record.sweep.parameters.complete(one.config) for one in found.candidates]
    new = [config for config in expected if config not in taken]
    assert [trial.config for trial in search[1 : 1 + len(new)]] == new
    assert {trial.config["lr"] for trial in search[: 1 + len(new)]} == {search[0].config["lr"]}
    assert search[0].seed == supernet.seed
    assert supernet.data_id == search[0].data_id  # the same part is sealed

    board = results.leaderboard()
    assert board.winner in {trial.number for trial in search}
    assert supernet.number not in {row.trial for row in board.rows}
    report = supernet_report(results)
    assert report is not None
    assert report.found == found
    assert (found.strategy, found.epochs) == ("random", 3)
    assert report.seconds == supernet.seconds
    made = report.trained
    architectures = {trial.number: architecture(trial) for trial in search}
    assert [architectures[number] for number in made.top] == [dict(one.config) for one in found.candidates[:2]]
    assert [architectures[number] for number in made.samples] == [dict(one.config) for one in found.candidates[2:]]
    assert {*made.top, *made.samples, *made.random, search[0].number} == set(architectures)
    assert (made.refused, made.waiting) == (0, 0)
    assert report.to_dict()["trained"]["top"] == list(made.top)
    assert "supernet: random, 3 epochs" in "\n".join(summary_lines(results))
    assert trials_table(results.trials, results.sweep).row_count == len(results.trials)
    frame = results.to_frame()
    assert frame.loc[frame["phase"] == "supernet", "accuracy"].isna().all()
    again = replay(driver.ledger, driver.record)
    assert again.difference is None
    assert again.decisions > 6
    assert driver.run().leaderboard().to_dict() == board.to_dict()  # nothing is left to do
    assert len(driver.phase(Phase.SUPERNET)) == 1
    html = results.report().read_text(encoding="utf-8")
    assert "supernet: random, 3 epochs" in html


def test_no_random_check_is_what_is_trained_anyway(driver_of: Callable[..., Driver]) -> None:
    """Of a space of which every other network is drawn."""
    rival = {"architecture.stage1.op1": "sepconv3x3"}
    asked = {"strategy": "random", "epochs": 1, "top": 1, "samples": 99, "candidates": 4}
    sweep = sweep_of(searcher=asked, budget={"trials": 3}, leaderboard={"top": 1, "seeds": 2, "rivals": [rival]})
    driver = driver_of(sweep)
    driver.run()
    found, networks = read_found(driver.ledger, driver.record), sweep.networks()
    assert found is not None
    assert networks is not None
    given = {networks.canonical(config) for config in sweep.given}
    assert len(given) == 2
    top, *others = [networks.canonical(one.config) for one in found.candidates]
    assert top not in given  # else the rival could be forgotten unnoticed
    assert {*others} == {networks.canonical(one) for one in _networks(sweep.parameters)} - given - {top}


def test_a_pause_changes_nothing(driver_of: Callable[..., Driver]) -> None:
    whole = driver_of(sweep_of())
    whole.run()
    driver = driver_of(sweep_of())
    driver.pause_after = 1
    with pytest.raises(SweepInterrupted, match="paused"):
        driver.run()
    (supernet,) = driver.phase(Phase.SUPERNET)
    assert supernet.state is State.PENDING
    assert 1 <= len(supernet.reports) < 3
    assert driver.phase(Phase.SEARCH) == []
    driver.pause_after = None
    driver.run()
    (supernet,) = driver.phase(Phase.SUPERNET)
    assert (supernet.state, supernet.attempts) == (State.COMPLETE, 2)
    assert read_found(driver.ledger, driver.record) == read_found(whole.ledger, whole.record)
    both = [[trial.config for trial in one.phase(Phase.SEARCH)] for one in (whole, driver)]
    assert both[0] == both[1]
    (expected,) = whole.phase(Phase.SUPERNET)
    assert [report.metrics for report in supernet.reports] == [report.metrics for report in expected.reports]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"searcher": {"data": "supernet_task.py:nothing"}},
            "data: expected .training loader, validation loader., .*None",
        ),
        (
            {"searcher": {"data": "supernet_task.py:cached"}},
            r"data: .*cached takes \(config\), and is called with a config and a trial: write def data",
        ),
        (
            {"searcher": {"data": "supernet_task.py:date"}},
            r"data: supernet_task.py has no 'date' \(did you mean 'data'\?\)",
        ),
    ],
)
def test_what_cannot_be_trained_ends_the_sweep_with_the_reason(
    driver_of: Callable[..., Driver], changes: dict[str, Any], said: str
) -> None:
    driver = driver_of(sweep_of(**changes))
    with pytest.raises(NoResultError, match=f"the supernet failed: .*{said}"):
        driver.run()
    assert [trial.state for trial in driver.phase(Phase.SUPERNET)] == [State.FAILED]
    assert driver.phase(Phase.SEARCH) == []
    with pytest.raises(NoResultError, match="`assay resume nets` trains it"):
        driver.run()


ASKED = {"strategy": "random", "epochs": 1, "top": 9, "samples": 9, "candidates": 50}


def test_what_the_search_refuses_is_told(driver_of: Callable[..., Driver]) -> None:
    networks = {"input": [1, 8, 8], "output": 10, "stages": STAGES, "zero_cost": ["params"], "prefilter": 0.5}
    driver = driver_of(
        sweep_of(searcher=ASKED, architecture=networks, budget={"trials": 5}, leaderboard={"top": 1}),
    )
    report = supernet_report(driver.run())
    found = read_found(driver.ledger, driver.record)
    assert report is not None
    assert found is not None
    default, *others = [trial.config for trial in driver.phase(Phase.SEARCH)]
    complete = driver.record.sweep.parameters.complete
    reached = [complete(one.config) in others for one in found.candidates]
    last = max(place for place, one in enumerate(reached) if one)
    passed = [one for one in found.candidates[:last] if complete(one.config) not in [default, *others]]
    assert report.trained.refused == len(passed) > 0
    assert len({*report.trained.top, *report.trained.samples}) + len(passed) + report.trained.waiting == len(reached)
    assert report.trained.waiting > 0
    assert report.trained.reasons == ("are below the prefilter", "are the same network as one that was tried")


@pytest.mark.parametrize("strategy", ["random", "darts"])
def test_what_is_known_before_training_keeps_an_architecture_from_being_found(
    driver_of: Callable[..., Driver], strategy: str
) -> None:
    from assay.spaces.networks.measures import parameter_count

    networks = sweep_of().networks()
    assert networks is not None
    space = sweep_of().parameters
    sizes = sorted(parameter_count(networks.build(config)) for config in _networks(space))
    limit, rule = sizes[len(sizes) // 2], "architecture.stage2.op1 != 'conv1x1' or architecture.stage1.depth == 1"
    bounds = [{"metric": "params", "max": limit}, {"metric": "latency_ms", "max": 1e9}, {"require": rule}]
    bounds.append({"require": "lr < 1 or architecture.stage1.depth == 1"})  # not of the supernet
    driver = driver_of(
        sweep_of(searcher=ASKED | {"strategy": strategy}, constraints=bounds, budget={"trials": 3}),
    )
    driver.run()
    found = read_found(driver.ledger, driver.record)
    assert found is not None
    allowed = {networks.canonical(one) for one in _networks(driver.record.sweep.parameters)
               if parameter_count(networks.build(one)) <= limit}  # fmt: skip
    assert {networks.canonical(one.config) for one in found.candidates} <= allowed
    assert len(allowed) < len({networks.canonical(one) for one in _networks(space)})
    top = [one.config for one in found.candidates if one.origin == "top"]
    assert len(top) == min(9, len(allowed))


def _networks(space: Space) -> list[Config]:
    """Every network of a small space."""
    names = [name for name in space if name.startswith("architecture.")]
    return list(Space({name: space[name] for name in names},
                      [one for one in space.constraints if set(one.parents) <= set(names)]).configs())  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trainable": "supernet_task.py:train"}, None),
        ({"trainable": "worlds.py:anything"}, "searcher.data: .*worlds.py does not define 'data'.*data: train.py:data"),
        ({"trainable": None}, "searcher.data: the supernet needs data: write searcher: {type: one_shot"),
        ({"trainable": "gone.py:train"}, None),  # which is told of the training function
        ({"searcher": {"data": "gone.py:data"}}, "searcher.data: there is no file .*gone.py"),
        ({"searcher": {"data": "supernet_task.py:date"}}, "searcher.data: .* define 'date' .did you mean 'data'"),
        ({"searcher": {"data": "numpy.random:default_rng"}}, None),
        (
            {"searcher": {"data": "supernet_task.py:narrow"}},
            r"data: supernet_task.py:narrow takes \(config\), and is called .*: write def data\(config, trial\)",
        ),
        ({"searcher": {"data": "supernet_task.py:parts"}}, r"parts takes \(trial: Any\), and is called"),
        ({"searcher": {"data": "supernet_task.py:named"}}, r"takes \(config, trial, \*, size\), and is called"),
        ({"searcher": {"data": "supernet_task.py:three"}}, r"takes \(config, trial, size\), and is called"),
        ({"searcher": {"data": "supernet_task.py:placed"}}, None),
        ({"searcher": {"data": "supernet_task.py:wide"}}, None),
        ({"searcher": {"data": "supernet_task.py:cached"}}, None),  # what a decorator makes of it is not seen
    ],
)
def test_the_data_function_is_looked_for_before_anything_starts(changes: dict[str, Any], said: str | None) -> None:
    sweep, folder = sweep_of(**{"trainable": "supernet_task.py:train"} | changes), Path(__file__).parent
    if said is None:
        refuse_what_cannot_run(sweep, folder, Site.INLINE)
        return
    for refuse in (
        lambda: refuse_what_cannot_run(sweep, folder),
        lambda: refuse_what_cannot_be_submitted(sweep, folder),
    ):
        with pytest.raises(SweepError, match=said):
            refuse()


@pytest.mark.parametrize(
    ("searcher", "absent", "said"),
    [
        ({"type": "one_shot"}, {"nni"}, r'searcher: one_shot \(darts\) needs NNI: pip install "assay\[nas\]"'),
        ({"type": "one_shot", "strategy": "enas"}, {"tianshou"}, r"one_shot \(enas\) needs tianshou: .*nas,nas-rl"),
        ({"type": "one_shot"}, {"tianshou"}, None),
        ({"type": "nni"}, {"nni", "pytorch_lightning"}, "needs NNI and pytorch-lightning"),
        ({"type": "nni", "strategy": "policy_rl"}, {"gymnasium"}, "nni .policy_rl. needs gymnasium"),
        ({"type": "random"}, {"nni"}, None),
    ],
)
def test_missing_packages_are_told_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, searcher: dict[str, Any], absent: set[str], said: str | None
) -> None:
    sweep = sweep_of(trainable="supernet_task.py:train", parameters={}).model_copy(
        update={"searcher": SEARCHERS[searcher["type"]].model_validate(searcher)}
    )
    assert missing_of_searcher(sweep, here=True) == []
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in absent else find(name))
    found = [str(problem) for problem in missing_of_searcher(sweep, here=True)]
    assert len(found) == (said is not None)
    assert all(re.search(said or "", text) for text in found)
    elsewhere = missing_of_searcher(sweep, here=False)
    assert bool(elsewhere) == (said is not None and searcher["type"] == "nni")  # its supernet is trained elsewhere


def test_a_function_without_a_file_needs_data_by_name(driver_of: Callable[..., Driver]) -> None:
    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        return {"accuracy": 0.5}

    trainable = TrainableRef("train", str(Path(__file__).parent), train)
    with pytest.raises(NoResultError, match="the supernet needs data, and train is in no file"):
        driver_of(sweep_of(), trainable).run()
    named = sweep_of(searcher={"data": "supernet_task.py:data", "epochs": 1, "top": 1, "samples": 0})
    assert driver_of(named, trainable).run().scored


def test_a_trained_supernet_cannot_become_another(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(sweep_of())
    for searcher in ({"type": "one_shot", "epochs": 9}, {"type": "random"}):
        other = sweep_of().model_dump(mode="json") | {"searcher": searcher}
        with pytest.raises(SweepError, match="cannot be extended with another searcher"):
            extend_sweep(driver.ledger, driver.record, Sweep.make(other))


def test_a_sweep_with_a_supernet_grows(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(sweep_of(budget={"trials": 3}, searcher={"epochs": 1}))
    driver.run()
    before = driver.phase(Phase.SEARCH)
    longer = driver.record.sweep.model_copy(update={"budget": sweep_of().budget})
    driver.record, _ = extend_sweep(driver.ledger, driver.record, longer)
    driver.run()
    after = driver.phase(Phase.SEARCH)
    assert [replace(trial, seconds=0) for trial in after[:3]] == [replace(trial, seconds=0) for trial in before]
    assert len(after) == 6
    assert len({trial.config for trial in after}) == 6
    assert len(driver.phase(Phase.SUPERNET)) == 1
    assert replay(driver.ledger, driver.record).difference is None


def test_a_damaged_file_leaves_the_rest_readable(driver_of: Callable[..., Driver]) -> None:
    driver = driver_of(sweep_of(searcher={"epochs": 1, "samples": 0, "top": 1}, budget={"trials": 2}))
    results = driver.run()
    (artifact,) = driver.ledger.artifacts(driver.record, "architectures")
    (driver.ledger.store / artifact.path).write_text("{}")
    with pytest.raises(DamagedFileError, match="is not the file that was written"):
        supernet_report(results.refresh())
    (line,) = supernet_lines(results.refresh())
    assert "left out" in line
    assert summary_lines(results.refresh())


@pytest.mark.ray
@pytest.mark.faults
def test_a_worker_that_is_killed_goes_on_from_the_checkpoint(
    ray_executors: Callable[..., RayExecutor], driver_of: Callable[..., Driver]
) -> None:
    searcher = {"data": "supernet_task.py:dying", "strategy": "random", "epochs": 3, "top": 1, "samples": 0}
    driver = driver_of(sweep_of(searcher=searcher, budget={"trials": 2}))
    results = driver.run(ray_executors(TASK, workers=1))
    (supernet,) = results.phase(Phase.SUPERNET)
    assert (supernet.state, supernet.attempts) == (State.COMPLETE, 2)
    assert [report.step for report in supernet.reports] == [1, 2, 3]
    assert len(results.phase(Phase.SEARCH)) == 2
