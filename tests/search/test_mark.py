"""A mark of a sweep is the same until something is recorded of it, in every database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from assay.search import Ledger, Phase, Report, State, Trial
from assay.search.records import Artifact
from assay.spaces import Config

from .samples import sweep


def test_it_changes_with_what_is_recorded(new_store: Callable[[Path], str], tmp_path: Path) -> None:
    ledger = Ledger(new_store(tmp_path), create=True)
    record = ledger.create_sweep(sweep(), "")
    trial = Trial(0, Phase.SEARCH, State.RUNNING, Config({"lr": 0.1}), seed=0, split=0)
    steps: list[Callable[[], object]] = [
        lambda: ledger.add_trial(record, trial),
        lambda: ledger.add_report(record, 0, Report(1, {"accuracy": 0.5}, 1.0, 1)),
        lambda: ledger.update_trial(record, replace(trial, state=State.COMPLETE, ended=2)),
        lambda: ledger.update_trial(record, trial, [Artifact(0, "model", "m", "0" * 64, 3)]),
        lambda: ledger.wish(record.name, "stop"),
        lambda: ledger.set_state(record, "stopped", "by hand"),
    ]
    marks = [ledger.mark(record)]
    for step in steps:
        step()
        marks.append(ledger.mark(record))
        assert ledger.mark(record) == marks[-1]
    assert len(set(marks)) == len(steps) + 1
    ledger.close()
