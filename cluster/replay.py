"""Making every decision of a recorded sweep again, to show that the record explains them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..search import Event, EventKind, Ledger, Phase, State, SweepRecord, Trial
from ..spaces import UsageError
from .phases import search_plan
from .search_plan import Step
from .supernets import found_architectures


@dataclass(frozen=True)
class Replay:
    """How many decisions were made again, and the first that came out differently."""

    decisions: int
    difference: Step | None


def replay(ledger: Ledger, record: SweepRecord) -> Replay:
    """Tell fresh searchers and schedulers what happened, in the recorded order, and compare what they decide.

    Where the sweep was extended, or trials were reopened, fresh ones are told all again as it was known from then on:
    that is what the sweep itself did.

    Raises:
        UsageError: when the search was run by Ray Tune or another tool, whose decisions are not ours.
    """
    if record.sweep.engine != "assay":
        raise UsageError(f"the search of {record.name!r} was run by engine {record.sweep.engine}: nothing to compare")
    trials, events = ledger.trials(record, Phase.SEARCH), ledger.events(record)
    runs = [event.order for event in events if event.kind is EventKind.RUN]
    if trials and not runs:
        raise UsageError(f"the results of {record.name!r} were imported: nothing was decided here")
    revisions = ledger.revisions(record)
    numbers = {trial.number for trial in trials}
    reopened = [event.order for event in events if event.kind is EventKind.REOPENED and event.number in numbers]
    changed = {0, *(order for order, _ in revisions), *(order + 1 for order in reopened)}
    # Many are reopened one after the other: what happens begins after the last of them and ends before the first.
    starts = sorted(order for order in changed if order + 1 not in changed)
    ends = sorted(order for order in changed - {0} if order - 1 not in changed)
    count = 0
    for start, end in zip(starts, [*ends, None], strict=True):
        if not any(start <= order and (end is None or order < end) for order in runs):
            continue  # nothing was decided here, or by another tool
        sweep = next(sweep for order, sweep in reversed(revisions) if order <= start)
        plan = search_plan(sweep, architectures=found_architectures(ledger, record), directory=record.directory)
        past = [event for event in events if end is None or event.order < end]
        for step in plan.repeat(as_of(trials, events, end), past, ask_from=start):
            if step.order < start:
                continue
            count += 1
            if step.recorded != step.made:
                return Replay(count, step)
    return Replay(count, None)


def as_of(trials: Iterable[Trial], events: Sequence[Event], order: int | None) -> list[Trial]:
    """The trials as they were recorded before event ``order``."""
    if order is None:
        return list(trials)
    later: dict[int, Event] = {}
    for event in reversed(events):
        if event.kind is EventKind.REOPENED and event.order >= order:
            later[event.number] = event  # the first of them, as it is overwritten by earlier ones
    return [_as_of(trial, later.get(trial.number), order) for trial in trials if trial.started < order]


def _as_of(trial: Trial, reopened: Event | None, order: int) -> Trial:
    ended, state, seconds = trial.ended, trial.state, trial.seconds
    if reopened is not None:
        ended, state = reopened.detail["ended"], State(reopened.detail["state"])
        seconds = reopened.detail.get("seconds", seconds)
    if ended is not None and ended >= order:
        ended, state = None, State.RUNNING
    segments = tuple(segment for segment in trial.segments if segment.order < order)
    reports = tuple(report for report in trial.reports if report.order < order)
    config = segments[-1].config if segments else trial.config
    return replace(trial, config=config, ended=ended, state=state, seconds=seconds, segments=segments, reports=reports)
