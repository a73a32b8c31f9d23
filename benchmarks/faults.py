"""Kill real processes of real sweeps at random instants, and check that nothing was lost.

Each round runs a sweep on a private cluster of two nodes and kills workers, a node, the driver (SIGKILL and SIGTERM)
and the head, each when a random number of reports has been made. The driver is started again with ``assay resume``
until the sweep is finished. Then:

- every report that was recorded before a kill is still there, unchanged;
- every trial is over, and there are as many as the budget says;
- no trial repeated more steps than one checkpoint interval for each time that it was interrupted;
- the leaderboard is that of the same sweep in simulated time, which nothing disturbed;
- ``assay replay`` makes every recorded decision again.

    python benchmarks/faults.py --asha 30 --pbt 10
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from assay.analysis import Results
from assay.cluster import PhaseRunner, Silent
from assay.cluster.virtual_executor import VirtualExecutor
from assay.search import Ledger, Sweep, Trial
from assay.spaces import AssayError
from assay.trainables import TrialSpec

NAME = "shaken"
KINDS = ("worker", "node", "driver", "driver, politely", "head")
STEP_SECONDS = 0.25
PATIENCE = 150.0

SWEEPS: dict[str, dict[str, Any]] = {
    "asha": {
        "scheduler": {"type": "asha", "eta": 2},
        "fidelity": {"unit": "step", "max": 16},
        "budget": {"trials": 16},
        "leaderboard": {
            "top": 1,
            "seeds": 2,
        },  # the best is never stopped; the second may be
    },
    "pbt": {
        "scheduler": {"type": "pbt", "interval": 3, "synchronous": True, "perturb": ["x"]},
        "fidelity": {"unit": "step", "max": 12},
        "budget": {"trials": 6},
        "leaderboard": {"top": 2, "seeds": 2},
    },
}

TRAIN = f"""
import json, os, time
from pathlib import Path

def gain(x, step, split):
    return (1 - (x - 0.7) ** 2) / step + split / 1000

def train(config, trial):
    total = 0.0
    if trial.checkpoint:
        total = json.loads((trial.checkpoint / "state.json").read_text())
    for index in trial.steps():
        step = index + 1
        time.sleep({STEP_SECONDS})
        total += gain(config["x"], step, trial.split_id)
        with open("@STEPS@", "a") as log:
            log.write(f"{{trial.number}} {{config['x']!r}} {{step}}\\n")
        trial.save_checkpoint(lambda folder: (folder / "state.json").write_text(json.dumps(total)))
        yield {{"score": total}}
