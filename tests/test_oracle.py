"""The oracle runs Ray Tune's own controller, and keeps the rules that its docstring states."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.train._internal import storage as ray_storage
from ray.tune import uniform
from ray.tune.execution import tune_controller
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    FIFOScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)
from ray.tune.schedulers.hb_bohb import HyperBandForBOHB
from ray.tune.schedulers.pb2 import PB2

from .oracle import Curve, Ran, run_tune

TIME = {"time_attr": "training_iteration"}
SCHEDULERS: dict[str, Callable[[], TrialScheduler]] = {
    "fifo": FIFOScheduler,
    "asha": lambda: AsyncHyperBandScheduler(max_t=9, reduction_factor=3),
    "asha with brackets": lambda: AsyncHyperBandScheduler(max_t=9, reduction_factor=3, brackets=2),
    "hyperband": lambda: HyperBandScheduler(max_t=9, **TIME),
    "hyperband for bohb": lambda: HyperBandForBOHB(max_t=9, **TIME),
    "median": lambda: MedianStoppingRule(grace_period=2, **TIME),
    "median with pauses": lambda: MedianStoppingRule(grace_period=2, hard_stop=False, min_time_slice=1, **TIME),
    "pbt": lambda: PopulationBasedTraining(
        perturbation_interval=2, hyperparam_mutations={"x": uniform(0, 1)}, **TIME
    ),
    "pbt in step": lambda: PopulationBasedTraining(
        perturbation_interval=2, hyperparam_mutations={"x": uniform(0, 1)}, synch=True, **TIME
    ),
    "pb2": lambda: PB2(perturbation_interval=3, hyperparam_bounds={"x": [0, 1]}, **TIME),
}  # fmt: skip


def curve(config: dict[str, Any], t: int) -> Curve:
    """Better with a greater x, and no two trials of the same speed."""
    return Curve(value=config["x"] * (1 - 0.7**t), seconds=1 + config["x"] / 10)


def run(scheduler: TrialScheduler, folder: Path, *, trials: int = 14, seed: int = 0, **options: Any) -> list[Ran]:
    configs = [{"x": x} for x in np.random.default_rng(1).random(trials).tolist()]
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    return run_tune(scheduler, configs, curve, **{"slots": 4, "max_t": 9, "goal": "max", "folder": folder, **options})


def decisions(ran: list[Ran]) -> Counter[str]:
    return Counter(result.decision for trial in ran for result in trial.results)


@pytest.mark.parametrize(("reuse", "pending"), [(True, 200), (False, 1)])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_ends_every_trial_and_repeats_itself(
    name: str, reuse: bool, pending: int, tmp_path: Path
) -> None:
    ran = run(SCHEDULERS[name](), tmp_path, reuse=reuse, pending=pending)
    assert [trial.index for trial in ran] == list(range(14))
    assert {trial.status for trial in ran} == {"TERMINATED"}
    assert all(trial.end >= trial.results[-1].time for trial in ran)
    assert ran == run(SCHEDULERS[name](), tmp_path, reuse=reuse, pending=pending)


def test_fifo_trains_all_to_the_end_and_keeps_every_slot_busy(tmp_path: Path) -> None:
    ran = run_tune(
        FIFOScheduler(), [{}] * 5, lambda config, t: (t, 2.0), slots=2, max_t=3, goal="min", folder=tmp_path, metric="m"
    )
    for trial, begin in zip(ran, [0.0, 0.0, 6.0, 6.0, 12.0], strict=True):
        assert trial.results == [
            (1, {}, begin + 2, "CONTINUE"), (2, {}, begin + 4, "CONTINUE"), (3, {}, begin + 6, "END"),
        ]  # fmt: skip
        assert trial.end == begin + 6


@pytest.mark.parametrize(("reuse", "end"), [(True, 11.0), (False, 21.0)])
def test_a_new_actor_has_its_price(reuse: bool, end: float, tmp_path: Path) -> None:
    ran = run_tune(
        FIFOScheduler(), [{}, {}], lambda config, t: (t, 0.5),
        slots=1, max_t=1, goal="max", folder=tmp_path, start_cost=10, reuse=reuse,
    )  # fmt: skip
    assert [trial.end for trial in ran] == [10.5, end]


def test_asha_stops_some(tmp_path: Path) -> None:
    ran = run(SCHEDULERS["asha"](), tmp_path)
    assert set(decisions(ran)) == {"CONTINUE", "STOP", "END"}
    assert {trial.results[-1].step for trial in ran} == {1, 3, 9}
    best = max(ran, key=lambda trial: trial.results[0].config["x"])
    assert best.results[-1].decision == "END"


@pytest.mark.parametrize("name", ["hyperband", "hyperband for bohb"])
def test_hyperband_stops_trials_that_are_paused(name: str, tmp_path: Path) -> None:
    last = {trial.results[-1].decision: trial for trial in run(SCHEDULERS[name](), tmp_path)}
    assert {"PAUSE", "END"} <= set(last)
    assert last["PAUSE"].end > last["PAUSE"].results[-1].time


def test_the_median_rule_stops_or_pauses(tmp_path: Path) -> None:
    assert decisions(run(SCHEDULERS["median"](), tmp_path))["STOP"]
    assert decisions(run(SCHEDULERS["median with pauses"](), tmp_path))["END"] == 14


@pytest.mark.parametrize("synch", [True, False])
@pytest.mark.parametrize("slots", [3, 8])
def test_an_exploit_goes_on_from_the_step_of_its_source(slots: int, synch: bool, tmp_path: Path) -> None:
    """x holds the ancestor in hundreds, and how often it was handed on: an exploit adds one to the x of the source."""
    scheduler = PopulationBasedTraining(
        perturbation_interval=3, custom_explore_fn=lambda config: {"x": config["x"] + 1}, synch=synch, **TIME
    )
    random.seed(0)
    ran = run_tune(
        scheduler, [{"x": 100 * i} for i in range(8)], lambda config, t: (config["x"] + t, 1 + config["x"] % 700 / 500),
        slots=slots, max_t=13, goal="max", folder=tmp_path,
    )  # fmt: skip
    reached: dict[tuple[int, int], float] = {}
    for result in sorted((result for trial in ran for result in trial.results), key=lambda result: result.time):
        reached.setdefault((result.step, result.config["x"]), result.time)
    jumps = 0
    for trial in ran:
        for before, after in zip(trial.results, trial.results[1:], strict=False):
            if before.config == after.config:
                assert after.step == before.step + 1
                continue
            jumps += after.step != before.step + 1
            assert reached[after.step - 1, after.config["x"] - 1] < after.time
            assert (after.step - 1) % 3 == 0
            assert before.decision in ("NOOP", "PAUSE" if synch else "NOOP")
    assert {trial.results[-1].config["x"] for trial in ran} != {100 * i for i in range(8)}
    assert (jumps == 0) if synch else (jumps > 0)


def test_the_seed_matters(tmp_path: Path) -> None:
    assert run(SCHEDULERS["pbt"](), tmp_path, seed=0) != run(SCHEDULERS["pbt"](), tmp_path, seed=1)


class Hooks(FIFOScheduler):  # type: ignore[misc]
    """Notes what is called; stops trial 0 at its step 2, and at step 2 of trial 1 also trial 2, which it has paused."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self.calls.append(("add", trial.index))

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        self.calls.append(("choose", "".join(trial.status[1] for trial in tune_controller.get_trials())))
        return next((trial for trial in tune_controller.get_trials() if trial.status == Trial.PENDING), None)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        step, before = result["training_iteration"], trial.last_result.get("training_iteration", 0)
        self.calls.append(("result", trial.index, step, before, trial.status))
        if (trial.index, step) == (1, 2):
            tune_controller.stop_trial(tune_controller.get_trials()[2])
        return {(0, 2): "STOP", (2, 1): "PAUSE"}.get((trial.index, step), "CONTINUE")

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self.calls.append(("complete", trial.index, result["training_iteration"], result["done"], trial.status))

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        self.calls.append(("remove", trial.index, trial.status, trial in tune_controller.get_live_trials()))


