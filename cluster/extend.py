"""Going on with a sweep that was over: with more trials, longer ones, another space, or what failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..search import Decision, Event, EventKind, Ledger, Phase, State, Sweep, SweepRecord, Trial
from ..spaces import Problem, SweepError
from .phases import search_plan
from .supernets import found_architectures

_MAY_CHANGE = {
    "description", "parameters", "searcher", "scheduler", "fidelity", "budget", "resources", "cluster",
    "checkpoints", "leaderboard", "objectives", "tracking", "export", "architecture",
}  # fmt: skip
_OF_THE_SEARCH = {"zero_cost", "prefilter"}
"""What of an architecture leaves its networks as they are."""
_FIXED_LENGTH = ("hyperband", "bohb")
_POPULATIONS = ("pbt", "pb2")


def extend_sweep(ledger: Ledger, record: SweepRecord, sweep: Sweep) -> tuple[SweepRecord, str]:
    """Let a recorded sweep say what ``sweep`` says from now on; what became of its trials, in words.

    All trials are kept. Full runs that are not full any more go on from their checkpoints, as far as the scheduler lets
    them.

    Raises:
        SweepError: when something differs that cannot change, because results would not be comparable.
    """
    _check(record.sweep, sweep)
    there = len(ledger.trials(record, Phase.SEARCH))
    if sweep.budget.trials is not None and sweep.budget.trials < there:
        more = f"sweep {sweep.name!r} has {there} trials already: it can grow, not shrink to {sweep.budget.trials}"
        raise SweepError([Problem(("budget", "trials"), more)])
    order = next_order(ledger, record)
    longer = sweep.fidelity is not None and record.sweep.fidelity != sweep.fidelity
    record = ledger.revise(record, sweep, order)
    if not longer or sweep.fidelity is None:
        return record, ""
    known = ledger.trials(record, Phase.SEARCH)
    plan = search_plan(sweep, architectures=found_architectures(ledger, record), directory=record.directory)
    for _ in plan.repeat(known, ledger.events(record)):
        pass
    short = [t for t in known if t.state is State.COMPLETE and t.last_step < sweep.fidelity.max]
    decided = {trial.number: plan.last_decision.get(trial.number, Decision.CONTINUE) for trial in short}
    going = [trial for trial in short if decided[trial.number] is not Decision.STOP]
    paused = {number for number, decision in decided.items() if decision is Decision.PAUSE}
    reopen(ledger, record, short, paused)
    order, journal = next_order(ledger, record), ledger.journal(record)
    for trial in short:
        if decided[trial.number] is Decision.STOP:
            journal.update(replace(trial, state=State.STOPPED, ended=order))
            order += 1
    journal.commit()
    reopen(ledger, record, _of_shorter_models(ledger.trials(record), sweep.fidelity.max))
    return record, f"{len(going)} of {len(short)} full runs go on to {sweep.fidelity.max} {sweep.fidelity.unit}s"


def _of_shorter_models(trials: list[Trial], length: int) -> list[Trial]:
    """Replicates that trained less than a full run now, and tests of models that train on."""
    later = [trial for trial in trials if trial.phase is not Phase.SEARCH and trial.state.over]
    repeated = [t for t in later if t.phase in (Phase.REPLICATE, Phase.CONFIRM) and t.state is State.COMPLETE]
    replicates = [trial for trial in repeated if trial.last_step < length]
    longer = {trial.number for trial in replicates}
    open_search = {t.number for t in trials if t.phase is Phase.SEARCH and not t.state.over}
    tests = [t for t in later if t.phase is Phase.TEST and t.parent in longer | open_search]
    return [*replicates, *tests]


def reopen(ledger: Ledger, record: SweepRecord, trials: Iterable[Trial], paused: Iterable[int] = ()) -> None:
    """Let trials that are over go on."""
    journal, order, waiting = ledger.journal(record), next_order(ledger, record), set(paused)
    for trial in trials:
        state = State.PAUSED if trial.number in waiting else State.PENDING
        was = {"ended": trial.ended, "state": trial.state, "reason": trial.reason, "seconds": trial.seconds}
        journal.event(Event(order, EventKind.REOPENED, trial.number, was))
        journal.update(replace(trial, state=state, ended=None, reason="", detail=""))
        order += 1
    journal.commit()


def next_order(ledger: Ledger, record: SweepRecord) -> int:
    """Position of the next event of a sweep that nobody runs."""
    orders = [event.order for event in ledger.events(record)]
    for trial in ledger.trials(record):
        orders += [trial.asked, trial.started, trial.ended or 0]
        orders += [report.order for report in trial.reports] + [segment.order for segment in trial.segments]
    return 1 + max(orders, default=-1)


def _check(old: Sweep, new: Sweep) -> None:
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    fixed = [key for key in before if key not in _MAY_CHANGE and before[key] != after[key]]
    fixed += _other_networks(before["architecture"], after["architecture"])
    if [(o.metric, o.goal, o.scorer) for o in old.objectives] != [(o.metric, o.goal, o.scorer) for o in new.objectives]:
        fixed.append("objective")
    if "one_shot" in (old.searcher.type, new.searcher.type) and old.searcher != new.searcher:
        fixed.append("searcher")  # the supernet is trained
    if old.leaderboard.folds != new.leaderboard.folds:
        fixed.append("leaderboard.folds")  # the search validates on a fold, too
    if fixed:
        raise SweepError(
            f"sweep {old.name!r} cannot be extended with another {' and '.join(fixed)}: results would not be "
            "comparable; give the new sweep another --name"
        )
    if old.fidelity and new.fidelity and old.fidelity.unit != new.fidelity.unit:
        raise SweepError(
            f"sweep {old.name!r} counts in {old.fidelity.unit}s, and cannot be extended in {new.fidelity.unit}s"
        )
    if (old.fidelity is None) != (new.fidelity is None):
        raise SweepError(f"sweep {old.name!r} cannot be extended: it {_has(old)}, and the new file {_has(new)}")
    _check_scheduler(old, new)
    if old.fidelity is None or new.fidelity is None or old.fidelity == new.fidelity:
        return
    if new.fidelity.max < old.fidelity.max:
        raise SweepError(
            f"sweep {old.name!r} has full runs of {old.fidelity.max} {old.fidelity.unit}s: fidelity.max can grow, "
            f"not shrink to {new.fidelity.max}"
        )
    if new.scheduler.type in _FIXED_LENGTH:
        raise SweepError(
            f"{new.scheduler.type} lays out all its runs from fidelity.max: it cannot grow; extend with scheduler asha"
        )


def _other_networks(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    """Sections of an architecture that cannot change; all of it where one has none.

    The input of a model space may be added: it is what networks are measured with, which had nothing before.
    """
    if old is None or new is None:
        return [] if old is new else ["architecture"]
    added = {"input"} if old["space"] is not None and old["input"] is None else set()
    return [f"architecture.{key}" for key in old if old[key] != new[key] and key not in _OF_THE_SEARCH | added]


def _check_scheduler(old: Sweep, new: Sweep) -> None:
    """Some cannot take over what others began: they lay out all runs in advance, or send trials to each other."""
    kind = new.scheduler.type
    if kind not in (*_FIXED_LENGTH, *_POPULATIONS):
        return
    same = old.scheduler.model_dump(exclude={"population"}) == new.scheduler.model_dump(exclude={"population"})
    if same and (kind in _FIXED_LENGTH or _comparisons(old, old) == _comparisons(new, old)):
        return
    interval = f" (interval: {_comparisons(old, old)[0]})" if same else ""
    raise SweepError(
        f"sweep {old.name!r} cannot be extended with scheduler {kind}, which would have led its trials otherwise: keep "
        f"the scheduler as it was{interval}, or take none, median, asha or promotion_asha"
    )


def _comparisons(sweep: Sweep, old: Sweep) -> list[int]:
    """Steps at which trials are compared, as far as they ran until now."""
    fidelity, most = sweep.granted, old.fidelity.max if old.fidelity else 0
    return [step for step in sweep.scheduler.rungs(fidelity) if step < most] if fidelity else []


def _has(sweep: Sweep) -> str:
    return f"has a fidelity of {sweep.fidelity.max}" if sweep.fidelity else "has no fidelity"
