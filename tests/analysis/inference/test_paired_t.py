"""Paired t with Holm: exact values, the edges, and calibration by simulation."""

from __future__ import annotations

import gc
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from assay.analysis import holm, paired_t, t_interval, worse_than_best
from assay.analysis.inference.paired_t import mean

Floats = npt.NDArray[np.float64]
P_VALUES = st.lists(st.floats(0, 1), max_size=12).map(np.array)


@pytest.mark.parametrize("r", [2, 3, 10])
@pytest.mark.parametrize("scale", [1e-200, 1e-9, 1.0, 1e9, 1e200])
def test_agrees_with_scipy_at_every_scale(r: int, scale: float) -> None:
    better, worse = np.random.default_rng(r).normal([[0.3], [0.0]], 1.0, (2, r))
    expected = stats.ttest_rel(better, worse, alternative="greater").pvalue
    assert paired_t(better * scale, worse * scale) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e-13, 1.0, 1e13, 1e307])
def test_differences_without_spread(scale: float) -> None:
    values = np.array([0.9, 0.8, 0.7]) * scale
    assert paired_t(values, values) == 1.0
    assert paired_t(values, values * (1 + 1e-15)) == 1.0  # equal up to rounding
    assert paired_t(values + 0.1 * scale, values) == 0.0
    assert paired_t(values, values + 0.1 * scale) == 1.0
    assert paired_t(np.zeros(3), np.zeros(3)) == 1.0


def test_equal_differences_of_a_coarse_score_prove_little() -> None:
    step = 1 / 114  # of an accuracy on 114 examples
    worse = np.array([100, 103]) * step
    assert paired_t(worse + step, worse) == 0.0
    floor = step / math.sqrt(6) / math.sqrt(2)
    assert paired_t(worse + step, worse, step) == pytest.approx(stats.t.sf(step / floor, 1))
    assert worse_than_best(np.stack([worse + step, worse]))[1] > 0.05
    deterministic = np.array([[0.9, 0.9], [0.8, 0.8]])
    assert worse_than_best(deterministic)[1] == 0.0


def test_equal_configs_are_rarely_told_apart_by_a_coarse_score() -> None:
    # Two equally good configs, accuracy on 114 examples, two replicates: at most about alpha of the worlds.
    rng = np.random.default_rng(0)
    scores = rng.binomial(114, 0.95, (2000, 2, 2)) / 114
    told = [worse_than_best(world[np.argsort(-world.mean(axis=1))])[1] <= 0.05 for world in scores]
    assert np.mean(told) < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


def test_two_replicates_follow_the_cauchy_distribution() -> None:
    difference = np.array([0.1, 0.3])
    expected = 0.5 - math.atan(2.0) / math.pi  # t = mean / (sd / sqrt 2) = 2 with one degree of freedom
    assert paired_t(difference, np.zeros(2)) == pytest.approx(expected)


def test_holm_worked_example() -> None:
    # Steps .01 * 4, .02 * 3, .03 * 2, .04 * 1; never less than the step before.
    np.testing.assert_allclose(holm(np.array([0.03, 0.01, 0.04, 0.02])), [0.06, 0.04, 0.06, 0.06])


@settings(deadline=None)  # a busy machine is no mistake
@given(P_VALUES)
def test_holm_agrees_with_statsmodels(p_values: Floats) -> None:
    adjusted = holm(p_values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", lambda: 0)  # it is called; half a second in the process of all tests
        expected = multipletests(p_values, method="holm")[1] if len(p_values) else p_values
    np.testing.assert_allclose(adjusted, expected, atol=1e-12)


@settings(deadline=None)
@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_properties(p_values: Floats, random: object) -> None:
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
    order = np.arange(len(p_values))
    random.shuffle(order)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(holm(p_values[order]), adjusted[order])


def test_worse_than_best() -> None:
    assert worse_than_best(np.array([[0.5, 0.7]])).tolist() == [1.0]
    scores = np.random.default_rng(0).normal([[1.0], [0.9], [-5.0]], 0.5, (3, 6))
    raw = [stats.ttest_rel(scores[0], row, alternative="greater").pvalue for row in scores[1:]]
    np.testing.assert_allclose(worse_than_best(scores), [1.0, max(raw), 2 * min(raw)])


def left_out(scores: Floats, rule: str) -> bool:
    """Whether config 0, truly as good as all others, is called worse than the best."""
    order = np.argsort(-scores.mean(axis=1), kind="stable")
    ordered = scores[order]
    if rule == "holm":
        p_values = worse_than_best(ordered)
    else:
        p_values = np.array([1.0, *(paired_t(ordered[0], other) for other in ordered[1:])])
    return bool(p_values[np.flatnonzero(order == 0)[0]] <= 0.05)


def test_the_tied_set_keeps_a_best_config_in_a_world_of_equals() -> None:
    rng = np.random.default_rng(20)
    worlds = rng.normal(size=(500, 1, 10)) + rng.normal(size=(500, 10, 10))  # blocks shared, configs all equal
    kept = 1 - np.mean([left_out(world, "holm") for world in worlds])
    error = math.sqrt(0.969 * 0.031 / len(worlds))
    assert kept == pytest.approx(0.969, abs=3 * error)
    assert kept >= 0.95


def test_the_simulation_detects_a_rule_without_correction() -> None:
    worlds = np.random.default_rng(21).normal(size=(500, 10, 10))
    assert 1 - np.mean([left_out(world, "uncorrected") for world in worlds]) <= 0.90


@pytest.mark.parametrize("r", [2, 5, 20])
def test_intervals_cover_the_mean(r: int) -> None:
    runs = np.random.default_rng(r).normal(3.0, 2.0, (2000, r))
    bounds = np.array([t_interval(values, 0.95) for values in runs])
    covered = np.mean((bounds[:, 0] <= 3.0) & (bounds[:, 1] >= 3.0))
    assert covered == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 2000))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_interval_agrees_with_scipy(scale: float) -> None:
    values = np.array([0.1, 0.4, 0.2, 0.8])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.9)
    np.testing.assert_allclose(np.array(t_interval(values * scale, 0.9)) / scale, expected)


def test_interval_edges() -> None:
    assert t_interval(np.array([0.5]), 0.95) == (-math.inf, math.inf)
    assert t_interval(np.full(3, 0.25), 0.95) == (0.25, 0.25)
    assert t_interval(np.zeros(3), 0.95) == (0.0, 0.0)


def test_mean_does_not_overflow() -> None:
    assert mean(np.array([1.5e308, 1.7e308])) == pytest.approx(1.6e308)
    assert mean(np.zeros(2)) == 0.0
    assert mean(np.array([0.1, 0.2])) == pytest.approx(0.15)
