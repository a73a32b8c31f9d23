"""A page is worked out anew when something was recorded, and at no other time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from assay.analysis.page import live
from assay.analysis.page.live import LivePages
from assay.search import Ledger, Phase, Report, State, SweepRecord, Trial
from assay.search.journal import Event, EventKind
from assay.search.records import Artifact
from assay.search.trial import Segment
from assay.spaces import Config

from ..conftest import Recorder

Change = Callable[[Ledger, SweepRecord, Trial], object]


def updated(**fields: object) -> Change:
    return lambda ledger, record, trial: ledger.update_trial(record, replace(trial, **fields))


def noted(method: str, *values: object) -> Change:
    def change(ledger: Ledger, record: SweepRecord, trial: Trial) -> None:
        journal = ledger.journal(record)
        getattr(journal, method)(*values)
        journal.commit()
        journal.close()

    return change


def file(sha256: str, size: int) -> Change:
    made = Artifact(0, "model", "demo/model.pt", sha256 * 64, size)
    return lambda ledger, record, trial: ledger.update_trial(record, trial, [made])


def extended(ledger: Ledger, record: SweepRecord, trial: Trial) -> None:
    ledger.revise(record, record.sweep.model_copy(update={"description": "longer"}), 5)


def driven(ledger: Ledger, record: SweepRecord, trial: Trial) -> object:
    lock = ledger.lock("demo")
    lock.acquire("demo")
    return lock


CHANGES: dict[str, Change] = {
    "trial": lambda ledger, record, trial: ledger.add_trial(record, replace(trial, number=7)),
    "replicate": lambda ledger, record, trial: ledger.add_trial(
        record, replace(trial, number=7, phase=Phase.REPLICATE, parent=0)
    ),
    "report": lambda ledger, record, trial: ledger.add_report(record, 0, Report(2, {"accuracy": 0.6}, 2.0, 9)),
    "state": updated(state=State.STOPPED),
    "end": updated(ended=9),
    "attempt": updated(attempts=1),
    "seconds": updated(seconds=1.5),
    "failure": updated(state=State.FAILED, reason="no memory", detail="line 1"),
    "data": updated(data_id="0123456789ab"),
    "rows": updated(train_rows=80, validation_rows=20),
    "testable": updated(testable=True),
    "stretch": noted("segment", 0, Segment(1, Config({"lr": 0.2}), 9, None, 0, 2)),
    "event": noted("event", Event(9, EventKind.LOST, 0)),
    "file": file("b", 10),
    "file made anew": file("c", 9),
    "file made anew, larger": file("a", 10),
    "state of the sweep": lambda ledger, record, trial: ledger.set_state(record, "stopped"),
    "note": lambda ledger, record, trial: ledger.set_state(record, "running", "by hand"),
    "wish": lambda ledger, record, trial: ledger.wish("demo", "pause"),
    "extension": extended,
    "driver": driven,
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_kind_of_record_is_seen(
    change: str, recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recorder()
    trial = made.search([0.5], state=State.RUNNING)
    file("a", 9)(made.ledger, made.record, trial)
    times: list[int] = []
    monkeypatch.setattr(live, "_version", lambda results: times.append(len(results.trials)) or len(times))
    pages = LivePages(made.ledger)
    assert [pages.page("demo"), pages.page("demo")] == [1, 1]
    kept = CHANGES[change](made.ledger, made.record, trial)  # a lock is free when nobody has it
    assert [pages.page("demo"), pages.page("demo")] == [2, 2]
    del kept


def test_other_sweeps_change_nothing(recorder: Callable[..., Recorder]) -> None:
    made = recorder()
    made.search([0.5])
    pages = LivePages(made.ledger)
    known = pages.page("demo")
    other = made.ledger.create_sweep(made.record.sweep.model_copy(update={"name": "other"}), "here")
    made.ledger.add_trial(other, Trial(0, Phase.SEARCH, State.RUNNING, Config({"lr": 0.1}), seed=0, split=0))
    assert pages.page("demo") is known


def test_no_trial_is_read_to_see_that_nothing_changed(
    recorder: Callable[..., Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recorder()
    made.search([0.5])
    pages = LivePages(made.ledger)
    known = pages.page("demo")

    def refuse(*values: object) -> None:
        raise AssertionError("reads trials")

    monkeypatch.setattr(Ledger, "_trials", refuse)
    monkeypatch.setattr(Ledger, "artifacts", refuse)
    assert pages.page("demo") is known
