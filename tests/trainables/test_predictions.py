"""Predictions are checked once, when a trial ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import TrainableError
from assay.trainables import TrialHandle, TrialSpec
from assay.trainables.predictions import as_predictions

WORDS = np.array(["ant", "bee", "cow"])
PAIR = np.array([0, 1])
SPEC = TrialSpec(1, {}, metric="loss")


def test_classes_by_name() -> None:
    kept = as_predictions([[0.2, 0.3, 0.5], [1, 0, 0]], np.array(["cow", "ant"]), WORDS)
    assert kept.values.dtype == np.float32
    assert kept.values.shape == (2, 3)
    assert kept.targets.dtype == np.int64
    assert kept.targets.tolist() == [2, 0]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_two_classes_by_the_probability_of_the_second(shape: tuple[int, ...]) -> None:
    kept = as_predictions(np.array([0.25, 1.0, 0.0]).reshape(shape), np.array([0, 1, 1]), PAIR)
    assert kept.values.tolist() == [[0.75, 0.25], [0, 1], [1, 0]]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_regression(shape: tuple[int, ...]) -> None:
    kept = as_predictions(np.arange(3).reshape(shape), np.array([1.5, 2.5, 3.5]), None)
    assert kept.values.dtype == np.float32
    assert kept.values.tolist() == [0, 1, 2]
    assert kept.targets.dtype == np.float64


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tensors_of_any_precision(dtype: torch.dtype) -> None:
    values = torch.full((2, 4), 0.25, dtype=dtype, requires_grad=True)
    kept = as_predictions(values, np.array([0, 3]), np.arange(4))
    assert kept.values.tolist() == [[0.25] * 4] * 2


def test_many_classes_in_half_precision() -> None:
    values = torch.softmax(torch.randn(4, 1000, generator=torch.Generator().manual_seed(0)), 1).half()
    kept = as_predictions(values, np.arange(4), np.arange(1000))
    np.testing.assert_allclose(kept.values.sum(axis=1), 1, atol=1e-5)


def test_rows_that_sum_to_nearly_one_are_made_exact() -> None:
    kept = as_predictions(np.array([[0.3002, 0.7002], [-1e-9, 1]]), np.array([0, 1]), PAIR)
    np.testing.assert_allclose(kept.values.sum(axis=1), 1, atol=1e-7)
    assert kept.values.min() >= 0


@pytest.mark.parametrize(
    ("values", "classes", "message"),
    [
        ([[2.0, -1.0], [0.5, 0.5]], PAIR, "apply a softmax to logits"),
        ([[3.0, 1.0], [0.5, 0.5]], PAIR, "apply a softmax to logits"),
        ([3.0, 1.0], PAIR, "apply a softmax to logits"),
        ([0, 1], PAIR, "not predicted labels"),
        ([0.5, 0.5], WORDS, r"expected class probabilities of shape \(n, 3\), got \(2,\)"),
        ([[0.5, 0.5], [0.5, 0.5]], WORDS, r"got \(2, 2\)"),
        ([[np.nan, 1], [0.5, 0.5]], PAIR, "NaN or infinity"),
        ([np.inf, 1], None, "NaN or infinity"),
        ([1e300, 1], None, "too large for float32"),
        ([[1.0, 2], [3, 4]], None, r"expected shape \(n,\) for regression, got \(2, 2\)"),
        ([1.0, 2, 3], None, "3 predictions for 2 examples"),
        ([], None, "no predictions"),
        ([[0.5, 0.5], [1.0]], PAIR, "rows of different lengths"),
        (["a", "b"], None, "expected an array of numbers, got list"),
        (0.5, PAIR, "expected an array of numbers, got float"),
    ],
    ids=str,
)
def test_what_is_refused(values: Any, classes: Any, message: str) -> None:
    targets = np.array([0.5, 1.5]) if classes is None else classes[:2]
    with pytest.raises(TrainableError, match=message):
        as_predictions(values, targets, classes)


def test_a_label_that_is_no_class() -> None:
    with pytest.raises(TrainableError, match="labels must be out of ant, bee, cow"):
        as_predictions(np.full((1, 3), 1 / 3), np.array(["dog"]), WORDS)


def test_an_array_with_labels() -> None:
    handle = TrialHandle(SPEC)
    handle.save_predictions([0.1, 0.8, 0.9], labels=["no", "yes", "yes"])
    kept = handle.collect_predictions()
    assert list(kept) == ["validation"]
    assert kept["validation"].targets.tolist() == [0, 1, 1]


def test_an_array_for_the_split() -> None:
    handle = TrialHandle(SPEC)
    data = handle.split(list(range(50)), [float(row) for row in range(50)])
    handle.save_predictions(np.array(data.x_val))
    kept = handle.collect_predictions()["validation"]
    assert kept.values.tolist() == data.y_val == kept.targets.tolist()


def test_labels_win_over_the_split() -> None:
    handle = TrialHandle(SPEC)
    handle.split(np.arange(50), np.arange(50) % 2)
    handle.save_predictions([0.5, 0.25], labels=[1.5, 2.5])
    assert handle.collect_predictions()["validation"].targets.tolist() == [1.5, 2.5]


def test_an_array_of_unknown_labels() -> None:
    handle = TrialHandle(SPEC)
    handle.save_predictions([0.5])
    with pytest.raises(TrainableError, match=r"give labels=..., or split the data"):
        handle.collect_predictions()


def test_a_function_without_a_split() -> None:
    handle = TrialHandle(SPEC)
    handle.save_predictions(lambda inputs: inputs)
    with pytest.raises(TrainableError, match=r"a function needs trial.split"):
        handle.collect_predictions()


def test_labels_for_a_function_are_not_dropped_silently() -> None:
    with pytest.raises(TrainableError, match="leave labels out"):
        TrialHandle(SPEC).save_predictions(lambda inputs: inputs, labels=[1])


def test_none_is_no_predictions() -> None:
    assert TrialHandle(SPEC).collect_predictions() == {}


# Several labels

LABELS = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]], dtype=np.int8)


@pytest.mark.parametrize("values", [LABELS * 0.9, torch.full((4, 3), 0.25), (LABELS == 0).tolist(), LABELS])
def test_a_probability_for_each_label(values: Any) -> None:
    kept = as_predictions(values, LABELS, None)
    assert (kept.values.dtype, kept.values.shape) == (np.float32, (4, 3))
    assert kept.targets.dtype == np.int8
    np.testing.assert_array_equal(kept.targets, LABELS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full(4, 0.5), r"expected a probability for each label, shape \(n, 3\), got \(4,\)"),
        (np.full((4, 2), 0.5), r"shape \(n, 3\), got \(4, 2\)"),
        (np.full((4, 3), 1.5), "apply a sigmoid to logits"),
        (np.full((4, 3), -0.5), "apply a sigmoid to logits"),
        (np.full((4, 3), np.nan), "NaN or infinity"),
        (np.full((3, 4, 2), 0.5), r"take the second columns, np.stack\(\[p\[:, 1\] for p in predictions\], axis=1\)"),
        (np.full((5, 3), 0.5), "5 predictions for 4 examples"),
    ],
    ids=range(7),
)
def test_what_are_no_probabilities_of_labels(values: Any, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        as_predictions(values, LABELS, None)


def test_classes_that_are_given_as_labels() -> None:
    one_hot = np.eye(3, dtype=np.int8)[[0, 1, 2, 1]]
    softmax = np.full((4, 3), 1 / 3)
    with pytest.raises(
        TrainableError, match=r"these are classes.*give targets of shape \(n,\), such as targets.argmax"
    ):
        as_predictions(softmax, one_hot, None)
    as_predictions(np.full((4, 3), 0.5), one_hot, None)  # probabilities of their own may be of such targets
    as_predictions(softmax, LABELS, None)


# What is kept beside them

ROWS, COLUMN = np.arange(50), np.array(["young", "old"])[np.arange(50) % 2]


@pytest.mark.parametrize("array", [False, True])
def test_rows_names_and_a_sensitive_column_are_kept(array: bool) -> None:
    handle = TrialHandle(dataclasses.replace(SPEC, open_test=not array))
    data = handle.split(ROWS, np.array(["no", "yes"])[ROWS % 2], sensitive=COLUMN)
    handle.save_predictions(np.full((10, 2), 0.5) if array else lambda inputs: np.full((len(inputs), 2), 0.5))
    kept = handle.collect_predictions()
    assert sorted(kept) == (["validation"] if array else ["test", "validation"])
    assert kept["validation"].rows is not None
    assert kept["validation"].rows.tolist() == data.x_val.tolist()
    for one in kept.values():
        assert one.names == ("no", "yes")
        assert one.rows is not None and one.sensitive is not None
        np.testing.assert_array_equal(one.targets, one.rows % 2)
        assert one.sensitive.tolist() == COLUMN[one.rows].tolist()


def test_an_array_with_labels_of_its_own_has_names_and_no_rows() -> None:
    handle = TrialHandle(SPEC)
    handle.save_predictions([0.1, 0.8, 0.9], labels=["no", "yes", "yes"])
    kept = handle.collect_predictions()["validation"]
    assert (kept.names, kept.rows, kept.sensitive) == (("no", "yes"), None, None)
