"""Mirrors while a sweep runs: up to date at its end, caught up after a kill, and never in its way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import assay
from assay.analysis.mirrors import Mirror
from assay.cluster.tracking import Tracking, wanted_mirrors
from assay.search import Ledger, Phase, Report, State, Sweep, Trial
from assay.spaces import Config
from assay.trainables import TrialHandle

BOTH = {"optuna": True, "tensorboard": True}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


class Heard:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def update(self, progress: Any) -> None:
        pass

    def message(self, text: str) -> None:
        self.messages.append(text)


def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    for step in trial.steps():
        if config["x"] > 0.8:
            raise ValueError("too large")
        yield {"score": config["x"] + step}


def run(sweep: Sweep, function: Any, store: Path, **options: Any) -> Any:
    return assay.run(sweep, function, store=store, inline=True, progress=False, **options)


def mirrored(store: Path) -> list[tuple[Any, ...]]:
    study = optuna.load_study(
        study_name=None, storage=JournalStorage(JournalFileBackend(str(store / "small" / "optuna.log")))
    )
    return [(t.user_attrs["number"], t.state.name, t.values, t.intermediate_values) for t in study.trials]


def recorded(store: Path) -> list[tuple[Any, ...]]:
    ledger = Ledger(store)
    names = {State.COMPLETE: "COMPLETE", State.STOPPED: "PRUNED", State.FAILED: "FAIL"}
    found = []
    for trial in ledger.trials(ledger.sweep("small"), Phase.SEARCH):
        curve = {report.step: report.metrics["score"] for report in trial.reports}
        last = None if trial.state is State.FAILED else [trial.value("score")]
        found.append((trial.number, names.get(trial.state, "RUNNING"), last, curve))
    ledger.close()
    return found


def test_a_run_leaves_both_mirrors_complete(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    sweep = sweep_of(tracking=BOTH)
    run(sweep, train, tmp_path)
    expected = recorded(tmp_path)
    assert mirrored(tmp_path) == expected
    folders = sorted(path.name for path in (tmp_path / "small" / "tensorboard").iterdir())
    assert folders == [f"trial-{number:04d}" for number, *_ in expected]


def test_nothing_is_written_unless_it_is_asked_for(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    sweep = sweep_of()
    assert wanted_mirrors(sweep) == []
    run(sweep, train, tmp_path)
    assert {path.name for path in (tmp_path / "small").iterdir()}.isdisjoint({"optuna.log", "tensorboard"})


def test_a_mirror_that_cannot_be_written_is_given_up_and_the_sweep_goes_on(
    tmp_path: Path, sweep_of: Callable[..., Sweep], capfd: pytest.CaptureFixture[str]
) -> None:
    def spoil(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        folder = tmp_path / "small"
        folder.mkdir(exist_ok=True)
        (folder / "tensorboard").touch()
        (folder / "optuna.log").unlink(missing_ok=True)
        return train(config, trial)

    sweep = sweep_of(tracking=BOTH)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "tensorboard").touch()
    results = assay.run(sweep, spoil, store=tmp_path, inline=True)
    assert results.record.state == "finished"
    told = " ".join(capfd.readouterr().err.split())
    assert told.count("tracking.tensorboard is given up for this run (FileExistsError") == 1
    assert told.count("tracking.optuna is given up for this run (FileNotFoundError") == 1
    results.mirror("optuna")
    assert mirrored(tmp_path) == recorded(tmp_path)


KILLED = """
import os, signal, sys
import assay

def train(config, trial):
    for step in trial.steps():
        if trial.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield {"score": config["x"] + step}

assay.run(SWEEP, train, store=sys.argv[1], inline=True, progress=False)
"""


def test_after_a_kill_the_mirrors_catch_up(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> None:
    sweep = sweep_of(tracking=BOTH)
    code = KILLED.replace("SWEEP", repr(sweep.model_dump(mode="json")))
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=60, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    run(sweep, train, tmp_path, resume=True)
    assert mirrored(tmp_path) == recorded(tmp_path)


class Slow:
    """A mirror that waits until it may go on, and fails at one trial."""

    path = Path()

    def __init__(self, gate: threading.Event) -> None:
        self.gate = gate
        self.seen: list[Any] = []
        self.closed = False

    def on_trial(self, trial: Trial) -> None:
        self.gate.wait(30)
        if trial.number == 66:
            raise KeyError(66)
        self.seen.append((trial.number, trial.state.value))

    def on_report(self, number: int, report: Report) -> None:
        self.seen.append((number, report.step))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def small(number: int, state: State, phase: Phase = Phase.SEARCH) -> Trial:
    return Trial(number, phase, state, Config({"x": 0.5}), seed=0, split=0)


def test_the_driver_does_not_wait_for_a_mirror_and_hears_of_its_end_once() -> None:
    gate, heard = threading.Event(), Heard()
    mirror = Slow(gate)
    made: dict[str, Callable[[], Mirror]] = {"slow": lambda: mirror}
    tracking = Tracking(made, [small(0, State.COMPLETE), small(1, State.PAUSED)], heard)
    report = Report(2, {"score": 1.0}, 0.0, 9)
    tracking.committed([small(2, State.RUNNING), (2, report), (1, report)])
    tracking.committed([small(7, State.RUNNING, Phase.REPLICATE), (7, report), small(2, State.STOPPED), (2, report)])
    assert mirror.seen == []  # it still waits
    gate.set()
    tracking.committed([small(66, State.RUNNING)])
    tracking.committed([small(67, State.RUNNING)])
    tracking.close()
    assert mirror.seen == [(0, "complete"), (1, "paused"), (2, "running"), (2, 2), (1, 2), (2, "stopped")]
    assert mirror.closed
    assert [text.partition(";")[0] for text in heard.messages] == [
        "tracking.slow is given up for this run (KeyError: 66)"
    ]
