"""What a search that somebody else runs leaves in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Progress, Silent
from assay.cluster.phases import search_plan
from assay.cluster.tune_record import INTERRUPTED, TuneRecord, give_up_open
from assay.search import Decision, EventKind, Ledger, Phase, Queue, Saved, State, Sweep
from assay.spaces import Config
from assay.trainables import OTHER_DATA, Cause, Failed, Finished, Predictions, Reported


class Bench:
    """A store with one sweep, and a record of its search."""

    def __init__(self, folder: Path, sweep: Sweep) -> None:
        self.ledger = Ledger(folder, create=True)
        self.sweep = self.ledger.create_sweep(sweep, ".")
        self.now = 100.0
        self.shown: list[Progress] = []
        self.record = self.again()

    def again(self) -> TuneRecord:
        """A fresh one, as after an interruption."""
        give_up_open(self.ledger, self.sweep, self.ledger.trials(self.sweep, Phase.SEARCH))
        plan = search_plan(self.sweep.sweep, scheduler=Queue())
        for _ in plan.repeat(self.ledger.trials(self.sweep, Phase.SEARCH), self.ledger.events(self.sweep)):
            pass
        observer = Silent()
        observer.update = self.shown.append  # type: ignore[method-assign]
        return TuneRecord(
            self.ledger, self.sweep, plan, places=2, clock=lambda: self.now, observer=observer, checkpoints=None
        )

    def ask(self) -> int:
        number = self.record.ask()
        assert number is not None
        self.record.runs(number)
        return number

    def report(self, number: int, step: int, value: float, decision: Decision = Decision.CONTINUE) -> bool:
        """Whether the budget wants it to end."""
        self.now += 1
        over = self.record.hears(
            number, Reported(number, step, {"score": value}, 0.5, f"at-{step}"), self.segment(number)
        )
        self.record.answered(number, decision)
        self.record.commit(set)
        return over

    def segment(self, number: int) -> int:
        return self.record.spec(number)[0].segment

    def trials(self) -> dict[int, Any]:
        return {trial.number: trial for trial in self.ledger.trials(self.sweep)}


@pytest.fixture
def bench(tmp_path: Path, sweep_of: Callable[..., Sweep]) -> Callable[..., Bench]:
    return lambda **changes: Bench(tmp_path, sweep_of(**changes))


def test_the_default_goes_first_and_the_budget_holds(bench: Callable[..., Bench]) -> None:
    here = bench(budget={"trials": 2})
    assert [here.record.ask(), here.record.ask(), here.record.ask()] == [0, 1, None]
    assert here.trials()[0].config == Config({"x": 0.5})
    assert here.trials()[0].state is State.PENDING
    assert here.record.new_trials == here.record.open_trials == 2


def test_reports_are_durable_with_their_decisions(bench: Callable[..., Bench]) -> None:
    here = bench()
    number = here.ask()
    here.report(number, 1, 0.25)
    here.report(number, 2, 0.5, Decision.PAUSE)
    trial = here.trials()[number]
    assert (trial.state, trial.attempts, trial.seconds) == (State.PAUSED, 1, 1.0)
    assert [(report.step, report.decision, report.checkpoint) for report in trial.reports] == [
        (1, "continue", "at-1"),
        (2, "pause", "at-2"),
    ]
    assert trial.reports[1].elapsed == 2.0
    here.record.runs(number)
    spec, seen = here.record.spec(number)
    assert (spec.restore[0], spec.attempt, seen) == ((2, "at-2"), 3, 2)
    here.report(number, 2, 0.75)  # made again
    here.report(number, 3, 0.75, Decision.STOP)
    here.record.stopped(number)
    here.record.stopped(number)  # told twice
    here.record.commit(set)
    trial = here.trials()[number]
    assert trial.state is State.STOPPED
    assert [report.metrics["score"] for report in trial.reports] == [0.25, 0.5, 0.75]
    assert [event.kind for event in here.ledger.events(here.sweep)] == [EventKind.RUN, EventKind.RUN]


def test_the_end_of_a_full_run(bench: Callable[..., Bench], tmp_path: Path) -> None:
    here = bench()
    first, second, third = here.ask(), here.ask(), here.ask()
    predictions = {"validation": Predictions(np.zeros(3, np.float32), np.zeros(3))}
    facts = {"resplit": True, "testable": True, "data_id": "these", "train_rows": 7, "validation_rows": 3}
    here.record.ended(first, Finished(first, 0.25, predictions, **facts))
    here.record.ended(second, Finished(second, 0.25, data_id="others"))
    here.record.ended(third, Failed(third, Cause.EXCEPTION, "ValueError: no", "Traceback"))
    here.record.close()
    trials = here.trials()
    assert [trials[n].state for n in (first, second, third)] == [State.COMPLETE, State.FAILED, State.FAILED]
    assert (trials[first].train_rows, trials[first].validation_rows) == (7, 3)
    assert (trials[first].testable, trials[first].resplit, trials[first].data_id) == (True, True, "these")
    assert trials[second].reason == OTHER_DATA
    assert (trials[third].reason, trials[third].detail) == ("ValueError: no", "Traceback")
    artifacts = here.ledger.artifacts(here.sweep)
    assert [artifact.kind for artifact in artifacts] == ["validation", "validation-targets"]
    assert all((tmp_path / artifact.path).is_file() for artifact in artifacts)
    assert (here.shown[-1].complete, here.shown[-1].failed, here.shown[-1].running) == (1, 2, 0)


def test_every_limit_of_the_budget_counts(bench: Callable[..., Bench]) -> None:
    here = bench(objectives=[{"metric": "score", "goal": "maximize", "target": 0.9}])
    number = here.ask()
    assert not here.report(number, 1, 0.5)
    assert here.report(number, 2, 0.95)
    assert here.record.ask() is None


def test_a_lost_worker(bench: Callable[..., Bench]) -> None:
    here = bench()
    number = here.ask()
    here.report(number, 1, 0.5)
    here.record.lost(number, "the worker process died")
    assert here.trials()[number].state is State.PAUSED
    assert here.record.spec(number)[0].restore == ((1, "at-1"),)
    assert here.ledger.events(here.sweep)[-1].kind is EventKind.LOST


def test_a_copy(bench: Callable[..., Bench]) -> None:
    here = bench()
    source, copy = here.ask(), here.ask()
    here.report(source, 1, 0.9)
    here.report(copy, 1, 0.1)
    here.record.changed(copy, Config({"x": 0.25}), Saved(source, 0, 1), "at-1")
    spec, seen = here.record.spec(copy)
    assert (spec.config, spec.segment, spec.restore, spec.must_restore, seen) == (
        {"x": 0.25},
        1,
        ((1, "at-1"),),
        True,
        1,
    )
    here.report(copy, 2, 0.8)
    trial = here.trials()[copy]
    assert [(s.index, s.source, s.first_step) for s in trial.segments] == [(0, None, 0), (1, source, 1)]
    assert [(report.segment, report.step) for report in trial.reports] == [(0, 1), (1, 2)]


def test_what_was_open_is_lost_after_an_interruption(bench: Callable[..., Bench]) -> None:
    here = bench(budget={"trials": 3})
    done, open_one = here.ask(), here.ask()
    here.report(open_one, 1, 0.5)
    here.record.ended(done, Finished(done, 0.0))
    here.record.close()
    here.now += 1000
    here.record = here.again()
    lost = here.trials()[open_one]
    assert (lost.state, lost.reason, len(lost.reports)) == (State.FAILED, INTERRUPTED, 1)
    assert here.trials()[done].state is State.COMPLETE
    assert here.record.elapsed == pytest.approx(1.0)
    third = here.ask()
    assert here.record.ask() is None
    here.record.drop_open()
    here.record.close()
    trials = here.trials()
    assert trials[third].state is State.STOPPED
    orders = [order for t in trials.values() for order in (t.asked, t.started, t.ended)]
    assert len({order for order in orders if order is not None}) >= 6
    assert trials[third].asked > max(t.ended for t in trials.values() if t.number != third)
