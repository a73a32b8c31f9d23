"""Folds and groups: every row validates once in a division, classes keep their shares, groups stay whole."""

from __future__ import annotations

import dataclasses
from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assay.spaces import TrainableError
from assay.trainables import TrialHandle, TrialSpec
from assay.trainables.splits import SplitIndices, split_indices

SPEC = TrialSpec(1, {}, metric="loss")
QUICK = settings(max_examples=25, deadline=None)
Y = np.arange(90) % 3


def split(split_id: int, targets: Any = Y, **more: Any) -> SplitIndices:
    return split_indices(np.asarray(targets), 7, split_id, 0.2, 0.2, **more)


def parts(rows: SplitIndices) -> tuple[list[int], list[int], list[int]]:
    return rows.train.tolist(), rows.validation.tolist(), rows.test.tolist()


def test_splits_of_earlier_versions_are_the_same() -> None:
    """The sealed part of a recorded sweep must not move: these are the rows of version 0.3."""
    classes, floats = np.arange(30) % 3, np.linspace(0, 1, 30)
    first, again, other = split(0, classes), split(2, classes), split(1, floats)
    assert first.test.tolist() == again.test.tolist() == [5, 12, 13, 14, 22, 27]
    assert first.validation.tolist() == [3, 4, 9, 17, 20, 25]
    assert again.validation.tolist() == [2, 3, 8, 18, 19, 25]
    assert (other.test.tolist(), other.validation.tolist()) == ([4, 10, 11, 20, 22, 29], [0, 9, 15, 18, 19, 23])


# Folds


@QUICK
@given(st.integers(2, 8), st.integers(0, 4), st.booleans())
def test_each_division_validates_on_every_row_that_is_not_sealed_once(folds: int, division: int, classes: bool) -> None:
    targets = Y if classes else np.linspace(0, 1, 90)
    found = [split(1 + division * folds + fold, targets, folds=folds) for fold in range(folds)]
    sealed = split(0, targets).test.tolist()
    assert all(rows.test.tolist() == sealed for rows in found), "folds leave the sealed part as it is"
    validated = sorted(row for rows in found for row in rows.validation.tolist())
    assert validated == sorted(set(range(90)) - set(sealed))
    for rows in found:
        assert sorted(chain(*parts(rows))) == list(range(90))
        assert len(rows.validation) == pytest.approx(72 / folds, abs=3 if classes else 1)  # classes are cut one by one
        if classes:
            assert np.ptp(np.bincount(Y[rows.validation])) <= 1


def test_the_search_and_every_division_have_folds_of_their_own() -> None:
    found = [tuple(split(number, folds=5).validation) for number in range(16)]
    assert len(set(found)) == 16
    assert {len(rows) for rows in found} <= {14, 15}


def test_the_spec_says_how_many_folds() -> None:
    handles = [TrialHandle(dataclasses.replace(SPEC, folds=4, split_id=number)) for number in range(1, 5)]
    data = [handle.split(np.arange(90), Y).x_val for handle in handles]
    assert sorted(np.concatenate(data).tolist()) == sorted(set(range(90)) - set(split_indices(Y, 0, 0, 0.2, 0.2).test))


def test_more_folds_than_rows() -> None:
    with pytest.raises(TrainableError, match="8 rows cannot be divided into 9 folds: use fewer folds"):
        split(1, np.linspace(0, 1, 10), folds=9)


# Groups


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int | None]:
    """Targets, groups of any sizes, and folds or none."""
    count, known = draw(st.integers(40, 120)), draw(st.integers(10, 30))
    groups = np.array(draw(st.lists(st.integers(0, known - 1), min_size=count, max_size=count)))
    assume(len(np.unique(groups)) >= 9)
    if draw(st.booleans()):
        return np.linspace(0, 1, count), groups, draw(st.none() | st.integers(2, 4))
    labels = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return np.array(labels), groups, draw(st.none() | st.integers(2, 4))


