"""The record of a sweep explains every decision in it; what does not is found, and named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster.extend import extend_sweep
from assay.cluster.replay import Replay, replay
from assay.cluster.search_plan import Step
from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.cluster.wish import Wish
from assay.search import Decision, EventKind, Ledger, Phase, Report, Trial
from assay.spaces import Config, UsageError
from assay.trainables import Cause, Event, TrialSpec

from .worlds import World, make_sweep

SCHEDULERS: list[Any] = [
    "none",
    "asha",
    {"type": "asha", "eta": 2, "brackets": 2},
    "promotion_asha",
    "hyperband",
    "bohb",
    {"type": "median", "samples": 2},
    {"type": "pbt", "interval": 2},
    {"type": "pbt", "interval": 3, "synchronous": True},
]
SECTIONS: dict[str, Any] = {"fidelity": {"max": 9}, "budget": {"trials": 10}, "cluster": {"retry": {"lost": 99}}}
TPE = {"type": "tpe", "startup": 4}
every_scheduler = pytest.mark.parametrize("scheduler", SCHEDULERS, ids=str)
both_searchers = pytest.mark.parametrize("searcher", ["random", TPE], ids=["random", "tpe"])


def noisy(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
    noise = np.random.default_rng([spec.number, spec.segment, step])
    return {"score": spec.config["x"] * step + noise.normal()}, float(noise.uniform(0.5, 2))


def replayed(world: World) -> Replay:
    with closing(Ledger(world.store)) as ledger:
        return replay(ledger, ledger.sweep(world.sweep.name))


def assert_explained(world: World) -> int:
    """Every report, run, change and proposal was decided again; how many decisions there were."""
    with closing(Ledger(world.store)) as ledger:
        record = ledger.sweep(world.sweep.name)
        made, revisions = replay(ledger, record), ledger.revisions(record)
    assert made.difference is None
    search = world.phase(Phase.SEARCH)
    numbers = {trial.number for trial in search}
    runs = sum(event.kind is EventKind.RUN and event.number in numbers for event in world.events)
    changes = sum(max(0, len(trial.segments) - 1) for trial in search)
    defaults = [sweep.parameters.default() for _, sweep in revisions]  # they are no decisions
    proposed = sum((trial.segments[0].config if trial.segments else trial.config) not in defaults for trial in search)
    assert made.decisions == sum(len(trial.reports) for trial in search) + runs + changes + proposed
    return made.decisions


# What is explained


@every_scheduler
@both_searchers
def test_a_search_is_explained(world: Callable[..., World], searcher: Any, scheduler: Any) -> None:
    small = world(**SECTIONS, searcher=searcher, scheduler=scheduler)
    small.simulate(noisy, 3)
    assert small.ended is None
    assert assert_explained(small) > 40


def test_replicates_are_no_decisions(world: Callable[..., World]) -> None:
    small = world(**SECTIONS, scheduler="asha")
    small.simulate(noisy, 2)
    before = assert_explained(small)
    small.drive(VirtualExecutor(noisy, 2), phases=True)
    assert small.phase(Phase.REPLICATE)
    assert assert_explained(small) == before


def test_nothing_is_to_be_explained_of_a_sweep_that_has_not_begun(world: Callable[..., World]) -> None:
    small = world()
    with closing(Ledger(small.store, create=True)) as ledger:
        assert replay(ledger, small.record(ledger)) == Replay(0, None)


class Watched(VirtualExecutor):
    """Calls ``look`` whenever the controller waits, when all that it decided is recorded and done."""

    look: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, timeout: float) -> Sequence[Event]:
        self.look()
        return super().wait(timeout)


@pytest.mark.parametrize("scheduler", ["asha", "promotion_asha", "hyperband", {"type": "pbt", "interval": 2}], ids=str)
def test_a_sweep_that_runs_is_explained_at_any_time(world: Callable[..., World], scheduler: Any) -> None:
    small = world(**SECTIONS | {"budget": {"trials": 5}}, scheduler=scheduler)
    executor, counts = Watched(noisy, 3), list[int]()
    executor.look = lambda: counts.append(assert_explained(small))
    small.drive(executor)
    assert counts == sorted(counts)
    assert len(set(counts)) > 10
    assert assert_explained(small) >= counts[-1]


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.CANCEL, Wish.STOP])
@pytest.mark.parametrize("scheduler", ["promotion_asha", {"type": "pbt", "interval": 2}], ids=str)
def test_an_interrupted_sweep_is_explained(world: Callable[..., World], scheduler: Any, wish: Wish) -> None:
    small = world(**SECTIONS, searcher=TPE, scheduler=scheduler)
    small.wish = lambda now: wish if now > 6 else Wish.NONE
    small.simulate(noisy, 3)
    before = assert_explained(small)
    assert before > 10
    small.wish = lambda now: Wish.NONE
    small.simulate(noisy, 3)
    assert len(small.trials) == 10
    after = assert_explained(small)
    assert after > before or (wish is Wish.STOP and after == before), "a stopped population is at its end"


@pytest.mark.parametrize(("seed", "scheduler"), [*enumerate(SCHEDULERS)], ids=str)
def test_a_sweep_is_explained_after_crashes_and_faults(world: Callable[..., World], scheduler: Any, seed: int) -> None:
    small = world(**SECTIONS, scheduler=scheduler, searcher=[TPE, "random"][seed % 2], seed=seed)
    rng = np.random.default_rng(seed)
    counts = [0]
    for left in (2, 1, 0):
        faults = [Fault(float(at), trial=int(rng.integers(10))) for at in rng.uniform(0, 20, 4)]
        faults.append(Fault(float(rng.uniform(0, 20)), node=1, repair=5.0))
        crash = int(rng.integers(30, 90))
        small.order.clear()
        small.crash_at = (lambda *at: len(small.order) == crash) if left else None  # noqa: B023
        fails = {int(number): Cause.METRIC for number in rng.integers(10, size=1)}
        small.simulate(noisy, 4, nodes=2, faults=faults, crash=lambda spec, step: fails.get(spec.number))  # noqa: B023
        counts.append(assert_explained(small))
        assert counts[-1] >= counts[-2]
    assert small.ended is None
    assert all(trial.state.over for trial in small.trials)
    assert len([event for event in small.events if event.kind is EventKind.LOST]) >= 3


@pytest.mark.parametrize(
    "changes",
    [
        {"budget": {"trials": 14}},
        {"fidelity": {"max": 27}},
        {"parameters": {"x": "uniform(0.4, 2)"}, "budget": {"trials": 14}},
        {"parameters": {"x": "uniform(2, 3)"}, "budget": {"trials": 14}},
        {"parameters": {"x": [0.5, 0.7]}, "budget": {"trials": 11}},
        {"parameters": {"x": "uniform(0, 1)", "more": [1, 2]}, "budget": {"trials": 14}},
        {"scheduler": "median", "budget": {"trials": 14}},
        {"searcher": "random", "budget": {"trials": 14}, "fidelity": {"max": 12}},
    ],
    ids=str,
)
@pytest.mark.parametrize("scheduler", ["none", "promotion_asha"])
def test_an_extended_sweep_is_explained(world: Callable[..., World], scheduler: str, changes: dict[str, Any]) -> None:
    """What was decided before by what the sweep said then, and the rest by what it says now."""
    small = world(**SECTIONS, searcher=TPE, scheduler=scheduler)
    small.simulate(noisy, 3)
    before = assert_explained(small)
    longer = make_sweep(**small.sweep.model_dump(mode="json") | changes)
    with closing(Ledger(small.store)) as ledger:
        record, _ = extend_sweep(ledger, ledger.sweep("small"), longer)
    small.sweep = record.sweep
    small.simulate(noisy, 3)
    assert small.ended is None
    assert assert_explained(small) > before


# What is not


def write(store: Path, statement: str, *values: Any) -> None:
    """Falsify the record."""
    with closing(sqlite3.connect(store / "ledger.db")) as connection:
        changed = connection.execute(statement, values).rowcount
        connection.commit()
    assert changed == 1


def set_score(world: World, number: int, step: int, score: float) -> None:
    text = json.dumps({"score": score})
    write(world.store, "update reports set metrics = ? where number = ? and step = ?", text, number, step)


def difference(world: World) -> Step:
    made = replayed(world)
    assert made.difference is not None
    return made.difference


def reports_at(world: World, step: int) -> list[tuple[Trial, Report]]:
    """Reports of a step, in the order in which they came."""
    found = [(trial, report) for trial in world.trials for report in trial.reports if report.step == step]
    return sorted(found, key=lambda pair: pair[1].order)


@pytest.fixture
def halved(world: Callable[..., World]) -> World:
    """A finished search under ASHA."""
    small = world(**SECTIONS, scheduler="asha")
    small.simulate(noisy, 3)
    assert_explained(small)
    return small


@pytest.mark.parametrize("decision", [Decision.CONTINUE, Decision.STOP])
def test_another_decision(halved: World, decision: Decision) -> None:
    other = next(one for one in (Decision.STOP, Decision.CONTINUE) if one is not decision)
    trial, report = next(pair for pair in reports_at(halved, 3) if pair[1].decision == decision)
    statement = "update reports set decision = ? where number = ? and step = 3"
    write(halved.store, statement, str(other), trial.number)
    expected = Step(report.order, f"decision on trial {trial.number} at step 3", other, decision)
    assert difference(halved) == expected


def test_another_metric(halved: World) -> None:
    """It would have been good enough to go on."""
    trial, report = next(pair for pair in reports_at(halved, 1) if pair[1].decision == Decision.STOP)
    set_score(halved, trial.number, 1, 1000.0)
    what = f"decision on trial {trial.number} at step 1"
    assert difference(halved) == Step(report.order, what, Decision.STOP, Decision.CONTINUE)


def test_another_metric_of_another_trial(halved: World) -> None:
    """The first that was compared with it is named, not the one that was changed."""
    (first, _), *later = reports_at(halved, 1)
    set_score(halved, first.number, 1, 1000.0)
    found = difference(halved)
    assert found.what in {f"decision on trial {trial.number} at step 1" for trial, _ in later}
    assert (found.recorded, found.made) == (Decision.CONTINUE, Decision.STOP)


def test_two_reports_that_change_places(world: Callable[..., World]) -> None:
    """The worse one came second, and was stopped; as the first it would have gone on."""
    small = world(**SECTIONS, scheduler={"type": "asha", "eta": 2})
    small.simulate(lambda spec, step: ({"score": -spec.number}, 1.0 + spec.number / 1000), 2)
    (better, first), (worse, second) = reports_at(small, 1)[:2]
    assert (first.decision, second.decision) == (Decision.CONTINUE, Decision.STOP)
    for trial, order in ((better, second.order), (worse, first.order)):
        write(small.store, 'update reports set "order" = ? where number = ? and step = 1', order, trial.number)
    what = f"decision on trial {worse.number} at step 1"
    assert difference(small) == Step(first.order, what, Decision.STOP, Decision.CONTINUE)


@both_searchers
def test_another_config(world: Callable[..., World], searcher: Any) -> None:
    small = world(**SECTIONS, searcher=searcher)
    small.simulate(noisy, 3)
    assert_explained(small)
    trial, forged = small.trials[6], Config({"x": 0.125})
    statement = "update trials set config = ?, config_id = ? where number = 6"
    write(small.store, statement, json.dumps(dict(forged)), forged.config_id)
    expected = Step(trial.asked, "config of trial 6", '{"x": 0.125}', json.dumps(dict(trial.config)))
    assert difference(small) == expected


def test_a_proposal_that_does_not_follow_from_the_results(world: Callable[..., World]) -> None:
    """A metric that nothing but the searcher looked at: the first proposal with another model is named."""
    small = world(**SECTIONS, searcher=TPE)
    small.simulate(noisy, 3)
    assert_explained(small)
    worst = min(small.trials[:6], key=lambda trial: trial.value("score") or 0.0)
    set_score(small, worst.number, worst.last_step, 1000.0)
    found = difference(small)
    told = [trial for trial in small.trials if trial.asked > worst.reports[-1].order]
    assert found.what in {f"config of trial {trial.number}" for trial in told}
    [changed] = [trial for trial in told if found.what == f"config of trial {trial.number}"]
    assert (found.order, found.recorded) == (changed.asked, json.dumps(dict(changed.config)))
    assert found.made != found.recorded


def test_another_trial_that_was_let_run(world: Callable[..., World]) -> None:
    """Two that were promoted one after the other, as if the second had been the first."""
    small = world(**SECTIONS, scheduler={"type": "promotion_asha", "eta": 2})
    small.simulate(noisy, 3)
    assert_explained(small)
    started = {trial.number for trial in small.trials if trial.reports}
    runs = [event for event in small.events if event.kind is EventKind.RUN and event.number in started]
    again = [event for index, event in enumerate(runs) if event.number in {run.number for run in runs[:index]}]
    one, other = again[0], next(event for event in again if event.number != again[0].number)
    for event, number in ((one, other.number), (other, one.number)):
        write(small.store, 'update events set number = ? where "order" = ?', number, event.order)
    assert difference(small) == Step(one.order, "trial to run", str(other.number), str(one.number))


@pytest.mark.parametrize("column", ["source", "config"])
def test_another_change_of_a_population(world: Callable[..., World], column: str) -> None:
    small = world(**SECTIONS, scheduler={"type": "pbt", "interval": 2})
    small.simulate(noisy, 3)
    assert_explained(small)
    changes = [(trial, segment) for trial in small.trials for segment in trial.segments[1:]]
    trial, segment = min(changes, key=lambda change: change[1].order)
    source, config = (9 - (segment.source or 0), segment.config) if column == "source" else (segment.source, None)
    forged = json.dumps(dict(config)) if config else '{"x": 0.125}'
    statement = 'update segments set source = ?, config = ? where "order" = ?'
    write(small.store, statement, source, forged, segment.order)
    was = f"{json.dumps(dict(segment.config))} from trial {segment.source} at step {segment.first_step}"
    now = f"{forged} from trial {source} at step {segment.first_step}"
    assert difference(small) == Step(segment.order, f"change of trial {trial.number}", now, was)


def test_what_the_sweep_said(halved: World) -> None:
    """Another scheduler would have decided otherwise."""
    with closing(Ledger(halved.store)) as ledger:
        spec = ledger.sweep("small").sweep.model_dump(mode="json")
    spec["scheduler"] = {"type": "none"}
    write(halved.store, "update sweeps set spec = ?", json.dumps(spec))
    found = difference(halved)
    trial, report = next(pair for pair in reports_at(halved, 1) if pair[1].decision == Decision.STOP)
    what = f"decision on trial {trial.number} at step 1"
    assert found == Step(report.order, what, Decision.STOP, Decision.CONTINUE)


def test_it_counts_up_to_the_difference(halved: World) -> None:
    whole = replayed(halved).decisions
    trial, _ = reports_at(halved, 9)[-1]
    write(halved.store, "update reports set decision = 'stop' where number = ? and step = 9", trial.number)
    late = replayed(halved)
    assert late.difference is not None
    assert 0 < late.decisions <= whole
    first, _ = reports_at(halved, 1)[0]
    write(halved.store, "update reports set decision = 'stop' where number = ? and step = 1", first.number)
    assert replayed(halved).decisions < late.decisions


def test_what_ray_tune_decided_cannot_be_made_again(world: Callable[..., World]) -> None:
    small = world(engine="tune", searcher="random", scheduler="asha")
    with closing(Ledger(small.store, create=True)) as ledger:
        record = small.record(ledger)
        with pytest.raises(UsageError, match="the search of 'small' was run by engine tune: nothing to compare"):
            replay(ledger, record)


def test_nothing_is_written(halved: World) -> None:
    before, events = halved.trials, halved.events
    assert replayed(halved).decisions > 0
    assert (halved.trials, halved.events) == (before, events)
