"""The driver's writes: gathered, then all of them or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from assay.search import Artifact, Ledger, State, SweepRecord, Trial
from assay.search.journal import Event, EventKind
from assay.search.trial import Report, Segment
from assay.spaces import Config

from .samples import new_trial, report, sweep

FILE = Artifact(0, "predictions", "a.npz", "0" * 64, 10**12)


def test_nothing_is_written_before_the_commit(ledger: Ledger, record: SweepRecord) -> None:
    journal = ledger.journal(record)
    journal.add(new_trial())
    journal.report(0, report(1))
    assert ledger.trials(record) == []
    journal.commit()
    assert ledger.trials(record) == [replace(new_trial(), reports=(report(1),))]


def test_a_batch_holds_a_trial_from_start_to_end(ledger: Ledger, record: SweepRecord) -> None:
    """Of several updates the last counts, also of the config."""
    end = replace(new_trial(), state=State.COMPLETE, config=Config({"lr": 0.5, "big": 1}), ended=9, seconds=2.5)
    journal = ledger.journal(record)
    journal.add(replace(new_trial(), state=State.PENDING))
    journal.update(new_trial(), [FILE, replace(FILE, kind="model")])
    journal.report(0, report(1))
    journal.report(0, report(2))
    journal.update(end, [replace(FILE, path="b.npz")])
    journal.commit()
    assert ledger.trial(record, 0) == replace(end, reports=(report(1), report(2)))
    assert ledger.artifacts(record) == [replace(FILE, kind="model"), replace(FILE, path="b.npz")]
    journal.update(end, [replace(FILE, path="c.npz")])
    journal.commit()
    assert [file.path for file in ledger.artifacts(record)] == ["a.npz", "c.npz"]


def broken(journal: Any, what: str) -> None:
    """One row that the database refuses, after good ones in the same batch."""
    if what == "trial":
        journal.add(new_trial(0))
    elif what == "report":
        journal.report(0, report(1))
    elif what == "event":
        journal.event(Event(5, EventKind.RUN, 1))
        journal.event(Event(5, EventKind.LOST, 1))
    elif what == "segment":
        journal.segment(1, Segment(0, Config({}), 1))
        journal.segment(1, Segment(0, Config({}), 2))
    elif what == "artifact":
        journal.update(new_trial(1), [replace(FILE, trial=1, path=None)])
    elif what == "value":
        journal.report(1, report(1, float("nan")))


@pytest.mark.parametrize("what", ["trial", "report", "event", "segment", "artifact", "value"])
def test_a_failing_row_leaves_nothing(ledger: Ledger, record: SweepRecord, what: str) -> None:
    ledger.add_trial(record, new_trial())
    ledger.add_report(record, 0, report(1))
    before = ledger.trials(record)
    journal = ledger.journal(record)
    journal.add(new_trial(1))
    journal.update(replace(new_trial(0), state=State.COMPLETE), [FILE])
    journal.report(0, report(2))
    journal.event(Event(4, EventKind.RUN, 0))
    journal.segment(0, Segment(0, Config({}), 1))
    broken(journal, what)
    with pytest.raises((sa.exc.StatementError, ValueError)):
        journal.commit()
    assert (ledger.trials(record), ledger.artifacts(record), ledger.events(record)) == (before, [], [])
    other = ledger.journal(record)
    other.add(new_trial(1))
    other.commit()
    assert len(ledger.trials(record)) == 2


def test_a_lazy_journal_writes_when_it_is_told_to_or_has_much(ledger: Ledger, record: SweepRecord) -> None:
    journal = ledger.journal(record, lazy=True)
    journal.add(new_trial())
    journal.commit()
    assert ledger.trials(record) == []
    journal.commit(force=True)
    assert len(ledger.trials(record)) == 1
    written = []
    for step in range(1, 6001):
        journal.report(0, report(step))
        journal.commit()
        if step % 1000 == 0:
            written.append(ledger.trial(record, 0).last_step)
    assert written == [0, 0, 0, 0, 5000, 5000]


def test_what_is_not_committed_is_not_written(ledger: Ledger, record: SweepRecord) -> None:
    journal = ledger.journal(record)
    journal.add(new_trial())
    journal.close()
    journal.close()
    assert ledger.trials(record) == []
    journal.commit()
    assert len(ledger.trials(record)) == 1


def test_segments_are_read_back(ledger: Ledger, record: SweepRecord) -> None:
    first = Segment(0, Config({"lr": 0.1, "big": 2**63}), 3)
    second = Segment(1, Config({"lr": 0.2, "big": -(2**63)}), 7, 4, 2, 10, "/c/\u00fc")
    reports = (
        report(1),
        replace(report(1), order=8, segment=1, decision="pause", checkpoint="/c/11"),
        replace(report(2), order=9, segment=1, decision="stop"),
    )
    trial = replace(new_trial(), config=second.config, segments=(first, second), reports=reports)
    journal = ledger.journal(record)
    journal.add(new_trial())
    for segment in (second, first):
        journal.segment(0, segment)
    for made in reversed(reports):
        journal.report(0, made)
    journal.update(trial)
    journal.add(new_trial(1))
    journal.segment(1, first)
    journal.commit()
    assert ledger.trials(record) == [trial, replace(new_trial(1), segments=(first,))]
    assert ledger.trial(record, 0).checkpoints == [(10, "/c/\u00fc"), (1, "/c/11")]
    assert isinstance(ledger.trial(record, 0).segments[1].config, Config)


def test_events_are_read_back_in_order(ledger: Ledger, record: SweepRecord) -> None:
    events = [
        Event(0, EventKind.RUN, 0),
        Event(3, EventKind.LOST, 0, {"reason": "no\x00thing \ud83d", "big": 2**70}),
        Event(2**31 - 1, EventKind.REOPENED, 1, [1, None, "ü"]),
    ]
    journal = ledger.journal(record)
    for event in reversed(events):
        journal.event(event)
    journal.commit()
    assert ledger.events(record) == events
    assert [type(event.kind) for event in ledger.events(record)] == [EventKind] * 3
    assert ledger.events(ledger.create_sweep(sweep("other"), "")) == []


def test_what_a_sweep_said_before_is_kept(ledger: Ledger, record: SweepRecord) -> None:
    assert ledger.revisions(record) == [(0, sweep())]
    longer = [sweep().model_copy(update={"description": text}) for text in ("longer", "longest")]
    second = ledger.revise(record, longer[0], 12)
    assert (second.sweep, ledger.sweep("hello")) == (longer[0], second)
    third = ledger.revise(second, longer[1], 40)
    assert third == replace(record, sweep=longer[1])
    assert ledger.revisions(third) == [(0, sweep()), (12, longer[0]), (40, longer[1])]
    other = ledger.create_sweep(sweep("other"), "")
    assert ledger.revisions(other) == [(0, sweep("other"))]


def test_a_wish_is_heard_by_the_driver_of_that_sweep(ledger: Ledger, record: SweepRecord) -> None:
    other = ledger.create_sweep(sweep("other"), "")
    assert ledger.wished(record) == ""
    Ledger(ledger.place).wish("hello", "pause")
    assert (ledger.wished(record), ledger.wished(other)) == ("pause", "")
    ledger.wish("@last", "stop")
    assert (ledger.wished(record), ledger.wished(other)) == ("pause", "stop")
    ledger.wish("hello", "")
    assert ledger.wished(record) == ""


def test_two_sweeps_are_kept_apart(ledger: Ledger, record: SweepRecord) -> None:
    other = ledger.create_sweep(sweep("other"), "")
    journals = [ledger.journal(one) for one in (record, other)]
    for value, journal in enumerate(journals):
        journal.add(new_trial())
        journal.report(0, report(1, value))
        journal.update(new_trial(), [replace(FILE, bytes=value)])
        journal.event(Event(1, EventKind.RUN, value))
    for journal in journals:
        journal.commit()
    for value, one in enumerate((record, other)):
        expected: Trial = replace(new_trial(), reports=(report(1, value),))
        assert ledger.trials(one) == [expected]
        assert [file.bytes for file in ledger.artifacts(one)] == [value]
        assert [event.number for event in ledger.events(one)] == [value]
    journals[0].update(replace(new_trial(), state=State.FAILED))
    journals[0].commit()
    assert [ledger.trial(one, 0).state for one in (record, other)] == [State.FAILED, State.RUNNING]


def test_a_trial_that_was_killed_has_the_seconds_of_its_reports(ledger: Ledger, record: SweepRecord) -> None:
    ledger.add_trial(record, new_trial())
    ledger.add_report(record, 0, Report(1, {"loss": 1.0}, 1.0, 1, None, 4.5))
    assert ledger.trial(record, 0).seconds == 4.5
