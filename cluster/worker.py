"""The process that runs trials on a cluster, one after the other; the body of a Ray actor."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from ..search.store import OUTPUT
from ..spaces import TrainableError
from ..trainables import Cause, Event, Failed, Session, Trainable, TrainableRef, TrialSpec


class Worker:
    """Reused from trial to trial, so that imports are paid once. Its methods raise nothing on purpose."""

    def __init__(self, trainable: TrainableRef) -> None:
        self._ref = trainable
        self._trainable: Trainable | None = None
        self._session: Session | None = None
        self._output = _Output(None)

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
        self._output = _Output(Path(spec.folder, OUTPUT) if spec.folder else None)
        self._session = Session(self._trainable, spec)
        return self.advance()

    def advance(self) -> Event:
        """Train to the next event."""
        session = self._running()
        with self._output.kept():
            return session.advance()

    def stop(self) -> Event:
        """End the trial."""
        session = self._running()
        with self._output.kept():
            return session.stop()

    def abandon(self) -> None:
        """End the trial without an answer."""
        self._running().abandon()

    def _running(self) -> Session:
        if self._session is None:
            raise RuntimeError("no trial was started on this worker")
        return self._session


class _Output(io.TextIOBase):
    """What a trial prints, appended to a file that is made at its first word; lost when there is no file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, text: str) -> int:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        return len(text)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take what is printed, on either stream."""
        with redirect_stdout(self), redirect_stderr(self):
            yield
