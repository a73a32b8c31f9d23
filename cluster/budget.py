"""When a search is over: what it may cost, what is good enough, and what is hopeless."""

from __future__ import annotations

import math

from ..search import Report, State, Sweep, Trial
from ..spaces.pareto import Archive

_HOPELESS_FAILURES = 5
_FEWEST_FOR_A_SHARE = 10
_HOUR = 3600.0


class Budget:
    """Adds up what a search spends and looks at every limit but the number of trials.

    Attributes:
        over: whether nothing more should be started, and what runs should end.
        reason: why, in words; empty when that is no news.
        gave_up: it ended because of failures.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._limits = sweep.budget
        self._resources = sweep.resources
        self._objective = sweep.objective
        self._max_failed = sweep.cluster.retry.max_failed
        self._spent: dict[int, float] = {}  # seconds, by trial that is not over
        self._seconds = 0.0
        self._best = Archive()  # of one objective, a single value
        self._best_of: int | None = None  # the trial
        self._since_best = 0
        self._scored = False
        self._ended = self._failed = 0
        self.over = False
        self.reason = ""
        self.gave_up = False

    def look(self, elapsed: float) -> None:
        """Look at the clock; ``elapsed`` in seconds of the search."""
        if self._limits.time is not None and elapsed >= self._limits.time:
            self._end("")

    def reported(self, number: int, report: Report) -> None:
        """A trial reported."""
        self._scored = True
        self._seconds += report.seconds - self._spent.get(number, 0.0)
        self._spent[number] = report.seconds
        scores = self._counted(report)
        if self._best.add(scores):
            self._best_of, self._since_best = number, 0
        if self._objective.reached(scores):
            self._end(f"trial {number} reached {self._targets}")
        self.look(report.elapsed)
        self._look_at_costs()

    def ended(self, trial: Trial) -> None:
        """A trial is over."""
        self._seconds += max(0.0, trial.seconds - self._spent.pop(trial.number, 0.0))
        self._ended += 1
        self._since_best += trial.number != self._best_of
        self._failed += trial.state is State.FAILED
        patience = self._limits.patience
        if patience is not None and self._since_best >= patience:
            self._end(f"the last {patience} trials brought nothing better")
        self._look_at_costs()
        self._look_at_failures()

    def forgive(self) -> None:
        """A sweep that is resumed gets a new chance: the cause of failures may have been mended."""
        self._failed = self._ended = 0
        if self.gave_up:
            self.over = self.gave_up = False
            self.reason = ""

    def _counted(self, report: Report) -> tuple[float, ...]:
        """Scores of a report; the worst there are when it is beyond a limit, or adds nothing to the hypervolume."""
        scores = self._objective.scores(report.metrics)
        corner = self._objective.corner if self._objective.others else (None,)
        beyond = any(low is not None and score <= low for score, low in zip(scores, corner, strict=True))
        return (-math.inf,) * len(scores) if beyond or self._objective.excess(report.metrics) else scores

    @property
    def _targets(self) -> str:
        aims = [one for one in self._objective.each if one.target is not None]
        if self._objective.others:
            return " and ".join(f"the target {one.target:g} of {one.metric}" for one in aims)
        return f"the target {self._objective.target:g}"

    def _look_at_costs(self) -> None:
        hours = self._seconds / _HOUR * self._resources.workers
        limits, resources = self._limits, self._resources
        spent = {
            "cpu_hours": (limits.cpu_hours, hours * resources.cpu),
            "gpu_hours": (limits.gpu_hours, hours * resources.gpu),
            "cost_usd": (limits.cost_usd, hours * (resources.usd_per_hour or 0.0)),
        }
        for name, (limit, so_far) in spent.items():
            if limit is not None and so_far >= limit:
                self._end(f"budget.{name} {limit:g} is used up")

    def _look_at_failures(self) -> None:
        if not self._scored and self._failed >= _HOPELESS_FAILURES:
            self.gave_up = True
            self._end("")
        if self._max_failed is None or self._ended < _FEWEST_FOR_A_SHARE:
            return
        if self._failed / self._ended > self._max_failed:
            self.gave_up = True
            limit = f"more than the {self._max_failed:.0%} of cluster.retry.max_failed"
            self._end(f"{self._failed} of {self._ended} trials failed, {limit}")

    def _end(self, reason: str) -> None:
        if not self.over:
            self.over, self.reason = True, reason
