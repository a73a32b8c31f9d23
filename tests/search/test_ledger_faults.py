"""A writer that is killed loses nothing that the ledger took."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.search import Ledger, Phase, Report, State, Sweep, Trial
from assay.spaces import Config

WRITER = """
import sys
from assay.search import Ledger, Report
ledger = Ledger(sys.argv[1])
record = ledger.sweep("hello")
step = ledger.trial(record, 0).last_step
while True:
    step += 1
    ledger.add_report(record, 0, Report(step, {"loss": 1 / step, "text": "x" * 2000}, 0.0, step))
    print(step, flush=True)
"""


@pytest.mark.faults
def test_a_killed_writer_loses_no_report_that_was_taken(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, create=True)
    raw = {
        "name": "hello",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"lr": "uniform(0, 1)"},
        "budget": {"trials": 1},
    }
    record = ledger.create_sweep(Sweep.make(raw), "")
    ledger.add_trial(record, Trial(0, Phase.SEARCH, State.RUNNING, Config({"lr": 0.5}), 0, 0))
    instants, acknowledged = random.Random(0), 0
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(instants.uniform(0, 0.3))
        process.kill()
        rest, errors = process.communicate()
        assert errors == ""
        lines = (first + rest).split("\n")[:-1]  # what follows the last line end was never acknowledged
        acknowledged = int(lines[-1])
        reports = ledger.trial(record, 0).reports
        assert [report.step for report in reports] == list(range(1, len(reports) + 1))
        assert acknowledged <= len(reports) <= acknowledged + 1
        assert reports[-1] == Report(len(reports), {"loss": 1 / len(reports), "text": "x" * 2000}, 0.0, len(reports))
    ledger.close()
    with Ledger(tmp_path)._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
