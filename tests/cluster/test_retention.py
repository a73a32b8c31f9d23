"""Which checkpoints are deleted: never one that is needed, and all others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from assay.cluster import PhaseRunner, Silent, retention
from assay.cluster.api import run
from assay.cluster.open_trial import OpenTrial
from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.cluster.wish import Wish
from assay.search import Ledger, Phase, State, Trial
from assay.trainables import Reported, TrialHandle, TrialSpec
from assay.trainables.checkpoints import CheckpointStore

from .sparing import SparingExecutor
from .worlds import World, make_sweep, rising

SCHEDULERS = {
    "none": "none",
    "asha": {"type": "asha", "eta": 2},
    "promotion_asha": {"type": "promotion_asha", "eta": 2},
    "hyperband": {"type": "hyperband", "eta": 2},
    "pbt": {"type": "pbt", "interval": 2},
    "pbt, synchronous": {"type": "pbt", "interval": 2, "synchronous": True},
}


class Storing(SparingExecutor):
    """Keeps checkpoints of runs of 8 steps where ``store`` says."""

    def __init__(self, store: set[str], every: int, *args: Any, **options: Any) -> None:
        super().__init__(every, 8, *args, **options)
        self._store = store

    def start(self, spec: TrialSpec, until: int | None) -> None:
        for _, place in spec.restore[:1]:
            assert place in self._store, "it was deleted"
        super().start(spec, until)

    def _reported(self, event: Reported) -> Reported:
        reported = super()._reported(event)
        if reported.checkpoint is not None:
            self._store.add(reported.checkpoint)
        return reported


class Keeping(World):
    """A world whose checkpoints are looked at whenever something is recorded or deleted."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        super().__init__(folder, make_sweep(**changes))
        self.reader = Ledger(folder, create=True)
        self.places: set[str] = set()
        self.most: Counter[int] = Counter()  # at a time, by trial

    def keep(self, every: int = 1, workers: int = 3, *, phases: bool = False, **options: Any) -> None:
        """Drive it."""
        executor = Storing(self.places, every, rising, workers, **options)
        with mock.patch.object(retention, "_Remover", lambda: self):
            self.drive(executor, phases=phases)

    def watch(self, call: str, number: int) -> None:
        super().watch(call, number)
        if call == "wait":
            if len(self.order) % 8 == 0:
                assert self.needed() <= self.places
            for trial, count in Counter(map(owner, self.places)).items():
                self.most[trial] = max(self.most[trial], count)

    def needed(self) -> set[str]:
        """What each open trial would go on from, and the models of those that are over, as the record says."""
        trials = self.reader.trials(self.reader.sweep(self.sweep.name))
        found = {newest(trial) for trial in trials if trial.state is not State.STOPPED}
        return {place for place in found if place is not None}

    # Instead of a thread that deletes

    def remove(self, root: str, places: list[str]) -> None:
        assert not set(places) & self.needed(), "deleted though it is needed"
        assert {owner(place) for place in places} == {int(root.rpartition("/")[2])}
        self.places -= set(places)

    def flush(self) -> None:
        pass


def owner(place: str) -> int:
    """The trial that wrote a checkpoint."""
    return int(place.split("/")[2])


def newest(trial: Trial) -> str | None:
    """What the trial would go on from."""
    return next((place for _, place in OpenTrial.of(trial).restore), None)


@pytest.fixture
def keeping(tmp_path: Path) -> Callable[..., Keeping]:
    return lambda **changes: Keeping(tmp_path, **changes)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize(("keep", "every"), [(1, 1), (2, 1), (3, 2), (2, 100)])
def test_the_newest_of_what_runs_and_the_models_of_what_ran(
    keeping: Callable[..., Keeping], scheduler: str, keep: int, every: int
) -> None:
    small = keeping(
        scheduler=SCHEDULERS[scheduler], fidelity={"max": 8}, budget={"trials": 8}, checkpoints={"keep": keep}
    )
    small.keep(every)
    assert small.ended is None
    kept = Counter(map(owner, small.places))
    assert kept == Counter(trial.number for trial in small.trials if trial.state is State.COMPLETE and newest(trial))
    assert small.places == small.needed()
    beside = 1 + 2 * ("pbt" in scheduler)  # the one that is new in this round, and those that others were sent to
    assert max(small.most.values(), default=0) <= keep + beside


