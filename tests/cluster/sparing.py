"""Simulated trials that keep few checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from assay.cluster.virtual_executor import VirtualExecutor
from assay.trainables import Event, Reported, TrialSpec


class SparingExecutor(VirtualExecutor):
    """Keeps a checkpoint every so many steps, where a decision is due, and at the end of a full run.

    Args:
        every: steps between them.
        length: steps of a full run.
    """

    def __init__(self, every: int, length: int, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._every, self._length = every, length
        self._until: dict[int, int | None] = {}

    def start(self, spec: TrialSpec, until: int | None) -> None:
        self._until[spec.number] = until
        super().start(spec, until)

    def resume(self, number: int, until: int | None) -> None:
        self._until[number] = until
        super().resume(number, until)

    def wait(self, timeout: float) -> Sequence[Event]:
        return [self._reported(event) if isinstance(event, Reported) else event for event in super().wait(timeout)]

    def _reported(self, event: Reported) -> Reported:
        kept = event.step % self._every == 0 or event.step in (self._until[event.number], self._length)
        return event if kept else replace(event, checkpoint=None)
