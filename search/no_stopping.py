"""Every trial trains in full."""

from __future__ import annotations

from typing import Literal

from ..spaces import Fidelity, Objective
from .scheduler import Decision, Scheduler, SchedulerOptions


class NoStopping:
    """Never stops a trial."""

    def on_start(self, number: int) -> None:
        pass

    def on_report(self, number: int, step: int, value: float) -> Decision:
        return Decision.CONTINUE

    def on_end(self, number: int, step: int, value: float | None) -> None:
        pass


class NoStoppingOptions(SchedulerOptions):
    """No early stopping."""

    type: Literal["none"] = "none"

    def build(self, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        return NoStopping()
