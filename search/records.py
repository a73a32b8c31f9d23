"""What the ledger hands out, and how it is read from rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..spaces import Config, DamagedFileError
from .sweep import Sweep
from .trial import Phase, Report, Segment, State, Trial

CHANGING = (
    "state", "attempts", "reason", "detail", "seconds", "ended", "resplit", "testable", "data_id", "train_rows",
    "validation_rows", "parent",
)  # fmt: skip
"""What of a trial is not known when it starts, beside its config."""


@dataclass(frozen=True)
class SweepRecord:
    """A sweep in the ledger.

    Args:
        directory: folder of the sweep file, from which ``trainable`` is seen.
        state: ``running``, ``stopped`` (resumable), ``finished`` or ``failed``. A driver that was killed leaves
            ``running``.
        note: what a person should know about the state.
        created: seconds since the epoch.
    """

    id: int
    sweep: Sweep
    directory: str
    state: str
    note: str
    created: float

    @property
    def name(self) -> str:
        """The sweep's name in the store."""
        return self.sweep.name


@dataclass(frozen=True)
class Artifact:
    """A file that belongs to a trial; ``path`` is relative to the store."""

    trial: int
    kind: str
    path: str
    sha256: str
    bytes: int

    def checked(self, store: Path) -> Path:
        """Where the file is, with the content that was written.

        Raises:
            DamagedFileError: when it is not there, or holds something else.
        """
        path = store / self.path
        try:
            checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise DamagedFileError(f"{path} cannot be read: {error.strerror}; restore the file or the store") from error
        if checksum != self.sha256:
            raise DamagedFileError(f"{path} is not as it was written (another SHA-256): restore the file or the store")
        return path


def read_sweep_record(row: Any) -> SweepRecord:
    """A row of ``sweeps``."""
    return SweepRecord(row.id, Sweep.make(row.spec), row.directory, row.state, row.note, row.created)


def read_trial(row: Any, segments: tuple[Segment, ...], reports: tuple[Report, ...]) -> Trial:
    """A row of ``trials``, with what belongs to it."""
    plain = {name: getattr(row, name) for name in ("number", "seed", "split", "asked", "started", *CHANGING)}
    # A driver that was killed recorded a trial's seconds only with its reports.
    plain["seconds"] = max([row.seconds, *(report.seconds for report in reports)])
    plain |= {"phase": Phase(row.phase), "state": State(row.state), "config": Config(row.config)}
    return Trial(**plain, segments=segments, reports=reports)


def read_segment(row: Any) -> Segment:
    """A row of ``segments``."""
    return Segment(
        row.index, Config(row.config), row.order, row.source, row.source_segment, row.first_step, row.checkpoint
    )


def read_report(row: Any) -> Report:
    """A row of ``reports``."""
    return Report(row.step, row.metrics, row.elapsed, row.order, row.checkpoint, row.seconds, row.segment, row.decision)
