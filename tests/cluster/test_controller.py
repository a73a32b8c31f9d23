"""The controller against a scripted executor in virtual time: what is recorded when, and what follows from what."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Controller, FixedPlan, Request, SearchPlan
from assay.cluster.api import run
from assay.search import (
    Decision,
    Ledger,
    Phase,
    Report,
    State,
    Sweep,
    SweepRecord,
    Trial,
    proposal_seed,
    scheduler_seed,
)
from assay.spaces import Config
from assay.trainables import Cause, TrialSpec

FULL = [0.1, 0.2, 0.3, 0.4]


class World:
    """A store, a sweep and whatever runs it; a new driver can be started at any time."""

    def __init__(self, store: Path, fakes: Any, sweep: Sweep) -> None:
        self.store, self.fakes, self.sweep = store, fakes, sweep
        self.clock = fakes.Clock()
        self.notes = fakes.Notes()
        self.order: list[tuple[str, int]] = []  # writes of the ledger and calls of the executor
        self.stopping = False
        self.crash_at: tuple[str, int] | None = None

    def watch(self, call: str, number: int) -> None:
        self.order.append((call, number))
        if (call, number) == self.crash_at:
            raise self.fakes.Crash

    def drive(
        self, script: Callable[[TrialSpec, int], Sequence[Any]], capacity: int = 1, checkpoints: str | None = "."
    ) -> Any:
        """One driver from start to end; returns its executor."""
        ledger = self.fakes.FragileLedger(self.store, self.watch)
        record = self.record(ledger)
        folder = self.store / checkpoints if checkpoints else None
        executor = self.fakes.ScriptedExecutor(
            script, self.clock, capacity=capacity, checkpoints=folder, watch=self.watch
        )
        controller = self.controller(ledger, record, executor)
        known = ledger.trials(record)
        plan = search_plan(self.sweep, known)
        try:
            controller.run(plan, known, [trial for trial in known if not trial.state.over])
        except self.fakes.Crash:
            self.crash_at = None
        ledger.close()
        return executor

    def record(self, ledger: Ledger) -> SweepRecord:
        found = [record for record in ledger.sweeps() if record.name == self.sweep.name]
        return found[0] if found else ledger.create_sweep(self.sweep, ".")

    def controller(self, ledger: Ledger, record: SweepRecord, executor: Any) -> Controller:
        return Controller(
            ledger, record, executor, clock=self.clock, stop_requested=lambda: self.stopping, observer=self.notes
        )

    @property
    def trials(self) -> list[Trial]:
        ledger = Ledger(self.store)
        return ledger.trials(ledger.sweep(self.sweep.name))

    @property
    def states(self) -> list[State]:
        return [trial.state for trial in self.trials]


def search_plan(sweep: Sweep, trials: Sequence[Trial]) -> SearchPlan:
    searcher = sweep.searcher.build(sweep.parameters, sweep.objective, proposal_seed(sweep.seed))
    scheduler = sweep.scheduler.build(sweep.objective, sweep.granted, scheduler_seed(sweep.seed))
    return SearchPlan(sweep, searcher, scheduler, trials)


def full(spec: TrialSpec, attempt: int) -> list[float]:
    return FULL[spec.first_step :]


@pytest.fixture
def world(tmp_path: Path, fakes: Any, sweep_of: Callable[..., Sweep]) -> Callable[..., World]:
    return lambda **changes: World(tmp_path, fakes, sweep_of(**changes))


def test_every_report_is_recorded_before_the_trial_is_told_anything(world: Callable[..., World]) -> None:
    small = world()
    small.drive(full, capacity=2)
    for number in range(4):
        calls = [call for call, of in small.order if of == number and not call.startswith("before")]
        once = ["add_report", "resume"]
        assert calls == ["add_trial", "update_trial", "start", *once * 4, "end_trial"]
    assert small.states == [State.COMPLETE] * 4


@pytest.mark.parametrize("crash_at", ["before add_report", "add_report", "resume", "wait"])
def test_a_crash_around_a_report_loses_and_doubles_nothing(world: Callable[..., World], crash_at: str) -> None:
    small = world()
    small.crash_at = (crash_at, -1 if crash_at == "wait" else 0)
    small.drive(full)
    recorded = small.trials[0].reports
    assert len(recorded) == (1 if crash_at in ("add_report", "resume") else 0)
    assert small.states == [State.RUNNING]
    executor = small.drive(full)
    assert executor.specs[0].first_step == len(recorded)
    assert small.trials[0].reports[: len(recorded)] == recorded
    assert [[report.step for report in trial.reports] for trial in small.trials] == [[1, 2, 3, 4]] * 4


def test_what_the_scheduler_stops_is_stopped(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 6})
    executor = small.drive(lambda spec, attempt: [value - 0.1 * spec.number for value in full(spec, attempt)])
    assert small.states == [State.COMPLETE] + [State.STOPPED] * 5
    assert all(len(trial.reports) == 1 for trial in small.trials[1:])
    assert all(("stop", number) in executor.calls for number in range(1, 6))


def test_a_stopped_trial_whose_worker_dies_is_stopped_all_the_same(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 3})
    executor = small.drive(lambda spec, attempt: [-spec.number, 1, 1, 1, "dies when stopped"])
    assert small.states == [State.COMPLETE, State.STOPPED, State.STOPPED]
    assert [call for call in executor.calls if call == ("start", 1)] == [("start", 1)]


def test_a_trial_stuck_after_its_stop_is_stopped(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 3})
    small.drive(lambda spec, attempt: [-spec.number, 1, 1, 1, "stuck when stopped"])
    assert small.states == [State.COMPLETE, State.STOPPED, State.STOPPED]
    assert small.trials[1].reason == "went on"


def test_a_run_past_the_maximum_is_ended_as_complete(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    executor = small.drive(lambda spec, attempt: [0.1] * 50)
    assert small.states == [State.COMPLETE]
    assert [report.step for report in small.trials[0].reports] == [1, 2, 3, 4]
    assert executor.calls[-1] == ("stop", 0)


def test_a_run_past_the_maximum_whose_worker_dies_then_is_made_again(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    small.drive(lambda spec, attempt: [0.1] * 50 + ["dies when stopped"] * (attempt == 1))
    assert small.states == [State.COMPLETE]
    assert small.trials[0].attempts == 2


@pytest.mark.parametrize("cause", [Cause.EXCEPTION, Cause.METRIC, Cause.STUCK])
def test_a_failure_ends_the_trial_and_not_the_sweep(world: Callable[..., World], cause: Cause) -> None:
    small = world()
    small.drive(lambda spec, attempt: [0.1, cause] if spec.number == 1 else full(spec, attempt))
    assert small.states == [State.COMPLETE, State.FAILED, State.COMPLETE, State.COMPLETE]
    failed = small.trials[1]
    assert (failed.reason, failed.detail) == (f"{cause} of trial 1", "the traceback")
    assert len(failed.reports) == 1
    assert small.notes.messages == [f"trial 1 failed: {cause} of trial 1"]


def test_a_lost_worker_starts_the_trial_again_from_its_checkpoint(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1})
    executor = small.drive(lambda spec, attempt: [0.1, 0.2, Cause.WORKER_LOST] if attempt == 1 else full(spec, attempt))
    assert [(spec.first_step, spec.checkpoint) for spec in executor.specs] == [(0, None), (2, str(small.store))]
    assert [report.metrics["score"] for report in small.trials[0].reports] == FULL
    assert small.trials[0].attempts == 2
    assert small.trials[0].seconds == pytest.approx(4.1)


def test_reports_made_again_are_neither_recorded_nor_decided_on(world: Callable[..., World]) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, budget={"trials": 1})
    executor = small.drive(
        lambda spec, attempt: [0.1, 0.2, Cause.WORKER_LOST] if attempt == 1 else [9.0, 9.0, 0.3, 0.4],
        checkpoints=None,
    )
    assert [spec.first_step for spec in executor.specs] == [0, 0]
    assert [report.metrics["score"] for report in small.trials[0].reports] == FULL
    assert executor.calls.count(("resume", 0)) == 6
    assert [call for call, _ in small.order].count("add_report") == 4


def test_a_trial_is_started_at_most_three_more_times(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 2})
    executor = small.drive(lambda spec, attempt: [Cause.WORKER_LOST] if spec.number == 0 else full(spec, attempt))
    assert small.states == [State.FAILED, State.COMPLETE]
    assert executor.calls.count(("start", 0)) == 4
    assert small.trials[0].attempts == 4
    assert sum("starting it again" in message for message in small.notes.messages) == 3


def test_being_resumed_does_not_count_as_a_lost_worker(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 1}, fidelity={"max": 9})
    small.stopping = False
    for _ in range(5):
        small.crash_at = ("resume", 0)
        small.drive(lambda spec, attempt: [0.1] * (9 - spec.first_step))
    small.drive(lambda spec, attempt: [Cause.WORKER_LOST] if attempt == 1 else [0.1] * (9 - spec.first_step))
    assert small.states == [State.COMPLETE]
    assert small.trials[0].attempts == 7


def test_a_stop_request_leaves_trials_to_be_gone_on_with(world: Callable[..., World]) -> None:
    small = world()
    reports = 0

    def script(spec: TrialSpec, attempt: int) -> list[float]:
        nonlocal reports
        reports += 1
        small.stopping = reports == 3  # while the third trial is being started
        return full(spec, attempt)

    executor = small.drive(script, capacity=3)
    assert small.states == [State.PENDING] * 3
    assert [len(trial.reports) for trial in small.trials] == [1, 1, 1]
    assert executor.calls[-3:] == [("abandon", 0), ("abandon", 1), ("abandon", 2)]
    small.stopping = False
    executor = small.drive(full, capacity=3)
    assert small.states == [State.COMPLETE] * 4
    assert [spec.number for spec in executor.specs] == [0, 1, 2, 3]
    assert [spec.first_step for spec in executor.specs] == [1, 1, 1, 0]


def test_a_stop_request_before_the_start_starts_nothing(world: Callable[..., World]) -> None:
    small = world()
    small.stopping = True
    assert small.drive(full).calls == []
    assert small.trials == []


def test_the_default_comes_first_and_nothing_comes_twice(world: Callable[..., World]) -> None:
    small = world(parameters={"x": "int(0, 5)"}, budget={"trials": 6})
    small.drive(full, capacity=3)
    configs = [trial.config for trial in small.trials]
    assert configs[0] == small.sweep.parameters.default()
    assert len(set(configs)) == len(configs)


def test_an_exhausted_space_ends_the_search(world: Callable[..., World]) -> None:
    small = world(parameters={"x": [1, 2, 3]}, budget={"trials": 50})
    small.drive(full, capacity=2)
    assert small.states == [State.COMPLETE] * 3
    assert small.notes.updates[-1].total == 3


def test_a_time_budget_stops_starts_and_what_runs(world: Callable[..., World]) -> None:
    small = world(budget={"time": "8s"})
    small.drive(full, capacity=2)
    trials = small.trials  # a pair of them takes five seconds: four reports and the end
    assert [trial.state for trial in trials] == [State.COMPLETE] * 2 + [State.STOPPED] * 2
    assert max(report.elapsed for trial in trials for report in trial.reports) < 9


def test_time_goes_on_over_restarts_and_does_not_pass_between_them(world: Callable[..., World]) -> None:
    small = world(budget={"time": "10s"})
    small.crash_at = ("resume", 1)
    small.drive(full)
    before = small.trials[-1].reports[-1].elapsed
    small.clock.now += 1000
    small.drive(full)
    after = small.trials[1].reports[1].elapsed
    assert before < after < before + 2
    assert len(small.trials) == 2


@pytest.mark.parametrize(("capacity", "concurrent", "most"), [(3, None, 3), (3, 2, 2), (2, 9, 2)])
def test_concurrent_limits_the_places(
    world: Callable[..., World], capacity: int, concurrent: int | None, most: int
) -> None:
    small = world(budget={"trials": 6, "concurrent": concurrent})
    assert small.drive(full, capacity=capacity).most == most


def test_it_gives_up_after_five_failures_without_a_score(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 50})
    small.drive(lambda spec, attempt: [Cause.EXCEPTION])
    assert small.states == [State.FAILED] * 5
    small.drive(lambda spec, attempt: [Cause.EXCEPTION])  # the cause may have been mended
    assert len(small.trials) == 10


def test_one_score_is_enough_to_go_on(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 12})
    small.drive(lambda spec, attempt: [0.1, Cause.EXCEPTION])
    assert small.states == [State.FAILED] * 12


def test_numbers_and_order_increase_over_restarts(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 6})
    for crash_at in [("add_report", 1), ("start", 3), ("end_trial", 4), None]:
        small.crash_at = crash_at
        small.drive(full, capacity=2)
    trials = small.trials
    assert [trial.number for trial in trials] == list(range(6))
    positions = [trial.started for trial in trials] + [trial.ended or 0 for trial in trials]
    positions += [report.order for trial in trials for report in trial.reports]
    assert len(set(positions)) == len(positions)
    for trial in trials:
        own = [trial.started, *(report.order for report in trial.reports), trial.ended or 0]
        assert all(a < b for a, b in pairwise(own))
    assert all(a < b for a, b in pairwise(trial.started for trial in trials))


def test_progress_counts_what_was_there_before(world: Callable[..., World]) -> None:
    small = world()
    small.crash_at = ("add_trial", 2)
    small.drive(full)
    small.drive(full)
    done = [progress.done for progress in small.notes.updates]
    assert small.notes.updates[-1].done == 4
    assert done == sorted(done)
    assert small.notes.updates[-1].best == (0.4, 0)


def test_a_fixed_plan_runs_in_full_whatever_it_reports(world: Callable[..., World]) -> None:
    small = world(scheduler="asha")
    ledger = small.fakes.FragileLedger(small.store)
    executor = small.fakes.ScriptedExecutor(full, small.clock, capacity=2)
    requests = [Request(Phase.REPLICATE, Config({"x": 0.5}), seed, seed, 7) for seed in (1, 2, 3)]
    small.controller(ledger, small.record(ledger), executor).run(FixedPlan(Phase.REPLICATE, requests), [], [])
    assert [(trial.seed, trial.split, trial.parent) for trial in small.trials] == [(1, 1, 7), (2, 2, 7), (3, 3, 7)]
    assert small.states == [State.COMPLETE] * 3
    assert small.notes.updates[-1].best is None


def test_a_test_trial_goes_on_from_the_checkpoint_of_its_model(world: Callable[..., World], tmp_path: Path) -> None:
    small = world()
    ledger = small.fakes.FragileLedger(small.store)
    record = small.record(ledger)
    config = Config({"x": 0.5})
    ledger.add_trial(record, Trial(0, Phase.REPLICATE, State.COMPLETE, config, 1, 1))
    ledger.add_report(record, 0, Report(3, {"score": 1.0}, 0.0, 0, str(tmp_path)))
    for attempt in range(2):  # a second driver finds it again
        executor = small.fakes.ScriptedExecutor(lambda spec, attempt: [], small.clock)
        request = Request(Phase.TEST, config, 1, 1, parent=0)
        small.controller(ledger, record, executor).run(FixedPlan(Phase.TEST, [request]), [], [])
        (spec,) = executor.specs
        assert (spec.number, spec.first_step, spec.checkpoint, spec.open_test) == (attempt + 1, 3, str(tmp_path), True)


def test_the_seconds_of_a_trial_survive_the_kill_of_the_driver(world: Callable[..., World]) -> None:
    small = world()
    ledger = small.fakes.FragileLedger(small.store)
    record = small.record(ledger)
    ledger.add_trial(record, Trial(0, Phase.SEARCH, State.RUNNING, Config({"x": 0.5}), 1, 0))
    ledger.add_report(record, 0, Report(1, {"score": 1.0}, 0.0, 0, seconds=2.5))
    ledger.add_report(record, 0, Report(2, {"score": 1.0}, 0.0, 1, seconds=4.0))
    assert ledger.trial(record, 0).seconds == 4.0


def test_a_plan_hears_of_a_report_only_when_it_is_recorded(world: Callable[..., World]) -> None:
    small = world()
    ledger = small.fakes.FragileLedger(small.store)
    record = small.record(ledger)
    seen: list[bool] = []

    class Watching(FixedPlan):
        def on_report(self, trial: Trial, report: Report) -> Decision:
            seen.append(report in ledger.trial(record, trial.number).reports)
            return super().on_report(trial, report)

    executor = small.fakes.ScriptedExecutor(full, small.clock)
    request = Request(Phase.REPLICATE, Config({"x": 0.5}), 1, 1, None)
    small.controller(ledger, record, executor).run(Watching(Phase.REPLICATE, [request]), [], [])
    assert seen
    assert all(seen)


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
        "budget": {"time": "1s"},
        "leaderboard": {"seeds": 2},
    }
    results = run(raw, train, store=tmp_path, inline=True, progress=False)
    (searched,) = results.phase(Phase.SEARCH)
    assert searched.state is State.STOPPED
    assert [trial.last_step for trial in results.phase(Phase.REPLICATE)] == [searched.last_step] * 2
    assert results.leaderboard().replicated
