"""Schedulers that pause trials: who goes on, that all are over in the end, and that waiting survives interruptions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Controller, PhaseRunner, Silent
from assay.cluster.virtual_executor import VirtualExecutor
from assay.search import Decision, Event, EventKind, Ledger, State, Trial
from assay.trainables import Cause, TrialSpec

from .worlds import World, make_sweep, rising


def noisy(seed: int, fails: float = 0.0) -> Callable[[TrialSpec, int], tuple[dict[str, float], float]]:
    """Curves and durations that have nothing to do with each other; some trials fail."""

    def curve(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
        rng = np.random.default_rng([seed, spec.number, step])
        if rng.random() < fails:
            raise ValueError("it fails")
        return {"score": spec.config["x"] + rng.normal() / step}, float(rng.uniform(0.5, 1.5))

    return curve


def simulate(ledger: Ledger, name: str, workers: int, curve: Any, **changes: Any) -> tuple[list[Trial], list[Event]]:
    """A search without interruptions, which need not be durable at once."""
    record = ledger.create_sweep(make_sweep(name=name, **changes), ".")
    executor = VirtualExecutor(curve, workers)
    PhaseRunner(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=True).search()
    return ledger.trials(record), ledger.events(record)


@pytest.fixture
def leftovers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Trials that still waited when nothing could run any more."""
    found: list[int] = []
    drop = Controller._drop_leftover

    def watched(self: Controller) -> None:
        found.extend(self._open)
        drop(self)

    monkeypatch.setattr(Controller, "_drop_leftover", watched)
    return found


@pytest.mark.parametrize("word", ["hyperband", "bohb"])
@pytest.mark.parametrize(("eta", "longest"), [(3, 9), (3, 27), (2, 8), (2, 9), (2.5, 10), (4, 20)])
@pytest.mark.parametrize("fails", [0.0, 0.03])
def test_hyperband_leaves_no_trial_waiting(
    tmp_path: Path, leftovers: list[int], word: str, eta: float, longest: int, fails: float
) -> None:
    rng = np.random.default_rng(longest)
    with closing(Ledger(tmp_path, create=True)) as ledger:
        for seed in range(8):
            workers, count = int(rng.integers(1, 8)), int(rng.integers(3, 40))
            trials, _ = simulate(
                ledger,
                f"sweep-{seed}",
                workers,
                noisy(seed, fails),
                seed=seed,
                scheduler={"type": word, "eta": eta},
                fidelity={"max": longest},
                budget={"trials": count},
            )
            assert leftovers == [], (seed, workers, count)
            assert len(trials) == count
            assert all(trial.state.over for trial in trials)


@pytest.mark.parametrize("word", ["hyperband", "bohb"])
@pytest.mark.parametrize("victim", range(9))
@pytest.mark.parametrize("step", [2, 5])
def test_a_failure_holds_nobody_up(
    world: Callable[..., World], leftovers: list[int], word: str, victim: int, step: int
) -> None:
    """The slowest of the bracket fails while the others wait for it, before or after the first halving."""
    small = world(scheduler=word, fidelity={"max": 9}, budget={"trials": 9})

    def slow(spec: TrialSpec, at: int) -> tuple[dict[str, float], float]:
        return {"score": float(spec.number == victim)}, 50.0 if spec.number == victim else 1.0

    small.simulate(slow, 3, crash=lambda spec, at: Cause.EXCEPTION if (spec.number, at) == (victim, step) else None)
    assert leftovers == []
    assert Counter(small.states)[State.FAILED] <= 1
    # With one bracket the victim may have been the only one left.
    assert State.COMPLETE in small.states or (word, step) == ("bohb", 5)
    assert [step for step in small.repeated() if step.recorded != step.made] == []


# Promotion


def promotions(trials: list[Trial], events: list[Event], rungs: list[int]) -> list[tuple[int, int, int, int]]:
    """Each time that a trial went on from a rung: the trial, the rung, its rank there and how many had come there."""
    happened: list[tuple[int, str, Trial, Any]] = [
        (event.order, "run", trials[event.number], None) for event in events if event.kind is EventKind.RUN
    ]
    happened += [(report.order, "report", trial, report) for trial in trials for report in trial.reports]
    reached: dict[int, dict[int, float]] = {rung: {} for rung in rungs}
    waiting: dict[int, int] = {}
    found = []
    for _, what, trial, report in sorted(happened, key=lambda entry: entry[0]):
        if what == "report" and report.step in reached:
            reached[report.step][trial.number] = report.metrics["score"]
            waiting[trial.number] = report.step
        elif what == "run" and trial.number in waiting:
            rung = waiting.pop(trial.number)
            better = sum(score > reached[rung][trial.number] for score in reached[rung].values())
            found.append((trial.number, rung, better + 1, len(reached[rung])))
    return found


