"""Trials in this process, one report after the other: for debugging and for tests."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..spaces import SweepError
from ..trainables import Event, Reported, Session, Trainable, TrainableRef, TrialSpec
from .environment import Environment
from .training import load, runs


class InlineExecutor:
    """No processes, no threads for generators: breakpoints and prints of the training function work as usual.

    Args:
        trainable: what to run.
        capacity: trials that take turns, report by report.
        environment: of trials; this process has it only while the training function is at work.
        networks: the space of networks that trials build from, in plain data.
    """

    def __init__(
        self,
        trainable: TrainableRef,
        capacity: int = 1,
        environment: Environment | None = None,
        networks: Mapping[str, Any] | None = None,
    ) -> None:
        if capacity < 1:
            raise SweepError(f"workers must be 1 or more, got {capacity}")
        self._ref = trainable
        self._capacity = capacity
        self._environment = environment or Environment()
        self._networks = networks
        self._trainable: Trainable | None = None
        self._sessions: dict[int, Session] = {}
        self._actions: deque[tuple[int, Callable[[], Event]]] = deque()

    @property
    def capacity(self) -> int:
        return self._capacity

    def open(self) -> None:
        self._trainable = self._load()

    def _load(self) -> Trainable:
        with self._environment.entered():
            return load(self._ref, self._networks)

    def start(self, spec: TrialSpec, until: int | None) -> None:
        if self._trainable is None:
            self._trainable = self._load()
        self._sessions[spec.number] = Session(runs(spec, self._trainable, self._ref), spec)
        self.resume(spec.number, until)

    def resume(self, number: int, until: int | None) -> None:
        session = self._sessions[number]
        self._actions.append((number, lambda: session.run(until, seconds=0)[0]))

    def stop(self, number: int) -> None:
        self._actions.append((number, self._sessions[number].stop))

    def abandon(self, number: int) -> None:
        with self._environment.entered():
            self._sessions.pop(number).abandon()

    def kill(self, number: int) -> None:
        self._actions = deque(action for action in self._actions if action[0] != number)
        self.abandon(number)

    def waiting(self, number: int) -> bool:
        return any(waits == number for waits, _ in self._actions)

    def wait(self, timeout: float) -> Sequence[Event]:
        if not self._actions:
            time.sleep(timeout)
            return []
        number, act = self._actions.popleft()
        with self._environment.entered() as surroundings:
            event = surroundings.masked(act())
        if not isinstance(event, Reported):
            del self._sessions[number]
        return [event]

    def close(self) -> None:
        for number in list(self._sessions):
            self.abandon(number)
        self._actions.clear()
