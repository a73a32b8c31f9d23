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

_TRIALS, _STEPS, _SEEDS = 6, 12, 2
SWEEP = f"""
name: shaken
trainable: slow.py:train
objectives: [{{metric: score, goal: maximize}}]
parameters: {{x: "uniform(0, 1)"}}
searcher: random
fidelity: {{unit: step, max: {_STEPS}}}
budget: {{trials: {_TRIALS}}}
leaderboard: {{top: 1, seeds: {_SEEDS}}}
"""
TRAIN = f"""
import json
import time
from pathlib import Path

def train(config, trial):
    total = 0.0
    hold = Path(__file__).with_name("hold-replicate" if trial.split_id else "hold-search")
    if trial.checkpoint:
        total = json.loads((trial.checkpoint / "state.json").read_text())
    for step in trial.steps():
        time.sleep(0.05)
        while step == {_STEPS // 2} and hold.exists():
            time.sleep(0.02)
        total += config["x"] + trial.split_id / 100
        trial.save_checkpoint(lambda folder: (folder / "state.json").write_text(json.dumps(total)))
        yield {{"score": total}}
"""


class Bench:
    """A folder with a sweep, and commands that run in it in processes of their own."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.started: list[subprocess.Popen[str]] = []
        self.orphans: list[psutil.Process] = []
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
        assert found == code, self.said(process)
        return self.said(process)

    def kill(self, process: subprocess.Popen[str]) -> None:
        """SIGKILL for the driver alone; the others are to follow it."""
        self.orphans += descendants(process.pid)
        process.kill()
        process.wait(30)

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

    def hold(self, phase: Phase) -> None:
        """Let trials of a phase come half-way only, until they are released."""
        (self.folder / f"hold-{phase}").touch()

    def release(self, phase: Phase) -> None:
        (self.folder / f"hold-{phase}").unlink()

    def held(self, phase: Phase) -> int:
        """How many trials are half-way and wait."""
        running = [trial for trial in self.trials if trial.phase is phase and trial.state is State.RUNNING]
        return sum(trial.last_step == _STEPS // 2 for trial in running)

    def said(self, process: subprocess.Popen[str]) -> str:
        """What a process wrote to stderr so far."""
        return (self.folder / f"stderr-{self.started.index(process)}").read_text()

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "".join(map(self.said, self.started))
            time.sleep(0.1)  # a look takes 10 ms of a processor that the trials want


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    temporary = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))  # short, for Ray's sockets
    bench = Bench(tmp_path, temporary)
    yield bench
    for process in bench.started:
        if process.poll() is None:
            bench.kill(process)
    for orphan in bench.orphans:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()
    shutil.rmtree(temporary, ignore_errors=True)


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


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


def assert_complete(bench: Bench) -> None:
    """Every trial of every phase is over, in full, with the sums of an undisturbed run."""
    trials = bench.trials
    assert bench.state == "finished"
    assert {trial.state for trial in trials} == {State.COMPLETE}
    phases = Counter(trial.phase for trial in trials)
    finalists = {trial.parent for trial in trials if trial.phase is Phase.REPLICATE}
    assert phases == {Phase.SEARCH: _TRIALS, Phase.REPLICATE: _SEEDS * len(finalists)}
    for trial in trials:
        assert [report.step for report in trial.reports] == list(range(1, _STEPS + 1))
        total = _STEPS * (trial.config["x"] + trial.split / 100)
        assert trial.value("score") == pytest.approx(total)


def test_a_worker_is_killed(bench: Bench) -> None:
    bench.hold(Phase.SEARCH)
    driver = bench.assay("run", "sweep.yaml", "--workers", "2")
    bench.until(lambda: bench.held(Phase.SEARCH) == 2)
    victims = actors(driver.pid)
    assert len(victims) == 2
    before = bench.trials
    victims[0].kill()
    bench.release(Phase.SEARCH)
    errors = bench.ended(driver, 0)
    assert "the worker process died" in errors
    assert "starting it again" in errors
    assert_kept(before, bench.trials)
    assert_complete(bench)
    assert sorted(trial.attempts for trial in bench.trials)[-2:] == [1, 2]


def test_the_driver_is_killed_in_the_search_and_in_the_replicates(bench: Bench) -> None:
    bench.hold(Phase.SEARCH)  # at some instant before that
    driver = bench.assay("run", "sweep.yaml", "--workers", "2")
    some = random.randrange(1, _STEPS + 1)
    bench.until(lambda: bench.reports(Phase.SEARCH) >= some)
    bench.kill(driver)
    bench.release(Phase.SEARCH)
    before = bench.trials
    assert bench.state == "running"

    bench.hold(Phase.REPLICATE)
    driver = bench.assay("resume", "shaken", "--inline", "--workers", "2")
    some = random.randrange(1, _STEPS + 1)
    bench.until(lambda: bench.reports(Phase.REPLICATE) >= some)
    bench.kill(driver)
    bench.release(Phase.REPLICATE)
    assert_kept(before, bench.trials)
    before = bench.trials

    bench.ended(bench.assay("resume", "shaken", "--inline"), 0)
    assert_kept(before, bench.trials)
    assert_complete(bench)
    assert_all_followed(bench.orphans)


def assert_all_followed(orphans: list[psutil.Process]) -> None:
    """No process of a killed driver is left, but for Ray's two agents, which look for their head for a minute."""
    waited_for = [process for process in orphans if not is_agent(process)]
    _, alive = psutil.wait_procs(waited_for, timeout=20)
    assert alive == []


def is_agent(process: psutil.Process) -> bool:
    try:
        return process.name() in ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
    except psutil.NoSuchProcess:
        return False


def test_signals_stop_it_and_a_second_driver_is_refused(bench: Bench) -> None:
    bench.hold(Phase.SEARCH)
    driver = bench.assay("run", "sweep.yaml", "--workers", "2")
    bench.until(lambda: bench.held(Phase.SEARCH) == 2)
    refused = bench.ended(bench.assay("resume", "shaken", "--inline"), 2)
    assert "'shaken' is being run by another process" in refused
    assert "'shaken' is already in" in bench.ended(bench.assay("run", "sweep.yaml"), 2)

    os.killpg(driver.pid, signal.SIGINT)  # as Ctrl-C does, for all of its processes
    bench.until(lambda: "SIGINT: stopping" in bench.said(driver))
    bench.release(Phase.SEARCH)
    assert "`assay resume shaken` goes on" in bench.ended(driver, 130)
    before = bench.trials
    assert bench.state == "stopped"
    assert [trial.state for trial in before] == [State.PENDING] * 2

    bench.hold(Phase.SEARCH)
    driver = bench.assay("resume", "shaken", "--inline")
    bench.until(lambda: bench.held(Phase.SEARCH) == 1)
    driver.terminate()
    bench.until(lambda: "SIGTERM: stopping" in bench.said(driver))
    bench.release(Phase.SEARCH)
    assert "`assay resume shaken` goes on" in bench.ended(driver, 143)
    assert bench.state == "stopped"

    bench.ended(bench.assay("resume", "shaken", "--inline", "--workers", "4"), 0)
    assert_kept(before, bench.trials)
    assert_complete(bench)