"""


class Broken(Exception):
    """Something was lost."""


def sweep_of(kind: str) -> Sweep:
    """The sweep of a round."""
    return Sweep(
        name=NAME,
        trainable="train.py:train",
        objectives=[{"metric": "score", "goal": "maximize"}],
        parameters={"x": "uniform(0.0, 1.0)"},
        searcher="random",
        cluster={"retry": {"lost": 20}},
        **SWEEPS[kind],
    )


def undisturbed(kind: str, folder: Path) -> Results:
    """The same sweep in simulated time."""
    names: dict[str, Any] = {}
    exec(TRAIN, names)
    totals: dict[tuple[int, int, int], float] = {}

    def curve(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
        before = (spec.number, spec.segment, step - 1)
        if before not in totals:
            source = spec.restore[0][1].removeprefix("virtual://").split("/") if spec.restore else None
            totals[before] = totals[int(source[0]), int(source[1]), int(source[2])] if source else 0.0
        total = totals[before] + names["gain"](spec.config["x"], step, spec.split_id)
        totals[spec.number, spec.segment, step] = total
        return {"score": total}, STEP_SECONDS

    ledger = Ledger(folder, create=True)
    record = ledger.create_sweep(sweep_of(kind), str(folder))
    executor = VirtualExecutor(curve, 2)
    return PhaseRunner(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=True).run()


def board(results: Results) -> list[tuple[Any, ...]]:
    """What a leaderboard says, without how long things took."""
    return [
        (row.rank, row.trial, dict(row.config), row.fresh and round(row.fresh.mean, 9), row.tied)
        for row in results.leaderboard().rows
    ]


@dataclass
class Cluster:
    """A head without places and two nodes with one each, of our own, on loopback."""

    folder: Path
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    started: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """For everything that talks to it."""
        own = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
            "RAY_health_check_period_ms": "500",
            "RAY_health_check_timeout_ms": "1000",
            "RAY_health_check_failure_threshold": "3",
        }
        clean = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "ASSAY_ADDRESS")}
        return clean | own | {"TMPDIR": str(self.folder)}

    @property
    def address(self) -> str:
        """Of the head."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Head and nodes."""
        self.port = free_port()
        temporary = tempfile.mkdtemp(prefix="r", dir=self.folder)
        self._node(
            "head", "--head", f"--port={self.port}", "--num-cpus=0", "--include-dashboard=false",
            "--node-ip-address=127.0.0.1", f"--temp-dir={temporary}",
        )  # fmt: skip
        wait_until(lambda: reachable(self.port), "the head to answer")
        for name in ("node 1", "node 2"):
            self.join(name)

    def join(self, name: str) -> None:
        """A node with one place."""
        self._node(name, f"--address={self.address}", "--num-cpus=1", "--node-ip-address=127.0.0.1")

    def kill(self, name: str) -> None:
        """A node with all its processes, at once."""
        process = self.nodes.pop(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            kill_all(family)
        process.wait()

    def workers(self) -> list[psutil.Process]:
        """Processes that run trials."""
        found: list[psutil.Process] = []
        for process in self.nodes.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [p for p in psutil.Process(process.pid).children(recursive=True) if is_worker(p)]
        return found

    def stop(self) -> None:
        """Everything."""
        for name in list(self.nodes):
            self.kill(name)

    def _node(self, name: str, *words: str) -> None:
        ray = str(Path(sys.executable).with_name("ray"))
        command = [ray, "start", "--block", "--object-store-memory=80000000", *words]
        path = self.folder / f"{name.replace(' ', '-')}-{self.started}.log"
        self.started += 1
        with path.open("wb") as log:
            self.nodes[name] = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        # One after the other: nodes that start together on one machine get into each other's way.
        wait_until(lambda: "Ray runtime started" in path.read_text(errors="replace"), name, path.read_text)


class Round:
    """One sweep and what befalls it."""

    def __init__(self, kind: str, seed: int, folder: Path, kinds: tuple[str, ...] = KINDS) -> None:
        self.kind = kind
        self.random = random.Random(seed)
        self.folder = folder / "work"  # it is sent to the nodes, so it must not hold their own files
        self.folder.mkdir()
        self.kinds = kinds
        self.cluster = Cluster(folder)
        self.driver: subprocess.Popen[bytes] | None = None
        self.seen: dict[tuple[int, int, int], Any] = {}
        self.faults: list[str] = []

    def run(self) -> dict[str, Any]:
        """Run it, and check.

        Raises:
            Broken: when something was lost.
        """
        began = time.monotonic()
        sweep = sweep_of(self.kind)
        (self.folder / "train.py").write_text(TRAIN.replace("@STEPS@", str(self.folder / "steps.log")))
        (self.folder / "sweep.json").write_text(sweep.model_dump_json(exclude_defaults=True))
        try:
            self.cluster.start()
            self._drive("run", "sweep.json")
            for fault in self.random.sample(self.kinds, len(self.kinds)):
                self._await_progress()
                if self.trials and all(trial.state.over for trial in self.trials) and self._finished():
                    break
                self._strike(fault)
            self._finish()
            return self._check() | {"seconds": round(time.monotonic() - began, 1), "faults": self.faults}
        finally:
            if self.driver is not None and self.driver.poll() is None:
                kill_all([psutil.Process(self.driver.pid)])
            self.cluster.stop()

    # What befalls it

    def _strike(self, fault: str) -> None:
        self.faults.append(fault)
        if fault == "worker":
            wait_until(lambda: bool(self.cluster.workers()), "a worker", self._said)
            kill_all([self.random.choice(self.cluster.workers())])
        elif fault == "node":
            name = self.random.choice(["node 1", "node 2"])
            self.cluster.kill(name)
            self.cluster.join(name)
        elif fault == "head":
            self.cluster.stop()
            self._end_driver(signal.SIGKILL)  # Ray ends a driver without a head by itself, but takes its time
            self.cluster.start()
            self._drive("resume", NAME)
        else:
            self._end_driver(signal.SIGKILL if fault == "driver" else signal.SIGTERM)
            self._drive("resume", NAME)

    def _end_driver(self, how: signal.Signals) -> None:
        if self.driver is None:
            return
        if self.driver.poll() is None:
            self.driver.send_signal(how)
        try:
            code = self.driver.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"the driver did not end after {how.name}") from None
        if how is signal.SIGTERM and code not in (0, 143, -15):  # -15: before it had begun
            raise Broken(f"the driver ended with {code} after SIGTERM: {self._said()}")
        self.note_reports()

    def _drive(self, *words: str) -> None:
        command = [sys.executable, "-m", "assay", *words, "--address", self.cluster.address, "--store", "store"]
        with (self.folder / "driver.log").open("ab") as log:
            self.driver = subprocess.Popen(
                command, cwd=self.folder, env=self.cluster.environment, stdout=log, stderr=log, start_new_session=True
            )

    def _await_progress(self) -> None:
        """Wait for a random number of new reports, a moment of its own each time."""
        target = len(self.note_reports()) + self.random.randint(3, 14)
        wait_until(lambda: len(self.note_reports()) >= target or self._ended(), "progress", self._said)
        time.sleep(self.random.uniform(0, STEP_SECONDS))

    def _ended(self) -> bool:
        return self.driver is not None and self.driver.poll() is not None

    def _finish(self) -> None:
        for _ in range(5):
            wait_until(self._ended, "the sweep to end", self._said)
            if self._finished():
                return
            self._drive("resume", NAME)
        raise Broken(f"the sweep is not finished after five more starts: {self._said()}")

    # What is recorded

    @property
    def trials(self) -> list[Trial]:
        try:
            ledger = Ledger(self.folder / "store")
            trials = ledger.trials(ledger.sweep(NAME))
        except AssayError:
            return []
        ledger.close()
        return trials

    def note_reports(self) -> dict[tuple[int, int, int], Any]:
        """All reports that there are; those that were seen before have to be there, unchanged.

        Raises:
            Broken: when one is not.
        """
        now = {
            (trial.number, report.segment, report.step): (report.metrics["score"], report.order, report.decision)
            for trial in self.trials
            for report in trial.reports
        }
        lost = {key: value for key, value in self.seen.items() if now.get(key) != value}
        if lost:
            raise Broken(f"reports were lost or changed: {lost}")
        self.seen = now
        return now

    def _finished(self) -> bool:
        ledger = Ledger(self.folder / "store")
        state = ledger.sweep(NAME).state
        ledger.close()
        return state == "finished"

    def _check(self) -> dict[str, Any]:
        self.note_reports()
        trials = self.trials
        if [trial.number for trial in trials] != list(range(len(trials))):
            raise Broken("trials are missing")
        still_open = [trial.number for trial in trials if not trial.state.over]
        searched = [trial for trial in trials if trial.phase == "search"]
        wanted = SWEEPS[self.kind]["budget"]["trials"]
        if still_open or len(searched) != wanted:
            raise Broken(f"{len(searched)} of {wanted} trials, open: {still_open}")
        repeated = self._repeated(trials)
        disturbed = Results(ledger := Ledger(self.folder / "store"), ledger.sweep(NAME))
        calm = undisturbed(self.kind, self.folder / "calm")
        if board(disturbed) != board(calm):
            raise Broken(f"the leaderboard is {board(disturbed)}, undisturbed it is {board(calm)}")
        replay = [sys.executable, "-m", "assay", "replay", NAME, "--store", "store"]
        made = subprocess.run(replay, cwd=self.folder, capture_output=True, text=True, check=False)
        if made.returncode:
            raise Broken(f"replay: {made.stdout}{made.stderr}")
        attempts = sum(trial.attempts for trial in trials)
        return {"trials": len(trials), "attempts": attempts, "reports": len(self.seen), "repeated steps": repeated}

    def _repeated(self, trials: list[Trial]) -> int:
        """Steps that were trained more than once; at most one for each time that a trial was started again.

        Raises:
            Broken: for more.
        """
        lines = (self.folder / "steps.log").read_text().splitlines()
        trained = Counter(tuple(line.split()) for line in lines)
        again: Counter[int] = Counter()
        for (number, *_), count in trained.items():
            again[int(number)] += count - 1
        for trial in trials:
            if again[trial.number] > max(0, trial.attempts - 1):
                raise Broken(
                    f"trial {trial.number} was started {trial.attempts} times and repeated {again[trial.number]} steps"
                )
        return sum(again.values())

    def _said(self) -> str:
        return (self.folder / "driver.log").read_text(errors="replace")[-1500:]


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is a Ray actor that runs trials."""
    try:
        return process.name().startswith("ray::Worker") or " ".join(process.cmdline()).startswith("ray::Worker")
    except psutil.Error:
        return False


def kill_all(processes: list[psutil.Process]) -> None:
    """SIGKILL."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def free_port() -> int:
    """A port of loopback that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def reachable(port: int) -> bool:
    """Whether something listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(done: Callable[[], bool], what: str, said: Callable[[], str] = lambda: "") -> None:
    """Look again and again.

    Raises:
        Broken: when it takes too long.
    """
    deadline = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > deadline:
            raise Broken(f"waited {PATIENCE:.0f} s for {what}: {said()}")
        time.sleep(0.05)


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder with a short name: Ray puts sockets into it."""
    folder = Path(tempfile.mkdtemp(prefix="f", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """All rounds, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asha", type=int, default=30, help="rounds of asynchronous successive halving")
    parser.add_argument("--pbt", type=int, default=10, help="rounds of population based training")
    parser.add_argument("--seed", type=int, default=0, help="of the first round")
    parser.add_argument("--output", type=Path, help="JSON file")
    options = parser.parse_args()
    rounds = ["asha"] * options.asha + ["pbt"] * options.pbt
    outcomes, broken = [], 0
    for index, kind in enumerate(rounds):
        with short_folder() as folder:
            try:
                outcome: dict[str, Any] = Round(kind, options.seed + index, folder).run()
            except Broken as error:
                outcome, broken = {"broken": str(error)}, broken + 1
        outcomes.append({"kind": kind, "seed": options.seed + index} | outcome)
        print(json.dumps(outcomes[-1]), flush=True)
    print(f"{len(rounds) - broken} of {len(rounds)} rounds lost nothing")
    if options.output:
        options.output.write_text(json.dumps(outcomes, indent=2))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