def hooks(folder: Path, **options: Any) -> tuple[list[tuple[Any, ...]], list[Ran]]:
    scheduler = Hooks()
    options = {"slots": 3, "max_t": 3, "goal": "max", "folder": folder, **options}
    ran = run_tune(scheduler, [{}] * 3, lambda config, t: (t, 1.0), **options)
    return scheduler.calls, ran


def test_the_order_of_the_hooks(tmp_path: Path) -> None:
    calls, ran = hooks(tmp_path)
    assert [call for call in calls if call[0] != "choose"] == [
        ("add", 0), ("add", 1), ("add", 2),
        ("result", 0, 1, 0, "RUNNING"), ("result", 1, 1, 0, "RUNNING"), ("result", 2, 1, 0, "RUNNING"),
        ("result", 0, 2, 1, "RUNNING"), ("complete", 0, 2, True, "RUNNING"),  # a trial that the scheduler stopped
        ("result", 1, 2, 1, "RUNNING"), ("remove", 2, "PAUSED", True),  # one that was paused
        ("complete", 1, 3, True, "RUNNING"),  # max_t: the scheduler is not asked
    ]  # fmt: skip
    assert [(trial.end, trial.results[-1].decision) for trial in ran] == [(2.0, "STOP"), (3.0, "END"), (2.0, "PAUSE")]


