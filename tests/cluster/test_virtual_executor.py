"""Simulated time: what a step takes, nodes that die and come back, and trials that hang."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.spaces import ClusterError
from assay.trainables import Cause, Event, Failed, Reported, TrialSpec


def curve(spec: TrialSpec, step: int) -> tuple[dict[str, Any], float]:
    return {"score": float(step)}, spec.config.get("seconds", 1.0)


def spec(number: int, **config: Any) -> TrialSpec:
    return TrialSpec(number, config, "score", max_steps=9)


def heard(executor: VirtualExecutor, count: int) -> list[tuple[float, int, Any]]:
    """Time, trial and step (or cause of failure) of the next events; trials that report train on."""
    found: list[tuple[float, int, Any]] = []
    while len(found) < count:
        events: Sequence[Event] = executor.wait(1.0)
        for event in events:
            what = event.step if isinstance(event, Reported) else getattr(event, "cause", None)
            found.append((executor.clock(), event.number, what))
            if isinstance(event, Reported):
                executor.resume(event.number, None)
    return found


def test_time_passes_from_event_to_event() -> None:
    executor = VirtualExecutor(curve, 2, start_cost=0.5)
    executor.start(spec(1), None)
    executor.start(spec(2, seconds=1.25), None)
    assert heard(executor, 4) == [(1.5, 1, 1), (1.75, 2, 1), (2.5, 1, 2), (3.0, 2, 2)]


def test_a_trial_that_hangs_is_silent_until_it_is_killed() -> None:
    executor = VirtualExecutor(curve, 1)
    executor.start(spec(1, seconds=math.inf), None)
    assert [list(executor.wait(2.0)) for _ in range(3)] == [[], [], []]
    assert executor.clock() == 6.0
    executor.kill(1)
    executor.start(spec(1), None)
    assert heard(executor, 1) == [(7.0, 1, 1)]


def test_a_killed_trial_says_nothing_more() -> None:
    executor = VirtualExecutor(curve, 1)
    executor.start(spec(1), None)
    executor.kill(1)
    executor.start(spec(2, seconds=5.0), None)
    assert heard(executor, 1) == [(5.0, 2, 1)]


@pytest.mark.parametrize("dead", [0, 1])
def test_a_node_that_dies_takes_its_trials_and_the_other_runs_on(dead: int) -> None:
    executor = VirtualExecutor(curve, 2, nodes=2, faults=[Fault(at=0.5, node=dead, repair=math.inf)])
    executor.start(spec(0), None)
    executor.start(spec(1), None)
    assert executor.wait(1.0) == [Failed(dead, Cause.WORKER_LOST, "the worker was lost")]
    assert executor.capacity == 1
    with pytest.raises(ClusterError, match="no free place for trial 2"):
        executor.start(spec(2), None)
    executor.kill(1 - dead)
    executor.start(spec(2), None)
    assert heard(executor, 1) == [(1.5, 2, 1)]


def test_a_node_that_is_repaired_has_its_places_again() -> None:
    executor = VirtualExecutor(curve, 2, faults=[Fault(at=1.5, node=0, repair=10.0)])
    executor.start(spec(1), None)
    assert heard(executor, 2) == [(1.0, 1, 1), (1.5, 1, Cause.WORKER_LOST)]
    assert executor.capacity == 0
    with pytest.raises(ClusterError, match="no free place"):
        executor.start(spec(1), None)
    while executor.capacity == 0:
        assert executor.wait(1.0) == []
    assert executor.clock() == 11.5
    for number in (1, 2):
        executor.start(spec(number), None)
    assert heard(executor, 2) == [(12.5, 1, 1), (12.5, 2, 1)]
