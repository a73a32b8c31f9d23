"""What a session does beyond the contract that all kinds of training functions share."""

from __future__ import annotations

import asyncio
import json
import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import TrainableError
from assay.trainables import Cause, Failed, Finished, Reported, Session, TrialHandle, TrialSpec

SPEC = TrialSpec(3, {"lr": 0.1}, metric="loss")


def ended(trainable: Any, spec: TrialSpec = SPEC) -> Finished | Failed:
    """Run to the end."""
    running = Session(trainable, spec)
    while isinstance(event := running.advance(), Reported):
        pass
    return event


def failed(trainable: Any, spec: TrialSpec = SPEC) -> Failed:
    event = ended(trainable, spec)
    assert isinstance(event, Failed)
    return event


def test_metrics_become_plain_numbers() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield {
            "loss": torch.tensor([0.5], requires_grad=True),
            "accuracy": np.float32(0.25),
            "count": np.int64(3),
            "good": np.bool_(True),
            "extra": np.array([[2.0]]),
            "worst": float("inf"),
            "note": "text",
            "none": None,
        }

    event = Session(train, SPEC).advance()
    assert isinstance(event, Reported)
    assert event.metrics == {
        "loss": 0.5,
        "accuracy": 0.25,
        "count": 3,
        "good": True,
        "extra": 2.0,
        "worst": None,
        "note": "text",
        "none": None,
    }
    assert {type(value) for value in event.metrics.values()} <= {float, int, bool, str, type(None)}
    json.dumps(event.metrics, allow_nan=False)


def test_a_dict_that_the_function_reuses_is_copied() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        metrics = {"loss": 1.0}
        yield metrics
        metrics["loss"] = 0.5
        yield metrics

    running = Session(train, SPEC)
    first, second = running.advance(), running.advance()
    assert isinstance(first, Reported)
    assert isinstance(second, Reported)
    assert (first.metrics["loss"], second.metrics["loss"]) == (1.0, 0.5)
    running.abandon()


def test_report_takes_a_mapping_and_names() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        trial.report({"loss": 1.0}, accuracy=0.5)

    event = Session(train, SPEC).advance()
    assert isinstance(event, Reported)
    assert event.metrics == {"loss": 1.0, "accuracy": 0.5}


def test_report_in_a_generator_is_refused() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        trial.report(loss=1.0)
        yield {"loss": 1.0}

    event = failed(train)
    assert event.cause is Cause.EXCEPTION
    assert "in a generator, yield the metrics" in event.reason


def test_a_yield_of_nothing_is_a_bad_report_in_every_iterator() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield None

    for trainable in (train, lambda config, trial: train(config, trial)):
        event = failed(trainable)
        assert event.cause is Cause.METRIC
        assert "reported NoneType" in event.reason


def test_the_reason_names_the_users_line_and_not_a_librarys() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield {"loss": 1.0}
        torch.nn.functional.linear(torch.zeros(2, 3), torch.zeros(4, 5))

    line = train.__code__.co_firstlineno + 2
    event = failed(train)
    assert event.reason.startswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied")
    assert event.reason.endswith(f"(test_session.py:{line})")
    assert "in train" in event.detail


def test_cancellation_inside_user_code_is_a_failure() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield {"loss": 1.0}
        raise asyncio.CancelledError

    assert failed(train).reason.startswith("CancelledError (")


