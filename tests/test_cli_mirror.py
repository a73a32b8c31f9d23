"""``assay mirror`` and ``assay dashboard``: what they print, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from assay.search import Ledger, Phase, Report, State, Sweep, Trial
from assay.spaces import Config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of one sweep with one trial."""
    made = tmp_path_factory.mktemp("mirror")
    ledger = Ledger(made / "assay-results", create=True)
    spec: dict[str, Any] = {"name": "bowl", "objectives": [{"metric": "loss", "goal": "minimize"}]}
    record = ledger.create_sweep(
        Sweep.make(spec | {"parameters": {"x": "uniform(0, 1)"}, "budget": {"trials": 1}}), "/"
    )
    reports = (Report(1, {"loss": 0.5}, 1.0, 1),)
    ledger.add_trial(record, Trial(0, Phase.SEARCH, State.COMPLETE, Config({"x": 0.5}), seed=0, split=0))
    ledger.add_report(record, 0, reports[0])
    ledger.set_state(record, "finished")
    ledger.close()
    return made


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ASSAY_")}
    command = [sys.executable, "-m", "assay", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def assay(folder: Path, *words: str) -> tuple[int, str, str]:
    process = start(folder, *words)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_mirrors_are_written_and_named(folder: Path) -> None:
    code, out, err = assay(folder, "mirror", "bowl")
    journal = folder / "assay-results" / "bowl" / "optuna.log"
    assert (code, out, journal.is_file()) == (0, f"{journal}\n", True)
    assert "to look at it: assay dashboard bowl, or optuna-dashboard assay-results/bowl/optuna.log" in err
    code, out, _ = assay(folder, "mirror", "bowl", "--to", "csv", "--json")
    assert code == 0
    assert json.loads(out) == {"schema_version": 1, "to": "csv", "path": str(journal.parent / "csv")}


def test_another_tool_is_a_mistake(folder: Path) -> None:
    code, out, err = assay(folder, "mirror", "bowl", "--to", "tensorbord")
    assert (code, out) == (2, "")
    assert err == (
        "error: mirror: expected 'optuna', 'tensorboard' or 'csv', got 'tensorbord' (did you mean 'tensorboard'?)\n"
    )


def test_the_dashboard_serves_until_ctrl_c(folder: Path) -> None:
    process = start(folder, "dashboard", "@last", "--port", "0")
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with urlopen(url.replace("/dashboard/", "/api/studies")) as answer:
        assert [study["study_name"] for study in json.load(answer)["study_summaries"]] == ["bowl"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
