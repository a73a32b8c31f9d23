"""Progress in the terminal: a live bar where there is one, plain lines elsewhere. Everything goes to stderr."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from ..analysis import text
from ..search import Phase
from .progress import Progress

_PLAIN_SECONDS = 10.0
_TITLES = {
    Phase.SUPERNET: "supernet",
    Phase.SEARCH: "search",
    Phase.REPLICATE: "replicate finalists",
    Phase.CONFIRM: "confirm the winner",
    Phase.TEST: "sealed test",
}


class LiveDisplay:
    """A bar for each phase, best value so far, counts, rate and time left; at most four redraws a second."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            console=console,
            refresh_per_second=4,
        )
        self._tasks: dict[Phase, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def update(self, progress: Progress) -> None:
        if progress.total == 0:
            return
        if progress.phase not in self._tasks:
            self._tasks[progress.phase] = self._bars.add_task(_TITLES[progress.phase], total=progress.total, state="")
        state = "  ".join(describe(progress))
        self._bars.update(self._tasks[progress.phase], total=progress.total, completed=progress.done, state=state)

    def message(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False)


class PlainDisplay:
    """One line at the start and end of a phase and every 10 seconds between."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._phase: Phase | None = None
        self._last = -_PLAIN_SECONDS
        self._ended: tuple[Phase, int] | None = None  # how many were over when none ran, as it was said last

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def update(self, progress: Progress) -> None:
        if progress.total == 0:
            return
        changed = progress.phase is not self._phase
        over = progress.phase, progress.done
        ended = progress.running == 0 and progress.done > 0 and over != self._ended
        if ended:
            self._ended = over
        if changed or ended or self._clock() - self._last >= _PLAIN_SECONDS:
            self._phase, self._last = progress.phase, self._clock()
            of = f"/{progress.total}" if progress.total is not None else ""
            self.message(f"{_TITLES[progress.phase]}: {progress.done}{of}  {'  '.join(describe(progress))}")

    def message(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def display_for(console: Console) -> LiveDisplay | PlainDisplay:
    """Live on a terminal; plain otherwise, and with CI or NO_COLOR set."""
    quiet = os.environ.get("CI") or os.environ.get("NO_COLOR")
    return LiveDisplay(console) if console.is_terminal and not quiet else PlainDisplay(console)


def describe(progress: Progress) -> list[str]:
    """``best 0.9861 (trial 31)``, counts, rate, time left; only what is known."""
    parts = []
    if progress.best is not None and progress.phase is Phase.SEARCH:
        value, number = progress.best
        parts.append(f"best {text.number(value)} (trial {number})")
    counts = {"running": progress.running, "stopped early": progress.stopped, "failed": progress.failed}
    parts += [f"{count} {word}" for word, count in counts.items() if count]
    if progress.rate is not None:
        parts.append(f"{progress.rate:.{0 if progress.rate >= 10 else 1}f}/min")
    if progress.eta:
        parts.append(f"{text.seconds(progress.eta)} left")
    return parts
