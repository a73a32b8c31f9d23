"""The process that runs trials on a cluster, one after the other; the body of a Ray actor."""

from __future__ import annotations

from ..spaces import TrainableError
from ..trainables import Cause, Event, Failed, Session, Trainable, TrainableRef, TrialSpec


class Worker:
    """Reused from trial to trial, so that imports are paid once. Its methods raise nothing on purpose."""

    def __init__(self, trainable: TrainableRef) -> None:
        self._ref = trainable
        self._trainable: Trainable | None = None
        self._session: Session | None = None

    def load(self) -> str | None:
        """Import the training function; the reason when it cannot be."""
        try:
            self._trainable = self._ref.load()
        except TrainableError as error:
            return str(error)
        return None

    def start(self, spec: TrialSpec) -> Event:
        """Run a trial to its first event."""
        reason = None if self._trainable else self.load()
        if reason or self._trainable is None:
            return Failed(spec.number, Cause.EXCEPTION, str(reason))
        self._session = Session(self._trainable, spec)
        return self._session.advance()

    def advance(self) -> Event:
        """Train to the next event."""
        return self._running().advance()

    def stop(self) -> Event:
        """End the trial."""
        return self._running().stop()

    def abandon(self) -> None:
        """End the trial without an answer."""
        self._running().abandon()

    def _running(self) -> Session:
        if self._session is None:
            raise RuntimeError("no trial was started on this worker")
        return self._session