@QUICK
@given(grouped(), st.integers(0, 2**32), st.integers(0, 9))
def test_no_group_is_in_two_parts(data: Any, data_seed: int, split_id: int) -> None:
    targets, groups, folds = data
    rows = split_indices(targets, data_seed, split_id, 0.2, 0.2, groups=groups, folds=folds)
    assert sorted(chain(*parts(rows))) == list(range(len(targets)))
    train, val, test = (set(groups[part].tolist()) for part in (rows.train, rows.validation, rows.test))
    assert train and val and test
    assert not train & val and not train & test and not val & test
    again = split_indices(targets, data_seed, split_id + 1, 0.2, 0.2, groups=groups, folds=folds)
    assert again.test.tolist() == rows.test.tolist()


def test_groups_meet_the_shares_and_keep_the_classes() -> None:
    groups, targets = np.repeat(np.arange(100), 5), np.repeat(np.arange(100) % 4, 5)
    for folds in (None, 5):
        rows = split(3, targets, groups=groups, folds=folds)
        assert len(rows.test) == 100
        assert len(rows.validation) == pytest.approx(100 if folds is None else 80, abs=20)
        assert np.ptp(np.bincount(targets[rows.test])) <= 5
        assert np.ptp(np.bincount(targets[rows.validation])) <= 10


def test_each_division_of_groups_validates_on_every_row_once() -> None:
    groups = np.arange(90) // 3
    found = [split(number, groups=groups, folds=4) for number in range(1, 5)]
    validated = sorted(row for rows in found for row in rows.validation.tolist())
    assert validated == sorted(set(range(90)) - set(found[0].test.tolist()))


@pytest.mark.parametrize("names", [np.arange(90) // 9, [f"patient {k // 9}" for k in range(90)]])
def test_the_handle_takes_groups_of_any_labels(names: Any) -> None:
    data = TrialHandle(SPEC).split(np.arange(90), Y, groups=names)
    members = [set(np.asarray(names)[rows].tolist()) for rows in (data.x_train, data.x_val)]
    assert not members[0] & members[1]


@pytest.mark.parametrize(
    ("groups", "folds", "message"),
    [
        (
            np.arange(90) % 2,
            None,
            "2 groups cannot be divided among the test part and validation and training: give at",
        ),
        (np.zeros(90, int), None, "1 group cannot be divided"),
        (np.arange(90) % 5, 5, "5 groups cannot be divided among the test part and 5 folds: give at least 6"),
        (np.arange(89), None, r"groups must have one value for each of the 90 rows, got shape \(89,\)"),
        ([None, *range(89)], None, "groups are missing in places: give every row a group"),
        ([float("nan"), *range(89)], None, "groups are missing in places"),
    ],
    ids=range(6),
)
def test_groups_that_do_not_fit(groups: Any, folds: int | None, message: str) -> None:
    with pytest.raises(TrainableError, match=message):
        TrialHandle(dataclasses.replace(SPEC, folds=folds)).split(np.arange(90), Y, groups=groups)


def test_few_groups_of_very_different_sizes() -> None:
    """A group with most of the rows is in one part whole, whatever the shares say."""
    groups = np.array([0] * 80 + [1] * 5 + [2] * 5)
    for seed in range(10):
        rows = split_indices(np.linspace(0, 1, 90), seed, 0, 0.2, 0.2, groups=groups)
        assert sorted(len(part) for part in parts(rows)) == [5, 5, 80]


def test_groups_belong_to_what_fixes_the_sealed_part() -> None:
    def data_id(**more: Any) -> str:
        handle = TrialHandle(SPEC)
        handle.split(np.arange(90), Y, **more)
        return handle.data_id

    groups = np.arange(90) // 3
    assert data_id() == data_id(sensitive=groups), "a column for comparisons changes no split"
    assert data_id() != data_id(groups=groups)
    assert data_id(groups=groups) != data_id(groups=np.roll(groups, 1))
    assert data_id(groups=groups) == data_id(groups=[f"g{group:03}" for group in groups]), "names do not matter"
