"""Trials in simulated time: a table or formula says what a step of training gives and how long it takes."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..spaces import ClusterError
from ..trainables import Cause, Event, Failed, Finished, Reported, TrialSpec

Curve = Callable[[TrialSpec, int], tuple[dict[str, Any], float]]
"""Metrics of a step (counted from 1) of a trial, and the seconds that the step takes; infinite: it hangs."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at a simulated time.

    Args:
        at: seconds since the start.
        node: the node that dies, with all its trials; its places come back after ``repair`` seconds.
        trial: instead of a node, the trial whose worker dies, if it runs.
        repair: infinite for a node that never comes back.
    """

    at: float
    node: int | None = None
    trial: int | None = None
    repair: float = 0.0


class VirtualExecutor:
    """A heap of coming events; waiting moves the clock to the first of them.

    Args:
        curve: what training gives; whatever it raises fails the trial, and so does a value that is not finite.
        workers: places, dealt out over ``nodes``.
        start_cost: seconds before the first step of each attempt, for start or restore.
        checkpoints: whether each report has a checkpoint, from which a trial goes on.
        faults: what goes wrong and when.
        crash: asked before each step for a cause to fail for.

    The times of events that fall on the same instant keep the order in which they were caused.
    """

    def __init__(
        self,
        curve: Curve,
        workers: int,
        *,
        nodes: int = 1,
        start_cost: float = 0.0,
        checkpoints: bool = True,
        faults: Sequence[Fault] = (),
        crash: Callable[[TrialSpec, int], Cause | None] = lambda spec, step: None,
    ) -> None:
        self._curve = curve
        self._crash = crash
        self._start_cost = start_cost
        self._checkpoints = checkpoints
        self._now = 0.0
        self._sequence = itertools.count()
        self._heap: list[tuple[float, int, Callable[[], Event | None]]] = []
        self._places = {node: len(range(node, workers, nodes)) for node in range(nodes)}
        self._free = dict(self._places)
        self._running: dict[int, _Run] = {}
        self._lost: list[Event] = []
        for fault in faults:
            self._push(fault.at, partial(self._strike, fault))

    @property
    def capacity(self) -> int:
        return sum(self._places.values())

    def clock(self) -> float:
        """Simulated seconds since the start."""
        return self._now

    def open(self) -> None:
        pass

    def start(self, spec: TrialSpec, until: int | None) -> None:
        node = max(self._free, key=lambda node: self._free[node], default=0)
        if self._free.get(node, 0) < 1:
            raise ClusterError(f"no free place for trial {spec.number}")
        self._free[node] -= 1
        step = spec.restore[0][0] if spec.restore else 0
        run = self._running[spec.number] = _Run(spec, node, step)
        self._train(run, self._start_cost)

    def resume(self, number: int, until: int | None) -> None:
        self._train(self._running[number], 0.0)

    def stop(self, number: int) -> None:
        run = self._running[number]
        self._push(self._now, lambda: self._end(run))

    def abandon(self, number: int) -> None:
        self._release(number)

    def kill(self, number: int) -> None:
        self._release(number)

    def waiting(self, number: int) -> bool:
        return False

    def wait(self, timeout: float) -> Sequence[Event]:
        if not self._heap:
            self._now += timeout
        while self._heap and not self._lost:
            self._now, _, happen = heapq.heappop(self._heap)
            event = happen()
            if event is not None:
                return [event]
        lost, self._lost = self._lost, []
        return lost

    def close(self) -> None:
        self._heap.clear()
        self._running.clear()

    def _train(self, run: _Run, delay: float) -> None:
        spec, step = run.spec, run.step + 1
        if spec.max_steps is not None and step > spec.max_steps:
            self._push(self._now, lambda: self._end(run))
            return
        cause = self._crash(spec, step)
        if cause is not None:
            self._push(self._now + delay, lambda: self._fail(run, cause, "an injected failure"))
            return
        try:
            metrics, seconds = self._curve(spec, step)
        except Exception as error:  # noqa: BLE001 - stands for a training function, which may raise anything
            reason = f"{type(error).__name__}: {error}"
            self._push(self._now + delay, lambda: self._fail(run, Cause.EXCEPTION, reason))
            return
        self._push(self._now + delay + seconds, lambda: self._report(run, step, metrics, seconds))

    def _report(self, run: _Run, step: int, metrics: dict[str, Any], seconds: float) -> Event | None:
        number = run.spec.number
        if self._running.get(number) is not run:
            return None  # it was ended meanwhile
        value = metrics.get(run.spec.metric)
        if value is None or not math.isfinite(value):
            return self._fail(run, Cause.METRIC, f"{run.spec.metric} is {value}")
        run.step = step
        place = f"virtual://{number}/{run.spec.segment}/{step}" if self._checkpoints else None
        return Reported(number, step, metrics, seconds, place)

    def _end(self, run: _Run) -> Event | None:
        if self._running.get(run.spec.number) is not run:
            return None
        self._release(run.spec.number)
        return Finished(run.spec.number, 0.0)

    def _fail(self, run: _Run, cause: Cause, reason: str) -> Event | None:
        if self._running.get(run.spec.number) is not run:
            return None
        self._release(run.spec.number)
        return Failed(run.spec.number, cause, reason)

    def _release(self, number: int) -> None:
        run = self._running.pop(number)
        if run.node in self._free:
            self._free[run.node] += 1

    def _strike(self, fault: Fault) -> None:
        if fault.node is None:
            victims = [fault.trial] if fault.trial in self._running else []
        else:
            victims = [number for number, run in self._running.items() if run.node == fault.node]
        for number in victims:
            if number is not None:
                self._release(number)
                self._lost.append(Failed(number, Cause.WORKER_LOST, "the worker was lost"))
        if fault.node in self._places:
            places = self._places.pop(fault.node)
            self._free.pop(fault.node)
            self._push(self._now + fault.repair, lambda: self._repair(fault.node, places))

    def _repair(self, node: int | None, places: int) -> None:
        if node is not None:
            self._places[node] = self._free[node] = places

    def _push(self, at: float, happen: Callable[[], Event | None]) -> None:
        if math.isfinite(at):  # else it never happens
            heapq.heappush(self._heap, (at, next(self._sequence), happen))


@dataclass(eq=False)
class _Run:
    """A trial that occupies a place."""

    spec: TrialSpec
    node: int
    step: int
