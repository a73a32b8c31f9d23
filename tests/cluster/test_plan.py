"""A search plan rebuilt from the ledger goes on as the one that was interrupted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from assay.cluster import Controller, FixedPlan, Request
from assay.cluster.phases import search_plan
from assay.cluster.virtual_executor import VirtualExecutor
from assay.search import Decision, Ledger, Phase, Sweep, Trial

from .worlds import World, rising

SCHEDULERS = {
    "none": "none",
    "asha": {"type": "asha", "eta": 2},
    "asha, brackets": {"type": "asha", "brackets": 2},
    "promotion_asha": {"type": "promotion_asha", "eta": 2},
    "hyperband": "hyperband",
    "bohb": "bohb",
    "median": {"type": "median", "samples": 2},
    "pbt": {"type": "pbt", "interval": 2},
    "pbt, synchronous": {"type": "pbt", "interval": 2, "synchronous": True},
}


def wavy(spec: Any, step: int) -> tuple[dict[str, float], float]:
    """Curves that cross."""
    x = spec.config["x"]
    return {"score": x * step**0.5 - (x - 0.4) ** 2 * step}, 1.0 + spec.number / 1000


def what_happened(trials: list[Trial]) -> list[Any]:
    return [(t.config, t.state, [(s.config, s.source, s.first_step) for s in t.segments], decisions(t)) for t in trials]


def decisions(trial: Trial) -> list[tuple[int, str]]:
    return [(report.step, report.decision) for report in trial.reports]


class Now:
    """What a plan is told of the controller."""

    number, elapsed, places = 0, 0.0, 1

    def tick(self) -> int:
        return 0


@pytest.mark.parametrize("scheduler", [name for name in SCHEDULERS if name not in ("hyperband", "bohb")])
@pytest.mark.parametrize("searcher", ["random", {"type": "tpe", "startup": 4}])
def test_a_rebuilt_plan_goes_on_as_before(world: Callable[..., World], searcher: Any, scheduler: str) -> None:
    sections = {"searcher": searcher, "scheduler": SCHEDULERS[scheduler], "fidelity": {"max": 9}}
    whole, cut = (world(name=name, budget={"trials": 10}, **sections) for name in ("whole", "cut"))
    whole.simulate(wavy)
    for driver in range(5):
        cut.order.clear()
        cut.crash_at = lambda call, number: cut.order.count(("wait", -1)) == 11 + driver  # noqa: B023
        cut.simulate(wavy)
    cut.crash_at = None
    cut.simulate(wavy)
    assert cut.ended is None
    assert what_happened(cut.trials) == what_happened(whole.trials)


@pytest.mark.parametrize(("scheduler", "workers"), [*itertools.product(SCHEDULERS, [1, 3]), ("pb2", 3)])
def test_what_is_recorded_is_what_is_decided_again(world: Callable[..., World], scheduler: str, workers: int) -> None:
    options = SCHEDULERS.get(scheduler, {"type": "pb2", "interval": 4})
    small = world(scheduler=options, fidelity={"max": 9}, budget={"trials": 12})
    small.simulate(wavy, workers)
    steps = small.repeated()
    assert [step for step in steps if step.recorded != step.made] == []
    kinds = {step.what.split()[0] for step in steps}
    assert {"trial", "decision", "config"} <= kinds
    assert ("change" in kinds) == scheduler.startswith("pb")


def test_another_decision_is_noticed(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 6})
    small.simulate(wavy)
    with closing(Ledger(small.store)) as ledger:
        record = ledger.sweep("small")
        known, events = ledger.trials(record), ledger.events(record)
    stopped = next(trial for trial in known if trial.reports[-1].decision == Decision.STOP)
    forged = replace(stopped, reports=(*stopped.reports[:-1], replace(stopped.reports[-1], decision="continue")))
    (step,) = [
        step
        for step in search_plan(small.sweep).repeat([forged if t is stopped else t for t in known], events)
        if step.recorded != step.made
    ]
    assert (step.order, step.recorded, step.made) == (stopped.reports[-1].order, "continue", "stop")


def test_another_config_is_noticed(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 4})
    small.simulate()
    other = small.sweep.model_copy(update={"seed": 1})
    with closing(Ledger(small.store)) as ledger:
        record = ledger.sweep("small")
        steps = list(search_plan(other).repeat(ledger.trials(record), ledger.events(record), ask_from=0))
    assert {step.what for step in steps if step.recorded != step.made} == {f"config of trial {n}" for n in (1, 2, 3)}


def test_all_trials_of_the_search_share_a_seed_and_a_split(world: Callable[..., World]) -> None:
    small = world()
    small.simulate()
    assert len({trial.seed for trial in small.trials}) == 1
    assert {trial.split for trial in small.trials} == {0}


def test_trials_can_be_recorded_ahead_of_those_that_run(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 6})
    with closing(Ledger(small.store, create=True)) as ledger:
        executor = VirtualExecutor(rising, 1)
        plan = search_plan(small.sweep, ahead=3)
        Controller(ledger, small.record(ledger), executor, clock=executor.clock, observer=small.notes).run(plan, [], [])
    first_run = small.events[0]
    assert [trial.number for trial in small.trials if trial.started < first_run.order] == [0, 1, 2]
    assert len(small.trials) == 6


def test_a_fixed_plan_hands_out_its_requests_once(sweep_of: Callable[..., Sweep]) -> None:
    config = sweep_of().parameters.default()
    requests = [Request(Phase.REPLICATE, config, seed, seed, 3) for seed in (1, 2)]
    plan = FixedPlan(Phase.REPLICATE, iter(requests), recorded=5)
    assert plan.total == 7
    assert [plan.next(Now()) for _ in range(3)] == [*requests, None]