@pytest.mark.parametrize("scheduler", ["none", "pbt"])
def test_models_are_there_for_the_sealed_test(keeping: Callable[..., Keeping], scheduler: str) -> None:
    small = keeping(scheduler=SCHEDULERS[scheduler], fidelity={"max": 8}, budget={"trials": 6})
    small.keep(phases=True)
    assert small.ended is None
    models = small.phase(Phase.SEARCH) + small.phase(Phase.REPLICATE)
    assert {newest(trial) for trial in models if trial.state is State.COMPLETE} == small.places


def test_what_is_not_recorded_deletes_nothing(keeping: Callable[..., Keeping]) -> None:
    small = keeping(budget={"trials": 1}, fidelity={"max": 9}, checkpoints={"keep": 1})
    small.crash_at = lambda *at: small.order.count(("before report", 0)) == 5
    small.keep()
    assert small.places == {f"virtual://0/0/{step}" for step in (4, 5)}
    small.keep()
    assert small.states == [State.COMPLETE]


@pytest.mark.parametrize("seed", range(36))
def test_nothing_that_is_needed_is_ever_deleted(keeping: Callable[..., Keeping], seed: int) -> None:
    """Under lost workers, crashes of the driver and pauses; all random."""
    rng = np.random.default_rng(seed)
    every, workers = int(rng.integers(1, 5)), int(rng.integers(1, 6))
    small = keeping(
        seed=seed,
        scheduler=list(SCHEDULERS.values())[seed % len(SCHEDULERS)],
        fidelity={"max": 8},
        budget={"trials": 8},
        checkpoints={"keep": int(rng.integers(1, 4)), "every": every},
        cluster={"retry": {"lost": 99}},
    )
    for _ in range(rng.integers(0, 4)):
        small.order.clear()
        faults = [Fault(float(rng.uniform(0, 30)), trial=int(rng.integers(0, 8))) for _ in range(rng.integers(0, 4))]
        count = int(rng.integers(5, 150))
        if rng.random() < 0.5:
            small.crash_at = lambda *at: len(small.order) == count  # noqa: B023
        else:
            small.wish = lambda now: Wish.PAUSE if now > count / 6 else Wish.NONE  # noqa: B023
        small.keep(every, workers, faults=faults)
        small.crash_at, small.wish = None, lambda now: Wish.NONE
    small.keep(every, workers, phases=True)
    assert small.ended is None
    assert all(state.over for state in small.states)
    assert [trial.reason for trial in small.trials if trial.state is State.FAILED] == []
    assert small.needed() <= small.places


# Files


def test_files_are_deleted(tmp_path: Path) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
        for step in trial.steps():
            trial.save_checkpoint(lambda folder: (folder / "state").touch())
            yield {"score": config["x"] * step}

    sweep = make_sweep(scheduler={"type": "asha", "eta": 2}, fidelity={"max": 8}, budget={"trials": 6})
    before = set(threading.enumerate())
    results = run(sweep, train, store=tmp_path, inline=True, progress=False)
    for trial in results.trials:
        kept = CheckpointStore(str(tmp_path / "small" / "trials" / f"{trial.number:05d}")).names()
        expected = trial.checkpoint[1].rpartition("/")[2] if trial.checkpoint else ""
        assert kept == ([expected] if trial.state is State.COMPLETE else [])
    assert State.STOPPED in {trial.state for trial in results.trials}
    assert "checkpoint-retention" not in {thread.name for thread in set(threading.enumerate()) - before}


def test_a_folder_that_cannot_be_deleted_costs_no_results(world: Callable[..., World], monkeypatch: Any) -> None:
    def refuse(self: CheckpointStore, places: Any) -> None:
        raise retention.CheckpointError("read-only file system")

    monkeypatch.setattr(CheckpointStore, "remove", refuse)
    small = world(fidelity={"max": 9})
    small.simulate()
    assert small.states == [State.COMPLETE] * 4


def test_nothing_is_deleted_in_simulations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckpointStore, "remove", lambda self, places: pytest.fail("it has no files"))
    with closing(Ledger(tmp_path, create=True)) as ledger:
        executor = VirtualExecutor(rising, 2)
        record = ledger.create_sweep(make_sweep(), ".")
        PhaseRunner(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=True).run()
