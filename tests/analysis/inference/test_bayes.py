"""Posterior chances: the answers of baycomp, and what they are made of."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.analysis.inference import TESTS, Replicates
from assay.analysis.inference.bayes import bayes_correlated_t, bayes_signed_rank
from assay.spaces import UsageError


@pytest.fixture(scope="module")
def baycomp() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import baycomp

        return baycomp


DIFFERENCES = [
    np.array([0.01, 0.02, -0.005, 0.015, 0.03, 0.002, 0.011]),
    np.array([-0.2, -0.1, 0.3]),
    np.random.default_rng(0).normal(0.1, 1.0, 20),
]


@pytest.mark.parametrize("differences", DIFFERENCES)
@pytest.mark.parametrize("rope", [0.0, 0.01, 0.1])
def test_signed_rank_agrees_with_baycomp(baycomp: Any, differences: np.ndarray, rope: float) -> None:
    zeros = np.zeros(len(differences))
    told = baycomp.SignedRankTest.probs(zeros, differences, rope, nsamples=20_000, random_state=0)
    left, within, right = bayes_signed_rank(differences, rope)
    expected = told if rope else (told[0], 0.0, told[1])
    error = 4 * (0.25 / 20_000) ** 0.5
    np.testing.assert_allclose([left, within, right], expected, atol=error)
    assert left + within + right == pytest.approx(1.0)


@pytest.mark.parametrize("differences", DIFFERENCES)
@pytest.mark.parametrize("rope", [0.0, 0.01, 0.1])
def test_correlated_t_agrees_with_baycomp(baycomp: Any, differences: np.ndarray, rope: float) -> None:
    folds = len(differences)
    told = baycomp.CorrelatedTTest.probs(np.zeros(folds), differences, rope, runs=1)
    expected = told if rope else (told[0], 0.0, told[1])
    np.testing.assert_allclose(bayes_correlated_t(differences, rope, 1 / (folds - 1)), expected, atol=1e-12)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(0, 0.5), st.sampled_from([1e-200, 1.0, 1e200]))
def test_chances_sum_to_one_and_turn_round(values: list[float], rope: float, scale: float) -> None:
    differences = np.array(values) * scale
    left, within, right = bayes_correlated_t(differences, rope * scale, 0.1)
    assert left + within + right == pytest.approx(1.0)
    assert bayes_correlated_t(-differences, rope * scale, 0.1) == pytest.approx((right, within, left), abs=1e-12)


def test_differences_that_do_not_vary() -> None:
    assert bayes_correlated_t(np.full(4, 0.2), 0.1) == (0.0, 0.0, 1.0)
    assert bayes_correlated_t(np.full(4, -0.2), 0.1) == (1.0, 0.0, 0.0)
    assert bayes_correlated_t(np.full(4, 0.05), 0.1) == (0.0, 1.0, 0.0)
    assert bayes_correlated_t(np.zeros(4), 0.0) == (0.0, 1.0, 0.0)


def test_without_overlap_it_is_students_t() -> None:
    differences = DIFFERENCES[0]
    expected = stats.ttest_1samp(differences, 0, alternative="greater").pvalue
    assert bayes_correlated_t(differences, 0.0)[0] == pytest.approx(expected, rel=1e-9)


def test_a_difference_within_the_rope_keeps_a_config_in() -> None:
    scores = np.random.default_rng(0).normal(0, 1e-4, (3, 8)) + np.array([[0.900], [0.899], [0.880]])
    tight, wide = (TESTS["bayes_signed_rank"](Replicates(scores, rope=rope), 0.05) for rope in (1e-4, 5e-3))
    assert tight.tied.tolist() == [True, False, False]
    assert wide.tied.tolist() == [True, True, False]


@pytest.mark.parametrize("function", [bayes_signed_rank, bayes_correlated_t])
def test_what_is_refused(function: Any) -> None:
    for differences, rope in ((np.array([]), 0.1), (np.array([0.1, np.nan]), 0.1), (np.zeros((2, 2)), 0.1)):
        with pytest.raises(UsageError, match="finite differences"):
            function(differences, rope)
    with pytest.raises(UsageError, match="rope must be"):
        function(np.array([0.1, 0.2]), -1.0)
