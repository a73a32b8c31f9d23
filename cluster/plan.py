"""What the controller works off: the open-ended search, or a fixed list of runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ..search import Action, Decision, Exploit, Phase, Queue, Report, Saved, Trial
from ..spaces import Config
from .open_trial import OpenTrial

INTERRUPTED = "interrupted"
"""Why a trial lost its place that ran when the driver before this one ended."""

NO_CHECKPOINT = (
    "trials go on from each other's checkpoints here: call trial.save_checkpoint before each report "
    "(and leave checkpoints.every above 0)"
)
"""Why a trial of a population fails that keeps nothing to go on from."""


@dataclass(frozen=True)
class Request:
    """A trial to be recorded.

    Args:
        asked: position of the event at which its config was asked for; now when None.
        parent: the trial that it repeats, or whose model it tests; of a search, whose weights it starts from.
        changes: later configs, each with the step from which it counts: the schedule that population based training
            found.
    """

    phase: Phase
    config: Config
    seed: int
    split: int
    parent: int | None = None
    asked: int | None = None
    changes: tuple[tuple[int, Config], ...] = ()


class Now(Protocol):
    """What a plan may know of the controller when it is asked."""

    @property
    def number(self) -> int:
        """Of the next trial."""

    @property
    def elapsed(self) -> float:
        """Seconds of the phase so far."""

    @property
    def places(self) -> int:
        """Trials that can run at the same time."""

    def tick(self) -> int:
        """Position of the next event."""


class Plan(Protocol):
    """Says what runs, and hears what becomes of it. See :class:`~assay.search.Scheduler` for the meaning."""

    phase: Phase

    @property
    def total(self) -> int | None:
        """How many trials there will be, if that is known."""

    @property
    def copies(self) -> bool:
        """Whether trials go on from checkpoints of others."""

    @property
    def thinking(self) -> bool:
        """Whether something to run will be known soon, though not yet."""

    def next(self, now: Now) -> Request | int | None:
        """A trial to be recorded, a waiting one to be run, or None when there is neither."""

    def on_add(self, trial: OpenTrial) -> None:
        """A trial is recorded, and waits."""

    def on_run(self, number: int) -> None:
        """A waiting trial gets a place."""

    def on_report(self, trial: OpenTrial, report: Report, *, full: bool) -> Decision:
        """A trial made a new report; ``full``: the last of a full run."""

    def on_change(self, before: Trial, config: Config) -> None:
        """A waiting trial got another config; ``before`` is what it was until then."""

    def on_end(self, trial: Trial) -> None:
        """A trial is over."""

    def on_lost(self, number: int) -> None:
        """A trial lost its place, and waits."""

    def actions(self) -> list[Action]:
        """What was decided about waiting trials since the last call."""

    def horizon(self, trial: OpenTrial) -> int | None:
        """The next report after which something may be decided; None when nothing will be."""

    def pins(self) -> set[Saved]:
        """Checkpoints that other trials may still be sent to."""


class FixedPlan:
    """A list of runs, each in full: replicates and the final test.

    Args:
        recorded: how many trials of this phase are in the ledger already.
    """

    copies = False
    thinking = False

    def __init__(self, phase: Phase, requests: Iterable[Request], recorded: int = 0) -> None:
        self.phase = phase
        self._requests = list(requests)
        self._recorded = recorded
        self._next = 0
        self._queue = Queue()
        self._changes: dict[int, list[tuple[int, Config]]] = {}
        self._actions: list[Action] = []

    @property
    def total(self) -> int | None:
        return self._recorded + len(self._requests)

    def next(self, now: Now) -> Request | int | None:
        waiting = self._queue.choose()
        if waiting is not None or self._next >= len(self._requests):
            return waiting
        self._next += 1
        request = self._requests[self._next - 1]
        if request.changes:
            self._changes[now.number] = list(request.changes)
        return request

    def go_on(self, trial: Trial, changes: Iterable[tuple[int, Config]]) -> None:
        """A recorded trial that is not over is to be run, with the changes that still come."""
        self._queue.on_add(trial.number, trial.config)
        self._changes[trial.number] = list(changes)

    def on_add(self, trial: OpenTrial) -> None:
        self._queue.on_add(trial.number, trial.config)

    def on_run(self, number: int) -> None:
        self._queue.on_run(number)

    def on_report(self, trial: OpenTrial, report: Report, *, full: bool) -> Decision:
        change = next(iter(self._changes.get(trial.number, ())), None)
        if change is None or full or report.step < change[0]:
            return Decision.CONTINUE
        self._changes[trial.number].pop(0)
        self._actions.append(Exploit(trial.number, change[1], Saved(trial.number, trial.segment, report.step)))
        self._queue.on_lost(trial.number)
        return Decision.PAUSE

    def on_change(self, before: Trial, config: Config) -> None:
        pass

    def on_end(self, trial: Trial) -> None:
        self._queue.on_end(trial.number, trial.last_step, None)
        self._changes.pop(trial.number, None)

    def on_lost(self, number: int) -> None:
        self._queue.on_lost(number)

    def actions(self) -> list[Action]:
        done, self._actions = self._actions, []
        return done

    def horizon(self, trial: OpenTrial) -> int | None:
        change = next(iter(self._changes.get(trial.number, ())), None)
        return change[0] if change else None

    def pins(self) -> set[Saved]:
        return set()


def schedule_of(trial: Trial, trials: dict[int, Trial]) -> list[tuple[int, Config]]:
    """The configs under which the weights of a trial were trained, each with the step from which it counted.

    Population based training copies weights between trials, so the schedule is that of the weights, through all copies.
    """
    return _schedule(trial, len(trial.segments) - 1, trials)


def _schedule(trial: Trial, index: int, trials: dict[int, Trial]) -> list[tuple[int, Config]]:
    if index < 1:
        first = trial.segments[0].config if trial.segments else trial.config
        return [(0, first)]
    segment = trial.segments[index]
    source = trials[segment.source] if segment.source is not None else trial
    before = [entry for entry in _schedule(source, segment.source_segment, trials) if entry[0] < segment.first_step]
    return [*before, (segment.first_step, segment.config)]
