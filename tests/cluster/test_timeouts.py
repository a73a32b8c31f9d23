"""Trials that take too long, or say nothing: they are ended, and their place is used again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from assay.cluster.virtual_executor import Curve, VirtualExecutor
from assay.cluster.wish import Wish
from assay.search import Phase, State
from assay.trainables import Cause, TrialSpec

from .worlds import World, first_step

FULL = [0.1, 0.2, 0.3, 0.4]


def hanging(trials: set[int], step: int = 1) -> Curve:
    """Some trials say nothing more from a step on."""

    def curve(spec: TrialSpec, at: int) -> tuple[dict[str, float], float]:
        return {"score": spec.config["x"]}, math.inf if spec.number in trials and at >= step else 1.0

    return curve


@pytest.mark.parametrize("step", [1, 3])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_trial_that_never_reports_is_killed_and_its_place_used_again(
    world: Callable[..., World], step: int, workers: int
) -> None:
    small = world(budget={"trials": 6}, cluster={"timeouts": {"report": "10s"}, "retry": {"trials": 9, "lost": 9}})
    executor = small.simulate(hanging({1, 4}, step), workers)
    assert [n for n, state in enumerate(small.states) if state is State.FAILED] == [1, 4]
    assert small.trials[1].reason == "did not report for more than 10 s (cluster.timeouts.report)"
    assert small.trials[1].attempts == 1
    assert len(small.trials[1].reports) == step - 1
    assert [call for call in small.order if call[0] == "kill"] == [("kill", 1), ("kill", 4)]
    if workers == 1:
        assert small.order.index(("kill", 1)) < small.order.index(("start", 2))
    assert executor.clock() < 50


@pytest.mark.parametrize("limit", ["report", "trial"])
def test_waiting_for_a_worker_or_a_turn_takes_none_of_a_trials_time(
    world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(VirtualExecutor, "waiting", lambda self, number: self.clock() < 20.0)
    small = world(budget={"trials": 1}, cluster={"timeouts": {limit: "3s"}})
    executor = small.simulate(hanging({0}))
    assert small.states == [State.FAILED]
    assert 22 <= executor.clock() <= 25


def test_it_is_recorded_as_failed_before_it_is_killed(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 2}, cluster={"timeouts": {"report": "10s"}})
    small.crash_at = ("kill", 1)
    small.simulate(hanging({1}))
    assert small.states == [State.COMPLETE, State.FAILED]
    small.simulate(hanging({1}))
    assert small.trials[1].attempts == 1


def test_reports_keep_a_trial_alive(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, cluster={"timeouts": {"report": "10s"}})
    small.simulate(lambda spec, step: ({"score": 1.0}, 9.0))
    assert small.states == [State.COMPLETE]


@pytest.mark.parametrize("seconds", [4.0, math.inf])
def test_an_attempt_may_not_take_too_long(world: Callable[..., World], seconds: float) -> None:
    small = world(budget={"trials": 3}, cluster={"timeouts": {"trial": "10s"}, "retry": {"trials": 9, "lost": 9}})
    small.simulate(lambda spec, step: ({"score": 1.0}, seconds if spec.number == 1 else 1.0))
    assert small.states == [State.COMPLETE, State.FAILED, State.COMPLETE]
    assert small.trials[1].reason == "trained for more than 10 s (cluster.timeouts.trial)"
    assert len(small.trials[1].reports) == (3 if seconds == 4.0 else 0)
    assert small.trials[1].attempts == 1
    assert ("kill", 1) in small.order


def test_each_attempt_has_its_own_time(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, cluster={"timeouts": {"trial": "10s"}})
    small.simulate(
        lambda spec, step: ({"score": 1.0}, 4.0),
        crash=lambda spec, step: Cause.WORKER_LOST if spec.attempt < 2 else None,
    )
    assert small.states == [State.FAILED]
    cut = world(name="cut", budget={"trials": 1}, cluster={"timeouts": {"trial": "10s"}})
    for _ in range(4):
        cut.crash_at = ("resume", 0)
        cut.simulate(lambda spec, step: ({"score": 1.0}, 4.0))
    cut.simulate(lambda spec, step: ({"score": 1.0}, 4.0))
    assert cut.states == [State.COMPLETE]


@pytest.mark.parametrize("scheduler", ["hyperband", "promotion_asha"])
def test_waiting_is_no_training(world: Callable[..., World], scheduler: str) -> None:
    small = world(
        scheduler=scheduler,
        fidelity={"max": 9},
        budget={"trials": 8},
        cluster={"timeouts": {"trial": "10s", "report": "2s"}},
    )
    executor = small.simulate()
    assert executor.clock() > 20
    assert State.FAILED not in small.states


@pytest.mark.parametrize("timeout", [None, "5s"])
def test_a_trial_that_does_not_end_when_it_is_told_to(world: Callable[..., World], timeout: str | None) -> None:
    """It is over as decided, and the next one has its place."""
    sections: dict[str, Any] = {"cluster": {"timeouts": {"stop": timeout}}} if timeout else {}
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 3}, **sections)
    executor = small.script(lambda spec, attempt: [-spec.number, 1, 1, 1, "hangs when stopped"])
    assert small.states == [State.COMPLETE, State.STOPPED, State.STOPPED]
    seconds = 5 if timeout else 60
    assert small.trials[1].reason == f"did not end within {seconds} s after it was told to (cluster.timeouts.stop)"
    assert [call for call in executor.calls if call[1] == 1] == [("start", 1), ("stop", 1), ("kill", 1)]


def test_a_full_run_that_goes_on_and_on_is_complete_when_it_is_killed(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, cluster={"timeouts": {"stop": "5s"}})
    small.script(lambda spec, attempt: [0.1] * 6 + ["hangs when stopped"])
    assert small.states == [State.COMPLETE]
    assert len(small.trials[0].reports) == 4


def test_a_replicate_that_hangs_does_not_hold_up_the_sweep(world: Callable[..., World]) -> None:
    small = world(cluster={"timeouts": {"report": "10s"}})
    executor = VirtualExecutor(hanging({6}), 2)
    small.drive(executor, phases=True)
    assert small.ended is None
    states = [trial.state for trial in small.phase(Phase.REPLICATE)]
    assert states.count(State.FAILED) == 1
    assert len(states) == 4


def test_what_hangs_does_not_hold_up_a_pause(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 4}, cluster={"timeouts": {"report": "30s"}})
    small.wish = lambda now: Wish.PAUSE if now > 2.5 else Wish.NONE
    small.simulate(hanging({1}), workers=2)
    assert small.states == [State.PENDING, State.FAILED]
    small.wish = lambda now: Wish.NONE
    small.simulate(workers=2)
    assert small.states == [State.COMPLETE, State.FAILED, State.COMPLETE, State.COMPLETE]


def test_nobody_is_killed_without_a_limit(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    small.script(lambda spec, attempt: [*FULL][first_step(spec) :])
    small.simulate(lambda spec, step: ({"score": 1.0}, 1e6))
    assert not [call for call, _ in small.order if call == "kill"]
