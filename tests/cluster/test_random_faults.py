"""Hundreds of sweeps under random faults, in simulated time: lost workers and nodes, failures, hanging trials, pauses,
stops, dying drivers.

``ASSAY_STORMS=100000`` makes it more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Controller, PhaseRunner
from assay.cluster.phases import search_plan
from assay.cluster.virtual_executor import Fault
from assay.cluster.wish import Wish
from assay.search import Decision, Event, EventKind, Phase, State, Trial
from assay.search.random_search import RandomOptions
from assay.spaces import NoResultError, SweepInterrupted
from assay.trainables import Cause, Reported, TrialSpec

from .sparing import SparingExecutor
from .worlds import Crash, FragileLedger, Historian, Notes, Witness, make_sweep

_STORMS = int(os.environ.get("ASSAY_STORMS", "300"))
_BATCH = 25
_TRIALS, _LENGTH = 10, 9
_INTERRUPTIONS = 3
_SCHEDULERS: list[Any] = [
    "none",
    {"type": "asha", "eta": 2},
    {"type": "asha", "brackets": 2},
    {"type": "promotion_asha", "eta": 2},
    "hyperband",
    "bohb",
    {"type": "median", "samples": 2},
    {"type": "pbt", "interval": 2},
    {"type": "pbt", "interval": 3, "synchronous": True},
]
_CAUSES = [Cause.EXCEPTION, Cause.MEMORY, Cause.METRIC, Cause.WORKER_LOST, Cause.DISPLACED]


class Cluster(SparingExecutor):
    """Counts what was trained.

    Attributes:
        trained: steps by trial.
    """

    def __init__(self, every: int, trained: Counter[int], *args: Any, **options: Any) -> None:
        super().__init__(every, _LENGTH, *args, **options)
        self._trained = trained

    def _reported(self, event: Reported) -> Reported:
        self._trained[event.number] += 1
        return super()._reported(event)


class Storm:
    """One sweep; everything random comes from ``seed``."""

    def __init__(self, ledger: FragileLedger, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.ledger = ledger
        self.every = int(self.rng.integers(1, 4))
        self.sweep = make_sweep(
            name=f"storm-{seed}",
            seed=seed,
            scheduler=_SCHEDULERS[seed % len(_SCHEDULERS)],
            fidelity={"max": _LENGTH},
            budget={"trials": _TRIALS},
            leaderboard={"top": 1, "seeds": 2},
            cluster={
                "retry": {"trials": int(self.rng.integers(0, 3)), "lost": int(self.rng.integers(1, 9))},
                "timeouts": {"report": "20s"},
            },
            checkpoints={"every": self.every},
        )
        self.record = ledger.create_sweep(self.sweep, ".")
        self.trained: Counter[int] = Counter()
        self.fails = float(self.rng.choice([0.0, 0.02]))
        self.whole = seed % 20 == 0
        self.until_crash = 0
        self.leftover: list[int] = []

    def watch(self, call: str, number: int) -> None:
        """Sees every write of the ledger and every call of the executor."""
        self.until_crash -= 1
        if self.until_crash == 0:
            raise Crash

    def weather(self) -> Iterator[Fault]:
        nodes = int(self.rng.integers(1, 4))
        for at in self.rng.uniform(0, 40, self.rng.integers(0, 5)):
            if self.rng.random() < 0.3:
                yield Fault(float(at), node=int(self.rng.integers(0, nodes)), repair=float(self.rng.uniform(0, 20)))
            else:
                yield Fault(float(at), trial=int(self.rng.integers(0, _TRIALS)))

    def curve(self, spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
        noise = np.random.default_rng([self.sweep.seed, spec.number, spec.segment, step, 1])
        hangs = self.fails and noise.random() < self.fails / 2
        seconds = np.inf if hangs else float(noise.uniform(0.5, 2))
        return {"score": spec.config["x"] * step + noise.normal()}, seconds

    def crash(self, spec: TrialSpec, step: int) -> Cause | None:
        return _CAUSES[self.rng.integers(len(_CAUSES))] if self.fails and self.rng.random() < self.fails else None

    def drive(self, *, last: bool, stop: float = np.inf) -> bool:
        """One driver until it ends, is paused or dies; whether the sweep is done.

        Args:
            stop: when it is told to finish with what it has.
        """
        pause = np.inf if last or self.rng.random() < 0.5 else float(self.rng.uniform(0, 30))
        self.until_crash = -1 if last or pause < np.inf else int(self.rng.integers(1, 250))
        executor = Cluster(
            self.every,
            self.trained,
            self.curve,
            int(self.rng.integers(1, 6)),
            nodes=3,
            start_cost=float(self.rng.choice([0.0, 0.7])),
            faults=list(self.weather()),
            crash=self.crash,
        )
        self.ledger.watch = self.watch
        runner = PhaseRunner(
            self.ledger,
            self.record,
            Witness(executor, self.ledger, self.record, self.watch, strict=self.whole),
            clock=executor.clock,
            wish=lambda: (
                Wish.PAUSE if executor.clock() > pause else Wish.STOP if executor.clock() > stop else Wish.NONE
            ),
            observer=Notes(),
        )
        try:
            runner.run() if self.whole else runner.search()
        except (Crash, SweepInterrupted):
            return False
        except NoResultError:
            return last
        finally:
            self.ledger.watch = lambda call, number: None
            self.ledger.close_journals()
        return True

    def known(self) -> tuple[list[Trial], list[Event]]:
        return self.ledger.trials(self.record), self.ledger.events(self.record)


@pytest.mark.parametrize("batch", range(0, _STORMS, _BATCH))
def test_nothing_is_lost_doubled_or_decided_otherwise(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RandomOptions, "build", lambda self, space, objective, seed, rungs=(): Historian(space))
    leftover: list[int] = []
    drop = Controller._drop_leftover
    monkeypatch.setattr(Controller, "_drop_leftover", lambda self: (leftover.extend(self._open), drop(self)))
    with closing(FragileLedger(tmp_path)) as ledger:
        for seed in range(batch, min(batch + _BATCH, _STORMS)):
            storm = Storm(ledger, seed)
            before: list[Trial] = []
            for driver in range(_INTERRUPTIONS + 1):
                leftover.clear()
                done = storm.drive(last=driver == _INTERRUPTIONS)
                trials, events = storm.known()
                assert_kept(before, trials)
                before = trials
                if done:
                    break
            search = [trial for trial in trials if trial.phase is Phase.SEARCH]
            assert_over(trials, search)
            assert_ended_as_decided(storm.sweep.scheduler.type, search, leftover)
            assert_in_order(trials, events)
            assert_little_is_repeated(storm, trials, events)
            made = search_plan(storm.sweep).repeat(search, events, ask_from=0)
            assert [step for step in made if step.recorded != step.made] == []


@pytest.mark.parametrize("batch", range(0, _STORMS // 10, _BATCH))
def test_a_stop_at_any_instant_finishes_the_sweep(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomOptions, "build", lambda self, space, objective, seed, rungs=(): Historian(space))
    with closing(FragileLedger(tmp_path)) as ledger:
        for seed in range(batch, batch + _BATCH):
            storm = Storm(ledger, seed)
            storm.whole, storm.fails = True, 0.05
            assert storm.drive(last=True, stop=float(storm.rng.uniform(0, 30)))
            trials, events = storm.known()
            assert all(trial.state.over for trial in trials)
            assert_in_order(trials, events)
            search = [trial for trial in trials if trial.phase is Phase.SEARCH]
            made = search_plan(storm.sweep).repeat(search, events, ask_from=0)
            assert [step for step in made if step.recorded != step.made] == []


def assert_kept(before: list[Trial], after: list[Trial]) -> None:
    """What was recorded is still there, unchanged."""
    assert len(before) <= len(after)
    for old, new in zip(before, after, strict=False):
        assert (new.number, new.seed, new.split) == (old.number, old.seed, old.split)
        assert new.reports[: len(old.reports)] == old.reports
        assert new.segments[: len(old.segments)] == old.segments
        assert new.segments or new.config == old.config
        assert not old.state.over or new == old


def assert_over(trials: list[Trial], search: list[Trial]) -> None:
    assert all(trial.state.over for trial in trials)
    assert len(search) == _TRIALS
    assert len({trial.segments[0].config if trial.segments else trial.config for trial in search}) == _TRIALS
    for trial in trials:
        for segment in range(len(trial.segments) or 1):
            start = trial.segments[segment].first_step if trial.segments else 0
            steps = [report.step for report in trial.reports if report.segment == segment]
            assert steps == list(range(start + 1, start + 1 + len(steps)))
        if trial.state is State.COMPLETE:
            assert trial.last_step == _LENGTH
    replicates = Counter((trial.parent, trial.split) for trial in trials if trial.phase is Phase.REPLICATE)
    assert set(replicates.values()) <= {1}
    assert len({parent for parent, _ in replicates}) * 2 == len(replicates)


def assert_ended_as_decided(scheduler: str, search: list[Trial], leftover: list[int]) -> None:
    """Nobody trains on after it was to stop, and nobody is stopped who was not to."""
    may_end = {
        "none": [],
        "pbt": [],
        "asha": [Decision.STOP],
        "median": [Decision.STOP],
        "promotion_asha": [Decision.PAUSE],
    }.get(scheduler, [Decision.STOP, Decision.PAUSE])
    for trial in search:
        early = [report.decision for report in trial.reports if report.step < _LENGTH]
        assert Decision.STOP not in early[:-1]
        if trial.state is State.STOPPED:
            assert early[-1] in may_end
        elif trial.state is State.COMPLETE:
            assert Decision.STOP not in early
    assert scheduler == "promotion_asha" or leftover == []


def assert_in_order(trials: list[Trial], events: list[Event]) -> None:
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert all(a.started < b.started for a, b in pairwise(trials))
    orders = [trial.started for trial in trials] + [trial.ended or 0 for trial in trials]
    orders += [report.order for trial in trials for report in trial.reports] + [event.order for event in events]
    assert len(set(orders)) == len(orders)
    runs = Counter(event.number for event in events if event.kind is EventKind.RUN)
    assert all(trial.attempts == runs[trial.number] for trial in trials)


def assert_little_is_repeated(storm: Storm, trials: list[Trial], events: list[Event]) -> None:
    """Each loss costs what was trained since the last checkpoint, and the report on the way."""
    losses = Counter(event.number for event in events if event.kind is EventKind.LOST)
    for trial in trials:
        lost = losses[trial.number] if trial.phase is Phase.SEARCH else trial.attempts - 1
        assert 0 <= storm.trained[trial.number] - len(trial.reports) <= storm.every * lost
