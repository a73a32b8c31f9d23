"""Inputs of all kinds are tables of features that can be exchanged one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from assay.analysis.explain.inputs import Inputs, correlated_groups, correlations
from assay.spaces import UsageError

FRAME = pd.DataFrame(
    {
        "age": [20, 30, 40, 50],
        "city": ["b", "a", "b", "c"],
        "size": np.array([0.5, 1.5, 2.5, 3.5], np.float32),
        "grade": pd.Categorical(["x", "y", "x", "y"]),
    },
    index=[7, 3, 5, 9],
)
ARRAY = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (ARRAY, ["x0", "x1", "x2"]),
        (torch.as_tensor(ARRAY), ["x0", "x1", "x2"]),
        (np.arange(16).reshape(4, 2, 2), ["x0_0", "x0_1", "x1_0", "x1_1"]),
        (FRAME, ["age", "city", "size", "grade"]),
    ],
)
def test_numbers_lead_back_to_the_inputs(values: Any, names: list[str]) -> None:
    table = Inputs(values)
    assert table.names == names
    assert table.matrix().shape == (4, len(names))
    back = table.like(table.matrix())
    assert type(back) is type(values)
    if isinstance(values, pd.DataFrame):
        pd.testing.assert_frame_equal(back, values.reset_index(drop=True))
    else:
        assert back.dtype == values.dtype
        assert np.array_equal(np.asarray(back), np.asarray(values))
    assert len(table.rows(np.array([0, 2]))) == 2


@pytest.mark.parametrize("values", [ARRAY, torch.as_tensor(ARRAY), FRAME, np.arange(16).reshape(4, 2, 2)])
def test_shuffling_moves_the_chosen_features_alone(values: Any) -> None:
    table, order = Inputs(values), np.array([3, 0, 1, 2])
    before = table.matrix()
    made = table.shuffled([1], order)
    after = Inputs(made).matrix() if not isinstance(values, pd.DataFrame) else None
    if after is None:
        assert made["city"].tolist() == ["c", "b", "a", "b"]
        pd.testing.assert_frame_equal(made.drop(columns="city"), FRAME.drop(columns="city"))
    else:
        assert np.array_equal(after[:, 1], before[order, 1])
        assert np.array_equal(np.delete(after, 1, axis=1), np.delete(before, 1, axis=1))
    assert np.array_equal(table.matrix(), before)


@pytest.mark.parametrize("values", [["some", "text"], np.arange(3.0), np.zeros((0, 2))])
def test_inputs_without_features_are_refused(values: Any) -> None:
    with pytest.raises(UsageError, match="features can be told apart in an array"):
        Inputs(values)
    with pytest.raises(UsageError, match="2 names for 3 features"):
        Inputs(ARRAY, ["a", "b"])


def test_features_that_go_together_are_a_group() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=200)
    matrix = np.column_stack([base, rng.normal(size=200), np.exp(-base), np.ones(200)])
    table = Inputs(matrix)
    assert correlations(table)[0, 2] == pytest.approx(1)
    assert correlations(table)[3, 0] == 0
    assert correlated_groups(table, 0.9) == [[0, 2], [1], [3]]
    assert correlated_groups(Inputs(matrix[:, :1]), 0.9) == [[0]]
