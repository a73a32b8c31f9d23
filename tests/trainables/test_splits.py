"""Train, validation and sealed test parts."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import TrainableError
from assay.trainables import Split, TrialHandle, TrialSpec
from assay.trainables.splits import SplitIndices, split_indices
from assay.trainables.targets import as_targets, is_classes

SPEC = TrialSpec(1, {}, metric="loss")
SHARES = st.sampled_from([0.1, 0.15, 0.2, 0.3, 0.4])
QUICK = settings(max_examples=60, deadline=None)


@st.composite
def data_sets(draw: st.DrawFn) -> np.ndarray[Any, Any]:
    """Targets: floats, whole numbers, or words with some classes that are rare."""
    count = draw(st.integers(10, 120))
    if draw(st.booleans()):
        return np.linspace(0, 1, count)
    labels = draw(st.lists(st.integers(0, draw(st.integers(1, 8))), min_size=count, max_size=count))
    return np.array(labels).astype(str) if draw(st.booleans()) else np.array(labels)


def parts(rows: SplitIndices) -> tuple[list[int], list[int], list[int]]:
    return rows.train.tolist(), rows.validation.tolist(), rows.test.tolist()


@QUICK
@given(data_sets(), st.integers(0, 2**32), st.integers(0, 100), SHARES, SHARES)
def test_every_row_is_in_exactly_one_part(
    targets: np.ndarray[Any, Any], data_seed: int, split_id: int, validation: float, test: float
) -> None:
    rows = split_indices(targets, data_seed, split_id, validation, test)
    train, val, sealed = parts(rows)
    assert sorted(train + val + sealed) == list(range(len(targets)))
    assert train
    assert len(val) == pytest.approx(validation * len(targets), abs=1)
    assert len(sealed) == pytest.approx(test * len(targets), abs=1)
    assert parts(split_indices(targets, data_seed, split_id, validation, test)) == (train, val, sealed)


@QUICK
@given(data_sets(), st.integers(0, 2**32), st.lists(st.integers(0, 10**6), min_size=2, max_size=5), SHARES)
def test_the_sealed_part_does_not_depend_on_the_split(
    targets: np.ndarray[Any, Any], data_seed: int, split_ids: list[int], validation: float
) -> None:
    sealed = [split_indices(targets, data_seed, split_id, validation, 0.2).test.tolist() for split_id in split_ids]
    assert all(rows == sealed[0] for rows in sealed)


@QUICK
@given(st.integers(0, 2**32), st.integers(0, 10**6), st.integers(1, 10**6))
def test_another_split_is_another_validation_part(data_seed: int, split_id: int, further: int) -> None:
    targets = np.arange(100) % 4
    first = split_indices(targets, data_seed, split_id, 0.2, 0.2)
    second = split_indices(targets, data_seed, split_id + further, 0.2, 0.2)
    assert first.validation.tolist() != second.validation.tolist()
    assert first.train.tolist() != second.train.tolist()


def test_another_data_seed_seals_other_rows() -> None:
    sealed = {tuple(split_indices(np.arange(100) % 4, seed, 0, 0.2, 0.2).test) for seed in range(20)}
    assert len(sealed) == 20


@QUICK
@given(st.lists(st.integers(5, 60), min_size=2, max_size=6), st.integers(0, 1000), st.integers(0, 1000))
def test_classes_keep_their_shares(sizes: list[int], data_seed: int, split_id: int) -> None:
    targets = np.repeat(np.arange(len(sizes)), sizes)
    rows = split_indices(targets, data_seed, split_id, 0.25, 0.25)
    for part, share in ((rows.train, 0.5), (rows.validation, 0.25), (rows.test, 0.25)):
        for label, size in enumerate(sizes):
            assert (targets[part] == label).sum() == pytest.approx(share * size, abs=2.5)  # sizes are rounded twice


@pytest.mark.parametrize("split_id", range(5))
def test_five_rows_of_a_class_are_enough(split_id: int) -> None:
    targets = np.array(["common"] * 95 + ["rare"] * 5)
    rows = split_indices(targets, 0, split_id, 0.2, 0.2)
    assert [(targets[part] == "rare").sum() for part in (rows.train, rows.validation, rows.test)] == [3, 1, 1]


def test_more_classes_than_rows_of_a_part() -> None:
    rows = split_indices(np.repeat(np.arange(20), 5), 0, 0, 0.1, 0.1)
    assert [len(part) for part in parts(rows)] == [80, 10, 10]


@pytest.mark.parametrize(("count", "share", "expected"), [(30, 0.1, 3), (100, 0.07, 7), (3, 0.2, 1)])
def test_sizes_are_rounded_up_but_not_for_float_noise(count: int, share: float, expected: int) -> None:
    rows = split_indices(np.linspace(0, 1, count), 0, 0, share, share)
    assert len(rows.test) == len(rows.validation) == expected


@pytest.mark.parametrize(
    ("validation", "test"), [(0, 0.2), (0.2, 0), (0.5, 0.5), (-0.1, 0.2), (0.9, 0.2), (float("nan"), 0.2)]
)
def test_bad_shares(validation: float, test: float) -> None:
    with pytest.raises(TrainableError, match="must be above 0 and below 1 in sum"):
        TrialHandle(SPEC).split(np.arange(50), np.arange(50), validation=validation, test=test)


def test_too_few_rows() -> None:
    with pytest.raises(TrainableError, match="2 rows cannot be divided into 1 for the test, 1 for validation"):
        split_indices(np.array([0.1, 0.2]), 0, 0, 0.2, 0.2)


VALUES = np.arange(60)
INPUTS: dict[str, Any] = {
    "array": VALUES[:, None, None] * np.ones((1, 2, 3)),
    "list": VALUES.tolist(),
    "tuple": tuple(VALUES.tolist()),
    "tensor": torch.from_numpy(VALUES)[:, None],
    "frame": pd.DataFrame({"a": VALUES}, index=VALUES[::-1]),
    "series": pd.Series(VALUES, index=VALUES[::-1]),
}
TARGETS: dict[str, Any] = {
    "array": VALUES % 3,
    "list": (VALUES % 3).tolist(),
    "tensor": torch.from_numpy(VALUES % 3),
    "series": pd.Series(VALUES % 3, index=VALUES[::-1]),
    "nullable series": pd.Series(VALUES % 3, dtype="Int64"),
    "categories": pd.Series(VALUES % 3).astype("category"),
    "words": pd.Series([["no", "perhaps", "yes"][value % 3] for value in VALUES]),
    "objects": np.array([["no", "perhaps", "yes"][value % 3] for value in VALUES], dtype=object),
    "floats": VALUES + 0.5,
    "float tensor": torch.from_numpy(VALUES + 0.5).float().requires_grad_(),
    "nullable floats": pd.Series(VALUES + 0.5, dtype="Float64"),
}


def column(values: Any) -> list[int]:
    """The row numbers that the inputs hold."""
    array = np.asarray(values)
    return array.reshape(len(array), -1)[:, 0].astype(int).tolist()


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("inputs", INPUTS)
def test_inputs_and_targets_of_any_type(inputs: str, targets: str) -> None:
    data = TrialHandle(SPEC).split(INPUTS[inputs], TARGETS[targets])
    kind = list if inputs == "tuple" else type(INPUTS[inputs])
    assert type(data.x_train) is type(data.x_val) is kind
    assert type(data.y_train) is type(data.y_val) is type(TARGETS[targets])
    for x, y in ((data.x_train, data.y_train), (data.x_val, data.y_val)):
        np.testing.assert_array_equal(as_targets(y), as_targets(TARGETS[targets])[column(x)])
    assert len(data.x_val) == 12
    assert len(data.x_train) == 36
    assert (data.classes is None) == ("float" in targets)
    if data.classes is not None:
        assert data.classes.tolist() == [[0, 1, 2], ["no", "perhaps", "yes"]][targets in ("words", "objects")]


def test_the_type_of_the_container_does_not_change_the_split() -> None:
    drawn = {tuple(column(TrialHandle(SPEC).split(values, VALUES % 3).x_val)) for values in INPUTS.values()}
    assert len(drawn) == 1


def test_two_inputs_with_the_same_targets_are_split_alike() -> None:
    handle = TrialHandle(SPEC)
    first, second = handle.split(VALUES, VALUES % 3), handle.split(VALUES * 2, VALUES % 3)
    np.testing.assert_array_equal(first.x_train * 2, second.x_train)


def test_the_handle_uses_the_specs_seeds() -> None:
    def val(**changes: int) -> list[int]:
        split: Split = TrialHandle(dataclasses.replace(SPEC, **changes)).split(VALUES, VALUES % 3)
        return list(split.x_val)

    assert val() == val(seed=5), "the seed of the training changes no data"
    assert val() != val(split_id=1)
    assert val() != val(data_seed=1)
    handle = TrialHandle(SPEC)
    handle.split(VALUES, VALUES % 3)
    assert handle.resplit


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (np.zeros((5, 2)), np.zeros(6), "5 inputs and 6 targets"),
        (np.zeros((5, 2)), np.zeros((5, 1)), r"targets must have shape \(n,\), or \(n, L\) .*, got \(5, 1\)"),
        (np.zeros((5, 2)), 3, r"targets must have shape \(n,\), or \(n, L\) .*, got \(\)"),
        ([], [], r"targets must have shape \(n,\), or \(n, L\) .*, got \(0,\)"),
        (np.zeros(()), np.zeros(6), "inputs must have n rows, got ndarray without a length"),
        ((row for row in range(6)), np.zeros(6), "inputs must have n rows, got generator without a length"),
        (dict.fromkeys(range(6), 0), np.zeros(6), "rows of dict cannot be chosen"),
        ("abcdef", np.zeros(6), "rows of str cannot be chosen"),
        (np.zeros(3), ["a", None, "b"], "missing in places or of mixed types"),
        (np.zeros(3), pd.Series(["a", None, "b"]), "missing in places or of mixed types"),
        (np.zeros(3), [[1], [1, 2], [3]], r"targets must have shape \(n,\)"),
    ],
    ids=range(11),
)
def test_what_cannot_be_split(inputs: Any, targets: Any, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        TrialHandle(SPEC).split(inputs, targets)


def test_what_counts_as_classes() -> None:
    assert all(map(is_classes, (np.array([1]), np.array(["a"]), np.array([True]), np.array(["a"], dtype=object))))
    assert not is_classes(np.array([1.0], dtype=np.float32))
