"""The search run by Ray Tune: the same record, searchers, budget and limits as with our own controller."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import assay
from assay.analysis import Results
from assay.cluster import Where, resume
from assay.cluster.launch import extend
from assay.search import EventKind, Ledger, Phase, State, Sweep, Trial
from assay.spaces import ClusterError, Config, NotFoundError, SweepError
from assay.trainables import TrainableRef

TRAIN = """
import os
import signal
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

def once(name):
    try:
        os.close(os.open(HERE / name, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return (HERE / "faults").exists()

def train(config, trial):
    trial.save_predictions(np.zeros(4), labels=np.zeros(4))
    for step in trial.steps():
        print("at", step)
        if step == 2 and once("killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        trial.save_checkpoint(lambda folder: (folder / "step").write_text(str(step)))
        yield {"score": float("nan") if config["x"] > 0.8 and step == 1 else config["x"] * (step + 1), "done": True}

def slow(config, trial):
    for step in trial.steps():
        while (HERE / "hold").exists() and trial.number > 1:
            time.sleep(0.02)
        yield {"score": config["x"]}

def careless(config, trial):
    for step in trial.steps():
        yield {"score": config["x"]}
"""
SWEEP = {
    "name": "small",
    "trainable": "train.py:train",
    "objectives": [{"metric": "score", "goal": "maximize"}],
    "parameters": {"x": "uniform(0, 1)"},
    "searcher": "random",
    "scheduler": "asha",
    "fidelity": {"unit": "epoch", "max": 9},
    "budget": {"trials": 16},
    "engine": "tune",
    "leaderboard": {"top": 1, "seeds": 2},
}


class Borrowed:
    """Stands for a connection that is open and stays so."""

    directory = ""

    def __init__(self, address: str | None, cpus: float, directory: str, *more: Any) -> None:
        self.directory = directory

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.py").write_text(TRAIN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(
    ray_executors: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Results]]:
    """Runs a sweep with some sections replaced on the cluster of all tests, which has 4 CPUs."""
    monkeypatch.setattr("assay.cluster.ray_executor.RayConnection", Borrowed)
    settings = {name: value for name, value in os.environ.items() if "TUNE" in name or "RAY" in name}

    def run(workers: int | None = 2, **changes: Any) -> Results:
        return assay.run(SWEEP | changes, store=folder / "store", workers=workers, progress=False)

    yield run
    assert {name: value for name, value in os.environ.items() if "TUNE" in name or "RAY" in name} == settings
    assert [path.name for path in (folder / "store" / "small").glob("tune-*")] == []


def of_search(results: Results) -> list[Trial]:
    return results.phase(Phase.SEARCH)


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_every_trial_and_report_is_recorded(run: Callable[..., Results], folder: Path) -> None:
    (folder / "faults").touch()
    results = run()
    trials = of_search(results)
    assert [trial.number for trial in trials] == list(range(16))
    assert trials[0].config == Config({"x": 0.5})  # the default goes first
    assert len({trial.config for trial in trials}) == 16
    rungs = {1, 3}
    for trial in trials:
        assert [report.step for report in trial.reports] == list(range(1, len(trial.reports) + 1))
        decisions = [report.decision for report in trial.reports]
        if trial.config["x"] > 0.8:
            assert trial.state is State.FAILED or len(trial.reports) == 1
            assert trial.reason in ("", "metric 'score' is nan, not a finite number")
        elif trial.state is State.COMPLETE:
            assert decisions == ["continue"] * 9
        else:
            assert (trial.state, decisions[-1], len(decisions) in rungs) == (State.STOPPED, "stop", True)
    states = {trial.state for trial in trials}
    assert states == {State.COMPLETE, State.STOPPED, State.FAILED}
    assert sorted(trial.attempts for trial in trials)[-2:] == [1, 2]  # one lost its worker, and went on
    assert [event.kind for event in results.ledger.events(results.record)].count(EventKind.LOST) == 1
    full = {trial.number for trial in trials if trial.state is State.COMPLETE}
    kept = {artifact.trial for artifact in results.ledger.artifacts(results.record, "validation")}
    assert full <= kept
    assert not kept & {trial.number for trial in trials if trial.state is not State.COMPLETE}
    assert (results.folder / "trials" / "00000" / "output.log").read_text().startswith("at 0\nat 1\n")
    orders = [report.order for trial in trials for report in trial.reports]
    assert len(set(orders)) == len(orders)
    assert results.leaderboard().replicated
    assert results.record.state == "finished"


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_copies_have_segments(run: Callable[..., Results]) -> None:
    scheduler = {"type": "pbt", "population": 4, "interval": 3}
    results = run(
        None, scheduler=scheduler, resources={"cpu": 4}, budget={"trials": 4}, parameters={"x": "uniform(0, 0.8)"}
    )
    trials = of_search(results)
    assert [trial.state for trial in trials] == [State.COMPLETE] * 4
    copies = [trial for trial in trials if trial.segments]
    assert copies
    for trial in copies:
        for before, segment in zip(trial.segments, trial.segments[1:], strict=False):
            assert segment.source in {0, 1, 2, 3} - {trial.number}
            assert segment.first_step in (3, 6)
            assert segment.config != before.config
            assert 0 <= segment.config["x"] <= 0.8
            own = [report.step for report in trial.reports if report.segment == segment.index]
            assert own[:1] == [segment.first_step + 1]
        assert trial.reports[-1].step == 9
        assert trial.config == trial.segments[-1].config
    with pytest.raises(ClusterError, match="room for 2 trials at a time, and this search cannot be kept to 1"):
        run(1, name="fewer", scheduler=scheduler, resources={"cpu": 2}, budget={"trials": 4})


@pytest.mark.ray
@pytest.mark.timeout(300)
def test_trials_that_wait_without_a_checkpoint_do_not_report_twice(run: Callable[..., Results]) -> None:
    results = run(None, trainable="train.py:careless", scheduler="hyperband", resources={"cpu": 4})
    trials = of_search(results)
    assert any(report.decision == "pause" for trial in trials for report in trial.reports)
    assert all(t.reports[-1].step == len(t.reports) for t in trials if t.reports)
    assert {trial.state for trial in trials} <= {State.COMPLETE, State.STOPPED}


@pytest.mark.ray
@pytest.mark.faults
@pytest.mark.timeout(300)
def test_after_a_signal_the_rest_of_the_budget_is_run(run: Callable[..., Results], folder: Path) -> None:
    changes = {"trainable": "train.py:slow", "scheduler": "none", "budget": {"trials": 6}}
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP | changes))
    (folder / "hold").touch()
    command = [sys.executable, "-m", "assay", "run", "sweep.yaml", "--workers", "2", "--store", "store"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as driver:
        try:
            held_up(folder / "store")
        except BaseException:
            driver.kill()
            raise
        driver.send_signal(signal.SIGTERM)
        assert driver.stderr is not None
        said = driver.stderr.read()
    assert driver.returncode == 143, said
    assert "sweep 'small' was paused; trials that were not over are lost" in said
    (folder / "hold").unlink()
    ledger = Ledger(folder / "store")
    assert ledger.sweep("small").state == "stopped"
    before = {trial.number: trial for trial in ledger.trials(ledger.sweep("small"))}
    results = resume("small", Where(folder / "store", workers=1))
    trials = of_search(results)
    assert len(trials) == 6
    lost = [number for number, trial in before.items() if not trial.state.over]
    assert lost
    assert [(trials[n].state, trials[n].reason) for n in lost] == [
        (State.FAILED, "Ray Tune's run was interrupted") for _ in lost
    ]
    assert all(trial == before.get(trial.number, trial) for trial in trials if trial.number not in lost)
    assert [t.state for t in trials if t.number not in lost] == [State.COMPLETE] * (6 - len(lost))
    assert results.leaderboard().replicated


def held_up(store: Path) -> None:
    """Wait until two trials are complete, and others hang."""
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        with contextlib.suppress(NotFoundError):
            ledger = Ledger(store)
            states = [trial.state for trial in ledger.trials(ledger.sweep("small"))]
            if states.count(State.COMPLETE) == 2 and State.RUNNING in states:
                return
        time.sleep(0.3)  # a look takes 10 ms of a processor that the trials want
    raise AssertionError("no trials within 150 s")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"scheduler": "promotion_asha"}, "scheduler: Ray Tune has no promotion_asha: write asha, or"),
        ({"resources": {"workers": 2}}, "resources.workers: Ray Tune runs each trial in one process here"),
        ({"resources": {"slots": 2}}, "resources.slots: Ray Tune runs one trial in a process: write 1, or"),
        ({"cluster": {"retry": {"trials": 1}}}, "cluster.retry.trials: Ray Tune tries only lost workers again"),
        ({"cluster": {"timeouts": {"trial": "1h"}}}, "cluster.timeouts.trial: Ray Tune has no such timeout"),
        ({"cluster": {"timeouts": {"report": "1h"}}}, "cluster.timeouts.report: Ray Tune has no such timeout"),
        (
            {"cluster": {"address": "ray://head:10001"}},
            "cluster.address: Ray Tune cannot be watched through ray://head",
        ),
    ],
)
def test_what_tune_cannot_do_is_refused_before_anything_starts(folder: Path, changes: Any, says: str) -> None:
    with pytest.raises(SweepError) as caught:
        assay.run(SWEEP | changes, store="store", progress=False)
    assert str(caught.value).startswith(says)
    assert str(caught.value).endswith(", or write engine: assay")
    assert len(str(caught.value).splitlines()) == 1
    assert not (folder / "store").exists()


def test_it_does_not_run_in_this_process(folder: Path) -> None:
    with pytest.raises(SweepError, match="Ray Tune runs no trials in this process: leave --inline out"):
        assay.run(SWEEP, store="store", inline=True, progress=False)


def test_trials_that_are_over_stay_so(folder: Path) -> None:
    ledger = Ledger("store", create=True)
    sweep = Sweep.make(SWEEP)
    record = ledger.create_sweep(sweep, str(folder))
    longer = Sweep.make(SWEEP | {"fidelity": {"unit": "epoch", "max": 27}})
    ref = TrainableRef("train.py:train", str(folder))
    with pytest.raises(SweepError, match="fidelity: Ray Tune does not go on with trials that are over"):
        extend(longer, ref, Where("store"))
    ledger.set_state(record, "failed")
    with pytest.raises(SweepError, match="no trial of 'small' gave a score, and Ray Tune tries none again: `--new`"):
        resume("small", Where("store"))
