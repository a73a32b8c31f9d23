"""What every mirror can do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...search import Ledger, Phase, Report, Sweep, SweepRecord, Trial


@dataclass(frozen=True)
class Mirrored:
    """A sweep as a mirror sees it.

    Args:
        record: the sweep.
        revisions: all that it said, oldest first; the last is what it says now.
        folder: where its files are.
    """

    record: SweepRecord
    revisions: tuple[Sweep, ...]
    folder: Path

    @classmethod
    def of(cls, ledger: Ledger, record: SweepRecord) -> Mirrored:
        """A sweep of a ledger."""
        revisions = tuple(sweep for _, sweep in ledger.revisions(record))
        return cls(record, revisions, ledger.store / record.name)

    @property
    def sweep(self) -> Sweep:
        """As it is now."""
        return self.record.sweep


class Mirror(Protocol):
    """A copy of the search's trials for another tool. It begins empty; what it lacks is written to it anew.

    A trial that is over does not change any more.

    Attributes:
        path: of the file or folder.
    """

    path: Path

    def on_trial(self, trial: Trial) -> None:
        """A trial is new, with the reports that it has already; or stands otherwise than before."""

    def on_report(self, number: int, report: Report) -> None:
        """A trial that is known, and not over, reported."""

    def flush(self) -> None:
        """Let others see what was told so far."""

    def close(self) -> None:
        """Nothing more is told."""


def fill(mirror: Mirror, trials: Iterable[Trial]) -> None:
    """Tell a mirror of search trials that were recorded before."""
    for trial in trials:
        if trial.phase is Phase.SEARCH:
            mirror.on_trial(trial)
    mirror.flush()
