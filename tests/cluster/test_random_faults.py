"""Sweeps under random failures, lost workers, stop requests and crashes of the driver, in virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import PhaseRunner
from assay.search import Decision, Ledger, Phase, Report, State, Sweep, Trial, scheduler_seed
from assay.spaces import NoResultError, SweepInterrupted
from assay.trainables import Cause, TrialSpec

_TRIALS, _EPOCHS = 8, 8
_INTERRUPTIONS = 6


class Storm:
    """One sweep under random faults; everything random comes from ``seed``."""

    def __init__(self, store: Path, fakes: Any, sweep: Sweep, seed: int) -> None:
        self.store, self.fakes, self.sweep = store, fakes, sweep
        self.rng = np.random.default_rng(seed)
        self.clock, self.notes = fakes.Clock(), fakes.Notes()
        self.ends: Counter[int] = Counter()
        self.until_crash = self.until_stop = 0
        self.drivers = 0

    def watch(self, call: str, number: int) -> None:
        """Sees every write of the ledger and every call of the executor."""
        self.ends[number] += call == "end_trial"
        self.until_crash -= 1
        self.until_stop -= 1
        if self.until_crash == 0:
            raise self.fakes.Crash

    def script(self, spec: TrialSpec, attempt: int) -> Iterator[Any]:
        for step in range(spec.first_step + 1, 2 * _EPOCHS):
            event = self.rng.random()
            if event < 0.04:
                yield Cause.WORKER_LOST
            if event < 0.06:
                yield Cause.EXCEPTION
            if event < 0.08:
                return
            yield spec.config["x"] * step + spec.seed % 7 / 100
            if step == _EPOCHS and self.rng.random() < 0.5:
                return
        yield str(self.rng.choice(["stuck when stopped", "dies when stopped"]))

    def drive(self) -> bool:
        """One driver until it ends, is stopped or dies; whether the sweep is done."""
        last = self.drivers == _INTERRUPTIONS
        self.until_crash = -1 if last else int(self.rng.integers(1, 200))
        self.until_stop = 10**9 if last else int(self.rng.integers(1, 200))
        self.drivers += 1
        ledger = self.fakes.FragileLedger(self.store, self.watch)
        names = [record.name for record in ledger.sweeps()]
        record = ledger.sweep(self.sweep.name) if names else ledger.create_sweep(self.sweep, ".")
        executor = self.fakes.ScriptedExecutor(
            lambda spec, attempt: list(self.script(spec, attempt)),
            self.clock,
            capacity=int(self.rng.integers(1, 5)),
            checkpoints=self.store if self.rng.random() < 0.8 else None,
            watch=self.watch,
        )
        runner = PhaseRunner(
            ledger,
            record,
            executor,
            clock=self.clock,
            stop_requested=lambda: self.until_stop <= 0,
            observer=self.notes,
        )
        try:
            runner.run()
        except (self.fakes.Crash, SweepInterrupted):
            return False
        except NoResultError:
            return last
        finally:
            ledger.close()
        return True

    def trials(self) -> list[Trial]:
        ledger = Ledger(self.store)
        trials = ledger.trials(ledger.sweep(self.sweep.name))
        ledger.close()
        return trials


@pytest.mark.parametrize("batch", range(6))
def test_nothing_is_lost_doubled_or_decided_otherwise(
    batch: int, tmp_path: Path, fakes: Any, sweep_of: Callable[..., Sweep]
) -> None:
    for seed in range(10 * batch, 10 * (batch + 1)):
        scheduler = {"type": "asha", "eta": 2} if seed % 4 else {"type": "none"}
        sweep = sweep_of(
            seed=seed,
            parameters={"x": "uniform(0, 1)"},
            scheduler=scheduler,
            fidelity={"unit": "epoch", "min": 1, "max": _EPOCHS},
            budget={"trials": _TRIALS},
        )
        storm = Storm(tmp_path / str(seed), fakes, sweep, seed)
        before: list[Trial] = []
        while not storm.drive():
            after = storm.trials()
            assert_kept(before, after)
            before = after
        after = storm.trials()
        assert_kept(before, after)
        assert_over_exactly_once(after, storm.ends)
        assert_decided_as_by(sweep, after)
        assert_in_order(after)


def assert_kept(before: list[Trial], after: list[Trial]) -> None:
    """What was recorded is still there, unchanged."""
    for old, new in zip(before, after, strict=False):
        assert (new.number, new.config, new.seed, new.split) == (old.number, old.config, old.seed, old.split)
        assert new.reports[: len(old.reports)] == old.reports
        assert not old.state.over or new == old
    assert len(before) <= len(after)


def assert_over_exactly_once(trials: list[Trial], ends: Counter[int]) -> None:
    assert all(trial.state.over for trial in trials)
    assert {number: count for number, count in ends.items() if count} == {trial.number: 1 for trial in trials}
    search = [trial for trial in trials if trial.phase is Phase.SEARCH]
    assert len({trial.config for trial in search}) == len(search) == _TRIALS
    replicates = Counter((trial.parent, trial.split) for trial in trials if trial.phase is Phase.REPLICATE)
    assert set(replicates.values()) <= {1}
    assert len({parent for parent, _ in replicates}) * 2 == len(replicates)


def assert_decided_as_by(sweep: Sweep, trials: list[Trial]) -> None:
    """A fresh scheduler that hears all events in their order decides what was done."""
    scheduler = sweep.scheduler.build(sweep.objective, sweep.granted, scheduler_seed(sweep.seed))
    search = [trial for trial in trials if trial.phase is Phase.SEARCH]
    events: list[tuple[int, Trial, Report | None]] = []
    for trial in search:
        events += [(trial.started, trial, None), (trial.ended or 0, trial, None)]
        events += [(report.order, trial, report) for report in trial.reports]
    decisions: dict[int, list[Decision]] = {trial.number: [] for trial in search}
    for order, trial, report in sorted(events, key=lambda event: event[0]):
        if report is not None:
            decision = scheduler.on_report(trial.number, report.step, report.metrics["score"])
            decisions[trial.number].append(decision)
        elif order == trial.started:
            scheduler.on_start(trial.number)
        elif trial.state is not State.STOPPED:
            value = None if trial.state is State.FAILED else trial.value("score")
            scheduler.on_end(trial.number, trial.last_step, value)
    for trial in search:
        early = [
            decision
            for decision, report in zip(decisions[trial.number], trial.reports, strict=True)
            if report.step < _EPOCHS
        ]
        assert Decision.STOP not in early[:-1], "it trained on after it was to stop"
        assert (trial.state is State.STOPPED) == (Decision.STOP in early)
        assert [report.step for report in trial.reports] == list(range(1, len(trial.reports) + 1))
        assert len(trial.reports) <= _EPOCHS


def assert_in_order(trials: list[Trial]) -> None:
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert all(a.started < b.started for a, b in pairwise(trials))
    orders = [trial.started for trial in trials] + [trial.ended or 0 for trial in trials]
    orders += [report.order for trial in trials for report in trial.reports]
    assert len(set(orders)) == len(orders)