@pytest.mark.parametrize(("eta", "longest"), [(3, 9), (3, 27), (2, 8), (2, 9), (4, 20), (1.5, 9)])
@pytest.mark.parametrize("fails", [0.0, 0.03])
def test_only_the_top_of_a_rung_is_promoted(tmp_path: Path, eta: float, longest: int, fails: float) -> None:
    rng = np.random.default_rng(longest)
    rungs = list(make_sweep(fidelity={"max": longest}).granted.rungs(eta, 1))
    with closing(Ledger(tmp_path, create=True)) as ledger:
        for seed in range(12):
            workers, count = int(rng.integers(1, 8)), int(rng.integers(1, 40))
            trials, events = simulate(
                ledger,
                f"sweep-{seed}",
                workers,
                noisy(seed, fails),
                seed=seed,
                scheduler={"type": "promotion_asha", "eta": eta},
                fidelity={"max": longest},
                budget={"trials": count},
            )
            found = promotions(trials, events, rungs)
            forced = [move for move in found if move[2] > math.floor(move[3] / eta)]
            assert len({number for number, *_ in forced}) <= 1 + sum(t.state is State.FAILED for t in trials)
            assert len(trials) == count
            complete = [trial for trial in trials if trial.state is State.COMPLETE]
            if any(trial.state is not State.FAILED for trial in trials):
                assert complete, "no trial was trained in full"
            if forced:  # the last resort: nobody had come so far
                first = min(report.order for t in complete for report in t.reports[-1:])
                assert all(trial.reports[-1].order >= first for trial in complete)
                assert len(complete) == 1
            for trial in trials:
                paused = [report.step for report in trial.reports if report.decision == Decision.PAUSE]
                assert paused == [rung for rung in rungs if rung <= trial.last_step and rung < longest]


def test_of_equally_good_trials_the_first_is_promoted(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "promotion_asha", "eta": 2}, fidelity={"max": 4}, budget={"trials": 6})
    small.simulate(lambda spec, step: ({"score": 1.0}, 1.0))
    assert [len(trial.reports) for trial in small.trials] == [4, 2, 2, 1, 1, 1]


def test_less_training_goes_into_what_is_hopeless(tmp_path: Path) -> None:
    """The better a trial, the further it comes; as many start as may."""
    with closing(Ledger(tmp_path, create=True)) as ledger:
        trials, _ = simulate(
            ledger, "small", 4, rising, scheduler="promotion_asha", fidelity={"max": 27}, budget={"trials": 81}
        )
    came = [sum(trial.last_step >= rung for trial in trials) for rung in (1, 3, 9, 27)]
    assert came[0] == 81
    assert all(later <= 0.55 * earlier for earlier, later in pairwise(came)), came
    assert max(trials, key=lambda trial: trial.config["x"]).state is State.COMPLETE


# Interruptions


@pytest.mark.parametrize("scheduler", ["hyperband", "bohb", "promotion_asha"])
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("crash_at", ["before report", "before stopped", "paused", "start"])
def test_what_waits_survives_an_interruption(
    world: Callable[..., World], leftovers: list[int], scheduler: str, workers: int, crash_at: str
) -> None:
    for count in (1, 4, 9):
        small = world(
            name=f"sweep-{count}", scheduler={"type": scheduler, "eta": 2}, fidelity={"max": 8}, budget={"trials": 12}
        )
        small.crash_at = lambda call, number: sum(c == crash_at for c, _ in small.order) == count  # noqa: B023
        small.simulate(workers=workers)
        before = small.trials
        small.crash_at = None
        small.simulate(workers=workers)
        after = small.trials
        assert small.ended is None
        assert len(after) == 12
        assert all(trial.state.over for trial in after)
        assert scheduler == "promotion_asha" or leftovers == []
        assert State.COMPLETE in small.states
        for old, new in zip(before, after, strict=False):
            assert new.reports[: len(old.reports)] == old.reports
            assert [report.step for report in new.reports] == list(range(1, len(new.reports) + 1))
        assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_waiting_trials_are_named_as_such(world: Callable[..., World]) -> None:
    small = world(scheduler="promotion_asha", fidelity={"max": 9}, budget={"trials": 9})
    small.crash_at = ("start", 4)
    small.simulate()
    assert small.states == [State.PAUSED] * 3 + [State.PAUSED, State.RUNNING]
