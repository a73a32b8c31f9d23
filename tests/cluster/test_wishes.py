"""What a person wants of a running sweep: pause, stop, cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.cluster.wish import Wish, Wishes
from assay.search import Decision, Phase, State, Trial
from assay.spaces import SweepInterrupted

from .worlds import World, rising

SCHEDULERS = [
    "none",
    "asha",
    "promotion_asha",
    "hyperband",
    "bohb",
    "median",
    {"type": "pbt", "interval": 3},
    {"type": "pbt", "interval": 3, "synchronous": True},
]
every_scheduler = pytest.mark.parametrize("scheduler", SCHEDULERS, ids=str)


def at(seconds: float, wish: Wish) -> Callable[[float], Wish]:
    """A person wants something from a time on."""
    return lambda now: wish if now > seconds else Wish.NONE


def same(trials: list[Trial]) -> list[Any]:
    return [(t.config, t.state, [(r.step, r.metrics, r.decision) for r in t.reports]) for t in trials]


# Pause


@every_scheduler
@pytest.mark.parametrize("seconds", [0.5, 2.5, 4.5, 9.5])
def test_a_pause_leaves_everything_to_be_gone_on_with(
    world: Callable[..., World], scheduler: Any, seconds: float
) -> None:
    small = world(scheduler=scheduler, fidelity={"max": 9}, budget={"trials": 10})
    small.wish = at(seconds, Wish.PAUSE)
    executor = small.simulate(rising, 3)
    assert isinstance(small.ended, SweepInterrupted)
    assert str(small.ended) == "sweep 'small' was paused; nothing reported is lost"
    assert executor.clock() < seconds + 2.1  # until the next reports
    before = small.trials
    assert not any(trial.state is State.RUNNING for trial in before)
    assert not [call for call, _ in small.order if call == "kill"]

    small.wish = lambda now: Wish.NONE
    small.simulate(rising, 3)
    assert small.ended is None
    after = small.trials
    for old, new in zip(before, after, strict=False):
        assert new.reports[: len(old.reports)] == old.reports
        assert not old.state.over or new == old
        steps = [(report.segment, report.step) for report in new.reports]
        assert len(set(steps)) == len(steps)
    assert len(after) == 10
    assert all(state.over for state in small.states)
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_no_training_is_lost_by_a_pause(world: Callable[..., World]) -> None:
    calm, cut = world(name="calm"), world(name="cut")
    calm.simulate()
    seconds = 0.0
    for _ in range(3):
        cut.wish = at(3.5, Wish.PAUSE)
        seconds += cut.simulate().clock()
    cut.wish = lambda now: Wish.NONE
    seconds += cut.simulate().clock()
    assert same(cut.trials) == same(calm.trials)
    assert seconds == pytest.approx(sum(trial.seconds for trial in calm.trials))


def test_a_paused_trial_that_had_to_stop_is_not_run_again(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 6})
    small.wish = lambda now: Wish.PAUSE if ("report", 2) in small.order else Wish.NONE
    small.simulate(lambda spec, step: ({"score": -spec.number}, 1.0))
    assert small.trials[2].reports[-1].decision == Decision.STOP
    assert small.trials[2].state is State.STOPPED  # it ended while the others were waited for
    assert ("stop", 2) in small.order


def test_a_pause_while_replicates_run(world: Callable[..., World]) -> None:
    small = world()
    small.wish = lambda now: Wish.PAUSE if ("start", 4) in small.order else Wish.NONE
    small.drive(VirtualExecutor(rising, 2), phases=True)
    assert isinstance(small.ended, SweepInterrupted)
    assert {trial.state for trial in small.phase(Phase.REPLICATE)} <= {State.PENDING}
    small.wish = lambda now: Wish.NONE
    small.drive(VirtualExecutor(rising, 2), phases=True)
    assert small.ended is None
    assert [trial.state for trial in small.phase(Phase.REPLICATE)] == [State.COMPLETE] * 4


# Stop


@every_scheduler
@pytest.mark.parametrize("workers", [1, 3])
def test_a_stop_lets_what_runs_end_and_drops_what_waits(
    world: Callable[..., World], scheduler: Any, workers: int
) -> None:
    small = world(scheduler=scheduler, fidelity={"max": 9}, budget={"trials": 30})
    small.wish = at(12.2, Wish.STOP)
    small.simulate(rising, workers)
    assert small.ended is None
    assert all(state.over for state in small.states)
    assert len(small.trials) <= 30
    for trial in small.trials:
        if trial.state is State.STOPPED and trial.reports:  # it went as far as the scheduler let it
            assert trial.reports[-1].decision in (Decision.STOP, Decision.PAUSE)
    assert "kill" not in {call for call, _ in small.order}
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_after_a_stop_in_the_search_come_the_replicates(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 30})
    small.wish = at(6.5, Wish.STOP)
    executor = VirtualExecutor(rising, 2)
    small.drive(executor, phases=True)
    assert small.ended is None
    assert [trial.state for trial in small.phase(Phase.SEARCH)] == [State.COMPLETE] * 4
    assert len(small.phase(Phase.REPLICATE)) == 4
    assert {trial.state for trial in small.phase(Phase.REPLICATE)} == {State.COMPLETE}


def test_a_stop_before_the_first_report_still_has_a_result(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 30})
    small.wish = at(0.5, Wish.STOP)
    small.simulate(workers=2)
    assert small.ended is None
    assert small.states == [State.COMPLETE] * 2


def test_a_lost_worker_after_a_stop_does_not_start_again(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 30})
    small.wish = at(1.5, Wish.STOP)
    small.simulate(workers=2, faults=[Fault(2.5, trial=1)])
    assert small.states == [State.COMPLETE, State.STOPPED]
    assert small.trials[1].attempts == 1


def test_a_stop_can_be_taken_back(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 6})
    small.wish = lambda now: Wish.STOP if 1.5 < now < 3.5 else Wish.NONE
    small.simulate(workers=2)
    assert small.states == [State.COMPLETE] * 6


# Cancel


@every_scheduler
@pytest.mark.parametrize("seconds", [0.5, 9.5])
def test_a_cancel_ends_everything_at_once(world: Callable[..., World], scheduler: Any, seconds: float) -> None:
    small = world(scheduler=scheduler, fidelity={"max": 9}, budget={"trials": 10})
    small.wish = lambda now: Wish.CANCEL if ("report", 0) in small.order and now >= seconds else Wish.NONE
    executor = small.simulate(lambda spec, step: ({"score": spec.config["x"]}, 1.0 if spec.number == 0 else 1000.0), 3)
    assert isinstance(small.ended, SweepInterrupted)
    assert str(small.ended) == "sweep 'small' was cancelled; nothing reported is lost"
    assert executor.clock() < 1000 + seconds
    assert not any(state is State.RUNNING for state in small.states)
    assert not any(state is State.FAILED for state in small.states)
    assert "kill" in {call for call, _ in small.order}

    small.wish = lambda now: Wish.NONE
    small.simulate(rising, 3)
    assert small.ended is None
    assert len(small.trials) == 10
    assert [step for step in small.repeated() if step.recorded != step.made] == []


# Where wishes come from


class Ticking:
    """A ledger's wish, a clock, and how often the ledger was read."""

    def __init__(self) -> None:
        self.now, self.wished, self.reads, self.here = 0.0, "", 0, False
        self.wishes = Wishes(lambda: self.here, self.read, lambda: self.now)

    def read(self) -> str:
        self.reads += 1
        return self.wished

    def after(self, seconds: float) -> Wish:
        self.now += seconds
        return self.wishes()


def test_the_ledger_is_read_once_a_second() -> None:
    ticking = Ticking()
    assert ticking.after(0.125) is Wish.NONE
    ticking.wished = "stop"
    assert [ticking.after(0.125) for _ in range(23)] == [Wish.NONE] * 7 + [Wish.STOP] * 16
    assert ticking.reads == 3


def test_this_process_goes_first() -> None:
    ticking = Ticking()
    ticking.here, ticking.wished = True, "stop"
    assert ticking.after(5) is Wish.PAUSE
    assert ticking.reads == 0


@pytest.mark.parametrize(
    ("wished", "then", "result"),
    [
        ("stop", "", Wish.NONE),
        ("stop", "pause", Wish.PAUSE),
        ("pause", "", Wish.PAUSE),  # trials have made room because of it
        ("pause", "stop", Wish.PAUSE),
        ("pause", "cancel", Wish.CANCEL),
        ("cancel", "", Wish.CANCEL),
        ("cancel", "pause", Wish.CANCEL),
    ],
)
def test_what_can_be_taken_back(wished: str, then: str, result: Wish) -> None:
    ticking = Ticking()
    ticking.wished = wished
    assert ticking.after(2) is Wish(wished)
    ticking.wished = then
    assert ticking.after(2) is result
