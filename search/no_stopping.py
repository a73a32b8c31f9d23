"""Every trial trains in full."""

from __future__ import annotations

from typing import Literal

from ..spaces import Fidelity, Objective, Space
from .scheduler import Queue, Scheduler, SchedulerOptions


class NoStoppingOptions(SchedulerOptions):
    """No early stopping."""

    type: Literal["none"] = "none"

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        return Queue()
