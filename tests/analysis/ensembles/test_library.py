"""Predictions of many models, read one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from assay.analysis.ensembles import Library


class Watched(Sequence[Any]):
    """Arrays that are made when asked for, as memory maps are opened; counts them."""

    def __init__(self, arrays: Any) -> None:
        self._arrays = arrays
        self.asked = 0

    def __len__(self) -> int:
        return len(self._arrays)

    def __getitem__(self, index: Any) -> Any:
        self.asked += 1
        return self._arrays[index].copy()


def test_models_are_in_the_order_of_their_numbers() -> None:
    values = np.arange(12.0).reshape(3, 4)
    library = Library([7, 2, 5], values, np.zeros(4))
    assert library.numbers == (2, 5, 7)
    assert library.member(0).tolist() == values[1].tolist()
    assert library.index(5) == 1
    part = library.part(np.array([3, 0]))
    assert part.member(2).tolist() == [3.0, 0.0]
    assert library.subset([2, 0]).numbers == (2, 7)
    assert part.subset([2]).part(np.array([0])).member(0).tolist() == [3.0]
    np.testing.assert_allclose(library.mean([0, 2], [0.25, 0.75]), 0.25 * values[1] + 0.75 * values[0])


@pytest.mark.parametrize("kind", ["classes", "labels"])
def test_what_is_the_case(kind: str) -> None:
    rng = np.random.default_rng(0)
    values = rng.random((3, 5, 4)).astype(np.float32)
    targets = rng.integers(0, 4, 5) if kind == "classes" else rng.integers(0, 2, (5, 4))
    library = Library(range(3), values, targets)
    expected = (
        values[:, np.arange(5), targets]
        if kind == "classes"
        else np.where(targets == 1, values, 1 - values).reshape(3, -1)
    )
    np.testing.assert_allclose(library.true, expected, rtol=1e-6)
    rows = np.array([4, 1])
    np.testing.assert_array_equal(library.part(rows).true, Library(range(3), values[:, rows], targets[rows]).true)


def test_nothing_is_read_twice_for_what_a_log_loss_needs() -> None:
    watched = Watched(np.random.default_rng(0).random((20, 30, 3)))
    library = Library(range(20), watched, np.zeros(30, int))
    before = watched.asked
    assert library.true.shape == (20, 30)
    read = watched.asked - before
    for rows in np.array_split(np.arange(30), 5):
        assert library.part(rows).true.shape == (20, 6)
        assert library.subset([1, 2]).true.shape == (2, 30)
    assert read <= 21
    assert watched.asked - before <= read + 10, "opening a part looks at a shape"


def test_outputs_are_no_probabilities() -> None:
    with pytest.raises(ValueError, match="no probabilities"):
        _ = Library([0], [np.zeros(3)], np.zeros(3)).true
