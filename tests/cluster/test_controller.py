"""The controller against executors in virtual time: what is recorded when, and what follows from what."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Controller, FixedPlan, Request
from assay.cluster.api import run
from assay.cluster.wish import Wish
from assay.search import Ledger, Phase, Report, State, Trial
from assay.spaces import Config
from assay.trainables import Cause, TrialSpec

from .worlds import Crash, FragileLedger, ScriptedExecutor, World, first_step

FULL = [0.1, 0.2, 0.3, 0.4]


def full(spec: TrialSpec, attempt: int) -> list[float]:
    return FULL[first_step(spec) :]


def work_off(world: World, plan: FixedPlan, script: Callable[..., Any] = full, capacity: int = 1) -> ScriptedExecutor:
    """One driver of one plan."""
    ledger = FragileLedger(world.store)
    executor = ScriptedExecutor(script, world.clock, capacity=capacity)
    controller = Controller(ledger, world.record(ledger), executor, clock=world.clock, observer=world.notes)
    controller.run(plan, [], [])
    ledger.close()
    return executor


def test_every_report_is_recorded_before_the_trial_is_told_anything(world: Callable[..., World]) -> None:
    small = world()
    small.script(full, capacity=2)
    for number in range(4):
        calls = [call for call, of in small.order if of == number and not call.startswith("before")]
        assert calls == ["add", "run", "running", "start", *["report", "resume"] * 4, "complete"]
    assert small.states == [State.COMPLETE] * 4


def test_what_the_program_froze_stays_frozen(world: Callable[..., World]) -> None:
    gc.unfreeze()
    world().script(full)
    assert gc.get_freeze_count() == 0
    gc.freeze()
    try:
        world().script(full)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("scheduler", ["asha", "promotion_asha", "hyperband", "median", {"type": "pbt", "interval": 2}])
def test_nothing_is_acted_on_before_it_is_recorded(world: Callable[..., World], scheduler: Any) -> None:
    """The witness between controller and executor looks into the ledger at each call."""
    small = world(scheduler=scheduler, fidelity={"max": 9}, budget={"trials": 12})
    small.simulate(workers=3)
    assert small.ended is None
    told = {call for call, number in small.order}
    assert {"start", "resume"} <= told
    assert {"stop", "abandon"} & told


def test_a_round_records_everything_before_it_acts(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 12})
    small.simulate(workers=3)
    rounds: list[list[str]] = [[]]
    for call, _ in small.order:
        rounds[-1].append(call)
        if call == "wait":
            rounds.append([])
    for calls in rounds:
        writes = [call in ("start", "resume", "stop", "wait") for call in calls]
        assert writes == sorted(writes), "recorded after it was acted on"


@pytest.mark.parametrize("crash_at", ["before report", "report", "resume", "wait"])
def test_a_crash_around_a_report_loses_and_doubles_nothing(world: Callable[..., World], crash_at: str) -> None:
    small = world()
    small.crash_at = (crash_at, -1 if crash_at == "wait" else 0)
    small.script(full)
    recorded = small.trials[0].reports
    assert len(recorded) == (1 if crash_at in ("report", "resume") else 0)
    assert small.states == [State.RUNNING]
    executor = small.script(full)
    assert first_step(executor.specs[0]) == len(recorded)
    assert small.trials[0].reports[: len(recorded)] == recorded
    assert [[report.step for report in trial.reports] for trial in small.trials] == [[1, 2, 3, 4]] * 4


def test_what_the_scheduler_stops_is_stopped(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 6})
    executor = small.script(lambda spec, attempt: [value - 0.1 * spec.number for value in full(spec, attempt)])
    assert small.states == [State.COMPLETE] + [State.STOPPED] * 5
    assert all(len(trial.reports) == 1 for trial in small.trials[1:])
    assert all(("stop", number) in executor.calls for number in range(1, 6))


def test_a_stopped_trial_whose_worker_dies_is_stopped_all_the_same(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 3})
    executor = small.script(lambda spec, attempt: [-spec.number, 1, 1, 1, "dies when stopped"])
    assert small.states == [State.COMPLETE, State.STOPPED, State.STOPPED]
    assert [call for call in executor.calls if call == ("start", 1)] == [("start", 1)]


def test_a_trial_stuck_after_its_stop_is_stopped(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 3})
    small.script(lambda spec, attempt: [-spec.number, 1, 1, 1, "stuck when stopped"])
    assert small.states == [State.COMPLETE, State.STOPPED, State.STOPPED]
    assert small.trials[1].reason == "went on"


@pytest.mark.parametrize("crash_at", ["report", "stop", "before stopped"])
def test_a_stop_survives_the_driver(world: Callable[..., World], crash_at: str) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 3})

    def script(spec: TrialSpec, attempt: int) -> list[float]:
        return [-spec.number, 1, 1, 1][first_step(spec) :]

    small.crash_at = (crash_at, 1)
    small.script(script)
    assert small.states == [State.COMPLETE, State.RUNNING]
    executor = small.script(script)
    assert [spec.number for spec in executor.specs] == [2]
    assert small.states == [State.COMPLETE, State.STOPPED, State.STOPPED]
    assert len(small.trials[1].reports) == 1
    assert small.notes.updates[-1].stopped == 2


def test_a_run_past_the_maximum_is_ended_as_complete(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    executor = small.script(lambda spec, attempt: [0.1] * 50)
    assert small.states == [State.COMPLETE]
    assert [report.step for report in small.trials[0].reports] == [1, 2, 3, 4]
    assert executor.calls[-1] == ("stop", 0)


def test_a_run_past_the_maximum_whose_worker_dies_then_is_made_again(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    small.script(lambda spec, attempt: [0.1] * 50 + ["dies when stopped"] * (attempt == 1))
    assert small.states == [State.COMPLETE]
    assert small.trials[0].attempts == 2


@pytest.mark.parametrize("scheduler", ["none", "asha", "promotion_asha", "hyperband", "median"])
@pytest.mark.parametrize("crash_at", ["report", "resume", "before complete"])
def test_a_full_run_that_did_not_end_yet_is_ended_by_the_next_driver(
    world: Callable[..., World], scheduler: str, crash_at: str
) -> None:
    calm, small = (world(name=name, scheduler=scheduler, budget={"trials": 2}) for name in ("calm", "small"))
    calm.simulate()
    number = calm.states.index(State.COMPLETE)
    small.crash_at = lambda *at: at == (crash_at, number) and small.order.count(("report", number)) == 4
    small.simulate()
    assert isinstance(small.ended, Crash)
    assert not small.trials[number].state.over
    small.simulate()
    assert small.states == calm.states
    assert [len(trial.reports) for trial in small.trials] == [len(trial.reports) for trial in calm.trials]


@pytest.mark.parametrize("scheduler", ["none", "asha", "promotion_asha", "hyperband", "median"])
def test_a_full_run_whose_worker_is_lost_before_it_ends_is_ended_by_another(
    world: Callable[..., World], scheduler: str
) -> None:
    def script(spec: TrialSpec, attempt: int) -> list[Any]:
        return [*full(spec, attempt), Cause.WORKER_LOST] if attempt == 1 else full(spec, attempt)

    small = world(scheduler=scheduler, budget={"trials": 1})
    small.script(script)
    assert small.states == [State.COMPLETE]
    assert [report.step for report in small.trials[0].reports] == [1, 2, 3, 4]
    assert small.trials[0].attempts >= 2


@pytest.mark.parametrize("cause", [Cause.EXCEPTION, Cause.METRIC, Cause.STUCK])
def test_a_failure_ends_the_trial_and_not_the_sweep(world: Callable[..., World], cause: Cause) -> None:
    small = world()
    small.script(lambda spec, attempt: [0.1, cause] if spec.number == 1 else full(spec, attempt))
    assert small.states == [State.COMPLETE, State.FAILED, State.COMPLETE, State.COMPLETE]
    failed = small.trials[1]
    assert (failed.reason, failed.detail) == (f"{cause} of trial 1", "the traceback")
    assert len(failed.reports) == 1
    assert small.notes.messages == [f"trial 1 failed: {cause} of trial 1"]


def test_reports_made_again_are_neither_recorded_nor_decided_on(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 1})
    executor = small.script(
        lambda spec, attempt: [0.1, 0.2, Cause.WORKER_LOST] if attempt == 1 else [9.0, 9.0, 0.3, 0.4],
        checkpoints=False,
    )
    assert [first_step(spec) for spec in executor.specs] == [0, 0]
    assert [report.metrics["score"] for report in small.trials[0].reports] == FULL
    assert executor.calls.count(("resume", 0)) == 6
    assert [call for call, _ in small.order].count("report") == 4


@pytest.mark.parametrize("batch", [2, 3, 10])
def test_reports_may_come_together_up_to_the_next_decision(world: Callable[..., World], batch: int) -> None:
    """Every trial makes the reports, and every report gets the decision, that it would have alone."""
    decisions = []
    for size in (1, batch):
        small = world(name=f"by-{size}", scheduler="asha", fidelity={"max": 9})
        small.script(lambda spec, attempt: [0.1 * step - spec.number for step in range(9)], batch=size)
        decisions.append([[(report.step, report.decision) for report in trial.reports] for trial in small.trials])
    assert decisions[0] == decisions[1]


def test_reports_that_come_with_the_last_of_a_search_are_kept_and_end_the_trial(world: Callable[..., World]) -> None:
    small = world(fidelity={"max": 9}, objectives=[{"metric": "score", "goal": "maximize", "target": 0.2}])
    small.script(lambda spec, attempt: [0.1 * step for step in range(9)][first_step(spec) :], batch=5)
    (trial,) = small.trials
    assert [report.decision for report in trial.reports] == ["continue"] * 2 + ["stop"] * 3
    assert trial.state is State.STOPPED
    assert all(step.recorded == step.made for step in small.repeated())


def test_a_full_run_that_comes_with_the_last_report_of_a_search_is_complete(world: Callable[..., World]) -> None:
    small = world(objectives=[{"metric": "score", "goal": "maximize", "target": 0.2}])
    small.script(lambda spec, attempt: full(spec, attempt), batch=5)
    assert small.states == [State.COMPLETE]
    assert all(step.recorded == step.made for step in small.repeated())


def test_a_pause_leaves_trials_to_be_gone_on_with(world: Callable[..., World]) -> None:
    small = world()
    started = 0

    def script(spec: TrialSpec, attempt: int) -> list[float]:
        nonlocal started
        started += 1
        return full(spec, attempt)

    small.wish = lambda now: Wish.PAUSE if started == 3 else Wish.NONE
    executor = small.script(script, capacity=3)
    assert small.states == [State.PENDING] * 3
    assert [len(trial.reports) for trial in small.trials] == [1, 1, 1]
    assert executor.calls[-3:] == [("abandon", 0), ("abandon", 1), ("abandon", 2)]
    small.wish = lambda now: Wish.NONE
    executor = small.script(full, capacity=3)
    assert small.states == [State.COMPLETE] * 4
    assert [spec.number for spec in executor.specs] == [0, 1, 2, 3]
    assert [first_step(spec) for spec in executor.specs] == [1, 1, 1, 0]


@pytest.mark.parametrize("wish", [Wish.PAUSE, Wish.STOP, Wish.CANCEL])
def test_a_wish_before_the_start_starts_nothing(world: Callable[..., World], wish: Wish) -> None:
    small = world()
    small.wish = lambda now: wish
    assert small.script(full).calls == []
    assert small.trials == []


def test_the_default_comes_first_and_nothing_comes_twice(world: Callable[..., World]) -> None:
    small = world(parameters={"x": "int(0, 5)"}, budget={"trials": 6})
    small.simulate(workers=3)
    configs = [trial.config for trial in small.trials]
    assert configs[0] == small.sweep.parameters.default()
    assert len(set(configs)) == len(configs) == 6


def test_an_exhausted_space_ends_the_search(world: Callable[..., World]) -> None:
    small = world(parameters={"x": [1, 2, 3]}, budget={"trials": 50})
    small.simulate(workers=2)
    assert small.states == [State.COMPLETE] * 3
    assert small.notes.updates[-1].total == 3


@pytest.mark.parametrize(("capacity", "concurrent", "most"), [(3, None, 3), (3, 2, 2), (2, 9, 2)])
def test_concurrent_limits_the_places(
    world: Callable[..., World], capacity: int, concurrent: int | None, most: int
) -> None:
    small = world(budget={"trials": 6, "concurrent": concurrent})
    assert small.script(full, capacity=capacity).most == most


@pytest.mark.parametrize("scheduler", ["none", "hyperband"])
def test_numbers_and_order_increase_over_restarts(world: Callable[..., World], scheduler: str) -> None:
    small = world(budget={"trials": 6}, scheduler=scheduler)
    for crash_at in [("report", 1), ("start", 3), ("before complete", 4), None]:
        small.crash_at = crash_at
        small.simulate(workers=2)
    trials = small.trials
    assert [trial.number for trial in trials] == list(range(6))
    positions = [trial.started for trial in trials] + [trial.ended or 0 for trial in trials]
    positions += [report.order for trial in trials for report in trial.reports]
    positions += [event.order for event in small.events]
    assert len(set(positions)) == len(positions)
    for trial in trials:
        own = [trial.started, *(report.order for report in trial.reports), trial.ended or 0]
        assert all(a < b for a, b in pairwise(own))
        assert trial.asked <= trial.started
    assert all(a < b for a, b in pairwise(trial.started for trial in trials))


def test_progress_counts_what_was_there_before(world: Callable[..., World]) -> None:
    small = world()
    small.crash_at = ("add", 2)
    small.script(full)
    small.script(full)
    done = [progress.done for progress in small.notes.updates]
    assert small.notes.updates[-1].done == 4
    assert done == sorted(done)
    assert small.notes.updates[-1].best == (0.4, 0)


def test_a_trial_that_was_recorded_and_never_run_is_run(world: Callable[..., World]) -> None:
    small = world(scheduler="hyperband", fidelity={"max": 9}, budget={"trials": 5})
    small.crash_at = ("start", 0)
    small.simulate()
    assert State.PENDING in small.states
    small.simulate()
    assert small.ended is None
    assert all(trial.attempts for trial in small.trials)


def test_a_fixed_plan_runs_in_full_whatever_it_reports(world: Callable[..., World]) -> None:
    small = world(scheduler="asha")
    requests = [Request(Phase.REPLICATE, Config({"x": 0.5}), seed, seed) for seed in (1, 2, 3)]
    work_off(small, FixedPlan(Phase.REPLICATE, requests), capacity=2)
    assert [(trial.seed, trial.split, trial.parent) for trial in small.trials] == [(n, n, None) for n in (1, 2, 3)]
    assert small.states == [State.COMPLETE] * 3
    assert small.notes.updates[-1].best is None


def test_a_test_trial_goes_on_from_the_checkpoint_of_its_model(world: Callable[..., World], tmp_path: Path) -> None:
    small = world()
    ledger = Ledger(tmp_path, create=True)
    record = small.record(ledger)
    config = Config({"x": 0.5})
    ledger.add_trial(record, Trial(0, Phase.REPLICATE, State.COMPLETE, config, 1, 1))
    ledger.add_report(record, 0, Report(3, {"score": 1.0}, 0.0, 0, str(tmp_path)))
    for attempt in range(2):  # a second driver finds it again
        request = Request(Phase.TEST, config, 1, 1, parent=0)
        (spec,) = work_off(small, FixedPlan(Phase.TEST, [request]), lambda spec, attempt: []).specs
        assert (spec.number, spec.restore, spec.open_test) == (attempt + 1, ((3, str(tmp_path)),), True)


def test_the_seconds_of_a_trial_survive_the_kill_of_the_driver(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    small.crash_at = ("resume", 0)
    small.simulate(lambda spec, step: ({"score": 1.0}, 2.5))
    assert small.trials[0].seconds == 2.5
    small.simulate(lambda spec, step: ({"score": 1.0}, 2.0))
    assert small.trials[0].seconds == 8.5


@pytest.mark.parametrize("workers", [1, 3])
def test_a_trial_with_other_data_fails(tmp_path: Path, workers: int) -> None:
    X, y = np.arange(60.0).reshape(60, 1), np.arange(60) % 2

    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        trial.split(X, y if config["x"] == 0.5 else 1 - y)
        return {"score": config["x"]}

    raw = {
        "name": "moved",
        "objectives": [{"metric": "score", "goal": "maximize"}],
        "parameters": {"x": [0.5, 1.0, 2.0]},
        "searcher": "random",
        "budget": {"trials": 3},
        "leaderboard": {"seeds": 2},
    }
    results = run(raw, train, store=tmp_path, inline=True, workers=workers, progress=False)
    by_value = {trial.config["x"]: trial for trial in results.trials if trial.phase is Phase.SEARCH}
    assert by_value[0.5].state is State.COMPLETE
    for value in (1.0, 2.0):
        assert by_value[value].state is State.FAILED
        assert "the sealed test part would be another one" in by_value[value].reason


def test_a_function_that_never_ends_is_repeated_as_far_as_the_search_went(tmp_path: Path) -> None:
    def train(config: dict[str, Any], trial: Any) -> Any:
        while True:
            time.sleep(0.01)
            yield {"score": config["x"]}

    raw = {
        "name": "endless",
        "objectives": [{"metric": "score", "goal": "maximize"}],
        "parameters": {"x": [0.5]},
        "searcher": "random",
        "budget": {"time": "1s"},
        "leaderboard": {"seeds": 2},
    }
    results = run(raw, train, store=tmp_path, inline=True, progress=False)
    (searched,) = results.phase(Phase.SEARCH)
    assert searched.state is State.STOPPED
    assert [trial.last_step for trial in results.phase(Phase.REPLICATE)] == [searched.last_step] * 2
    assert results.leaderboard().replicated
