"""Fronts and hypervolumes are what their definitions say, by brute force on small grids."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces.pareto import (
    Archive,
    Floats,
    best_first,
    contributions,
    crowding,
    far_corner,
    front_ranks,
    hypervolume,
    on_front,
)

SIDE = 4


@st.composite
def grids(draw: st.DrawFn, fewest: int = 1, most: int = 3) -> Floats:
    """Points on a small grid, so that equal values and equal points are common."""
    axes = draw(st.integers(fewest, most))
    row = st.lists(st.integers(0, SIDE), min_size=axes, max_size=axes)
    return np.array(draw(st.lists(row, min_size=1, max_size=9)), dtype=np.float64)


def dominates(one: Floats, other: Floats) -> bool:
    return bool((one >= other).all() and (one > other).any())


def cells_below(scores: Floats, corner: Floats) -> int:
    """The hypervolume, by counting unit cells."""
    cells = np.indices((SIDE + 1,) * scores.shape[1]).reshape(scores.shape[1], -1).T - 1.0
    above = (cells >= corner).all(axis=1)
    covered = (scores[None] >= cells[:, None] + 1).all(axis=2).any(axis=1)
    return int((above & covered).sum())


@given(grids())
def test_the_front_are_the_points_that_none_dominates(scores: Floats) -> None:
    expected = [not any(dominates(other, one) for other in scores) for one in scores]
    assert on_front(scores).tolist() == expected
    assert on_front(np.stack([scores, scores])).tolist() == [expected, expected]


@given(grids(fewest=2, most=4))
def test_ranks_peel_one_front_after_the_other(scores: Floats) -> None:
    left, expected = np.arange(len(scores)), np.zeros(len(scores), dtype=int)
    for rank in range(len(scores)):
        front = on_front(scores[left]) if len(left) else np.zeros(0, dtype=bool)
        expected[left[front]] = rank
        left = left[~front]
    assert front_ranks(scores).tolist() == expected.tolist()


@given(grids(), st.integers(-1, 2))
def test_the_hypervolume_counts_the_cells(scores: Floats, low: int) -> None:
    corner = np.full(scores.shape[1], float(low))
    assert hypervolume(scores, corner) == pytest.approx(cells_below(scores, corner))


@given(grids(), st.integers(-1, 2))
def test_a_contribution_is_what_would_be_missing(scores: Floats, low: int) -> None:
    front, corner = scores[on_front(scores)], np.full(scores.shape[1], float(low))
    whole = cells_below(front, corner)
    without = [cells_below(np.delete(front, index, axis=0), corner) for index in range(len(front))]
    assert contributions(front, corner).tolist() == pytest.approx([whole - less for less in without])


def test_four_objectives_are_exact_too() -> None:
    scores = np.array([[1.0, 2, 3, 4], [4, 3, 2, 1], [2, 2, 2, 2]])
    # Boxes of 24, 24 and 16; pairs share 4, 8 and 8; all three share 4.
    assert hypervolume(scores, np.zeros(4)) == 24 + 24 + 16 - 4 - 8 - 8 + 4
    assert contributions(scores, np.zeros(4)).tolist() == [24 - 4 - 8 + 4, 24 - 4 - 8 + 4, 16 - 8 - 8 + 4]


@given(grids(), grids())
@settings(max_examples=40)
def test_more_points_never_cover_less(scores: Floats, more: Floats) -> None:
    if scores.shape[1] == more.shape[1]:
        corner = np.full(scores.shape[1], -1.0)
        assert hypervolume(np.vstack([scores, more]), corner) >= hypervolume(scores, corner)


@given(grids(fewest=2))
def test_the_best_come_front_by_front_and_by_contribution(scores: Floats) -> None:
    order = best_first(scores, [None] * scores.shape[1])
    assert sorted(order) == list(range(len(scores)))
    ranks = front_ranks(scores)[order]
    assert (np.diff(ranks) >= 0).all()
    corner = far_corner(scores, [None] * scores.shape[1])
    for rank in np.unique(ranks):
        share = contributions(scores[np.array(order)[ranks == rank]], corner)
        assert (np.diff(share) <= 1e-9).all()


@given(grids(fewest=1, most=1))
def test_of_one_objective_the_best_is_the_largest(scores: Floats) -> None:
    ordered = scores[best_first(scores, [None]), 0]
    assert (np.diff(ordered) <= 0).all()


def test_huge_metrics_are_ranked() -> None:
    scores = np.array([[1e300, -1e-300], [9e299, 1e-300], [1e299, -2e-300]])
    assert best_first(scores, [None, None])[2] == 2
    assert sorted(best_first(scores, [None, None])) == [0, 1, 2]


def test_beyond_the_reference_lone_points_come_first() -> None:
    scores = np.array([[0.0, 9.0], [1.0, 8.0], [1.1, 7.9], [5.0, 4.0], [9.0, 0.0]])
    order = best_first(scores, [20.0, 20.0])
    assert {order[0], order[1]} == {0, 4}, "the ends"
    assert order[2] == 3
    assert crowding(scores)[3] > crowding(scores)[1]


def test_a_reference_lies_a_tenth_of_the_range_beyond_the_worst() -> None:
    scores = np.array([[0.0, 5.0], [10.0, 5.0]])
    assert far_corner(scores, [None, None]).tolist() == [-1.0, 4.5]
    assert far_corner(scores, [2.0, None]).tolist() == [2.0, 4.5]


@given(grids())
def test_an_archive_grows_with_the_hypervolume(scores: Floats) -> None:
    archive, corner = Archive(), np.full(scores.shape[1], -1.0)
    for count, point in enumerate(scores):
        before = hypervolume(scores[:count], corner)
        grew = hypervolume(scores[: count + 1], corner) > before
        assert archive.add(tuple(point.tolist())) == grew
