"""Several reports at once: where a batch ends, and what trials that take turns keep to themselves."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from assay.trainables import Event, Failed, Finished, Reported, Session, TrialHandle, TrialSpec, handle
from assay.trainables.splits import split_indices

SPEC = TrialSpec(1, {}, "loss")


def endless(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
    while True:
        yield {"loss": 1.0}


def full_run(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
    for _ in trial.steps():
        yield {"loss": 1.0}


def steps(events: Sequence[Event]) -> list[int | type]:
    """Steps of reports, and how it ended."""
    return [event.step if isinstance(event, Reported) else type(event) for event in events]


def test_until_the_decision() -> None:
    session = Session(endless, SPEC)
    assert steps(session.run(until=3)) == [1, 2, 3]
    assert steps(session.run(until=4)) == [4]
    assert steps(session.run(until=2)) == [5], "a decision that was due already is due at the next report"
    session.abandon()


def test_without_a_decision_a_full_run_ends_by_itself() -> None:
    session = Session(full_run, replace(SPEC, max_steps=3))
    assert steps(session.run()) == [1, 2, 3, Finished]
    assert steps(session.run()) == [Finished]


def test_a_report_beyond_a_full_run_ends_the_batch() -> None:
    session = Session(endless, replace(SPEC, max_steps=3))
    assert steps(session.run()) == [1, 2, 3, 4]
    assert steps(session.run(until=9)) == [5]
    assert isinstance(session.stop(), Finished)


def test_a_decision_after_the_full_run_is_not_waited_for() -> None:
    session = Session(full_run, replace(SPEC, max_steps=2))
    assert steps(session.run(until=7)) == [1, 2, Finished]


def test_no_time_means_report_by_report() -> None:
    session = Session(full_run, replace(SPEC, max_steps=2))
    assert [steps(session.run(until=2, seconds=0)) for _ in range(3)] == [[1], [2], [Finished]]


def test_the_first_report_after_that_much_time_ends_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        nonlocal now
        for _ in trial.steps():
            now += 1.0
            yield {"loss": 1.0}

    monkeypatch.setattr(time, "monotonic", lambda: now)
    session = Session(train, replace(SPEC, max_steps=6))
    assert steps(session.run(seconds=2.5)) == [1, 2, 3]
    assert steps(session.run(seconds=1.0)) == [4]
    assert steps(session.run(seconds=1.5)) == [5, 6]
    assert steps(session.run(seconds=1.5)) == [Finished]


def test_a_failure_ends_the_batch_after_the_reports_before_it() -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        yield {"loss": 1.0}
        yield {"loss": 0.5}
        raise ValueError("bad")

    session = Session(train, SPEC)
    events = session.run(until=5)
    assert steps(events) == [1, 2, Failed]
    assert steps(session.run(until=5)) == [Failed]


def test_times_of_a_batch_are_those_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        nonlocal now
        for step in trial.steps():
            now += 1.0 + step
            yield {"loss": 1.0}

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    events = Session(train, replace(SPEC, max_steps=3)).run()
    assert [event.seconds for event in events] == [1.0, 2.0, 3.0, 0.0]


# Taking turns


def draw() -> dict[str, float]:
    return {"loss": random.random(), "numpy": np.random.random(), "torch": torch.rand(()).item()}  # noqa: NPY002


def draws(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
    trial.split(np.arange(50.0), np.arange(50.0))
    trial.save_predictions(lambda inputs: np.full(len(inputs), draw()["numpy"]))
    for step in trial.steps():
        if step == config.get("fails"):
            raise ValueError("bad")
        yield draw()


def draws_plainly(config: dict[str, Any], trial: TrialHandle) -> None:
    for metrics in draws(config, trial):
        trial.report(metrics)


@pytest.fixture(params=[draws, draws_plainly])
def begin(request: pytest.FixtureRequest) -> Callable[..., Session]:
    """A session whose metrics and predictions are drawn from the global generators."""
    return lambda seed, **config: Session(request.param, TrialSpec(seed, config, "loss", seed=seed, max_steps=6))


def drawn(events: Sequence[Event]) -> list[Any]:
    return [event.metrics for event in events if isinstance(event, Reported)]


def predicted(event: Event) -> float:
    assert isinstance(event, Finished)
    return float(event.predictions["validation"].values[0])


def test_each_draws_as_if_it_were_alone(begin: Callable[..., Session]) -> None:
    alone = begin(1)
    undisturbed, end = drawn(alone.run(until=5)), alone.stop()
    one, two, failing, left = begin(1), begin(2), begin(3, fails=2), begin(4)
    turns = drawn(one.run(until=2))
    two.run(until=1)
    turns += drawn(one.run(until=3))
    assert isinstance(failing.run()[-1], Failed)
    left.run(until=2)
    two.run(until=6)
    turns += drawn(one.run(until=5, seconds=0))
    left.abandon()
    two.stop()
    turns += drawn(one.run(until=5, seconds=0))
    assert turns == undisturbed
    assert predicted(one.stop()) == predicted(end)


def test_a_split_draws_no_numbers_of_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[Any]:
        if config["splits"]:
            trial.split(np.arange(50.0), np.arange(50.0))
        yield draw()

    def drawing(*given: Any, **named: Any) -> Any:
        draw()
        return split_indices(*given, **named)

    monkeypatch.setattr(handle, "split_indices", drawing)
    plain, splitting = (drawn(Session(train, TrialSpec(1, {"splits": splits}, "loss")).run()) for splits in (0, 1))
    assert plain == splitting


def test_the_size_of_batches_does_not_matter(begin: Callable[..., Session]) -> None:
    one, two = begin(1), begin(1)
    whole = one.run()
    parts = [event for _ in range(7) for event in two.run(seconds=0)]
    assert drawn(whole) == drawn(parts)
    assert predicted(whole[-1]) == predicted(parts[-1])
