"""Every executor answers with the same events for the same training function."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.cluster import Executor, InlineExecutor
from assay.spaces import SweepError, TrainableError
from assay.trainables import Cause, Event, Failed, Finished, Reported, TrainableRef, TrialSpec

TRAIN = """
import numpy as np

def train(config, trial):
    kind = config["kind"]
    if kind == "predicts":
        trial.save_predictions(np.array([1.0, 2.0]), labels=np.array([1.5, 2.5]))
    for step in trial.steps():
        if kind == "fails" and step == 1:
            raise ValueError("cannot go on")
        if kind == "checkpoints":
            trial.save_checkpoint(lambda folder: (folder / "step").write_text(str(step)))
        if kind == "goes on":
            try:
                yield {"score": 0.0}
            except GeneratorExit:
                yield {"score": 1.0}
        yield {"score": float("nan") if kind == "nan" else step + config["offset"]}
    if kind == "checkpoints" and trial.checkpoint:
        print((trial.checkpoint / "step").read_text())

def broken(config):
    pass
"""

numbers = itertools.count()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainables")
    (folder / "scripted.py").write_text(TRAIN)
    (folder / "crashing.py").write_text("def train(config, trial): pass\nimport does_not_exist_anywhere")
    return folder


@pytest.fixture(scope="module", params=["inline", pytest.param("ray", marks=pytest.mark.ray)])
def make(request: pytest.FixtureRequest) -> Callable[..., Executor]:
    """Makes an executor with some places."""
    if request.param == "inline":
        return lambda ref, places=2: InlineExecutor(ref, places)
    on_ray = request.getfixturevalue("ray_executors")
    return lambda ref, places=2: on_ray(ref, workers=places)


@pytest.fixture(scope="module")
def executor(make: Callable[..., Executor], folder: Path) -> Iterator[Executor]:
    """One for many tests, each of which gives back its places by ending or abandoning its trials."""
    executor = make(TrainableRef("scripted.py:train", str(folder)))
    executor.open()
    yield executor
    executor.close()


def spec(kind: str = "reports", **changes: Any) -> TrialSpec:
    config = {"kind": kind, "offset": 0.5}
    return replace(TrialSpec(next(numbers), config, metric="score", max_steps=2), **changes)


def events(executor: Executor, count: int) -> list[Event]:
    """The next ``count`` events, by trial and without times."""
    found: list[Event] = []
    deadline = time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found}"
        found += executor.wait(0.5)
    return sorted((replace(event, seconds=0.0) for event in found), key=lambda event: event.number)


def event(executor: Executor) -> Event:
    (found,) = events(executor, 1)
    return found


def give_back(executor: Executor, *trials: TrialSpec) -> None:
    for trial in trials:
        executor.abandon(trial.number)


def assert_all_places_are_free(executor: Executor) -> None:
    trials = [spec() for _ in range(executor.capacity)]
    for trial in trials:
        executor.start(trial)
    assert all(isinstance(found, Reported) for found in events(executor, len(trials)))
    give_back(executor, *trials)


def test_a_trial_reports_and_ends(executor: Executor) -> None:
    trial = spec()
    executor.start(trial)
    assert event(executor) == Reported(trial.number, 1, {"score": 0.5}, 0.0)
    assert executor.wait(0) == []  # it waits for a decision
    executor.resume(trial.number)
    assert event(executor) == Reported(trial.number, 2, {"score": 1.5}, 0.0)
    executor.resume(trial.number)
    assert event(executor) == Finished(trial.number, 0.0)
    assert executor.wait(0) == []


def test_as_many_trials_as_places(executor: Executor) -> None:
    assert executor.capacity == 2
    first, second, third = spec(), spec(), spec()
    executor.start(first)
    executor.start(second)
    assert [found.number for found in events(executor, 2)] == [first.number, second.number]
    executor.stop(first.number)
    assert isinstance(event(executor), Finished)
    executor.start(third)
    executor.resume(second.number)
    assert events(executor, 2) == [
        Reported(second.number, 2, {"score": 1.5}, 0.0),
        Reported(third.number, 1, {"score": 0.5}, 0.0),
    ]
    give_back(executor, second, third)


def test_a_stopped_trial_keeps_its_predictions(executor: Executor) -> None:
    trial = spec("predicts")
    executor.start(trial)
    event(executor)
    executor.stop(trial.number)
    finished = event(executor)
    assert isinstance(finished, Finished)
    np.testing.assert_array_equal(finished.predictions["validation"].values, np.float32([1, 2]))


def test_an_abandoned_trial_goes_on_from_its_checkpoint(executor: Executor, tmp_path: Path) -> None:
    trial = spec("checkpoints", folder=str(tmp_path))
    executor.start(trial)
    reported = event(executor)
    assert isinstance(reported, Reported)
    assert reported.checkpoint is not None
    executor.abandon(trial.number)
    assert executor.wait(0.2) == []
    again = replace(trial, first_step=1, checkpoint=reported.checkpoint)
    other = spec()  # its place was given back
    executor.start(again)
    executor.start(other)
    assert [(found.number, getattr(found, "step", None)) for found in events(executor, 2)] == [
        (trial.number, 2),
        (other.number, 1),
    ]
    give_back(executor, trial, other)


def test_without_its_checkpoint_a_trial_starts_from_the_beginning(executor: Executor, tmp_path: Path) -> None:
    trial = spec(first_step=1, checkpoint=str(tmp_path / "gone"))
    executor.start(trial)
    reported = event(executor)
    assert isinstance(reported, Reported)
    assert (reported.step, reported.metrics) == (1, {"score": 0.5})
    give_back(executor, trial)


def test_a_failure_is_an_event_and_frees_the_place(executor: Executor) -> None:
    trials = [spec("fails"), spec("nan")]
    for trial in trials:
        executor.start(trial)
    found = events(executor, 2)
    assert isinstance(found[0], Reported)
    assert isinstance(found[1], Failed)
    assert (found[1].cause, found[1].reason) == (Cause.METRIC, "metric 'score' is nan, not a finite number")
    executor.resume(trials[0].number)
    failed = event(executor)
    assert isinstance(failed, Failed)
    assert failed.cause is Cause.EXCEPTION
    assert failed.reason == "ValueError: cannot go on (scripted.py:10)"
    assert failed.detail.startswith("Traceback")
    assert_all_places_are_free(executor)


def test_a_trial_that_goes_on_after_its_stop_is_stuck_and_frees_the_place(executor: Executor) -> None:
    trial = spec("goes on")
    executor.start(trial)
    event(executor)
    executor.stop(trial.number)
    failed = event(executor)
    assert isinstance(failed, Failed)
    assert failed.cause is Cause.STUCK
    assert_all_places_are_free(executor)


def test_waiting_without_trials_answers_at_once(executor: Executor) -> None:
    began = time.monotonic()
    assert executor.wait(30) == []
    assert time.monotonic() - began < 5


def test_closing_ends_everything(make: Callable[..., Executor], folder: Path) -> None:
    executor = make(TrainableRef("scripted.py:train", str(folder)))
    executor.open()
    executor.start(spec())
    executor.start(spec())
    events(executor, 2)
    executor.close()
    assert executor.wait(0) == []
    executor.close()  # twice does no harm


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


def test_a_function_given_as_an_object(make: Callable[..., Executor]) -> None:
    def train(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
        yield {"score": config["offset"]}

    executor = make(TrainableRef("train", ".", train), 1)
    executor.open()
    assert executor.capacity == 1
    executor.start(spec())
    reported = event(executor)
    executor.close()
    assert isinstance(reported, Reported)
    assert reported.metrics == {"score": 0.5}


def test_no_workers_are_refused(make: Callable[..., Executor]) -> None:
    with pytest.raises(SweepError, match="workers must be 1 or more, got 0"):
        make(TrainableRef("scripted.py:train", "."), 0)
