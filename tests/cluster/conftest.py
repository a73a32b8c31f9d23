"""A scripted executor in virtual time, a ledger that can crash, and small sweeps."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.cluster import Progress
from assay.search import Artifact, Ledger, Report, Sweep, SweepRecord, Trial
from assay.trainables import Cause, Event, Failed, Finished, Reported, TrialSpec

_WHEN_STOPPED = ("stuck when stopped", "dies when stopped")
Script = Callable[[TrialSpec, int], Sequence[Any]]


class Crash(BaseException):
    """The driver dies here."""


class Clock:
    """Seconds that pass only when the executor says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class ScriptedExecutor:
    """Trials in virtual time: every step of a trial takes one second, plus a bit that depends on its number.

    Args:
        script: from spec and attempt (counted from 1) to what the trial does at each step from ``first_step`` on: a
            number is reported, a :class:`Cause` fails it; after the last one it ends by itself. With ``"stuck when
            stopped"`` as the last one it fails when it is told to stop, with ``"dies when stopped"`` its worker dies.
        watch: is called before each call is carried out, with its name and the trial's number.
    """

    def __init__(
        self,
        script: Script,
        clock: Clock,
        *,
        capacity: int = 1,
        checkpoints: Path | None = None,
        watch: Callable[[str, int], None] = lambda call, number: None,
    ) -> None:
        self._script = script
        self._clock = clock
        self.capacity = capacity
        self._checkpoints = checkpoints
        self._watch = watch
        self._attempts: Counter[int] = Counter()
        self._left: dict[int, list[Any]] = {}
        self._steps: dict[int, int] = {}
        self._due: list[tuple[float, int, str]] = []
        self.specs: list[TrialSpec] = []
        self.calls: list[tuple[str, int]] = []
        self.most = 0

    def open(self) -> None:
        pass

    def start(self, spec: TrialSpec) -> None:
        self._note("start", spec.number)
        assert spec.number not in self._left, "started twice"
        assert len(self._left) < self.capacity, "no free place"
        self.specs.append(spec)
        self._attempts[spec.number] += 1
        self._steps[spec.number] = spec.first_step
        self._left[spec.number] = list(self._script(spec, self._attempts[spec.number]))
        self.most = max(self.most, len(self._left))
        self._plan(spec.number, "advance")

    def resume(self, number: int) -> None:
        self._note("resume", number)
        self._plan(number, "advance")

    def stop(self, number: int) -> None:
        self._note("stop", number)
        self._plan(number, "stop")

    def abandon(self, number: int) -> None:
        self._note("abandon", number)
        del self._left[number]

    def wait(self, timeout: float) -> Sequence[Event]:
        self._watch("wait", -1)
        if not self._due:
            return []
        self._clock.now, number, action = heapq.heappop(self._due)
        event = self._event(number, action)
        if not isinstance(event, Reported):
            del self._left[number]
        return [event]

    def close(self) -> None:
        pass

    def _note(self, call: str, number: int) -> None:
        self._watch(call, number)
        assert number not in [planned for _, planned, _ in self._due], "told twice"
        self.calls.append((call, number))

    def _plan(self, number: int, action: str) -> None:
        heapq.heappush(self._due, (self._clock.now + 1 + number / 1000, number, action))

    def _event(self, number: int, action: str) -> Event:
        left = self._left[number]
        if action == "stop":
            last = left[-1] if left else None
            if last == "stuck when stopped":
                return Failed(number, Cause.STUCK, "went on")
            if last == "dies when stopped":
                return Failed(number, Cause.WORKER_LOST, "died")
            return Finished(number, 0.1)
        if not left or left[0] in _WHEN_STOPPED:
            return Finished(number, 0.1)
        does = left.pop(0)
        if isinstance(does, Cause):
            return Failed(number, does, f"{does} of trial {number}", "the traceback")
        self._steps[number] += 1
        checkpoint = str(self._checkpoints) if self._checkpoints else None
        return Reported(number, self._steps[number], {"score": float(does)}, 1.0, checkpoint)


class FragileLedger(Ledger):
    """Asks ``watch`` before and after each write of a trial; the watch may raise :class:`Crash`."""

    def __init__(self, store: Path, watch: Callable[[str, int], None] = lambda call, number: None) -> None:
        super().__init__(store, create=True)
        self._watch = watch

    def add_trial(self, record: SweepRecord, trial: Trial) -> None:
        self._watch("before add_trial", trial.number)
        super().add_trial(record, trial)
        self._watch("add_trial", trial.number)

    def update_trial(self, record: SweepRecord, trial: Trial, artifacts: Iterable[Artifact] = ()) -> None:
        self._watch("before update_trial", trial.number)
        super().update_trial(record, trial, artifacts)
        self._watch("end_trial" if trial.state.over else "update_trial", trial.number)

    def add_report(self, record: SweepRecord, number: int, report: Report) -> None:
        self._watch("before add_report", number)
        super().add_report(record, number, report)
        self._watch("add_report", number)


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.updates: list[Progress] = []

    def update(self, progress: Progress) -> None:
        self.updates.append(progress)

    def message(self, text: str) -> None:
        self.messages.append(text)


def make_sweep(**changes: Any) -> Sweep:
    raw = {
        "name": "small",
        "trainable": "train.py:train",
        "objectives": [{"metric": "score", "goal": "maximize"}],
        "parameters": {"x": "uniform(0, 1)"},
        "searcher": "random",
        "fidelity": {"unit": "epoch", "min": 1, "max": 4},
        "budget": {"trials": 4},
        "leaderboard": {"top": 2, "seeds": 2},
    }
    return Sweep.make(raw | changes)


@pytest.fixture
def sweep_of() -> Callable[..., Sweep]:
    """Makes a small sweep with some sections replaced."""
    return make_sweep


@pytest.fixture
def fakes() -> Any:
    """The classes of this file."""

    class Fakes:
        pass

    for kind in (Crash, Clock, ScriptedExecutor, FragileLedger, Notes):
        setattr(Fakes, kind.__name__, kind)
    return Fakes
