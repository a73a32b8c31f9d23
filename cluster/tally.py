"""What the progress of a phase is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..search import Phase, Report, State, Trial
from ..spaces import Objective
from .plan import Plan
from .progress import Progress


class Tally:
    """Counts the trials of a phase that are over, and remembers the best of the search.

    Args:
        known: the trials of the phase so far.
    """

    def __init__(self, objective: Objective, known: Iterable[Trial] = ()) -> None:
        self._objective = objective
        self._counts: Counter[State] = Counter()
        self._best: tuple[float, int] | None = None
        self._here = 0
        for trial in known:
            if trial.state.over:
                self._counts[trial.state] += 1
            for report in trial.reports:
                self.reported(trial.number, trial.phase, report)

    @property
    def over(self) -> int:
        """Trials that are."""
        return self._counts.total()

    def ended(self, state: State) -> None:
        """One more."""
        self._counts[state] += 1
        self._here += 1

    def reported(self, number: int, phase: Phase, report: Report) -> None:
        """Trial ``number`` reported."""
        if phase is not Phase.SEARCH:
            return
        value = float(report.metrics[self._objective.metric])
        better = self._best is None or self._objective.score(value) > self._objective.score(self._best[0])
        if better and not self._objective.excess(report.metrics):
            self._best = value, number

    def progress(self, plan: Plan, running: int, elapsed: float) -> Progress:
        """How far the phase is, ``elapsed`` seconds after it began or went on."""
        return Progress(
            phase=plan.phase,
            total=plan.total,
            running=running,
            complete=self._counts[State.COMPLETE],
            stopped=self._counts[State.STOPPED],
            failed=self._counts[State.FAILED],
            best=self._best,
            elapsed=elapsed,
            finished_here=self._here,
        )
