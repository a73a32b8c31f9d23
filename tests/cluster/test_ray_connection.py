"""Addresses that cannot be used are refused in seconds, in one line, with the cure."""

from __future__ import annotations

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import filelock
import pytest

from assay.cluster import RayExecutor
from assay.cluster.jobs import Job, _shell, submit
from assay.cluster.ray_connection import RayConnection, check_reachable, cluster_error, use_token_if_there_is_one
from assay.search import Sweep
from assay.spaces import ClusterError, SweepError, UsageError
from assay.trainables import TrainableRef


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def refusing_head() -> Iterator[str]:
    """A dashboard that wants a token."""

    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b"Unauthorized: Missing authentication token")

        do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Refuses)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nothing_listens(scheme: str, closed_port: int) -> None:
    address = f"{scheme}127.0.0.1:{closed_port}"
    executor = RayExecutor(TrainableRef("train.py:train", "."), address=address)
    began = time.monotonic()
    with pytest.raises(ClusterError, match=f"no Ray cluster answers at {address} .*is the head running"):
        executor.open()
    executor.close()
    assert time.monotonic() - began < 10


def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at no-such-host\.invalid:6379"):
        check_reachable("no-such-host.invalid:6379", default_port=6379)


@pytest.mark.parametrize("address", ["10.0.0.5:port", ":6379", "ray://", "10.0.0.5:99999", "ray://[::1"])
def test_what_is_not_an_address(address: str) -> None:
    with pytest.raises(UsageError, match=r"is not an address: write host:port, such as 10\.0\.0\.5:6379"):
        check_reachable(address, default_port=6379)


def test_a_dashboard_is_no_cluster_to_connect_to() -> None:
    with pytest.raises(UsageError, match=r"is the address of a dashboard: write host:port .*assay submit"):
        RayConnection("http://127.0.0.1:8265", 1, ".").open()


def test_something_else_listens_there() -> None:
    check_reachable("auto", default_port=1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_reachable(f"127.0.0.1:{server.getsockname()[1]}", default_port=1)


@pytest.mark.parametrize("text", ["Unauthenticated: no header", "InvalidAuthToken"])
def test_a_missing_token_comes_with_the_cure(text: str) -> None:
    assert "run `ray get-auth-token` on the head and export it" in str(cluster_error("head:6379", RuntimeError(text)))


def test_other_errors_come_in_one_line() -> None:
    text = str(cluster_error("head:6379", RuntimeError("first\n  second" + "x" * 1000)))
    assert text.startswith("cannot use Ray at head:6379: RuntimeError: first second")
    assert len(text) < 400


def test_a_token_switches_authentication_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE"):
        monkeypatch.setenv(name, "")  # so that it is put back in any case
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    use_token_if_there_is_one()
    assert "RAY_AUTH_MODE" not in os.environ
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    use_token_if_there_is_one()
    assert os.environ["RAY_AUTH_MODE"] == "token"
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    use_token_if_there_is_one()
    assert os.environ["RAY_AUTH_MODE"] == "disabled"
    monkeypatch.delenv("RAY_AUTH_MODE")
    monkeypatch.setitem(sys.modules, "ray", sys)  # imported already: its part
    use_token_if_there_is_one()
    assert "RAY_AUTH_MODE" not in os.environ


@pytest.mark.parametrize("address", ["127.0.0.1:8265", "ray://head:10001", "http://", "head", "http://[::1"])
def test_jobs_want_the_dashboard(address: str, sweep_of: Callable[..., Sweep], tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="is not the address of a dashboard: write http://HEAD:8265"):
        submit(sweep_of(), tmp_path / "sweep.yaml", address, store="results", options=[])


def test_a_dashboard_that_does_not_answer(closed_port: int, sweep_of: Callable[..., Sweep], tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=f"no Ray cluster answers at http://127.0.0.1:{closed_port}"):
        submit(sweep_of(), tmp_path / "sweep.yaml", f"http://127.0.0.1:{closed_port}", store="results", options=[])


def test_a_dashboard_that_wants_a_token(refusing_head: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("def train(config, trial): ...")
    (tmp_path / "sweep.yaml").write_text(
        "name: small\ntrainable: train.py:train\nobjectives: [{metric: score, goal: maximize}]\n"
        "parameters: {x: 'uniform(0, 1)'}\nbudget: {trials: 2}\n"
    )
    # A process of its own, because Ray reads the mode once in a process.
    command = [sys.executable, "-m", "assay", "submit", "sweep.yaml", "--address", refusing_head]
    environment = os.environ | {"RAY_AUTH_MODE": "disabled"}
    refused = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert refused.returncode == 5
    assert "wants a token: run `ray get-auth-token`" in refused.stderr


def test_words_reach_the_job_as_they_are() -> None:
    words = ["my sweep.yaml", "a;b", "$HOME", "it's", "~"]
    command = _shell(["printf", r"%s\n", *words])
    assert subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True).stdout.splitlines() == words


def test_the_home_of_the_head_is_meant() -> None:
    command = _shell(["printf", "%s", "~/my results"])
    shown = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, env={"HOME": "/home/head"})
    assert shown.stdout == "/home/head/my results"


def test_the_commands_of_a_job() -> None:
    job = Job("assay-small-1", "http://head:8265", "small", "~/results")
    assert job.watch == "ray job logs --address http://head:8265 --follow assay-small-1"
    assert job.stop == "ray job stop --address http://head:8265 assay-small-1"
    assert job.results == "assay leaderboard small --store ~/results"


def test_only_our_own_left_over_folders_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.cluster import ray_connection

    monkeypatch.setattr(ray_connection.tempfile, "gettempdir", lambda: str(tmp_path))
    for name, mark in {"assay-2024-backup": "data", "assay-dead": "assay-driver.lock", "assay-alive": "none"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / mark).touch()
    (tmp_path / "assay-4194303-x").symlink_to("nowhere")
    alive = filelock.FileLock(str(tmp_path / "assay-alive" / "assay-driver.lock"))
    with alive:
        ray_connection._remove_left_over()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["assay-2024-backup", "assay-4194303-x", "assay-alive"]


def test_a_word_with_token_in_it_is_no_matter_of_tokens() -> None:
    error = cluster_error("auto", RuntimeError("Package size of /home/me/tokenizer exceeds the limit"))
    assert "tokenizer exceeds the limit" in str(error)
    assert "wants a token" not in str(error)
