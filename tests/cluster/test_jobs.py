"""A sweep on a running cluster, as a job and with the driver here, against a real head of our own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.search import Ledger, State, Trial

pytestmark = [
    pytest.mark.ray,
    pytest.mark.faults,
    pytest.mark.skipif(
        not (importlib.util.find_spec("aiohttp_cors") and importlib.util.find_spec("opencensus")),
        reason="a head that takes jobs needs ray[default]",
    ),
]

SWEEP = """
name: sent
trainable: here.py:train
objectives: [{metric: score, goal: maximize}]
parameters: {x: "uniform(0, 1)"}
fidelity: {max: 2}
budget: {trials: 3}
leaderboard: {top: 1, seeds: 2}
cluster: {working_dir: .., env: {COLOUR: "red $WORD"}, secrets: [SENT_TOKEN]}
"""
TRAIN = """
import os

import helper

FOUND = os.environ["COLOUR"], os.environ["SENT_TOKEN"] == "a$b" + "-0123456789", os.path.isfile("sweeps/sweep.yaml")

def train(config, trial):
    for _ in trial.steps():
        assert FOUND == ("red $WORD", True, True), FOUND
        yield {"score": helper.double(config["x"]), "file": __file__, "token": os.environ["SENT_TOKEN"]}
"""


SECRET = "a$b-0123456789"


class Head:
    """A cluster of one node that only who has the token may use."""

    def __init__(self, temporary: Path) -> None:
        ports = free_ports(4)
        self.address = f"127.0.0.1:{ports[0]}"
        self.dashboard = f"http://127.0.0.1:{ports[1]}"
        self._token = secrets.token_hex(32)
        programs = Path(sys.executable).parent
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "ASSAY_"))
        }
        self.environment |= {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self._token,
            "RAY_TMPDIR": str(temporary),
        }
        self.temporary = temporary
        command = (
            f"ray start --head --block --port={ports[0]} --dashboard-port={ports[1]} --dashboard-host=127.0.0.1 "
            f"--dashboard-agent-listen-port={ports[2]} --ray-client-server-port={ports[3]} --include-dashboard=true "
            f"--node-ip-address=127.0.0.1 --num-cpus=2 --object-store-memory=200000000 --temp-dir={temporary}"
        )
        self._log = temporary / "head.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [str(programs / "ray"), *command.split()[1:]],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        deadline = time.monotonic() + 90
        while self.get("/api/jobs/") is None:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.2)

    def get(self, path: str) -> Any:
        request = urllib.request.Request(self.dashboard + path, headers={"Authorization": f"Bearer {self._token}"})
        with (
            contextlib.suppress(urllib.error.URLError, ConnectionError),
            urllib.request.urlopen(request, timeout=5) as answer,
        ):
            return json.load(answer)
        return None

    @property
    def logs(self) -> str:
        """All that Ray has written."""
        files = [path for path in self.temporary.rglob("logs/**/*") if path.is_file()]
        assert files
        return "".join(path.read_text(errors="replace") for path in files)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    temporary = Path(tempfile.mkdtemp(prefix="h", dir="/tmp"))  # short, for Ray's sockets
    head = Head(temporary)
    try:
        head.wait()
        yield head
    finally:
        head.stop()
        shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project" / "sweeps"
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text(SWEEP)
    (folder / "here.py").write_text(TRAIN)
    (folder / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    return folder


def call(command: list[str], folder: Path, head: Head, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = head.environment | {"SENT_TOKEN": SECRET} | changes
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


def assert_ran(store: Path, folder: Path) -> None:
    """All trials ended, and on a copy of the folder, as on any other node."""
    ledger = Ledger(store)
    record = ledger.sweep("sent")
    trials: list[Trial] = ledger.trials(record)
    ledger.close()
    assert record.state == "finished"
    assert len(trials) >= 5
    assert {trial.state for trial in trials} == {State.COMPLETE}
    files = {Path(trial.reports[-1].metrics["file"]) for trial in trials}
    assert not any(file.is_relative_to(folder.parent) for file in files)
    assert {trial.reports[-1].metrics["token"] for trial in trials} == {"***"}
    assert [path for path in store.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()] == []


def test_a_job(head: Head, folder: Path, tmp_path: Path) -> None:
    store = tmp_path / "my results"
    submit = [sys.executable, "-m", "assay", "submit", "sweep.yaml", "--address", head.dashboard]
    submitted = call([*submit, "--store", str(store), "--workers", "2", "--json"], folder, head)
    assert submitted.returncode == 0, submitted.stderr
    job = json.loads(submitted.stdout)
    printed = dict(line.split(":", 1) for line in submitted.stderr.splitlines() if ":" in line)
    watched = call(shlex.split(printed["watch"]), folder, head)  # until the job ends
    assert watched.returncode == 0, watched.stderr
    assert head.get(f"/api/jobs/{job['job']}")["status"] == "SUCCEEDED", watched.stdout
    assert "sweep 'sent' in" in watched.stdout
    assert_ran(store, folder)
    assert SECRET not in json.dumps(head.get("/api/jobs/")) + watched.stdout + head.logs
    stopped = call(shlex.split(printed["stop"]), folder, head)
    assert stopped.returncode == 0, stopped.stderr


def test_the_driver_here_and_the_trials_there(head: Head, folder: Path, tmp_path: Path) -> None:
    run = [sys.executable, "-m", "assay", "run", "sweep.yaml", "--address", head.address, "--workers", "2"]
    ran = call([*run, "--store", str(tmp_path / "store")], folder, head)
    assert ran.returncode == 0, ran.stderr
    assert_ran(tmp_path / "store", folder)
    assert SECRET not in head.logs


def test_a_wrong_token_is_refused_with_the_cure(head: Head, folder: Path) -> None:
    submit = [sys.executable, "-m", "assay", "submit", "sweep.yaml", "--address", head.dashboard]
    refused = call(submit, folder, head, RAY_AUTH_TOKEN=secrets.token_hex(32))
    assert refused.returncode == 5
    assert "wants a token" in refused.stderr
