"""The search: the default config and the rivals first, then what the searcher proposes, until the budget is used up."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ..search import (
    Action,
    Decision,
    Event,
    EventKind,
    Exploit,
    Phase,
    Report,
    Saved,
    Scheduler,
    Segment,
    State,
    Sweep,
    Trial,
    trial_seed,
)
from ..spaces import Config
from .budget import Budget
from .open_trial import OpenTrial
from .plan import INTERRUPTED, Now, Request
from .proposals import Proposals


@dataclass(frozen=True)
class Step:
    """One decision of a recorded sweep, as it was recorded and as it is made again."""

    order: int
    what: str
    recorded: str
    made: str


class SearchPlan:
    """Asks the searcher, lets the scheduler decide, keeps to the budget.

    Args:
        sweep: gives the space, the budget and the seed.
        proposals, scheduler: fresh ones; :meth:`repeat` brings them up to date.
        ahead: trials to have recorded before one is chosen to run, beyond what the scheduler wants.
    """

    phase = Phase.SEARCH

    def __init__(self, sweep: Sweep, proposals: Proposals, scheduler: Scheduler, *, ahead: int = 0) -> None:
        self._sweep = sweep
        self._objective = sweep.objective
        self._compared = sweep.compared.metric
        self._given = sweep.given
        self._seed = trial_seed(sweep.seed, 0)
        self._inherits = sweep.searcher.inherits
        self._over: set[int] = set()
        self._proposals = proposals
        self._scheduler = scheduler
        self._ahead = ahead
        self._waiting: set[int] = set()  # recorded, and never run
        self._count = 0
        self._exhausted = False
        self._due: list[Action] = []  # decided when a sweep was made longer, on reports that were the last until then
        self.budget = Budget(sweep)
        self.last_decision: dict[int, Decision] = {}

    @property
    def total(self) -> int | None:
        return self._count if self._exhausted else self._limit

    @property
    def refused(self) -> str:
        """Which configs were not worth a trial, and why; empty when all were."""
        return self._proposals.taken.refused

    @property
    def copies(self) -> bool:
        return self._scheduler.copies

    @property
    def thinking(self) -> bool:
        return self._proposals.in_flight > 0 and not self.budget.over and not self._exhausted

    @property
    def _limit(self) -> int | None:
        members = getattr(self._sweep.scheduler, "population", None)
        return self._sweep.budget.trials or members

    def next(self, now: Now) -> Request | int | None:
        self.budget.look(now.elapsed)
        if self.budget.over:
            return self._ask_given(now)
        room = max(self._scheduler.room(), self._ahead - len(self._waiting))
        if room > 0 or self._scheduler.copies:  # members of a population take turns: all are known from the start
            request = self._ask(now)
            if request is not None:
                return request
            if room > 0 and self.thinking:
                return None
        waiting = self._scheduler.choose()
        if waiting is not None:
            return waiting
        request = self._ask(now)
        if request is not None or self.thinking:
            return request
        return self._scheduler.choose(last=True)

    def on_add(self, trial: OpenTrial) -> None:
        self._count += 1
        self._waiting.add(trial.number)
        self._scheduler.on_add(trial.number, trial.config)

    def on_run(self, number: int) -> None:
        self._waiting.discard(number)
        self._scheduler.on_run(number)

    def on_report(self, trial: OpenTrial, report: Report, *, full: bool) -> Decision:
        return self._decide(trial.number, report, full=full)

    def on_change(self, before: Trial, config: Config) -> None:
        """The searcher learns of each segment as of a trial of its own."""
        index = before.segments[-1].index if before.segments else 0
        self._proposals.tell(replace(before, reports=tuple(r for r in before.reports if r.segment == index)))
        self._proposals.adopt(before.number, config)

    def on_end(self, trial: Trial) -> None:
        value = None if trial.state is State.FAILED else trial.value(self._compared)
        self._waiting.discard(trial.number)
        self._over.add(trial.number)
        self._scheduler.on_end(trial.number, trial.last_step, value)
        self.budget.ended(trial)
        if trial.segments:
            own = tuple(report for report in trial.reports if report.segment == trial.segments[-1].index)
            trial = replace(trial, reports=own)
        self._proposals.tell(trial)

    def on_lost(self, number: int) -> None:
        self._scheduler.on_lost(number)

    def actions(self) -> list[Action]:
        due, self._due = self._due, []
        return [*due, *self._scheduler.actions()]

    def horizon(self, trial: OpenTrial) -> int | None:
        return self._scheduler.horizon(trial.number, trial.last_step)

    def pins(self) -> set[Saved]:
        return self._scheduler.pins()

    def close(self) -> None:
        """Let go of the searcher."""
        self._proposals.close()

    def _ask(self, now: Now) -> Request | None:
        given = self._ask_given(now)
        if given is not None:
            return given
        limit = self._limit
        if self._exhausted or (limit is not None and self._count >= limit):
            return None
        most = self._proposals.ahead(now.places)
        if limit is not None:
            most = min(most, limit - self._count)
        while self._proposals.in_flight < most:
            self._proposals.ask(now.number + self._proposals.in_flight, now.tick())
        proposal = self._proposals.fetch()
        if proposal is None:
            return None
        if proposal.config is None:
            self._exhausted = True
            return None
        # Of one that still trains it is left to chance whether it has weights to give when this one starts.
        parent = proposal.parent if self._inherits and proposal.parent in self._over else None
        return self._request(proposal.config, proposal.asked, parent)

    def _ask_given(self, now: Now) -> Request | None:
        """The next config that was named and not found; it is tried even when the budget is used up."""
        for config in self._given:
            if not self._proposals.taken.tried(config):
                self._proposals.adopt(now.number, config)
                self._proposals.taken.add(config)
                return self._request(config, now.tick())
        return None

    def _request(self, config: Config, asked: int, parent: int | None = None) -> Request:
        return Request(Phase.SEARCH, config, self._seed, split=0, parent=parent, asked=asked)

    def _decide(self, number: int, report: Report, *, full: bool) -> Decision:
        value = float(report.metrics[self._compared])
        self.budget.reported(number, report)
        values = (float(report.metrics[one.metric]) for one in self._objective.each)
        self._proposals.report(number, report.step, *values)
        if full:
            self._scheduler.on_end(number, report.step, value)
            decision = Decision.CONTINUE
        else:
            decision = self._scheduler.on_report(number, report.step, value)
        if self.budget.over and not full:
            decision = Decision.STOP
        return decision

    # What is recorded

    def repeat(self, trials: Iterable[Trial], events: Iterable[Event], *, ask_from: float = math.inf) -> Iterator[Step]:
        """Make the recorded events again, in their order; the decisions that are made at each.

        Args:
            trials: of the search, as they are or were known.
            events: of the sweep.
            ask_from: event from which on the searcher is asked again, instead of being told what it answered.
        """
        changes: dict[int, Exploit] = {}
        paused: set[int] = set()
        for happened in in_order(trials, events):
            trial, order = happened.trial, happened.order
            if happened.what == "ask":
                yield from self._repeat_ask(order, trial, ask=order >= ask_from)
            elif happened.what == "add":
                self._count += 1
                self._waiting.add(trial.number)
                self._scheduler.on_add(trial.number, first_config(trial))
            elif happened.what == "run":
                if happened.noted:
                    yield Step(order, "trial to run", str(trial.number), str(self._choose_again()))
                self.on_run(trial.number)
                paused.discard(trial.number)
            elif happened.what == "lost":
                if happened.cause == INTERRUPTED:  # a new driver, which forgave what had failed
                    self.budget.forgive()
                self.on_lost(trial.number)
            elif happened.segment is not None:
                yield _change(order, trial, happened.segment, changes.pop(trial.number, None))
                self.on_change(_until_segment(trial, happened.segment), happened.segment.config)
            elif happened.report is not None:
                if trial.number in paused:  # under another scheduler it went on
                    self._scheduler.on_run(trial.number)
                yield self._repeat_report(order, trial, happened.report)
                paused.discard(trial.number)
                if self.last_decision[trial.number] is Decision.PAUSE:
                    paused.add(trial.number)
            else:
                self.on_end(trial)
            for action in self._scheduler.actions():
                if isinstance(action, Exploit):
                    changes[action.number] = action
        self._due = list(changes.values())
        self.budget.forgive()

    def _choose_again(self) -> int | None:
        chosen = self._scheduler.choose()
        return chosen if chosen is not None else self._scheduler.choose(last=True)

    def _repeat_ask(self, order: int, trial: Trial, *, ask: bool) -> Iterator[Step]:
        config = first_config(trial)
        if not ask or config in self._given:
            self._proposals.taken.add(config)
            self._proposals.adopt(trial.number, config)
            return
        self._proposals.ask(trial.number, order)
        proposal = self._proposals.fetch()
        made = proposal.config if proposal else None
        yield Step(order, f"config of trial {trial.number}", _words(config), _words(made))

    def _repeat_report(self, order: int, trial: Trial, report: Report) -> Step:
        full = self._sweep.fidelity is not None and report.step >= self._sweep.fidelity.max
        self.budget.look(report.elapsed)
        decision = self._decide(trial.number, report, full=full)
        self.last_decision[trial.number] = decision
        if (report.decision, decision) == (Decision.PAUSE, Decision.CONTINUE):  # under another scheduler
            self._scheduler.on_lost(trial.number)
        return Step(order, f"decision on trial {trial.number} at step {report.step}", report.decision, decision)


@dataclass(frozen=True)
class _Happened:
    """Something recorded; ``noted``: by an event of its own, not only by its consequences."""

    order: int
    rank: int
    what: str
    trial: Trial
    report: Report | None = None
    segment: Segment | None = None
    noted: bool = True
    cause: str = ""


def in_order(trials: Iterable[Trial], events: Iterable[Event]) -> list[_Happened]:
    """Everything that happened to the trials of a search, in order."""
    known = {trial.number: trial for trial in trials}
    found: list[_Happened] = []
    ran: set[int] = set()
    for event in events:
        trial = known.get(event.number)
        if trial is not None and event.kind in (EventKind.RUN, EventKind.LOST):
            cause = str((event.detail or {}).get("cause", ""))
            found.append(_Happened(event.order, 2, str(event.kind), trial, cause=cause))
            ran.add(event.number)
    for trial in known.values():
        found.append(_Happened(trial.asked, 0, "ask", trial))
        found.append(_Happened(trial.started, 1, "add", trial))
        if trial.number not in ran and trial.reports:  # recorded by others
            found.append(_Happened(trial.started, 2, "run", trial, noted=False))
        found += [_Happened(report.order, 3, "report", trial, report=report) for report in trial.reports]
        found += [_Happened(segment.order, 3, "change", trial, segment=segment) for segment in trial.segments[1:]]
        if trial.ended is not None:
            found.append(_Happened(trial.ended, 4, "end", trial))
    return sorted(found, key=lambda happened: (happened.order, happened.rank))


def first_config(trial: Trial) -> Config:
    """What a trial began with."""
    return trial.segments[0].config if trial.segments else trial.config


def _until_segment(trial: Trial, segment: Segment) -> Trial:
    """A trial as it was when ``segment`` began."""
    return replace(
        trial,
        state=State.STOPPED,
        config=trial.segments[segment.index - 1].config,
        segments=trial.segments[: segment.index],
        reports=tuple(report for report in trial.reports if report.segment < segment.index),
    )


def _change(order: int, trial: Trial, segment: Segment, made: Exploit | None) -> Step:
    recorded = f"{_words(segment.config)} from trial {segment.source} at step {segment.first_step}"
    again = f"{_words(made.config)} from trial {made.source.number} at step {made.source.step}" if made else "none"
    return Step(order, f"change of trial {trial.number}", recorded, again)


def _words(config: Config | None) -> str:
    return json.dumps(dict(config)) if config is not None else "none"
