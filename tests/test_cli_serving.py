"""`assay ui`: a page that is served until Ctrl-C. (`assay report` is in test_cli.py.)"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from assay.search import Ledger

from .analysis.conftest import Recorder


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = Recorder(tmp_path / "store")
    made.search([0.5])
    made.results()
    return tmp_path / "store"


def started(store: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "assay", "ui", *words, "--port", "0", "--store", str(store)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_it_serves_until_ctrl_c(store: Path) -> None:
    with started(store, "demo") as running:
        assert running.stdout is not None
        url = running.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}data.json", timeout=30) as answer:
            assert json.load(answer)["sweep"]["name"] == "demo"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (0, "", "Ctrl-C ends it\nended\n")


def test_beyond_this_machine_the_address_holds_a_token(store: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(server: Any, poll_interval: float) -> None:
        assert server.server_address[0] == "0.0.0.0"
        raise KeyboardInterrupt

    monkeypatch.setattr("assay.analysis.page.server.PageServer.serve_forever", stop)
    monkeypatch.setattr("assay.analysis.page.server.PageServer.server_bind", _believe)
    monkeypatch.setattr("assay.analysis.page.server.PageServer.server_activate", lambda server: None)
    done = cli("ui", "@last", "--host", "0.0.0.0", "--port", "0", "--store", str(store), "--json")
    assert done.code == 0
    assert len(done.json["url"].split("/")[3]) >= 32


def _believe(server: Any) -> None:
    """A test listens on this machine alone, so this one does not listen at all; the server takes it for done."""
    server.server_name, server.server_port = server.server_address[0], 1


def test_mistakes(store: Path, cli: Any) -> None:
    unknown = cli("ui", "demmo", "--store", str(store))
    assert (unknown.code, unknown.out) == (4, "")
    assert "did you mean 'demo'" in unknown.err
    assert cli("ui", "demo", "--store", str(store), "--port", "70000").code == 2
    elsewhere = cli("ui", "demo", "--store", str(store), "--host", "203.0.113.1")
    assert (elsewhere.code, elsewhere.err.startswith("error: cannot listen on 203.0.113.1:")) == (2, True)


def test_the_report_as_json_holds_every_number(store: Path, cli: Any) -> None:
    done = cli("report", "@last", "--store", str(store), "-o", "page.html", "--json")
    assert done.json["path"].endswith("page.html")
    assert done.json["page"]["trials"]["value"] == [0.5]
    assert Ledger(store).sweep("demo").name == done.json["page"]["sweep"]["name"]
