"""What only Ray has: worker processes that die, resources that are not there, connections that exist already."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.cluster import Controller, RayExecutor, Silent, ray_executor
from assay.cluster.phases import search_plan
from assay.search import Ledger, State, Sweep
from assay.search.section_effort import ResourcesSection
from assay.spaces import ClusterError
from assay.trainables import Cause, Event, Failed, Finished, Reported, TrainableRef, TrialSpec

pytestmark = pytest.mark.ray

TRAIN = """
import os
import signal
import time

def train(config, trial):
    for step in trial.steps():
        if step == 2 and not os.path.exists(os.path.join(os.path.dirname(__file__), "died")):
            open(os.path.join(os.path.dirname(__file__), "died"), "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.06)  # reports that come faster are sent together
        trial.save_checkpoint(lambda folder: None)
        yield {"score": config["x"], "pid": os.getpid()}
"""


@pytest.fixture
def ref(tmp_path: Path) -> TrainableRef:
    (tmp_path / "dying.py").write_text(TRAIN)
    return TrainableRef("dying.py:train", str(tmp_path))


def wait(executor: RayExecutor) -> Event:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found: Sequence[Event] = executor.wait(1.0)
        if found:
            return found[0]
    raise AssertionError("no event within 60 s")


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_worker_that_dies_is_replaced_and_closing_ends_the_others(
    ray_executors: Callable[..., RayExecutor], ref: TrainableRef
) -> None:
    executor = ray_executors(ref, workers=1)
    executor.open()
    executor.start(TrialSpec(1, {"x": 1.0}, "score", max_steps=5), until=1)
    first = wait(executor)
    assert isinstance(first, Reported)
    os.kill(first.metrics["pid"], signal.SIGKILL)
    executor.resume(1, until=2)
    lost = wait(executor)
    assert isinstance(lost, Failed)
    assert lost.cause is Cause.WORKER_LOST
    assert lost.reason.startswith("the worker process died: ")
    assert executor.capacity == 0, "until a new worker has joined"
    while executor.capacity == 0:
        assert not executor.wait(1.0)
    executor.start(TrialSpec(2, {"x": 1.0}, "score", max_steps=5), until=1)
    second = wait(executor)
    assert isinstance(second, Reported)
    assert second.metrics["pid"] != first.metrics["pid"]
    executor.close()
    assert gone(second.metrics["pid"])


def test_the_controller_goes_on_after_a_lost_worker(
    ray_executors: Callable[..., RayExecutor], ref: TrainableRef, tmp_path: Path, sweep_of: Callable[..., Sweep]
) -> None:
    sweep = sweep_of(budget={"trials": 2})
    ledger = Ledger(tmp_path / "store", create=True)
    record = ledger.create_sweep(sweep, str(tmp_path))
    executor = ray_executors(ref, workers=1)
    executor.open()
    controller = Controller(ledger, record, executor, clock=time.monotonic, observer=Silent())
    controller.run(search_plan(sweep), [], [])
    executor.close()
    first, second = ledger.trials(record)
    assert (first.state, first.attempts) == (State.COMPLETE, 2)
    assert [report.step for report in first.reports] == [1, 2, 3, 4]
    assert first.reports[1].metrics["pid"] != first.reports[2].metrics["pid"]
    assert (second.state, second.attempts) == (State.COMPLETE, 1)


def test_a_busy_cluster_means_fewer_places_not_a_hang(
    ray_executors: Callable[..., RayExecutor], ref: TrainableRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "_GRACE_SECONDS", 1.0)
    others = ray_executors(ref, workers=3)  # of four places
    others.open()
    executor = ray_executors(ref, workers=2)
    executor.open()
    assert executor.capacity == 1
    executor.start(TrialSpec(1, {"x": 1.0}, "score", max_steps=2), until=1)
    assert isinstance(wait(executor), Reported)
    others.close()
    deadline = time.monotonic() + 60
    while executor.capacity < 2:  # the second joins when there is room
        assert time.monotonic() < deadline
        executor.wait(1.0)
    executor.close()


def test_when_no_worker_can_be_placed_it_is_said(
    ray_executors: Callable[..., RayExecutor], ref: TrainableRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ray_executors(ref, workers=4)
    others.open()
    monkeypatch.setattr(ray_executor, "_PLACEMENT_SECONDS", 1.0)
    executor = ray_executors(ref, workers=1)
    with pytest.raises(ClusterError, match="no worker was placed within 1 s: the cluster is busy"):
        executor.open()
    executor.close()
    others.close()


@pytest.mark.parametrize(
    ("needs", "says"),
    [
        ({"gpu": 8.0}, r"a trial needs 1 CPU \+ 8 GPU, and there is no room for that, ever \(nodes: 4 CPU \+ 0 GPU\)"),
        ({"cpu": 64.0}, r"a trial needs 64 CPU, and there is no room for that, ever"),
        ({"custom": {"licence": 1.0}}, r"a trial needs 1 CPU \+ 1 licence, and there is no room"),
    ],
)
def test_resources_that_can_never_be_placed(
    ray_executors: Callable[..., RayExecutor], ref: TrainableRef, needs: dict[str, Any], says: str
) -> None:
    executor = ray_executors(ref, resources=ResourcesSection(**needs))
    with pytest.raises(ClusterError, match=says):
        executor.open()
    executor.close()


def test_a_connection_of_somebody_else_is_left_alone(
    ray_executors: Callable[..., RayExecutor], ref: TrainableRef
) -> None:
    import ray

    executor = RayExecutor(ref, workers=1)
    with pytest.raises(ClusterError, match=r"is connected to Ray already: call ray.shutdown\(\) first"):
        executor.open()
    executor.close()
    assert ray.is_initialized()


def test_a_worker_that_died_while_it_had_nothing_to_do_costs_no_trial(
    ray_executors: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    (tmp_path / "telling.py").write_text(
        "import os\ndef train(config, trial):\n    return {'score': 1.0, 'pid': os.getpid()}\n"
    )
    executor = ray_executors(TrainableRef("telling.py:train", str(tmp_path)), workers=1)
    executor.open()
    executor.start(TrialSpec(1, {}, "score", max_steps=2), until=1)
    first = wait(executor)
    assert isinstance(first, Reported)
    executor.stop(1)
    assert isinstance(wait(executor), Finished)
    os.kill(first.metrics["pid"], signal.SIGKILL)
    assert gone(first.metrics["pid"])
    deadline = time.monotonic() + 60
    while not (executor._pool and executor._pool[0].dead) and executor.capacity:  # the driver hears of it
        assert time.monotonic() < deadline
        time.sleep(0.01)
    executor.start(TrialSpec(2, {}, "score", max_steps=2), until=1)
    second = wait(executor)
    assert isinstance(second, Reported)
    assert second.number == 2
    executor.close()


CLINGING = """
import time

def train(config, trial):
    for step in trial.steps():
        try:
            yield {"score": 1.0}
        finally:
            if config.get("clings"):
                time.sleep(3600)
"""


def test_a_worker_that_does_not_end_an_abandoned_trial_is_replaced(
    ray_executors: Callable[..., RayExecutor], tmp_path: Path
) -> None:
    (tmp_path / "clinging.py").write_text(CLINGING)
    executor = ray_executors(TrainableRef("clinging.py:train", str(tmp_path)), workers=1, patience=1.0)
    executor.open()
    executor.start(TrialSpec(1, {"clings": True}, "score", max_steps=2), until=1)
    assert isinstance(wait(executor), Reported)
    executor.abandon(1)
    executor.start(TrialSpec(2, {}, "score", max_steps=2), until=1)
    assert executor.waiting(2)
    displaced = wait(executor)
    assert isinstance(displaced, Failed)
    assert (displaced.number, displaced.cause) == (2, Cause.DISPLACED)
    while executor.capacity == 0:
        assert not executor.wait(1.0)
    executor.start(TrialSpec(2, {}, "score", max_steps=2), until=1)
    assert isinstance(wait(executor), Reported)
    executor.close()
