"""Targets of all kinds, and columns beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from assay.spaces import TrainableError
from assay.trainables import TrialHandle, TrialSpec
from assay.trainables.targets import as_sensitive, as_targets, class_names, fingerprint, is_classes

LABELS = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]])
SPEC = TrialSpec(1, {}, metric="loss")


@pytest.mark.parametrize(
    "given",
    [
        LABELS,
        LABELS.astype(bool),
        LABELS.astype(np.float32),
        LABELS.tolist(),
        LABELS.astype(object),
        torch.from_numpy(LABELS).float().requires_grad_(),
        pd.DataFrame(LABELS, columns=["a", "b", "c"]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_several_labels_in_any_container(given: Any) -> None:
    array = as_targets(given)
    assert array.dtype == np.int8
    assert array.tolist() == LABELS.tolist()
    assert not is_classes(array)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[0, 2], [1, 0]], r"targets of shape \(2, 2\) must be 0 or 1, a column for each label"),
        ([[0.5, 1], [1, 0]], "must be 0 or 1"),
        ([["a", "b"]], "must be 0 or 1"),
        (np.full((2, 2), np.nan), "must be 0 or 1"),
        (np.zeros((2, 2, 2)), r"got \(2, 2, 2\)"),
        (np.zeros((0, 3)), r"got \(0, 3\)"),
        (np.zeros((3, 1)), r"targets must have shape \(n,\), or \(n, L\) of 0 and 1 for L labels .*, got \(3, 1\)"),
    ],
    ids=range(7),
)
def test_what_are_no_labels(given: Any, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        as_targets(given)


def test_names() -> None:
    assert class_names(np.array(["b", "a", "b"])) == ("a", "b")
    assert class_names([3, 1]) == ("1", "3")
    assert class_names([0.5, 1.5]) == ()
    assert class_names(LABELS) == ("0", "1", "2")
    assert class_names(pd.DataFrame(LABELS, columns=["cat", "dog", "owl"])) == ("cat", "dog", "owl")


def test_the_fingerprints_of_earlier_versions_are_the_same() -> None:
    found = [as_targets(given) for given in (np.arange(30) % 3, np.linspace(0, 1, 30), ["a", "b"])]
    assert [fingerprint(one, 0.2, 0.2) for one in found] == ["d66d91916a0c", "a27034af385c", "ad125c8442d0"]


def test_the_shape_of_labels_counts() -> None:
    flat = np.zeros(12, np.int8)
    ids = {fingerprint(flat.reshape(shape), 0.2, 0.2) for shape in ((12,), (6, 2), (4, 3), (2, 6))}
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2, 1], ["1", "2", "1"]),
        (np.array([True, False, True]), ["True", "False", "True"]),
        (["x", None, "y"], ["x", "missing", "y"]),
        ([1.5, float("nan"), 2.0], ["1.5", "missing", "2.0"]),
        (pd.Series(["x", pd.NA, "y"]), ["x", "missing", "y"]),
        (pd.Series([1, None, 2], dtype="Int64"), ["1", "missing", "2"]),
        (pd.Series(["x", "y", "x"]).astype("category"), ["x", "y", "x"]),
        (torch.tensor([0, 1, 0]), ["0", "1", "0"]),
    ],
    ids=range(8),
)
def test_a_sensitive_column_of_any_labels(given: Any, expected: list[str]) -> None:
    assert as_sensitive(given, 3).tolist() == expected


def test_a_sensitive_column_of_another_length() -> None:
    with pytest.raises(
        TrainableError, match=r"sensitive must have one value for each of the 90 rows, got shape \(3,\)"
    ):
        TrialHandle(SPEC).split(np.arange(90), np.arange(90) % 2, sensitive=[1, 2, 3])


def test_labels_are_split_like_any_targets() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame((rng.random((50, 3)) < 0.4).astype(int), columns=["a", "b", "c"])
    handle = TrialHandle(SPEC)
    data = handle.split(np.arange(50), frame)
    assert data.classes is None
    assert isinstance(data.y_val, pd.DataFrame)
    assert (data.y_train.shape, data.y_val.shape) == ((30, 3), (10, 3))
    np.testing.assert_array_equal(data.y_val, frame.iloc[data.x_val])
    assert (handle.train_rows, handle.validation_rows) == (30, 10)