@pytest.mark.parametrize("plain", [False, True])
def test_random_generators_are_seeded(plain: bool) -> None:
    def draw() -> dict[str, float]:
        return {"loss": random.random(), "numpy": np.random.random(), "torch": torch.rand(()).item()}  # noqa: NPY002

    def generate(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield draw()

    def train(config: dict[str, Any], trial: TrialHandle) -> Any:
        return draw()

    def run(seed: int) -> dict[str, Any]:
        event = Session(train if plain else generate, TrialSpec(1, {}, "loss", seed=seed)).advance()
        assert isinstance(event, Reported)
        return event.metrics

    assert run(2**40 + 1) == run(2**40 + 1)
    assert not set(run(1).values()) & set(run(2).values())


@pytest.mark.parametrize("plain", [False, True])
def test_trials_that_take_turns_do_not_disturb_each_other(plain: bool) -> None:
    def draw() -> dict[str, float]:
        return {"loss": random.random(), "numpy": np.random.random(), "torch": torch.rand(()).item()}  # noqa: NPY002

    def generate(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        for _ in trial.steps():
            yield draw()

    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        for metrics in generate(config, trial):
            trial.report(metrics)

    def begin(seed: int) -> Session:
        return Session(train if plain else generate, TrialSpec(seed, {}, "loss", seed=seed, max_steps=3))

    def metrics(event: Any) -> Any:
        assert isinstance(event, Reported)
        return event.metrics

    alone = begin(1)
    undisturbed = [metrics(alone.advance()) for _ in range(3)]
    one, two = begin(1), begin(2)
    turns = []
    for _ in range(3):
        turns.append(metrics(one.advance()))
        two.advance()
    assert turns == undisturbed
    for running in (alone, one, two):
        running.abandon()


def test_a_function_that_swallows_exceptions_is_stopped_all_the_same() -> None:
    reached: list[int] = []

    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        for step in range(100):
            try:
                reached.append(step)
                trial.report(loss=1.0)
            except Exception:  # noqa: BLE001
                continue

    running = Session(train, SPEC)
    running.advance()
    running.advance()
    assert isinstance(running.stop(), Finished)
    assert reached == [0, 1]


def test_a_function_that_swallows_everything_may_end_by_itself() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> dict[str, float]:
        try:
            trial.report(loss=1.0)
        except BaseException:  # noqa: BLE001
            return {"loss": 0.5}
        raise AssertionError("was not stopped")

    running = Session(train, SPEC)
    running.advance()
    assert isinstance(running.stop(), Finished)


def test_a_function_that_does_not_return_is_stuck() -> None:
    release = threading.Event()

    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        try:
            trial.report(loss=1.0)
        finally:
            release.wait()

    running = Session(train, replace(SPEC, stop_timeout=0.02))
    running.advance()
    event = running.stop()
    release.set()
    assert isinstance(event, Failed)
    assert event.cause is Cause.STUCK
    assert "did not return within 0.02 s after trial.report() told it to stop" in event.reason


def test_queue_empty_of_the_user_is_not_taken_for_a_timeout() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        try:
            trial.report(loss=1.0)
        finally:
            raise queue.Empty

    running = Session(train, SPEC)
    running.advance()
    event = running.stop()
    assert isinstance(event, Failed)
    assert event.cause is Cause.EXCEPTION
    assert event.reason.startswith("Empty (test_session.py:")


def test_a_generator_may_catch_its_end() -> None:
    kept: list[str] = []

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        try:
            yield {"loss": 1.0}
        except GeneratorExit:
            kept.append("saved")

    running = Session(train, SPEC)
    running.advance()
    assert isinstance(running.stop(), Finished)
    assert kept == ["saved"]


def test_a_runtime_error_in_a_stopped_generator_is_its_own() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        try:
            yield {"loss": 1.0}
        finally:
            raise RuntimeError("no")

    running = Session(train, SPEC)
    running.advance()
    event = running.stop()
    assert isinstance(event, Failed)
    assert event.cause is Cause.EXCEPTION


def test_an_iterator_without_close() -> None:
    class Steps:
        def __init__(self) -> None:
            self.left = 2

        def __iter__(self) -> Steps:
            return self

        def __next__(self) -> dict[str, float]:
            self.left -= 1
            if self.left < 0:
                raise StopIteration
            return {"loss": float(self.left)}

    running = Session(lambda config, trial: Steps(), SPEC)
    events = [running.advance() for _ in range(3)]
    assert [type(event) for event in events] == [Reported, Reported, Finished]


def test_no_thread_is_left_behind() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        for _ in range(3):
            trial.report(loss=float("nan"))

    failed(train, TrialSpec(99, {}, "loss"))
    for thread in [thread for thread in threading.enumerate() if thread.name == "trial-99"]:
        thread.join(5)
        assert not thread.is_alive()


def test_predictions_are_made_when_the_trial_is_stopped() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        data = trial.split(np.arange(50.0)[:, None], np.arange(50.0))
        state = {"slope": 0.0}
        trial.save_predictions(lambda inputs: inputs * state["slope"])
        for step in trial.steps():
            state["slope"] = 1.0 + step
            yield {"loss": float(len(data.x_train))}

    running = Session(train, TrialSpec(1, {}, "loss", max_steps=9))
    running.advance()
    running.advance()
    event = running.stop()
    assert isinstance(event, Finished)
    assert event.resplit
    kept = event.predictions["validation"]
    np.testing.assert_array_equal(kept.values, 2 * kept.targets)


def test_abandon_makes_no_predictions() -> None:
    def refuse(inputs: Any) -> Any:
        raise AssertionError("called")

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        trial.split(np.arange(50.0), np.arange(50.0))
        trial.save_predictions(refuse)
        yield {"loss": 1.0}

    running = Session(train, SPEC)
    running.advance()
    assert running.abandon() is None


def test_bad_predictions_fail_the_trial() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        trial.split(np.arange(50.0), np.arange(50.0))
        trial.save_predictions(lambda inputs: inputs * np.nan)
        yield {"loss": 1.0}

    event = failed(train)
    assert event.cause is Cause.EXCEPTION
    assert "NaN" in event.reason


def test_an_error_of_assay_comes_without_a_place() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        raise TrainableError("as written")
        yield {}

    event = failed(train)
    assert (event.cause, event.reason) == (Cause.EXCEPTION, "as written")
    assert "in train" in event.detail
