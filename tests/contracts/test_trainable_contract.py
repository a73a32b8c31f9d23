"""Every way to write a training function gives the same reports, the same end and the same failures."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.trainables import (
    Cause,
    CheckpointStore,
    Event,
    Failed,
    Finished,
    Reported,
    Session,
    Trainable,
    TrialHandle,
    TrialSpec,
)


@dataclass
class Script:
    """What a training function is to do: make ``reports``, then raise ``error`` if there is one."""

    reports: list[Any]
    error: BaseException | None = None
    cleanup_error: BaseException | None = None
    goes_on: bool = False  # reports again after it was told to stop
    log: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def end(self) -> None:
        if self.error is not None:
            raise self.error

    def leave(self) -> None:
        self.log.append("left")
        if self.cleanup_error is not None:
            raise self.cleanup_error


def yields(script: Script, config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
    script.log.append(f"started {config['lr']}")
    script.threads.append(threading.get_ident())
    try:
        for metrics in script.reports:
            try:
                yield metrics
            except GeneratorExit:
                if not script.goes_on:
                    raise
                yield metrics
        script.end()
    finally:
        script.leave()


def reports(script: Script, config: dict[str, Any], trial: TrialHandle, kept: int = 0) -> Any:
    script.log.append(f"started {config['lr']}")
    try:
        for metrics in script.reports[: len(script.reports) - kept]:
            try:
                trial.report(metrics)
            except Exception:  # noqa: BLE001
                raise AssertionError("told to stop by an Exception") from None
            except BaseException:
                if not script.goes_on:
                    raise
                trial.report(metrics)
        script.end()
    finally:
        script.leave()
    return script.reports[-1] if kept and script.reports else None


def make_generator(script: Script) -> Trainable:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield from yields(script, config, trial)

    return train


def make_plain(script: Script) -> Trainable:
    def train(config: dict[str, Any], trial: TrialHandle) -> None:
        reports(script, config, trial)

    return train


def make_returning(script: Script) -> Trainable:
    def train(config: dict[str, Any], trial: TrialHandle) -> Any:
        return reports(script, config, trial, kept=0 if script.error else 1)

    return train


def make_generating_object(script: Script) -> Trainable:
    class Training:
        def __call__(self, config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
            yield from yields(script, config, trial)

    return Training()


def make_plain_object(script: Script) -> Trainable:
    class Training:
        def __call__(self, config: dict[str, Any], trial: TrialHandle) -> Any:
            return reports(script, config, trial)

    return Training()


def make_method(script: Script) -> Trainable:
    class Training:
        def fit(self, config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
            yield from yields(script, config, trial)

    return Training().fit


def make_iterator_function(script: Script) -> Trainable:
    return lambda config, trial: yields(script, config, trial)


KINDS: dict[str, Callable[[Script], Trainable]] = {
    "generator": make_generator,
    "plain function": make_plain,
    "function that returns a dict": make_returning,
    "generating object": make_generating_object,
    "plain object": make_plain_object,
    "method": make_method,
    "partial of a generator": lambda script: functools.partial(yields, script),
    "partial of a function": lambda script: functools.partial(reports, script),
    "function that returns an iterator": make_iterator_function,
}
STEPS = [{"loss": 0.5}, {"loss": 0.25}, {"loss": 0.125}]


@pytest.fixture(params=KINDS)
def start(request: pytest.FixtureRequest) -> Callable[..., Session]:
    """Start a session on a training function of one kind that follows a script."""

    def begin(script: Script, **spec: Any) -> Session:
        trainable = KINDS[request.param](script)
        return Session(trainable, TrialSpec(7, {"lr": 0.1}, metric="loss", **spec))

    return begin


@pytest.fixture
def after_4(tmp_path: Path) -> str:
    """A checkpoint of the fourth step."""
    store = CheckpointStore(str(tmp_path))
    return store.commit(store.stage(), "step-000004-0-1")


def steps_of(events: Sequence[Event]) -> list[int]:
    """The steps of events that have to be reports."""
    assert all(isinstance(event, Reported) for event in events)
    return [event.step for event in events if isinstance(event, Reported)]


def test_reports_then_the_end(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    session = start(script)
    assert script.log == [], "nothing runs before the first advance"
    events = [session.advance() for _ in range(4)]
    made = events[:3]
    assert all(isinstance(event, Reported) for event in made)
    assert [(event.number, event.step, event.metrics) for event in made if isinstance(event, Reported)] == [
        (7, 1, STEPS[0]),
        (7, 2, STEPS[1]),
        (7, 3, STEPS[2]),
    ]
    assert isinstance(events[3], Finished)
    assert events[3].number == 7
    assert script.log == ["started 0.1", "left"]


def test_training_waits_for_the_decision(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    session = start(script)
    session.advance()
    assert script.log == ["started 0.1"]
    session.stop()


def test_an_ended_trial_stays_ended(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS[:1]))
    session.advance()
    finished = session.advance()
    assert isinstance(finished, Finished)
    assert session.advance() is finished
    assert session.stop() is finished
    assert session.abandon() is None


def test_stop_leaves_the_function_before_it_returns(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    session = start(script)
    session.advance()
    assert isinstance(session.stop(), Finished)
    assert script.log == ["started 0.1", "left"]
    assert isinstance(session.advance(), Finished), "a stopped trial trains no further"


def test_abandon_leaves_the_function(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    session = start(script)
    session.advance()
    assert session.abandon() is None
    assert script.log == ["started 0.1", "left"]


def test_stop_before_the_start_runs_nothing(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    event = start(script).stop()
    assert isinstance(event, Failed)
    assert event.cause is Cause.METRIC
    assert "ended without a report" in event.reason
    assert script.log == []


def test_abandon_before_the_start_runs_nothing(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    assert start(script).abandon() is None
    assert script.log == []


@pytest.mark.parametrize("error", [ValueError("too\nbad"), SystemExit(3), RuntimeError(), StopIteration("x")], ids=repr)
def test_an_error_after_a_report(start: Callable[..., Session], error: BaseException) -> None:
    script = Script(STEPS[:1], error)
    session = start(script)
    assert isinstance(session.advance(), Reported)
    event = session.advance()
    assert isinstance(event, Failed)
    assert event.cause is Cause.EXCEPTION
    assert "\n" not in event.reason
    assert "(test_trainable_contract.py:" in event.reason
    assert "Traceback" in event.detail
    assert script.log == ["started 0.1", "left"]
    assert session.advance() is event


def test_an_error_while_it_is_stopped(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS, cleanup_error=OSError("disk full")))
    session.advance()
    event = session.stop()
    assert isinstance(event, Failed)
    assert event.cause is Cause.EXCEPTION
    assert event.reason.startswith("OSError: disk full (test_trainable_contract.py:")


def test_an_error_while_it_is_abandoned_is_nobodys_concern(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS, cleanup_error=OSError("disk full")))
    session.advance()
    assert session.abandon() is None


def test_interrupt_passes(start: Callable[..., Session]) -> None:
    session = start(Script([], KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        session.advance()


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"loss": float("nan")}, "'loss' is nan"),
        ({"loss": np.float64("inf")}, "'loss' is inf"),
        ({"loss": None}, "'loss' is None"),
        ({"loss": "low"}, "'loss' is 'low'"),
        ({"loss": [0.1, 0.2]}, "'loss' is list"),
        ({"loss": np.array([0.1, 0.2])}, "several values"),
        ({"los": 0.1}, "did you mean 'los'"),
        ({}, "the report has: nothing"),
        (0.5, "reported float '0.5'"),
        ([0.5], "reported list"),
    ],
    ids=str,
)
def test_a_bad_report(start: Callable[..., Session], metrics: Any, reason: str) -> None:
    script = Script([STEPS[0], metrics, STEPS[2]])
    session = start(script)
    assert isinstance(session.advance(), Reported)
    event = session.advance()
    assert isinstance(event, Failed)
    assert event.cause is Cause.METRIC
    assert reason in event.reason
    assert script.log == ["started 0.1", "left"], "the function is left when its trial fails"


def test_no_report_at_all(start: Callable[..., Session]) -> None:
    event = start(Script([])).advance()
    assert isinstance(event, Failed)
    assert event.cause is Cause.METRIC
    assert event.reason == "ended without a report of metric 'loss': yield or report it"


def test_going_on_after_the_stop(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS, goes_on=True))
    session.advance()
    event = session.stop()
    assert isinstance(event, Failed)
    assert event.cause is Cause.STUCK
    assert "went on after it was told to stop" in event.reason


def test_going_on_after_it_was_abandoned(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS, goes_on=True))
    session.advance()
    event = session.abandon()
    assert isinstance(event, Failed)
    assert event.cause is Cause.STUCK


def test_going_on_after_a_bad_report(start: Callable[..., Session]) -> None:
    session = start(Script([{"loss": None}, STEPS[0]], goes_on=True))
    event = session.advance()
    assert isinstance(event, Failed)
    assert event.cause is Cause.STUCK
    assert event.reason.startswith("metric 'loss' is None")


def test_steps_are_counted_from_the_checkpoint(start: Callable[..., Session], after_4: str) -> None:
    session = start(Script(STEPS), restore=((4, after_4),))
    event = session.advance()
    assert isinstance(event, Reported)
    assert event.step == 5
    session.stop()


def test_a_trial_resumed_after_its_last_step_finishes(start: Callable[..., Session], after_4: str) -> None:
    assert isinstance(start(Script([]), restore=((4, after_4),)).advance(), Finished)


def test_a_batch_ends_where_a_decision_is_due(start: Callable[..., Session]) -> None:
    script = Script(STEPS)
    session = start(script)
    assert steps_of(session.run(until=2)) == [1, 2]
    assert script.log == ["started 0.1"]
    events = session.run(until=None)
    assert steps_of(events[:-1]) == [3]
    assert isinstance(events[-1], Finished)
    assert script.log == ["started 0.1", "left"]
    assert session.run(until=None) == (events[-1],)


def test_a_failure_ends_a_batch_and_leaves_the_reports_before_it(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS[:2], ValueError("bad")))
    events = session.run()
    assert steps_of(events[:-1]) == [1, 2]
    assert isinstance(events[-1], Failed)
    assert events[-1].reason.startswith("ValueError: bad (test_trainable_contract.py:")
    assert session.run() == (events[-1],)


def test_a_bad_report_ends_a_batch(start: Callable[..., Session]) -> None:
    script = Script([STEPS[0], {"loss": None}, STEPS[2]])
    events = start(script).run()
    assert [type(event) for event in events] == [Reported, Failed]
    assert script.log == ["started 0.1", "left"]


def test_interrupt_passes_out_of_a_batch(start: Callable[..., Session]) -> None:
    session = start(Script(STEPS[:1], KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        session.run()


@pytest.mark.parametrize("error", [MemoryError("no more"), torch.OutOfMemoryError("no more")], ids=repr)
def test_memory_that_is_used_up_is_a_cause_of_its_own(start: Callable[..., Session], error: Exception) -> None:
    events = start(Script(STEPS[:1], error)).run()
    assert isinstance(events[-1], Failed)
    assert events[-1].cause is Cause.MEMORY
    assert events[-1].reason.startswith(f"{type(error).__name__}: no more (test_trainable_contract.py:")
    assert "Traceback" in events[-1].detail
