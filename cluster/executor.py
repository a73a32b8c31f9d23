"""The contract of everything that runs trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..trainables import Event, TrialSpec


class Executor(Protocol):
    """Runs up to ``capacity`` trials at a time and answers with events.

    A trial is started once; after each :class:`~assay.trainables.Reported` it waits for exactly one of ``resume``,
    ``stop`` and ``abandon``. ``Finished`` and ``Failed`` free its place. Nothing here decides or records anything.
    """

    @property
    def capacity(self) -> int:
        """How many trials can run at the same time; known after :meth:`open`, and may change in :meth:`wait`."""

    def open(self) -> None:
        """Get ready: connect, start workers, import the training function.

        Raises:
            ClusterError: when the cluster cannot be reached or can never place a trial.
            TrainableError: when the training function cannot be imported where the trials will run.
        """

    def start(self, spec: TrialSpec) -> None:
        """Start a trial in a free place."""

    def resume(self, number: int) -> None:
        """Let a trial that reported train on."""

    def stop(self, number: int) -> None:
        """End a trial that reported; it answers with ``Finished`` and its predictions."""

    def abandon(self, number: int) -> None:
        """End a trial that reported, without an answer; it can go on from its checkpoint later."""

    def wait(self, timeout: float) -> Sequence[Event]:
        """Events since the last call; waits up to ``timeout`` seconds for the first."""

    def close(self) -> None:
        """Give everything back, ending what still runs."""
