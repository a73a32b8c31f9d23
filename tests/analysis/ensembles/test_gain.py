"""Gains and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.analysis import get_scorer
from assay.analysis.ensembles import Library
from assay.analysis.ensembles.diversity import diversity_of
from assay.analysis.ensembles.gain import gain_of

from ..conftest import probabilities


def right(hits: list[int]) -> np.ndarray:
    """Predictions of class 0, right where there is a 1; all targets are 0."""
    return np.array([[0.9, 0.1] if hit else [0.1, 0.9] for hit in hits])


def test_what_counts_is_compared_exactly() -> None:
    blended, single = [1] * 9 + [0] + [1] * 10, [0] * 9 + [1] + [1] * 10
    gain = gain_of(right(blended), [right(single)], np.zeros(20, int), get_scorer("accuracy"), 0)
    assert gain is not None
    assert gain.mean == pytest.approx(8 / 20)
    assert gain.p_value == pytest.approx(stats.binomtest(9, 10).pvalue)
    assert gain.proven


def test_five_of_five_are_not_enough() -> None:
    """A normal interval would exclude zero; the sign test of five has p = 1/16."""
    gain = gain_of(right([1] * 360), [right([0] * 5 + [1] * 355)], np.zeros(360, int), get_scorer("accuracy"), 0)
    assert gain is not None and gain.p_value == pytest.approx(1 / 16) and not gain.proven


def test_means_are_compared_by_paired_differences() -> None:
    rng = np.random.default_rng(0)
    targets, blended, single = rng.normal(size=(3, 400))
    gain = gain_of(blended, [single], targets, get_scorer("mse"), 0)
    difference = (single - targets) ** 2 - (blended - targets) ** 2
    expected = stats.ttest_1samp(difference, 0)
    assert gain is not None
    assert gain.mean == pytest.approx(difference.mean())
    assert gain.p_value == pytest.approx(expected.pvalue, rel=0.02)
    assert gain.interval == pytest.approx(tuple(expected.confidence_interval()), rel=0.01)


def test_the_bootstrap_agrees_with_the_normal_interval_of_a_mean() -> None:
    from dataclasses import replace

    rng = np.random.default_rng(1)
    targets = rng.integers(0, 3, 500)
    blended, single = (probabilities(rng, targets, 3, skill) for skill in (1.1, 1.0))
    scorer = get_scorer("log_loss")
    normal = gain_of(blended, [single], targets, scorer, 0)
    resampled = gain_of(blended, [single], targets, replace(scorer, losses=None), 0)
    assert normal is not None and resampled is not None
    assert resampled.mean == pytest.approx(normal.mean)
    width = normal.interval[1] - normal.interval[0]
    assert resampled.interval == pytest.approx(normal.interval, abs=0.15 * width)
    assert resampled.p_value == pytest.approx(normal.p_value, abs=0.1)


@settings(deadline=None, derandomize=True, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(["accuracy", "log_loss", "f1_macro"]))
def test_swapping_the_two_turns_the_sign(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    targets = np.arange(12) % 3
    one, two = (probabilities(rng, targets, 3, 0.5) for _ in range(2))
    scorer = get_scorer(name)
    there, back = gain_of(one, [two], targets, scorer, 0), gain_of(two, [one], targets, scorer, 0)
    assert there is not None and back is not None
    assert there.mean == pytest.approx(-back.mean)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]), abs=1e-9)
    assert there.p_value == pytest.approx(back.p_value)
    assert there.interval[0] <= there.interval[1] and 0 <= there.p_value <= 1
    assert not (there.proven and back.proven)


def test_a_metric_that_is_not_defined_has_no_gain() -> None:
    values = np.full((10, 3), 1 / 3)
    assert gain_of(values, [values], np.arange(10) % 2, get_scorer("roc_auc"), 0) is None


def test_diversity() -> None:
    targets = np.array([0, 0, 1, 1])
    one = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    two = one[:, ::-1]
    found = diversity_of(Library([0, 1], [one, two], targets), [0, 1])
    assert found is not None
    assert found.disagreement == 1.0 and found.error_correlation == pytest.approx(-1)
    same = diversity_of(Library([0, 1], [one, one], targets), [0, 1])
    assert same is not None and (same.disagreement, same.error_correlation) == (0.0, pytest.approx(1))
    flat = diversity_of(Library([0, 1], [np.full((4, 2), 0.5), one], targets), [0, 1])
    assert flat is not None and flat.error_correlation is None
    assert diversity_of(Library([0], [one], targets), [0]) is None
