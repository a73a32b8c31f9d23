"""The contract of everything that runs trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..trainables import Event, TrialSpec


class Executor(Protocol):
    """Runs up to ``capacity`` trials at a time and answers with events.

    A started trial trains until a decision is due, at report ``until``, or until the executor thinks it time to hand
    over what was reported so far. Its events come in order, those of one :meth:`wait` together; when the last of them
    is a :class:`~assay.trainables.Reported` the trial waits for exactly one of ``resume``, ``stop`` and ``abandon``.
    ``Finished`` and ``Failed`` free its place. Nothing here decides or records anything.
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

    def start(self, spec: TrialSpec, until: int | None) -> None:
        """Start a trial in a free place; ``until`` None: nothing is decided before a full run."""

    def resume(self, number: int, until: int | None) -> None:
        """Let a trial that waits train on."""

    def stop(self, number: int) -> None:
        """End a trial that waits; it answers with ``Finished`` and its predictions."""

    def abandon(self, number: int) -> None:
        """End a trial that waits, without an answer; it can go on from its checkpoint later."""

    def kill(self, number: int) -> None:
        """End a trial at once, whatever it does, without an answer.

        Raises:
            UsageError: when trials cannot be killed here.
        """

    def waiting(self, number: int) -> bool:
        """Whether a trial that was told to train has not begun to: it has to wait for a worker, or for its turn."""

    def wait(self, timeout: float) -> Sequence[Event]:
        """Events since the last call; waits up to ``timeout`` seconds for the first, also when no trial runs."""

    def close(self) -> None:
        """Give everything back, ending what still runs."""
