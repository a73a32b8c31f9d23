"""Seeds x examples: the crossed analysis of variance, and what it guards against."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.stats.anova import anova_lm

from assay.analysis.inference import TESTS, Replicates
from assay.analysis.inference.mrmc import crossed_error, examples_fit

from .worlds import calibration as worlds


def test_mean_squares_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 1)) + rng.normal(size=(1, 7)) + rng.normal(size=(4, 7))
    seed, example = np.indices(values.shape).reshape(2, -1)
    frame = pd.DataFrame({"y": values.ravel(), "seed": seed, "example": example})
    table = anova_lm(smf.ols("y ~ C(seed) + C(example)", frame).fit())
    squares = (table["sum_sq"] / table["df"]).to_numpy()
    degrees = table["df"].to_numpy()
    variance = squares[0] + squares[1] - squares[2]
    found = crossed_error(values)
    assert found.error == pytest.approx(math.sqrt(variance / values.size), rel=1e-8)
    assert found.degrees == pytest.approx(variance**2 / (squares**2 / degrees).sum(), rel=1e-8)


def test_without_an_effect_of_seeds_examples_are_the_unit() -> None:
    examples = np.random.default_rng(1).normal(size=(1, 500))
    noise = np.random.default_rng(2).normal(0, 1e-3, (5, 500))
    noise -= noise.mean(axis=1, keepdims=True)
    found = crossed_error(examples + noise)
    assert found.error == pytest.approx(examples.std(ddof=1) / math.sqrt(500), rel=1e-3)
    assert found.degrees == pytest.approx(499, rel=1e-3)


def test_without_an_effect_of_examples_seeds_are_the_unit() -> None:
    seeds = np.array([[0.1], [0.4], [0.2]])
    found = crossed_error(np.repeat(seeds, 100, axis=1))
    assert found.error == pytest.approx(seeds.std(ddof=1) / math.sqrt(3))
    assert found.degrees == pytest.approx(2)
    assert crossed_error(np.full((3, 9), 0.5)).error == 0.0


def test_more_seeds_do_not_average_examples_away() -> None:
    rng = np.random.default_rng(3)
    difficulty = rng.normal(size=(1, 200))
    few, many = (crossed_error(difficulty + rng.normal(0, 0.1, (seeds, 200))).error for seeds in (3, 100))
    assert many == pytest.approx(few, rel=0.1)


def test_examples_of_half_precision_fit() -> None:
    right = worlds.crossed(np.random.default_rng(4), 3, 4, 200, 0.1)
    scores = right.mean(axis=2, dtype=float)
    assert examples_fit(Replicates(scores, examples=right.astype(np.float16)))
    assert not examples_fit(Replicates(scores + 0.01, examples=right))
    assert not examples_fit(Replicates(scores, examples=right[:, :2]))
    assert not examples_fit(Replicates(scores))


def test_ten_thousand_examples_of_six_configs() -> None:
    right = worlds.crossed(np.random.default_rng(5), 6, 10, 10_000, 0.02)
    right[5] *= np.random.default_rng(6).random((10, 10_000)) < 0.98
    answer = TESTS["mrmc"](Replicates(right.mean(axis=2, dtype=float), examples=right), 0.05)
    assert not answer.tied[5]
    assert answer.high[5] > answer.differences[5]
