"""A writer that is killed loses nothing that the ledger took, and leaves nothing half."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from assay.search import Ledger, Report, State, SweepRecord
from assay.search.journal import EventKind

from .samples import new_trial

REPORTS = """
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

BATCHES = """
import sys
from dataclasses import replace
from assay.search import Artifact, Ledger, Phase, Report, State, Trial
from assay.search.journal import Event, EventKind
from assay.spaces import Config
ledger = Ledger(sys.argv[1])
record = ledger.sweep("hello")
journal = ledger.journal(record)
number = len(ledger.trials(record))
while True:
    trial = Trial(number, Phase.SEARCH, State.PENDING, Config({"lr": 0.5}), 0, 0, asked=number, started=number)
    journal.add(trial)
    journal.event(Event(number, EventKind.RUN, number))
    for step in range(1, 6):
        journal.report(number, Report(step, {"loss": 1 / step, "text": "x" * 500}, 0.0, number))
    journal.update(replace(trial, state=State.COMPLETE), [Artifact(number, "model", "m.pt", "0" * 64, number)])
    journal.commit()
    print(number, flush=True)
    number += 1
"""


DIE_BEFORE = """
import os, signal, sys
import sqlalchemy as sa

@sa.event.listens_for(sa.Engine, "before_cursor_execute")
def die(connection, cursor, statement, *_):
    if statement.startswith(sys.argv[2]):
        print(-1, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_after(script: str, ledger: Ledger, seconds: float, *words: str) -> int:
    """What the writer said last before it was killed."""
    place = ledger.place
    store = str(place.files) if place.file else f"{place}&application_name=writer"
    command = [sys.executable, "-c", script, store, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    rest, errors = process.communicate()
    assert errors == ""
    while place.file is None and _connected(ledger):
        time.sleep(0.01)
    lines = (first + rest).split("\n")[:-1]  # what follows the last line end was never acknowledged
    return int(lines[-1])


def _connected(ledger: Ledger) -> bool:
    """Whether the server has not yet noticed that the writer is gone."""
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'writer'")
    with ledger._reads.connect() as connection:
        return bool(connection.scalar(query))


def check_integrity(ledger: Ledger) -> None:
    if ledger.place.file is not None:
        with ledger._reads.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.faults
def test_a_killed_writer_loses_no_report_that_was_taken(ledger: Ledger, record: SweepRecord) -> None:
    ledger.add_trial(record, new_trial())
    instants = random.Random(0)
    for _ in range(5):
        acknowledged = kill_after(REPORTS, ledger, instants.uniform(0, 0.3))
        reports = ledger.trial(record, 0).reports
        assert [report.step for report in reports] == list(range(1, len(reports) + 1))
        assert acknowledged <= len(reports) <= acknowledged + 1
        assert reports[-1] == Report(len(reports), {"loss": 1 / len(reports), "text": "x" * 2000}, 0.0, len(reports))
    check_integrity(ledger)


@pytest.mark.faults
def test_a_killed_writer_leaves_no_batch_half(ledger: Ledger, record: SweepRecord) -> None:
    instants = random.Random(1)
    for _ in range(5):
        acknowledged = kill_after(BATCHES, ledger, instants.uniform(0, 0.3))
        trials = ledger.trials(record)
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert acknowledged + 1 <= len(trials) <= acknowledged + 2
        assert {(trial.state, len(trial.reports)) for trial in trials} == {(State.COMPLETE, 5)}
        events = ledger.events(record)
        assert [(event.order, event.kind, event.number) for event in events] == [
            (number, EventKind.RUN, number) for number in range(len(trials))
        ]
        assert [file.bytes for file in ledger.artifacts(record, "model")] == list(range(len(trials)))
    check_integrity(ledger)


@pytest.mark.faults
def test_a_kill_within_a_batch_leaves_nothing_of_it(ledger: Ledger, record: SweepRecord) -> None:
    for statement in ("INSERT INTO reports", "INSERT INTO artifacts"):
        assert kill_after(DIE_BEFORE + BATCHES, ledger, 0, statement) == -1
        assert (ledger.trials(record), ledger.events(record), ledger.artifacts(record)) == ([], [], [])
    assert kill_after(BATCHES, ledger, 0) >= 0
    check_integrity(ledger)
