"""The ready task: deterministic, good, resumable, and with a sealed test."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.trainables import Failed, Finished, Reported, Session, TrialSpec, digits
from assay.trainables.splits import split_indices

SPEC = TrialSpec(1, {}, metric="accuracy", seed=3, max_steps=10)
SMALL = {"layers": 2, "hidden": 32, "dropout": 0.2, "batch_size": 256}


pytestmark = pytest.mark.usefixtures("one_thread")


def run(spec: TrialSpec, steps: int | None = None) -> tuple[list[Reported], Any]:
    """The reports of ``steps`` steps, or of all, and how the trial ended."""
    session = Session(digits.train, spec)
    reports: list[Reported] = []
    while steps is None or len(reports) < steps:
        event = session.advance()
        if not isinstance(event, Reported):
            return reports, event
        reports.append(event)
    return reports, session.stop()


def metrics(reports: list[Reported]) -> list[dict[str, Any]]:
    return [report.metrics for report in reports]


@functools.cache
def full_run() -> tuple[list[Reported], Any]:
    return run(dataclasses.replace(SPEC, config={"lr": 0.005}))


def test_it_learns() -> None:
    reports, end = full_run()
    assert [report.step for report in reports] == list(range(1, 11))
    assert reports[-1].metrics["accuracy"] > 0.9
    assert reports[-1].metrics["log_loss"] < reports[0].metrics["log_loss"] / 2
    assert isinstance(end, Finished)
    assert end.resplit


def test_its_predictions_are_the_ones_it_reported() -> None:
    reports, end = full_run()
    assert list(end.predictions) == ["validation"]
    kept = end.predictions["validation"]
    assert kept.values.shape == (360, 10)
    assert (kept.values.argmax(axis=1) == kept.targets).mean() == reports[-1].metrics["accuracy"]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_the_seed_decides_everything(optimizer: str) -> None:
    spec = dataclasses.replace(SPEC, config={**SMALL, "optimizer": optimizer}, max_steps=2)
    first, end = run(spec)
    torch.rand(7)
    again, end_again = run(spec)
    assert metrics(first) == metrics(again)
    np.testing.assert_array_equal(end.predictions["validation"].values, end_again.predictions["validation"].values)
    assert metrics(run(dataclasses.replace(spec, seed=4))[0]) != metrics(first)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_resumed_run_is_the_uninterrupted_run(tmp_path: Path, optimizer: str) -> None:
    spec = dataclasses.replace(SPEC, config={**SMALL, "optimizer": optimizer}, max_steps=4)
    whole, whole_end = run(spec)
    first, _ = run(dataclasses.replace(spec, checkpoints=str(tmp_path)), steps=2)
    torch.rand(7)
    restore = ((first[-1].step, str(first[-1].checkpoint)),)
    second, end = run(dataclasses.replace(spec, checkpoints=str(tmp_path), restore=restore, attempt=2))
    assert [report.step for report in first + second] == [1, 2, 3, 4]
    assert metrics(first + second) == metrics(whole)
    np.testing.assert_array_equal(end.predictions["validation"].values, whole_end.predictions["validation"].values)


def test_the_sealed_test_is_predicted_in_the_test_phase_only() -> None:
    spec = dataclasses.replace(SPEC, config=SMALL, max_steps=1, data_seed=5)
    search, search_end = run(spec)
    test, test_end = run(dataclasses.replace(spec, open_test=True))
    assert metrics(search) == metrics(test)
    assert sorted(search_end.predictions) == ["validation"]
    assert sorted(test_end.predictions) == ["test", "validation"]
    labels = digits.load_digits()[1]
    rows = split_indices(labels, 5, 0, 0.2, 0.2).test
    np.testing.assert_array_equal(test_end.predictions["test"].targets, labels[rows])


def test_a_replicate_has_the_same_test_and_another_validation_part() -> None:
    spec = dataclasses.replace(SPEC, config=SMALL, max_steps=1, open_test=True)
    first, second = (run(dataclasses.replace(spec, split_id=number))[1].predictions for number in (1, 2))
    np.testing.assert_array_equal(first["test"].targets, second["test"].targets)
    assert (first["validation"].targets != second["validation"].targets).any()


def test_data() -> None:
    pixels, labels = digits.load_digits()
    assert (pixels.shape, pixels.dtype, pixels.min(), pixels.max()) == ((1797, 64), np.float32, 0, 1)
    assert (labels.shape, sorted(set(labels.tolist()))) == ((1797,), list(range(10)))


def test_a_network_of_any_depth() -> None:
    for layers in (0, 1, 3):
        network = digits.build_network({"layers": layers, "hidden": 8})
        assert network(torch.zeros(2, 64)).shape == (2, 10)
        assert sum(isinstance(part, torch.nn.Linear) for part in network) == layers + 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"learning_rate": 0.1}, "digits has no parameter 'learning_rate'"),
        ({"hiden": 3}, "(did you mean 'hidden'?)"),
        ({"optimizer": "adam"}, "optimizer must be 'adamw' or 'sgd', got 'adam'"),
        ({"lr": -1.0}, "ValueError: Invalid learning rate: -1.0 (digits.py:"),
    ],
    ids=str,
)
def test_a_config_that_it_does_not_understand(config: dict[str, Any], reason: str) -> None:
    _, end = run(dataclasses.replace(SPEC, config=config))
    assert isinstance(end, Failed)
    assert reason in end.reason
