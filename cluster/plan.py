"""What the controller works off: the open-ended search, or a fixed list of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..search import Decision, Phase, Report, Scheduler, Searcher, State, Sweep, Trial, trial_seed
from ..spaces import Config

_FAILURES_BEFORE_GIVING_UP = 5


@dataclass(frozen=True)
class Request:
    """A trial to be started; ``parent`` is the trial that it repeats, or whose model it tests."""

    phase: Phase
    config: Config
    seed: int
    split: int
    parent: int | None = None


class Plan(Protocol):
    """Hands out requests and hears what becomes of them."""

    phase: Phase

    @property
    def total(self) -> int | None:
        """How many trials there will be, if that is known."""

    def next(self, number: int, elapsed: float) -> Request | None:
        """The next trial, to be called ``number``; None when there is nothing (more) to start."""

    def on_start(self, trial: Trial) -> None:
        """A trial was recorded."""

    def on_report(self, trial: Trial, report: Report) -> Decision:
        """A trial made a new report, which is recorded."""

    def on_end(self, trial: Trial) -> None:
        """A trial is over, which is recorded."""


class SearchPlan:
    """Default config first, then what the searcher proposes, until the budget is used up.

    Args:
        sweep: gives the space, the budget and the seed.
        searcher, scheduler: fresh ones; they are brought up to date with ``trials``.
        trials: what the ledger has of the search. All events are repeated in the order in which they happened, so that
            an interrupted search goes on as if it had not been.
    """

    phase = Phase.SEARCH

    def __init__(self, sweep: Sweep, searcher: Searcher, scheduler: Scheduler, trials: Sequence[Trial] = ()) -> None:
        self._sweep = sweep
        self._metric = sweep.objective.metric
        self._searcher = searcher
        self._scheduler = scheduler
        self._taken: set[Config] = set()
        self._exhausted = False
        self._scored = False
        self._failures = 0
        self.last_decision: dict[int, Decision] = {}
        self._replay(trials)

    @property
    def total(self) -> int | None:
        return len(self._taken) if self._exhausted else self._sweep.budget.trials

    @property
    def gave_up(self) -> bool:
        """Whether the search ended before its budget, because nothing but failures came."""
        limit = self._sweep.budget.trials
        return self._hopeless and (limit is None or len(self._taken) < limit)

    def next(self, number: int, elapsed: float) -> Request | None:
        budget = self._sweep.budget
        used_up = budget.trials is not None and len(self._taken) >= budget.trials
        if used_up or self._out_of_time(elapsed) or self._hopeless or self._exhausted:
            return None
        default = self._sweep.parameters.default()
        config = default if default not in self._taken else self._searcher.ask(number, self._taken)
        if config is None:
            self._exhausted = True
            return None
        return Request(Phase.SEARCH, config, trial_seed(self._sweep.seed, 0), split=0)

    def on_start(self, trial: Trial) -> None:
        self._taken.add(trial.config)
        self._scheduler.on_start(trial.number)

    def on_report(self, trial: Trial, report: Report) -> Decision:
        self._scored = True
        decision = self._scheduler.on_report(trial.number, report.step, report.metrics[self._metric])
        if self._out_of_time(report.elapsed):
            decision = Decision.STOP
        self.last_decision[trial.number] = decision
        return decision

    def on_end(self, trial: Trial) -> None:
        if trial.state is State.FAILED:
            self._failures += 1
        if trial.state is not State.STOPPED:
            value = None if trial.state is State.FAILED else trial.value(self._metric)
            self._scheduler.on_end(trial.number, trial.last_step, value)
        self._searcher.tell(trial)

    @property
    def _hopeless(self) -> bool:
        return not self._scored and self._failures >= _FAILURES_BEFORE_GIVING_UP

    def _out_of_time(self, elapsed: float) -> bool:
        limit = self._sweep.budget.time
        return limit is not None and elapsed >= limit

    def _replay(self, trials: Iterable[Trial]) -> None:
        events: list[tuple[int, Trial, Report | None, bool]] = []
        for trial in trials:
            events.append((trial.started, trial, None, False))
            events += [(report.order, trial, report, False) for report in trial.reports]
            if trial.ended is not None:
                events.append((trial.ended, trial, None, True))
        for _, trial, report, ended in sorted(events, key=lambda event: event[0]):
            if report is not None:
                self.on_report(trial, report)
            elif ended:
                self.on_end(trial)
            else:
                self.on_start(trial)
        self._failures = 0  # a resumed sweep gets a new chance: the cause may have been mended


class FixedPlan:
    """A list of runs, each in full: replicates and the final test.

    Args:
        recorded: trials of this phase that are in the ledger already, for the total.
    """

    def __init__(self, phase: Phase, requests: Iterable[Request], recorded: int = 0) -> None:
        self.phase = phase
        self._requests = list(requests)
        self._recorded = recorded
        self._next = 0

    @property
    def total(self) -> int | None:
        return self._recorded + len(self._requests)

    def next(self, number: int, elapsed: float) -> Request | None:
        if self._next >= len(self._requests):
            return None
        self._next += 1
        return self._requests[self._next - 1]

    def on_start(self, trial: Trial) -> None:
        pass

    def on_report(self, trial: Trial, report: Report) -> Decision:
        return Decision.CONTINUE

    def on_end(self, trial: Trial) -> None:
        pass
