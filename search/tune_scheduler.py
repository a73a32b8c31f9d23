"""Ray Tune's schedulers, unmodified, behind our contract. Imports ``ray.tune``; loaded only when one is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from ray.tune.schedulers import TrialScheduler

from .scheduler import Decision


@dataclass
class _TuneTrial:
    """The part of Ray Tune's ``Trial`` that its schedulers look at."""

    trial_id: str
    status: str = "RUNNING"


class TuneScheduler:
    """Calls the public hooks of a ``TrialScheduler`` as Ray's controller does, and adds a seed.

    Values that are not finite never get here: they fail their trial at the door. ``on_trial_complete`` is called for
    trials that end by themselves; a trial that the scheduler stopped is not mentioned to it again, as in Ray.
    """

    TIME: ClassVar[str] = "training_iteration"
    METRIC: ClassVar[str] = "objective"

    def __init__(self, scheduler: TrialScheduler, seed: int) -> None:
        self._scheduler = scheduler
        self._trials: dict[int, _TuneTrial] = {}
        self._random = np.random.RandomState(seed)

    def on_start(self, number: int) -> None:
        self._trials[number] = _TuneTrial(trial_id=str(number))
        with self._seeded():
            self._scheduler.on_trial_add(None, self._trials[number])

    def on_report(self, number: int, step: int, value: float) -> Decision:
        with self._seeded():
            action = self._scheduler.on_trial_result(None, self._trials[number], self._result(step, value))
        if action == TrialScheduler.STOP:
            self._trials.pop(number)
            return Decision.STOP
        return Decision.CONTINUE

    def on_end(self, number: int, step: int, value: float | None) -> None:
        trial = self._trials.pop(number, None)
        if trial is None:
            return
        with self._seeded():
            if value is None:
                trial.status = "ERROR"
                self._scheduler.on_trial_error(None, trial)
            else:
                trial.status = "TERMINATED"
                self._scheduler.on_trial_complete(None, trial, self._result(step, value))

    def _result(self, step: int, value: float) -> dict[str, Any]:
        return {self.TIME: step, self.METRIC: value}

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Ray's schedulers draw from NumPy's global generator: lend them ours for the call."""
        outer = np.random.get_state()  # noqa: NPY002
        np.random.set_state(self._random.get_state())  # noqa: NPY002
        try:
            yield
        finally:
            self._random.set_state(np.random.get_state())  # noqa: NPY002
            np.random.set_state(outer)  # noqa: NPY002
