"""Which checkpoints are kept. The driver alone deletes, and only what is recorded as not needed."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path

from ..search import Report, Saved, SweepRecord
from ..search.store import TRIALS
from ..trainables.checkpoints import CheckpointError, CheckpointStore, join
from .open_trial import OpenTrial


class Retention:
    """Keeps the newest checkpoints of each open trial, those that others may be sent to, and the models at the end.

    Nothing is deleted before what makes it superfluous is durable: call :meth:`work` after the commit.

    Args:
        store: the ledger's folder.
        root: folder or URL for the checkpoints of all sweeps; in the store when None.
        deletes: whether there is anything to delete; not in simulated time.
    """

    def __init__(self, record: SweepRecord, store: Path, root: str | None, *, deletes: bool = True) -> None:
        self._keep = record.sweep.checkpoints.keep
        self._root = join(root or str(store), record.name, TRIALS)
        self._deletes = deletes
        self._places: dict[int, dict[Saved, str]] = {}  # by trial, oldest first
        self._restores: dict[int, Saved] = {}  # what a changed trial goes on from, until it has a newer one of its own
        self._dirty: set[int] = set()
        self._ended: dict[int, bool] = {}
        self._remover = _Remover()

    def root(self, number: int) -> str:
        """Where a trial keeps its checkpoints."""
        return f"{self._root}/{number:05d}"

    def know(self, trial: OpenTrial) -> None:
        """Take in a recorded trial that goes on."""
        for report in trial.reports:
            self.saved(trial.number, report)
        segment = trial.segments[-1] if trial.segments else None
        if segment and segment.source is not None and not any(r.segment == segment.index for r in trial.reports):
            source = Saved(segment.source, segment.source_segment, segment.first_step)
            self.restored(trial.number, source)
            self._places.setdefault(source.number, {}).setdefault(source, str(segment.checkpoint))

    def saved(self, number: int, report: Report) -> None:
        """A trial reported, perhaps with a checkpoint."""
        if report.checkpoint:
            self._places.setdefault(number, {})[Saved(number, report.segment, report.step)] = report.checkpoint
            self._restores.pop(number, None)
            self._dirty.add(number)

    def restored(self, number: int, source: Saved) -> None:
        """A trial is to go on from ``source``."""
        self._restores[number] = source

    def place(self, saved: Saved) -> str | None:
        """Where a checkpoint is."""
        return self._places.get(saved.number, {}).get(saved)

    def ended(self, number: int, *, keep: bool) -> None:
        """A trial is over; ``keep`` its newest checkpoint as its model."""
        self._restores.pop(number, None)
        self._ended[number] = keep
        self._dirty.add(number)

    def work(self, pins: Callable[[], set[Saved]]) -> None:
        """Delete what is not needed any more."""
        if not self._dirty:
            return
        needed = {*pins(), *self._restores.values()}
        for number in list(self._dirty):
            self._thin(number, needed)

    def flush(self) -> None:
        """Wait until everything is deleted."""
        self._remover.flush()

    def _thin(self, number: int, needed: set[Saved]) -> None:
        places = self._places.get(number, {})
        over = number in self._ended
        keep = self._keep if not over else int(self._ended[number])
        old = list(places)[: max(0, len(places) - keep)]
        doomed = [saved for saved in old if saved not in needed]
        removed = [places.pop(saved) for saved in doomed]
        if removed and self._deletes:
            self._remover.remove(self.root(number), removed)
        if len(doomed) == len(old):  # nothing is held back for others
            self._dirty.discard(number)
            if over:
                self._places.pop(number, None)
                self._ended.pop(number)


class _Remover:
    """Deletes in a thread of its own: a slow file system must not hold up decisions."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[str, list[str]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def remove(self, root: str, places: list[str]) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="checkpoint-retention", daemon=True)
            self._thread.start()
        self._jobs.put((root, places))

    def flush(self) -> None:
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            root, places = job
            try:
                CheckpointStore(root).remove(places)
            except (CheckpointError, OSError):  # it costs space, not results
                continue