def test_a_choice_is_asked_for_once_before_every_event(tmp_path: Path) -> None:
    calls, _ = hooks(tmp_path)
    # E: PENDING or TERMINATED, U: RUNNING, A: PAUSED. A pause takes two events: the result, and the checkpoint.
    states = [call[1] for call in calls if call[0] == "choose"]
    assert states[:4] == ["EEE", "UEE", "UUE", "UUU"]
    results = [n for n, call in enumerate(calls) if call[0] == "result"]
    assert all(calls[n - 1][0] == "choose" for n in results)


def test_trials_are_added_as_far_ahead_as_is_allowed(tmp_path: Path) -> None:
    calls, _ = hooks(tmp_path, pending=1, slots=1)
    assert calls[:5] == [("add", 0), ("choose", "E"), ("add", 1), ("choose", "UE"), ("result", 0, 1, 0, "RUNNING")]


@pytest.mark.parametrize(
    ("pending", "reuse", "order"), [(1, True, [0, 1, 2]), (200, True, [0, 5, 4]), (200, False, [0, 5, 1])]
)
def test_who_gets_a_slot(pending: int, reuse: bool, order: list[int], tmp_path: Path) -> None:
    """At the beginning one slot goes to the choice and one by order; an actor of the pool goes to the choice."""

    class LastFirst(FIFOScheduler):  # type: ignore[misc]
        def choose_trial_to_run(self, tune_controller: Any) -> Any:
            waiting = [trial for trial in tune_controller.get_trials() if trial.status == Trial.PENDING]
            return waiting[-1] if waiting else None

    ran = run_tune(
        LastFirst(), [{"n": n} for n in range(6)], lambda config, t: (t, 1 + config["n"] / 100),
        slots=2, max_t=1, goal="max", folder=tmp_path, pending=pending, reuse=reuse,
    )  # fmt: skip
    assert [trial.index for trial in sorted(ran, key=lambda trial: trial.end)][:3] == order


def test_what_ray_waits_for_in_vain_stays_paused(tmp_path: Path) -> None:
    class Sleepy(FIFOScheduler):  # type: ignore[misc]
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            return str(TrialScheduler.PAUSE)

        def choose_trial_to_run(self, tune_controller: Any) -> Any:
            return None

    ran = run(Sleepy(), tmp_path, trials=3)
    assert [(trial.status, len(trial.results)) for trial in ran] == [("PAUSED", 1)] * 3


def test_errors_are_raised_as_they_are(tmp_path: Path) -> None:
    def wrong(config: dict[str, Any], t: int) -> Curve:
        return Curve(0.0, -1.0 if t == config["t"] else 1.0)

    for t in (1, 2):
        with pytest.raises(ValueError, match="cannot take -1"):
            run_tune(FIFOScheduler(), [{"t": t}], wrong, slots=1, max_t=2, goal="max", folder=tmp_path)


def test_no_trials_are_no_mistake(tmp_path: Path) -> None:
    assert run(FIFOScheduler(), tmp_path, trials=0) == []


def test_nothing_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def world() -> list[Any]:
        names = ["RayActorManager", "_ActorClassCache", "_FutureTrainingResult"]
        return [getattr(tune_controller, name) for name in names] + [
            ray_storage._get_ray_train_session_dir, ray.is_initialized(), Path.cwd(), threading.active_count(),
        ]  # fmt: skip

    before, home = world(), tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    configs = [{"x": 0.1, "nested": {"y": [1]}}, {"x": 0.2, "nested": {"y": [2]}}]
    run_tune(SCHEDULERS["pbt"](), configs, curve, slots=1, max_t=5, goal="max", folder=tmp_path)
    assert configs == [{"x": 0.1, "nested": {"y": [1]}}, {"x": 0.2, "nested": {"y": [2]}}]
    assert world() == before
    assert [*tmp_path.iterdir()] == [home]
    assert [*home.iterdir()] == []
