"""Every trial trains in full."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..spaces import Fidelity, Objective, Space
from .scheduler import Queue, Scheduler, SchedulerOptions


class NoStoppingOptions(SchedulerOptions):
    """No early stopping."""

    type: Literal["none"] = "none"
    stops_by: ClassVar[Literal["nothing"]] = "nothing"

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        return Queue()
