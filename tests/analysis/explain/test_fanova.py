"""Averages over the leaves of trees are exact."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution

from assay.analysis.explain.fanova import Fanova, cells_of
from assay.analysis.explain.surrogate import Surrogate
from assay.spaces import Space


def forest_of(seed: int, count: int, axes: int, trees: int) -> Surrogate:
    rng = np.random.default_rng(seed)
    points = rng.random((count, axes))
    values = np.sin(6 * points[:, 0]) + points[:, 0] * points[:, -1] + rng.normal(size=count) / 4
    return Surrogate(points, values, seed, trees)


def test_main_effects_are_those_of_optuna() -> None:
    rng = np.random.default_rng(3)
    points = rng.random((60, 3))
    values = points[:, 0] ** 2 + points[:, 1] * points[:, 2] + rng.normal(size=60) / 10
    study = optuna.create_study()
    study.add_trials(
        optuna.trial.create_trial(
            params={f"x{at}": one for at, one in enumerate(row)},
            distributions={f"x{at}": FloatDistribution(0, 1) for at in range(3)},
            value=value,
        )
        for row, value in zip(points.tolist(), values.tolist(), strict=True)
    )
    expected = optuna.importance.FanovaImportanceEvaluator(n_trees=8, seed=5).evaluate(study)
    fanova = Fanova(Surrogate(points, values, 5, 8).trees, [None] * 3)
    for axis in range(3):
        assert fanova.main(axis) == pytest.approx(expected[f"x{axis}"], rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(5, 40))
def test_two_parameters_explain_everything(seed: int, count: int) -> None:
    fanova = Fanova(forest_of(seed, count, 2, 3).trees, [None, None])
    assert fanova.main(0) + fanova.main(1) + fanova.pair(0, 1) == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_averages_are_those_of_the_trees_predictions(seed: int) -> None:
    forest = forest_of(seed, 30, 3, 2)
    fanova = Fanova(forest.trees, [None] * 3)
    at = np.array([0.0, 0.37, 1.0])
    grid = (np.arange(64) + 0.5) / 64
    others = np.stack([axis.ravel() for axis in np.meshgrid(grid, grid, indexing="ij")], axis=1)
    expected = [
        forest.predict(np.column_stack([others[:, 0], np.full(len(others), x), others[:, 1]])).mean() for x in at
    ]
    spread = float(np.ptp(expected)) + 1
    assert fanova.at(1, at) == pytest.approx(np.array(expected), abs=0.05 * spread)
    both = fanova.at_both(1, at, 2, grid)
    assert both.mean(axis=1) == pytest.approx(fanova.at(1, at), abs=0.05 * spread)


def test_choices_count_with_their_probability() -> None:
    space = Space({"kind": {"values": ["a", "b"], "weights": [3, 1]}, "x": "uniform(0, 1)"})
    points = np.array([[space["kind"].unit(kind), x] for kind in "ab" for x in (0.2, 0.4, 0.6, 0.8)] * 5)
    values = np.where(points[:, 0] < 0.75, 0.0, 4.0)
    trees = Surrogate(points, values, 0, 4).trees
    fanova = Fanova(trees, cells_of(space))
    assert fanova.main(0) == pytest.approx(1)
    rare = space["kind"].unit("b")
    assert fanova.at(0, np.array([rare])) == pytest.approx([4.0])
    assert fanova.at(1, np.array([0.5])) == pytest.approx([1.0])  # a quarter of the space has 4


def test_a_tree_without_a_split_explains_nothing() -> None:
    trees = Surrogate(np.random.default_rng(0).random((10, 2)), np.ones(10), 0, 2).trees
    fanova = Fanova(trees, [None, None])
    assert (fanova.main(0), fanova.pair(0, 1)) == (0.0, 0.0)
    assert fanova.at(0, np.array([0.5])) == pytest.approx([1.0])
