"""Real processes, killed and interrupted: nothing that was reported is lost, and the sweep is brought to its end."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from assay.search import Ledger, Phase, State, Trial
from assay.spaces import NotFoundError

pytestmark = [pytest.mark.ray, pytest.mark.faults]

_TRIALS = 8
SWEEP = f"""
name: shaken
trainable: slow.py:train
objectives: [{{metric: score, goal: maximize}}]
parameters: {{x: "uniform(0, 1)"}}
searcher: random
fidelity: {{unit: step, max: 20}}
budget: {{trials: {_TRIALS}}}
leaderboard: {{top: 1, seeds: 3}}
"""
TRAIN = """
import json
import time

def train(config, trial):
    total = 0.0
    if trial.checkpoint:
        total = json.loads((trial.checkpoint / "state.json").read_text())
    for step in trial.steps():
        time.sleep(0.05)
        total += config["x"] + trial.split_id / 100
        trial.save_checkpoint(lambda folder: (folder / "state.json").write_text(json.dumps(total)))
        yield {"score": total}
"""


class Bench:
    """A folder with a sweep, and commands that run in it in processes of their own."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.started: list[subprocess.Popen[str]] = []
        self._environment = os.environ | {"TMPDIR": str(temporary), "ASSAY_STORE": str(self.store)}
        for name in ("ASSAY_ADDRESS", "RAY_ADDRESS"):
            self._environment.pop(name, None)
        (folder / "slow.py").write_text(TRAIN)
        (folder / "sweep.yaml").write_text(SWEEP)

    def assay(self, *words: str) -> subprocess.Popen[str]:
        errors = self.folder / f"stderr-{len(self.started)}"
        with errors.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "assay", *words],
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
                text=True,
            )
        self.started.append(process)
        return process

    def ended(self, process: subprocess.Popen[str], code: int) -> str:
        """Wait for the end; what it wrote to stderr."""
        found = process.wait(90)
        errors = (self.folder / f"stderr-{self.started.index(process)}").read_text()
        assert found == code, errors
        return errors

    @property
    def trials(self) -> list[Trial]:
        try:
            ledger = Ledger(self.store)
            trials = ledger.trials(ledger.sweep("shaken"))
        except NotFoundError:
            return []
        ledger.close()
        return trials

    @property
    def state(self) -> str:
        return Ledger(self.store).sweep("shaken").state

    def reports(self, phase: Phase) -> int:
        return sum(len(trial.reports) for trial in self.trials if trial.phase is phase)

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            assert self.started[-1].poll() is None, (self.folder / f"stderr-{len(self.started) - 1}").read_text()
            time.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    temporary = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))  # short, for Ray's sockets
    bench = Bench(tmp_path, temporary)
    yield bench
    for process in bench.started:
        if process.poll() is None:
            kill_all(process.pid)
            process.wait(30)
    shutil.rmtree(temporary, ignore_errors=True)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def kill_all(pid: int) -> list[psutil.Process]:
    """SIGKILL for the driver alone; those that are to follow it."""
    others = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    return others


def actors(pid: int) -> list[psutil.Process]:
    """Processes of our driver that run trials."""
    found = []
    for process in descendants(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any("Worker" in word for word in process.cmdline()[:1]):
                found.append(process)
    return found


def assert_kept(before: list[Trial], after: list[Trial]) -> None:
    for old, new in zip(before, after, strict=False):
        assert new.config == old.config
        assert new.reports[: len(old.reports)] == old.reports
    assert len(before) <= len(after)


def assert_complete(bench: Bench, attempts: int | None = None) -> None:
    """Every trial of every phase is over, in full, with the sums of an undisturbed run."""
    trials = bench.trials
    assert bench.state == "finished"
    assert {trial.state for trial in trials} == {State.COMPLETE}
    phases = Counter(trial.phase for trial in trials)
    finalists = {trial.parent for trial in trials if trial.phase is Phase.REPLICATE}
    assert phases == {Phase.SEARCH: _TRIALS, Phase.REPLICATE: 3 * len(finalists)}
    for trial in trials:
        assert [report.step for report in trial.reports] == list(range(1, 21))
        total = 20 * (trial.config["x"] + trial.split / 100)
        assert trial.value("score") == pytest.approx(total)


def test_a_worker_is_killed(bench: Bench) -> None:
    driver = bench.assay("run", "sweep.yaml", "--workers", "2")
    bench.until(lambda: bench.reports(Phase.SEARCH) >= 15)
    victims = actors(driver.pid)
    assert len(victims) == 2
    before = bench.trials
    victims[0].kill()
    errors = bench.ended(driver, 0)
    assert "the worker process died" in errors
    assert "starting it again" in errors
    assert_kept(before, bench.trials)
    assert_complete(bench)
    assert sorted(Counter(trial.attempts for trial in bench.trials).items())[1:] == [(2, 1)]


def test_the_driver_is_killed_in_the_search_and_in_the_replicates(bench: Bench) -> None:
    driver = bench.assay("run", "sweep.yaml", "--workers", "2")
    some = random.randrange(1, 100)
    bench.until(lambda: bench.reports(Phase.SEARCH) >= some)
    orphans = kill_all(driver.pid)
    bench.ended(driver, -signal.SIGKILL)
    before = bench.trials
    assert bench.state == "running"
    _, alive = psutil.wait_procs(orphans, timeout=30)
    assert alive == []

    driver = bench.assay("resume", "shaken", "--workers", "2")
    bench.until(lambda: bench.reports(Phase.REPLICATE) >= 5)
    assert_kept(before, bench.trials)
    orphans = kill_all(driver.pid)
    bench.ended(driver, -signal.SIGKILL)
    before = bench.trials
    _, alive = psutil.wait_procs(orphans, timeout=30)
    assert alive == []

    bench.ended(bench.assay("resume", "shaken", "--inline"), 0)
    assert_kept(before, bench.trials)
    assert_complete(bench)


def test_signals_stop_it_and_a_second_driver_is_refused(bench: Bench) -> None:
    driver = bench.assay("run", "sweep.yaml", "--workers", "2")
    bench.until(lambda: bench.reports(Phase.SEARCH) >= 5)
    refused = bench.ended(bench.assay("resume", "shaken", "--inline"), 2)
    assert "'shaken' is being run by another process" in refused
    assert "'shaken' is already in" in bench.ended(bench.assay("run", "sweep.yaml"), 2)

    os.killpg(driver.pid, signal.SIGINT)  # as Ctrl-C does, for all of its processes
    errors = bench.ended(driver, 130)
    assert "SIGINT: stopping" in errors
    assert "`assay resume shaken` goes on" in errors
    assert bench.state == "stopped"
    before = bench.trials
    assert {trial.state for trial in before} <= {State.PENDING, State.COMPLETE}
    assert State.PENDING in {trial.state for trial in before}

    reported = bench.reports(Phase.SEARCH)
    driver = bench.assay("resume", "shaken", "--inline")
    bench.until(lambda: bench.reports(Phase.SEARCH) > reported)
    driver.terminate()
    assert "`assay resume shaken` goes on" in bench.ended(driver, 143)
    assert bench.state == "stopped"

    bench.ended(bench.assay("resume", "shaken", "--inline", "--workers", "4"), 0)
    assert_kept(before, bench.trials)
    assert_complete(bench)
