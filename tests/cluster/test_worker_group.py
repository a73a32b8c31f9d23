"""Several processes that run a trial together, and how many workers there are: on a real Ray cluster."""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from assay.cluster import RayExecutor
from assay.search.section_effort import ResourcesSection
from assay.trainables import Cause, Event, Failed, Finished, Reported, TrainableRef, TrialSpec

pytestmark = pytest.mark.ray

TRAIN = """
import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def train(config, trial):
    facts = {name: os.environ.get(name) for name in VARIABLES}
    facts |= {"rank": trial.rank, "world_size": trial.world_size, "pid": os.getpid()}
    facts["checkpoint"] = trial.checkpoint and (trial.checkpoint / "step").read_text()
    if config.get("meet"):
        facts["heard"] = meet(trial.rank)
    Path(config["folder"], f"{trial.number}-{trial.rank}.json").write_text(json.dumps(facts))
    does = config.get(f"rank {trial.rank}")
    for step in trial.steps():
        if step == 1 and does == "fails":
            raise ValueError("bad")
        if step == 1 and does == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if step == 1 and does == "hangs":
            threading.Event().wait()
        if step == 1 and does == "ends":
            return
        trial.save_checkpoint(lambda folder: (folder / "step").write_text(str(step)))
        yield {"score": step + 0.5, "rank": trial.rank}


def meet(rank):
    address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    deadline = time.monotonic() + 30
    if rank == 0:
        with socket.create_server(address) as server:
            server.settimeout(30)
            with server.accept()[0] as other:
                other.sendall(b"from 0")
                return other.recv(10).decode()
    while True:
        try:
            with socket.create_connection(address, timeout=30) as other:
                other.sendall(b"from 1")
                return other.recv(10).decode()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)
"""

numbers = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("group")
    (folder / "together.py").write_text(TRAIN)
    return folder


@pytest.fixture(scope="module")
def ref(folder: Path) -> TrainableRef:
    return TrainableRef("together.py:train", str(folder))


@pytest.fixture(scope="module")
def shared(ray_executors: Callable[..., RayExecutor], ref: TrainableRef) -> Iterator[RayExecutor]:
    executor = ray_executors(ref, workers=1, resources=ResourcesSection(workers=2))
    executor.open()
    yield executor
    executor.close()


@pytest.fixture
def executor(shared: RayExecutor) -> RayExecutor:
    """With a group that is ready; tests give back its place, or lose it."""
    deadline = time.monotonic() + 60
    while shared.capacity < 1:
        assert time.monotonic() < deadline
        assert shared.wait(0.5) == []
    return shared


@pytest.fixture
def trial(folder: Path) -> TrialSpec:
    return TrialSpec(next(numbers), {"folder": str(folder)}, "score", max_steps=3)


def heard(executor: RayExecutor, until: int | None = None) -> Sequence[Event]:
    """The events of the one trial that runs, to its report ``until`` or to its end."""
    found: list[Event] = []
    deadline = time.monotonic() + 60
    while not found or (isinstance(found[-1], Reported) and found[-1].step != until):
        assert time.monotonic() < deadline, f"only {found}"
        events = executor.wait(0.5)
        found += events
        if events and isinstance(found[-1], Reported) and found[-1].step != until:
            executor.resume(found[-1].number, until)
    return found


def story(events: Sequence[Event]) -> list[int | type]:
    """Steps of reports, all of them of the first process, and how it ended."""
    assert all(event.metrics["rank"] == 0 for event in events if isinstance(event, Reported))
    return [event.step if isinstance(event, Reported) else type(event) for event in events]


def facts(trial: TrialSpec) -> list[dict[str, Any]]:
    """What each process knew."""
    texts = [Path(trial.config["folder"], f"{trial.number}-{rank}.json").read_text() for rank in range(2)]
    return [json.loads(text) for text in texts]


