"""Every executor answers with the same events for the same training function."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Executor, InlineExecutor
from assay.cluster.virtual_executor import VirtualExecutor
from assay.search.section_effort import ResourcesSection
from assay.spaces import SweepError, TrainableError
from assay.trainables import Cause, Event, Failed, Finished, Reported, TrainableRef, TrialSpec

TRAIN = """
import threading

import numpy as np

def train(config, trial):
    kind = config["kind"]
    if kind == "predicts":
        trial.save_predictions(np.array([1.0, 2.0]), labels=np.array([1.5, 2.5]))
    for step in trial.steps():
        if kind == "fails" and step == 1:
            raise ValueError("cannot go on")
        if kind == "hangs" and step == 1:
            threading.Event().wait()
        if kind == "checkpoints":
            trial.save_checkpoint(lambda folder: (folder / "step").write_text(str(step)))
        if kind == "goes on":
            try:
                yield {"score": 0.0}
            except GeneratorExit:
                yield {"score": 1.0}
        yield {"score": float("nan") if kind == "nan" else step + config["offset"]}
    while kind == "endless":
        yield {"score": -1.0}
    if kind == "checkpoints" and trial.checkpoint:
        print((trial.checkpoint / "step").read_text())

def broken(config):
    pass
"""

ON_RAY = [pytest.param("ray", marks=pytest.mark.ray), pytest.param("ray with slots", marks=pytest.mark.ray)]
real = pytest.mark.parametrize("kind", ["inline", *ON_RAY], indirect=True, scope="module")
unshared = pytest.mark.parametrize("kind", ["inline", ON_RAY[0]], indirect=True, scope="module")
on_ray = pytest.mark.parametrize("kind", ON_RAY, indirect=True, scope="module")
with_slots = pytest.mark.parametrize("kind", ON_RAY[1:], indirect=True, scope="module")

numbers = itertools.count()


def curve(spec: TrialSpec, step: int) -> tuple[dict[str, Any], float]:
    """What the training function gives, in simulated time."""
    if spec.config["kind"] == "fails" and step == 2:
        raise ValueError("cannot go on")
    return {"score": float("nan") if spec.config["kind"] == "nan" else step - 1 + spec.config["offset"]}, 0.01


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainables")
    (folder / "scripted.py").write_text(TRAIN)
    (folder / "crashing.py").write_text("def train(config, trial): pass\nimport does_not_exist_anywhere")
    return folder


@pytest.fixture(scope="module", params=["inline", "virtual", *ON_RAY])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def make(kind: str, request: pytest.FixtureRequest) -> Callable[..., Executor]:
    """Makes an executor with some places."""
    if kind == "inline":
        return lambda ref, places=2: InlineExecutor(ref, places)
    if kind == "virtual":
        return lambda ref, places=2: VirtualExecutor(curve, places)
    executors = request.getfixturevalue("ray_executors")
    resources = ResourcesSection(slots=3 if kind == "ray with slots" else 1)
    return lambda ref, places=2: executors(ref, workers=places, resources=resources)


@pytest.fixture(scope="module")
def shared(make: Callable[..., Executor], folder: Path) -> Iterator[Executor]:
    executor = make(TrainableRef("scripted.py:train", str(folder)))
    executor.open()
    yield executor
    executor.close()


@pytest.fixture
def executor(shared: Executor) -> Executor:
    """One for many tests, each of which gives back its places by ending, abandoning or killing its trials."""
    deadline = time.monotonic() + 60
    while shared.capacity < 2:  # workers are on their way
        assert time.monotonic() < deadline
        assert shared.wait(0.5) == []
    return shared


def spec(kind: str = "reports", **changes: Any) -> TrialSpec:
    config = {"kind": kind, "offset": 0.5}
    return replace(TrialSpec(next(numbers), config, metric="score", max_steps=2), **changes)


def heard(executor: Executor, *trials: TrialSpec, until: int | None = None) -> list[list[Event]]:
    """The events of each of the trials, to its report ``until`` or to its end, however many come at a time."""
    found: dict[int, list[Event]] = {trial.number: [] for trial in trials}
    running = set(found)
    deadline = time.monotonic() + 60
    while running:
        assert time.monotonic() < deadline, f"only {found}"
        events = executor.wait(0.5)
        for event in events:
            found[event.number].append(event)
        for number in {event.number for event in events}:
            last = found[number][-1]
            if isinstance(last, Reported) and last.step != until:
                executor.resume(number, until)
            else:
                running.remove(number)
    return list(found.values())


def begun(executor: Executor, *trials: TrialSpec) -> None:
    """Start trials and hear their first reports."""
    for trial in trials:
        executor.start(trial, until=1)
    assert [story(events) for events in heard(executor, *trials, until=1)] == [[(1, 0.5)]] * len(trials)


def story(events: Sequence[Event]) -> list[tuple[int, float] | type]:
    """Steps and scores of reports, and how it ended."""
    return [(event.step, event.metrics["score"]) if isinstance(event, Reported) else type(event) for event in events]


def failure(events: Sequence[Event]) -> Failed:
    """The last of the events, which has to be a failure."""
    assert isinstance(events[-1], Failed), events
    return events[-1]


def give_back(executor: Executor, *trials: TrialSpec) -> None:
    for trial in trials:
        executor.abandon(trial.number)


def assert_all_places_are_free(executor: Executor) -> None:
    trials = [spec(), spec()]
    begun(executor, *trials)
    give_back(executor, *trials)


# From decision to decision


def test_a_trial_reports_and_ends(executor: Executor) -> None:
    trial = spec()
    executor.start(trial, until=1)
    (events,) = heard(executor, trial, until=1)
    assert story(events) == [(1, 0.5)]
    assert executor.wait(0) == [], "it waits for a decision"
    executor.resume(trial.number, until=2)
    assert story(*heard(executor, trial, until=2)) == [(2, 1.5)]
    executor.resume(trial.number, until=None)
    assert story(*heard(executor, trial)) == [Finished]
    assert executor.wait(0) == []


def test_all_reports_before_the_decision_come_in_order(executor: Executor) -> None:
    trial = spec(max_steps=6)
    executor.start(trial, until=3)
    assert story(*heard(executor, trial, until=3)) == [(1, 0.5), (2, 1.5), (3, 2.5)]
    assert executor.wait(0) == []
    executor.resume(trial.number, until=5)
    assert story(*heard(executor, trial, until=5)) == [(4, 3.5), (5, 4.5)]
    executor.stop(trial.number)
    assert story(*heard(executor, trial)) == [Finished]


def test_without_a_decision_a_trial_runs_to_its_end(executor: Executor) -> None:
    trial = spec(max_steps=4)
    executor.start(trial, until=None)
    assert story(*heard(executor, trial)) == [(1, 0.5), (2, 1.5), (3, 2.5), (4, 3.5), Finished]


@real
def test_a_trial_waits_after_a_report_beyond_a_full_run(executor: Executor) -> None:
    trial = spec("endless")
    executor.start(trial, until=None)
    assert story(*heard(executor, trial, until=3)) == [(1, 0.5), (2, 1.5), (3, -1.0)]
    assert executor.wait(0) == []
    executor.stop(trial.number)
    assert story(*heard(executor, trial)) == [Finished]


def test_as_many_trials_as_places(executor: Executor) -> None:
    assert executor.capacity == 2
    first, second, third = spec(), spec(), spec()
    begun(executor, first, second)
    executor.stop(first.number)
    assert story(*heard(executor, first)) == [Finished]
    executor.start(third, until=2)
    executor.resume(second.number, until=2)
    assert list(map(story, heard(executor, second, third, until=2))) == [[(2, 1.5)], [(1, 0.5), (2, 1.5)]]
    give_back(executor, second, third)


@real
def test_waiting_without_trials_takes_its_time(executor: Executor) -> None:
    """Who has nothing to do but to wait for the searcher must not turn in a circle."""
    took = []
    for _ in range(20):  # the first may hear of workers that come and go
        began = time.monotonic()
        assert executor.wait(0.1) == []
        took.append(time.monotonic() - began)
    assert 0.1 <= took[-1] < 5


@with_slots
def test_a_trial_waits_for_its_turn_in_a_shared_process(executor: Executor) -> None:
    hanging, other = spec("hangs"), spec()
    begun(executor, hanging, other)
    assert not executor.waiting(hanging.number)
    executor.resume(hanging.number, until=2)
    executor.resume(other.number, until=2)
    assert executor.wait(0.1) == []
    assert not executor.waiting(hanging.number)
    assert executor.waiting(other.number)
    executor.kill(hanging.number)
    assert failure(*heard(executor, other)).cause is Cause.DISPLACED
    assert_all_places_are_free(executor)


@real
def test_a_stopped_trial_keeps_its_predictions(executor: Executor) -> None:
    trial = spec("predicts")
    begun(executor, trial)
    executor.stop(trial.number)
    ((finished,),) = heard(executor, trial)
    assert isinstance(finished, Finished)
    np.testing.assert_array_equal(finished.predictions["validation"].values, np.float32([1, 2]))


# Going on


def test_an_abandoned_trial_goes_on_from_its_checkpoint(executor: Executor, tmp_path: Path) -> None:
    trial = spec("checkpoints", checkpoints=str(tmp_path))
    executor.start(trial, until=1)
    ((reported,),) = heard(executor, trial, until=1)
    assert isinstance(reported, Reported)
    assert reported.checkpoint is not None
    executor.abandon(trial.number)
    assert executor.wait(0.2) == []
    again, other = replace(trial, restore=((1, reported.checkpoint),), attempt=2), spec()
    executor.start(again, until=2)
    executor.start(other, until=2)  # the place was given back
    assert list(map(story, heard(executor, again, other, until=2))) == [[(2, 1.5)], [(1, 0.5), (2, 1.5)]]
    give_back(executor, again, other)


@real
@pytest.mark.parametrize("must_restore", [False, True])
def test_without_its_checkpoint_a_trial_starts_from_the_beginning_if_it_may(
    executor: Executor, tmp_path: Path, must_restore: bool
) -> None:
    trial = spec(restore=((1, str(tmp_path / "gone")),), must_restore=must_restore)
    executor.start(trial, until=2)
    (events,) = heard(executor, trial, until=2)
    if must_restore:
        assert failure(events).reason.startswith(f"checkpoint {tmp_path / 'gone'} is not there, seen from ")
        assert failure(events).cause is Cause.EXCEPTION
    else:
        assert story(events) == [(1, 0.5), (2, 1.5)]
        give_back(executor, trial)


# Failures


def test_a_failure_is_an_event_and_frees_the_place(executor: Executor) -> None:
    raising, nan = spec("fails"), spec("nan")
    for trial in (raising, nan):
        executor.start(trial, until=None)
    first, second = heard(executor, raising, nan)
    assert story(first) == [(1, 0.5), Failed]
    assert failure(first).cause is Cause.EXCEPTION
    assert failure(first).reason.startswith("ValueError: cannot go on")
    assert story(second) == [Failed]
    assert failure(second).cause is Cause.METRIC
    assert_all_places_are_free(executor)


@real
def test_a_failure_says_where_and_why(executor: Executor) -> None:
    raising, nan = spec("fails"), spec("nan")
    for trial in (raising, nan):
        executor.start(trial, until=None)
    first, second = map(failure, heard(executor, raising, nan))
    assert first.reason == "ValueError: cannot go on (scripted.py:12)"
    assert first.detail.startswith("Traceback")
    assert second.reason == "metric 'score' is nan, not a finite number"


@real
def test_a_trial_that_goes_on_after_its_stop_is_stuck_and_frees_the_place(executor: Executor) -> None:
    trial = spec("goes on")
    executor.start(trial, until=1)
    heard(executor, trial, until=1)
    executor.stop(trial.number)
    (events,) = heard(executor, trial)
    assert failure(events).cause is Cause.STUCK
    assert_all_places_are_free(executor)


# Kills


def test_a_kill_has_no_answer_and_the_trial_can_be_started_again_at_once(executor: Executor) -> None:
    trial, other = spec(), spec()
    begun(executor, trial)
    executor.kill(trial.number)
    for started in (replace(trial, attempt=2), other):  # its place is free too
        executor.start(started, until=None)
    assert list(map(story, heard(executor, trial, other))) == [[(1, 0.5), (2, 1.5), Finished]] * 2
    assert executor.wait(0) == []


def test_a_kill_before_the_first_event(executor: Executor) -> None:
    first, second = spec(), spec()
    executor.start(first, until=1)
    executor.kill(first.number)
    executor.start(second, until=1)
    executor.kill(second.number)
    executor.start(first, until=1)
    assert story(*heard(executor, first, until=1)) == [(1, 0.5)]
    executor.stop(first.number)
    assert story(*heard(executor, first)) == [Finished]


@on_ray
def test_a_trial_that_hangs_is_killed(executor: Executor) -> None:
    trial = spec("hangs")
    begun(executor, trial)
    executor.resume(trial.number, until=2)
    assert executor.wait(0.1) == []
    executor.kill(trial.number)
    assert_all_places_are_free(executor)


@with_slots
@pytest.mark.parametrize("waits", [True, False])
def test_a_kill_in_a_shared_process_loses_the_others(executor: Executor, waits: bool) -> None:
    killed, other = spec(), spec("reports" if waits else "hangs")
    begun(executor, killed, other)
    if not waits:
        executor.resume(other.number, until=2)
    executor.kill(killed.number)
    (events,) = heard(executor, other)
    assert (failure(events).cause, failure(events).reason) == (Cause.DISPLACED, "its worker had to be replaced")


@with_slots
@pytest.mark.parametrize("told", ["resume", "stop"])
def test_a_trial_that_is_lost_with_another_may_be_told_to_go_on_or_to_end(executor: Executor, told: str) -> None:
    killed, other = spec(), spec()
    begun(executor, killed, other)
    executor.kill(killed.number)
    if told == "resume":
        executor.resume(other.number, until=2)
    else:
        executor.stop(other.number)
    (events,) = heard(executor, other)
    assert failure(events).cause is Cause.DISPLACED


@with_slots
@pytest.mark.parametrize("told", ["kill", "abandon"])
def test_a_trial_that_is_lost_with_another_may_be_ended_without_an_answer(executor: Executor, told: str) -> None:
    killed, other = spec(), spec()
    begun(executor, killed, other)
    executor.kill(killed.number)
    getattr(executor, told)(other.number)
    assert_all_places_are_free(executor)


# The end


def test_closing_ends_everything(make: Callable[..., Executor], folder: Path) -> None:
    executor = make(TrainableRef("scripted.py:train", str(folder)))
    executor.open()
    begun(executor, spec(), spec())
    executor.close()
    assert executor.wait(0) == []
    executor.close()  # twice does no harm


# What can be run


@unshared
@pytest.mark.parametrize(
    ("name", "says"),
    [("crashing.py:train", "does_not_exist_anywhere"), ("scripted.py:broken", "must take two arguments")],
)
def test_a_function_that_cannot_be_used_is_told_before_the_first_trial(
    make: Callable[..., Executor], folder: Path, name: str, says: str
) -> None:
    executor = make(TrainableRef(name, str(folder)), 1)
    with pytest.raises(TrainableError, match=says):
        executor.open()
    executor.close()


@unshared
def test_a_function_given_as_an_object(make: Callable[..., Executor]) -> None:
    def train(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
        yield {"score": config["offset"]}

    executor = make(TrainableRef("train", ".", train), 1)
    executor.open()
    assert executor.capacity == 1
    begun(executor, spec())
    executor.close()


@unshared
def test_no_workers_are_refused(make: Callable[..., Executor]) -> None:
    with pytest.raises(SweepError, match="workers must be 1 or more, got 0"):
        make(TrainableRef("scripted.py:train", "."), 0)
