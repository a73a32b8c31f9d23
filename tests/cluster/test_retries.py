"""What is tried again, how often and from where; by cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.cluster.wish import Wish
from assay.search import EventKind, Phase, Report, State
from assay.trainables import Cause, Event, Failed, Reported, TrialSpec

from .worlds import Crash, World, first_step, rising

FULL = [0.1, 0.2, 0.3, 0.4]
NINE = [0.1 * step for step in range(1, 10)]


def full(spec: TrialSpec, attempt: int) -> list[float]:
    return FULL[first_step(spec) :]


def fails(cause: Cause, times: int, at: int = 2, trial: int = 0) -> Callable[[TrialSpec, int], Cause | None]:
    """The first attempts at a trial fail at a step."""
    return lambda spec, step: cause if (spec.number, step) == (trial, at) and spec.attempt <= times else None


def alone(world: World, number: int) -> list[bool]:
    """For each start of a trial, whether nothing else ran until it had ended or left."""
    running: set[int] = set()
    found: list[bool] = []
    for call, of in world.order:
        if call == "start":
            running.add(of)
            if of == number:
                found.append(True)
            if number in running and len(running) > 1:
                found[-1] = False
        elif call in ("complete", "stopped", "failed", "pending", "paused"):
            running.discard(of)
    return found


# Lost workers


def test_a_lost_worker_starts_the_trial_again_from_its_checkpoint(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    executor = small.script(lambda spec, attempt: [0.1, 0.2, Cause.WORKER_LOST] if attempt < 2 else full(spec, attempt))
    first, second = executor.specs
    assert first.restore == ()
    assert second.restore == ((2, str(small.store)), (1, str(small.store)))
    assert (second.attempt, second.must_restore) == (2, False)
    assert [report.metrics["score"] for report in small.trials[0].reports] == FULL
    assert small.trials[0].attempts == 2
    assert small.trials[0].seconds == pytest.approx(4.1)


def test_a_few_older_checkpoints_are_named_too(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, fidelity={"max": 9})
    executor = small.script(
        lambda spec, attempt: [*NINE[:6], Cause.WORKER_LOST] if attempt == 1 else NINE[first_step(spec) :]
    )
    assert [step for step, _ in executor.specs[1].restore] == [6, 5, 4]


@pytest.mark.parametrize("most", [0, 1, 3])
@pytest.mark.parametrize("times", [1, 2, 4])
def test_a_trial_survives_so_many_lost_workers(world: Callable[..., World], most: int, times: int) -> None:
    small = world(budget={"trials": 2}, cluster={"retry": {"lost": most}})
    small.simulate(crash=fails(Cause.WORKER_LOST, times))
    assert small.states == [State.FAILED if times > most else State.COMPLETE, State.COMPLETE]
    assert small.trials[0].attempts == min(times, most) + 1
    assert len(small.trials[0].reports) == (1 if times > most else 4)
    assert sum("starting it again" in message for message in small.notes.messages) == min(times, most)


def test_being_resumed_does_not_count_as_a_lost_worker(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, fidelity={"max": 9})
    for _ in range(5):
        small.crash_at = ("resume", 0)
        small.simulate()
    small.simulate(crash=lambda spec, step: Cause.WORKER_LOST if spec.attempt in (6, 7, 8) else None)
    assert small.states == [State.COMPLETE]
    assert small.trials[0].attempts == 9


@pytest.mark.parametrize("nodes", [2, 4])
def test_a_lost_node_takes_all_its_trials_and_places(world: Callable[..., World], nodes: int) -> None:
    small = world(budget={"trials": 8})
    faults = [Fault(2.5, node=0, repair=3.0), Fault(7.5, node=1, repair=float("inf"))]
    small.simulate(workers=4, nodes=nodes, faults=faults)
    assert small.states == [State.COMPLETE] * 8
    lost = [event for event in small.events if event.kind is EventKind.LOST]
    assert len(lost) == 2 * (4 // nodes)
    assert {event.detail["cause"] for event in lost} == {Cause.WORKER_LOST}
    assert [[report.step for report in trial.reports] for trial in small.trials] == [[1, 2, 3, 4]] * 8


def test_when_all_nodes_are_lost_it_waits_for_one(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 3})
    executor = small.simulate(workers=2, faults=[Fault(2.5, node=0, repair=100.0)])
    assert small.states == [State.COMPLETE] * 3
    assert executor.clock() > 100


def test_the_end_of_a_search_does_not_wait_for_a_node(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, cluster={"retry": {"lost": 0}})
    small.simulate(faults=[Fault(2.5, node=0, repair=float("inf"))])
    assert small.states == [State.FAILED]


def test_what_waits_for_a_node_without_checkpoints_is_made_again(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    executor = small.simulate(checkpoints=False, faults=[Fault(2.5, trial=0)])
    assert small.states == [State.COMPLETE]
    assert executor.clock() == 6.5
    assert [report.elapsed for report in small.trials[0].reports] == [1.0, 2.0, 5.5, 6.5]


# Exceptions


@pytest.mark.parametrize("most", [0, 1, 2])
@pytest.mark.parametrize("times", [1, 2])
def test_an_exception_is_tried_again_as_often_as_asked_for(world: Callable[..., World], most: int, times: int) -> None:
    small = world(budget={"trials": 2}, cluster={"retry": {"trials": most}})
    small.simulate(crash=fails(Cause.EXCEPTION, times))
    assert small.states == [State.FAILED if times > most else State.COMPLETE, State.COMPLETE]
    assert small.trials[0].attempts == min(times, most) + 1
    steps = [report.step for report in small.trials[0].reports]
    assert steps == ([1] if times > most else [1, 2, 3, 4])


def test_exceptions_and_lost_workers_are_counted_apart(world: Callable[..., World]) -> None:
    causes = {1: Cause.EXCEPTION, 2: Cause.WORKER_LOST, 3: Cause.WORKER_LOST, 4: Cause.EXCEPTION, 5: Cause.WORKER_LOST}
    small = world(budget={"trials": 1}, cluster={"retry": {"trials": 2, "lost": 3}})
    small.simulate(crash=lambda spec, step: causes.get(spec.attempt) if step == 2 else None)
    assert small.states == [State.COMPLETE]
    assert small.trials[0].attempts == 6
    lost = [event.detail["cause"] for event in small.events if event.kind is EventKind.LOST]
    assert lost == list(causes.values())


@pytest.mark.parametrize("cause", [Cause.METRIC, Cause.TIMEOUT, Cause.STUCK])
def test_what_would_only_happen_again_is_not_tried_again(world: Callable[..., World], cause: Cause) -> None:
    small = world(budget={"trials": 2}, cluster={"retry": {"trials": 9, "lost": 9}})
    small.simulate(crash=fails(cause, 1))
    assert small.states == [State.FAILED, State.COMPLETE]
    assert small.trials[0].attempts == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_a_value_that_is_none_fails_the_trial_at_once(world: Callable[..., World], value: Any) -> None:
    small = world(budget={"trials": 2}, cluster={"retry": {"trials": 9}})
    small.simulate(lambda spec, step: ({"score": value if spec.number == 0 else 1.0}, 1.0))
    assert small.states == [State.FAILED, State.COMPLETE]
    assert small.trials[0].reports == ()


@pytest.mark.parametrize("scheduler", ["asha", "promotion_asha", "hyperband", "bohb", "median"])
def test_a_trial_that_is_tried_again_is_decided_on_once(world: Callable[..., World], scheduler: str) -> None:
    sections = {"scheduler": scheduler, "fidelity": {"max": 9}, "cluster": {"retry": {"trials": 9}}}
    calm, rough = (world(name=name, budget={"trials": 6}, **sections) for name in ("calm", "rough"))
    calm.simulate()
    rough.simulate(
        crash=lambda spec, step: Cause.EXCEPTION if spec.attempt % 2 and step % 3 == 0 else None, checkpoints=False
    )

    def decisions(reports: tuple[Report, ...]) -> list[tuple[int, str]]:
        return [(report.step, report.decision) for report in reports]

    assert all(step.recorded == step.made for step in rough.repeated())
    for trial in rough.trials:
        steps = [report.step for report in trial.reports]
        assert steps == list(range(1, len(steps) + 1))
    if scheduler not in ("hyperband", "bohb"):  # which trial goes on first makes no difference
        assert [decisions(t.reports) for t in rough.trials] == [decisions(t.reports) for t in calm.trials]


# Memory


def test_a_trial_that_ran_out_of_memory_runs_once_more_with_nothing_beside_it(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 8})
    small.simulate(workers=3, crash=fails(Cause.MEMORY, 1, trial=1))
    assert small.states == [State.COMPLETE] * 8
    assert alone(small, 1) == [False, True]
    trial = small.trials[1]
    assert (trial.attempts, [report.step for report in trial.reports]) == (2, [1, 2, 3, 4])
    assert all(step.recorded == step.made for step in small.repeated())


def test_out_of_memory_twice_is_a_failure(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 8}, cluster={"retry": {"trials": 5}})
    small.simulate(workers=3, crash=fails(Cause.MEMORY, 2, trial=1))
    assert small.states == [State.COMPLETE, State.FAILED, *[State.COMPLETE] * 6]
    assert small.trials[1].attempts == 2


def test_several_that_ran_out_of_memory_run_one_after_the_other(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 9})
    small.simulate(
        workers=3,
        crash=lambda spec, step: Cause.MEMORY if spec.number % 2 and spec.attempt == 1 and step == 3 else None,
    )
    assert small.states == [State.COMPLETE] * 9
    assert [alone(small, number) for number in (1, 3, 5, 7)] == [[False, True]] * 4


def test_a_lost_worker_of_a_trial_that_runs_alone_changes_nothing(world: Callable[..., World]) -> None:
    causes = {1: Cause.MEMORY, 2: Cause.WORKER_LOST}
    small = world(budget={"trials": 6})
    small.simulate(workers=3, crash=lambda spec, step: causes.get(spec.attempt) if spec.number == 1 else None)
    assert small.states == [State.COMPLETE] * 6
    assert alone(small, 1)[1:] == [True, True]


@pytest.mark.parametrize("crash_at", ["pending", "lost", "start", "before complete"])
def test_a_trial_that_ran_out_of_memory_survives_the_driver(world: Callable[..., World], crash_at: str) -> None:
    small = world(budget={"trials": 5})
    count = {"start": 2}.get(crash_at, 1)
    small.crash_at = lambda *at: at == (crash_at, 1) and small.order.count(at) == count
    small.simulate(workers=3, crash=fails(Cause.MEMORY, 1, trial=1))
    assert isinstance(small.ended, Crash)
    small.simulate(workers=3)
    assert small.states == [State.COMPLETE] * 5
    assert all(step.recorded == step.made for step in small.repeated())


@pytest.mark.parametrize("scheduler", ["asha", "promotion_asha", "hyperband", "bohb", "median"])
def test_memory_under_a_scheduler(world: Callable[..., World], scheduler: str) -> None:
    small = world(scheduler=scheduler, fidelity={"max": 9}, budget={"trials": 9})
    small.simulate(
        workers=3, crash=lambda spec, step: Cause.MEMORY if spec.number % 4 == 0 and spec.attempt == 1 else None
    )
    assert small.ended is None
    assert all(state in (State.COMPLETE, State.STOPPED) for state in small.states)
    assert State.COMPLETE in small.states
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_a_trial_that_ran_out_of_memory_is_not_run_after_the_budget(world: Callable[..., World]) -> None:
    small = world(budget={"time": "10s"})
    small.simulate(workers=3, crash=fails(Cause.MEMORY, 1, trial=1))
    assert small.trials[1].state is State.STOPPED
    assert small.trials[1].attempts == 1


def test_replicates_that_run_out_of_memory_run_once_more(world: Callable[..., World]) -> None:
    small = world()
    small.drive(VirtualExecutor(rising, 3, crash=fails(Cause.MEMORY, 1, trial=5)), phases=True)
    assert {trial.state for trial in small.phase(Phase.REPLICATE)} == {State.COMPLETE}
    assert alone(small, 5) == [False, True]


@pytest.mark.parametrize("scheduler", ["none", "asha"])
def test_what_waits_to_run_alone_ends_with_a_search_that_is_stopped(
    world: Callable[..., World], scheduler: str
) -> None:
    small = world(budget={"trials": 9}, scheduler=scheduler)
    small.wish = lambda now: Wish.STOP if ("pending", 1) in small.order else Wish.NONE
    executor = VirtualExecutor(rising, 3, crash=fails(Cause.MEMORY, 1, trial=1))
    small.drive(executor, phases=True)
    assert small.ended is None
    assert small.trials[1].state is State.STOPPED
    assert small.phase(Phase.REPLICATE)
    assert all(trial.state.over for trial in small.trials)


def test_a_trial_that_is_displaced_pays_nothing(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 3}, cluster={"retry": {"lost": 0, "trials": 0}})
    small.simulate(crash=lambda spec, step: Cause.DISPLACED if spec.number == 1 and spec.attempt < 6 else None)
    assert small.states == [State.COMPLETE] * 3
    assert small.trials[1].attempts == 6
    assert all(step.recorded == step.made for step in small.repeated())


def test_a_paused_trial_whose_worker_is_lost_at_once_is_not_promoted(world: Callable[..., World]) -> None:
    """In a shared process its report and the loss may come together."""
    sections: dict[str, Any] = {"scheduler": {"type": "promotion_asha", "eta": 2}, "budget": {"trials": 6}}
    undisturbed, small = world(name="undisturbed", **sections), world(name="small", **sections)
    undisturbed.simulate()
    executor = Unlucky(rising, 1)
    small.drive(executor)
    assert executor.struck
    assert [trial.last_step for trial in small.trials] == [trial.last_step for trial in undisturbed.trials]
    assert small.trials[2].state is State.STOPPED


class Unlucky(VirtualExecutor):
    """The worker of trial 2 is lost together with its first report."""

    struck = False

    def wait(self, timeout: float) -> Sequence[Event]:
        events = super().wait(timeout)
        if self.struck or not any(isinstance(event, Reported) and event.number == 2 for event in events):
            return events
        self.struck = True
        self.kill(2)
        return [*events, Failed(2, Cause.WORKER_LOST, "died")]