def gone(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        deadline = time.monotonic() + 20
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


def test_each_process_knows_its_rank_and_where_to_meet(executor: RayExecutor, trial: TrialSpec) -> None:
    executor.start(replace(trial, config=trial.config | {"meet": True}), until=1)
    assert story(heard(executor, until=1)) == [1]
    first, second = facts(trial)
    assert [(process["rank"], process["world_size"]) for process in (first, second)] == [(0, 2), (1, 2)]
    assert [(process["RANK"], process["LOCAL_RANK"], process["WORLD_SIZE"]) for process in (first, second)] == [
        ("0", "0", "2"),
        ("1", "0", "2"),
    ]
    assert (first["heard"], second["heard"]) == ("from 1", "from 0")
    assert first["pid"] != second["pid"]
    executor.resume(trial.number, until=None)
    assert story(heard(executor)) == [2, 3, Finished]


def test_the_first_process_alone_keeps_checkpoints_and_all_go_on_from_them(
    executor: RayExecutor, trial: TrialSpec, tmp_path: Path
) -> None:
    trial = replace(trial, checkpoints=str(tmp_path))
    executor.start(trial, until=2)
    reports = heard(executor, until=2)
    kept = [str(event.checkpoint) for event in reports if isinstance(event, Reported)]
    assert sorted(str(place) for place in tmp_path.iterdir()) == kept
    executor.abandon(trial.number)
    assert executor.wait(0) == []
    executor.start(replace(trial, restore=((2, kept[-1]),), attempt=2), until=3)
    assert story(heard(executor, until=3)) == [3]
    assert [process["checkpoint"] for process in facts(trial)] == ["1", "1"]
    executor.stop(trial.number)
    assert story(heard(executor)) == [Finished]


@pytest.mark.parametrize(
    ("does", "cause", "reason"),
    [
        ({"rank 1": "fails"}, Cause.EXCEPTION, "ValueError: bad (together.py:"),
        ({"rank 0": "hangs", "rank 1": "fails"}, Cause.EXCEPTION, "ValueError: bad (together.py:"),
        ({"rank 0": "hangs", "rank 1": "dies"}, Cause.WORKER_LOST, "the worker process died: "),
        ({"rank 1": "ends"}, Cause.EXCEPTION, "not all of its processes made this report: each has to report"),
    ],
    ids=str,
)
def test_a_process_that_fails_fails_the_trial_and_all_are_replaced(
    executor: RayExecutor, trial: TrialSpec, does: dict[str, str], cause: Cause, reason: str
) -> None:
    executor.start(replace(trial, config=trial.config | does), until=1)
    assert story(heard(executor, until=1)) == [1]
    executor.resume(trial.number, until=2)
    (failed,) = heard(executor, until=2)
    assert isinstance(failed, Failed)
    assert failed.cause is cause
    assert failed.reason.startswith(reason)
    assert all(gone(process["pid"]) for process in facts(trial))
    after = replace(trial, number=next(numbers))
    executor.start(after, until=1)  # waits for the new processes
    assert story(heard(executor, until=1)) == [1]
    assert not {process["pid"] for process in facts(trial)} & {process["pid"] for process in facts(after)}
    executor.abandon(after.number)


def test_a_kill_ends_all_processes(executor: RayExecutor, trial: TrialSpec) -> None:
    executor.start(replace(trial, config=trial.config | {"rank 0": "hangs"}), until=1)
    heard(executor, until=1)
    executor.resume(trial.number, until=2)
    executor.kill(trial.number)
    assert all(gone(process["pid"]) for process in facts(trial))


@pytest.mark.parametrize(
    ("resources", "options", "places"),
    [
        ({}, {"workers": 3}, 3),
        ({}, {"workers": 9}, 4),
        ({}, {}, 4),
        ({}, {"most": 2}, 2),
        ({"cpu": 3.0}, {"most": math.inf}, 1),
        ({"cpu": 0.5}, {"workers": 6}, 6),
        ({"slots": 3}, {"workers": 2}, 1),
        ({"slots": 3}, {"workers": 4}, 2),
        ({"slots": 3}, {}, 4),
        ({"workers": 2}, {}, 2),
        ({"workers": 3}, {"workers": 2}, 1),
    ],
    ids=str,
)
def test_as_many_workers_as_fit_and_are_needed(
    ray_executors: Callable[..., RayExecutor],
    ref: TrainableRef,
    resources: dict[str, Any],
    options: dict[str, Any],
    places: int,
) -> None:
    assert ray_executors(ref, resources=ResourcesSection(**resources), **options)._places() == places


def test_nothing_is_kept_on_the_cluster(shared: RayExecutor) -> None:
    import ray

    shared.close()
    deadline = time.monotonic() + 30
    while ray.available_resources().get("CPU") != ray.cluster_resources()["CPU"]:
        assert time.monotonic() < deadline, ray.available_resources()
        time.sleep(0.05)
