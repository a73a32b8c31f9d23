"""The contract of everything that decides how long a trial may train."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from ..spaces import Fidelity, Objective
from .options import Options


class Decision(StrEnum):
    """What happens to a trial after a report."""

    CONTINUE = "continue"
    STOP = "stop"


class Scheduler(Protocol):
    """Decides after each report. Rebuilt from the ledger after an interruption by repeating all events in order."""

    def on_start(self, number: int) -> None:
        """A trial was started for the first time."""

    def on_report(self, number: int, step: int, value: float) -> Decision:
        """A trial reported a finite ``value`` of the objective after ``step`` units of training."""

    def on_end(self, number: int, step: int, value: float | None) -> None:
        """A trial ended by itself; ``value`` is its last one, None when it failed."""


class SchedulerOptions(Options):
    """The ``scheduler`` section of a sweep; each scheduler has its own subclass."""

    def grace_of(self, fidelity: Fidelity) -> int:
        """Units of training that no trial is stopped before."""
        return fidelity.max

    def rungs(self, fidelity: Fidelity) -> list[int]:
        """Steps at which trials may be stopped."""
        return []

    def build(self, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        """A fresh scheduler."""
        raise NotImplementedError
