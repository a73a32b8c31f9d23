"""What an onlooker is told while a sweep runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..search import Phase


@dataclass(frozen=True)
class Progress:
    """Where a phase stands.

    Args:
        total: trials that there will be; None when only time limits them.
        running, complete, stopped, failed: trials by state.
        best: best value of the objective and the trial that has it, in the search; None before the first report.
        elapsed: seconds since this run of the phase began.
        finished_here: trials that ended since then.
    """

    phase: Phase
    total: int | None
    running: int
    complete: int
    stopped: int
    failed: int
    best: tuple[float, int] | None
    elapsed: float
    finished_here: int

    @property
    def done(self) -> int:
        """Trials that are over."""
        return self.complete + self.stopped + self.failed

    @property
    def rate(self) -> float | None:
        """Trials per minute; None before the first one ended."""
        return 60 * self.finished_here / self.elapsed if self.finished_here and self.elapsed > 0 else None

    @property
    def eta(self) -> float | None:
        """Seconds until the phase ends at this rate; None when that is not known."""
        if self.total is None or not self.rate:
            return None
        return 60 * max(0, self.total - self.done) / self.rate


class Observer(Protocol):
    """Is told; decides nothing."""

    def update(self, progress: Progress) -> None:
        """Something changed."""

    def message(self, text: str) -> None:
        """One line worth keeping: a failure, a retry, a new phase."""


class Silent:
    """Shows nothing."""

    def update(self, progress: Progress) -> None:
        pass

    def message(self, text: str) -> None:
        pass
