"""Two configs by their replicates, two fitted models by their predictions: answers of known libraries, and edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.weightstats import ttost_paired

from assay.analysis.inference.bbc import bbc_cv
from assay.analysis.inference.fitted import delong, mcnemar, paired_bootstrap
from assay.analysis.inference.pairs import equivalence, mrmc_test, paired_t_test, sign_flip_test, welch_test
from assay.spaces import UsageError

SCALES = pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
FIRST, SECOND = np.random.default_rng(0).normal([[0.8], [0.0]], 1.0, (2, 9))


@SCALES
def test_paired_t_agrees_with_scipy(scale: float) -> None:
    told, expected = paired_t_test(FIRST * scale, SECOND * scale, 0.1), stats.ttest_rel(FIRST, SECOND)
    interval = expected.confidence_interval(0.9)
    np.testing.assert_allclose(
        [told.p_value, told.low / scale, told.high / scale], [expected.pvalue, *interval], rtol=1e-8
    )
    assert told.difference / scale == pytest.approx(np.mean(FIRST - SECOND))


def test_overlap_widens_the_interval() -> None:
    plain, corrected = paired_t_test(FIRST, SECOND), paired_t_test(FIRST, SECOND, overlap=0.25)
    assert corrected.test == "Nadeau-Bengio"
    assert (corrected.high - corrected.low) / (plain.high - plain.low) == pytest.approx(math.sqrt(1 + 9 * 0.25))


@SCALES
def test_welch_agrees_with_scipy(scale: float) -> None:
    told = welch_test(FIRST * scale, SECOND[:5] * scale)
    expected = stats.ttest_ind(FIRST, SECOND[:5], equal_var=False)
    np.testing.assert_allclose(
        [told.p_value, told.low / scale, told.high / scale],
        [expected.pvalue, *expected.confidence_interval(0.95)],
        rtol=1e-8,
    )


def test_sign_flips_by_hand() -> None:
    told = sign_flip_test(np.array([3.0, 2.0, 1.0]), np.zeros(3))
    assert told.p_value == 2 / 8  # only all signs as they are, and all turned round, are as far out
    assert sign_flip_test(FIRST, FIRST).p_value == 1.0
    many = np.random.default_rng(1).normal(0.3, 1.0, 20)
    one, other = (sign_flip_test(many, np.zeros(20), seed) for seed in (0, 0))
    assert one == other
    assert one.p_value == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.03)


@SCALES
def test_equivalence_agrees_with_statsmodels(scale: float) -> None:
    told = equivalence(FIRST * scale, SECOND * scale, 2.0 * scale)
    assert told.p_value == pytest.approx(ttost_paired(FIRST, SECOND, -2.0, 2.0)[0], rel=1e-8)
    interval = stats.ttest_rel(FIRST, SECOND).confidence_interval(0.9)
    np.testing.assert_allclose([told.low / scale, told.high / scale], interval)
    assert told.equivalent == (max(abs(told.low), abs(told.high)) < 2.0 * scale)


def test_pairs_without_noise() -> None:
    level = np.full(4, 0.5)
    assert paired_t_test(level, level).p_value == 1.0
    assert paired_t_test(level + 0.25, level).p_value == 0.0
    assert welch_test(level + 0.25, level).p_value == 0.0
    assert equivalence(level, level, 0.1).equivalent
    assert not equivalence(level + 0.25, level, 0.1).equivalent
    assert mrmc_test(np.ones((2, 3)), np.zeros((2, 3))).p_value == 0.0


def test_seeds_and_examples_of_a_pair() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal([[[0.1]], [[0.0]]], 1.0, (2, 4, 300))
    told, back = mrmc_test(first, second), mrmc_test(second, first)
    assert told.low < told.difference < told.high
    assert (back.p_value, back.low, back.high) == pytest.approx((told.p_value, -told.high, -told.low))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: paired_t_test(np.zeros(3), np.zeros(2)), "share no seeds are compared by Welch"),
        (lambda: paired_t_test(np.zeros(1), np.zeros(1)), "at least 2 finite scores"),
        (lambda: welch_test(np.zeros(3), np.array([0.0, np.nan])), "at least 2 finite scores"),
        (lambda: equivalence(FIRST, SECOND, 0.0), "rope must be"),
        (lambda: mrmc_test(np.zeros((2, 3)), np.zeros((2, 4))), "two shapes"),
        (lambda: mcnemar(np.zeros(3, bool), np.zeros(2, bool)), "the same examples"),
        (lambda: delong(np.array([True, False]), np.zeros(2), np.zeros(2)), "2 or more of each class"),
        (lambda: paired_bootstrap(accuracy_score, np.zeros(3), np.zeros(3), np.zeros(2)), "the same examples"),
        (lambda: bbc_cv(np.zeros(4)), "examples, models"),
        (lambda: bbc_cv(np.full((4, 2), np.nan)), "finite scores"),
    ],
)
def test_what_pairs_refuse(call: object, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        call()  # type: ignore[operator]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_mcnemar_agrees_with_statsmodels(pairs: list[tuple[bool, bool]]) -> None:
    first, second = np.array(pairs).T
    told = mcnemar(first, second)
    table = [[(first & second).sum(), (first & ~second).sum()], [(~first & second).sum(), (~first & ~second).sum()]]
    assert (told.only_first, told.only_second) == (table[0][1], table[1][0])
    if told.only_first + told.only_second:
        assert told.p_value == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, abs=1e-8)
    else:
        assert told.p_value == 1.0
    assert told.difference == pytest.approx(first.mean() - second.mean())


def roc_data(seed: int, count: int, effect: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = rng.random(count) < 0.4
    shared = rng.normal(size=count)
    first, second = (targets * one + shared + rng.normal(size=count) for one in (1 + effect, 1.0))
    return targets, first, second


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_delong_agrees_with_its_definition(seed: int, ties: bool) -> None:
    targets, first, second = roc_data(seed, 60, 0.5)
    if ties:
        first, second = first.round(), second.round()
    told = delong(targets, first, second)
    placements = []
    for scores in (first, second):
        wins = np.sign(scores[targets][:, None] - scores[~targets][None]) / 2 + 0.5
        placements.append((wins.mean(axis=1), wins.mean(axis=0)))
    gaps = [one - other for one, other in zip(*placements, strict=True)]
    error = math.sqrt(sum(gap.var(ddof=1) / len(gap) for gap in gaps))
    assert told.first == pytest.approx(roc_auc_score(targets, first), abs=1e-12)
    assert told.high - told.difference == pytest.approx(stats.norm.isf(0.025) * error, rel=1e-8)
    assert delong(targets, first, first).p_value == 1.0


def test_delong_calls_equals_different_in_5_percent() -> None:
    told = [delong(*roc_data(seed, 200, 0.0)).p_value <= 0.05 for seed in range(400)]
    assert np.mean(told) == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 400))


def test_bootstrap_of_a_metric() -> None:
    def accuracy(targets: np.ndarray, values: np.ndarray) -> float:
        return float(np.mean(targets == values))

    rng = np.random.default_rng(3)
    targets = rng.random(400) < 0.5
    first, second = (targets ^ (rng.random(400) < share) for share in (0.1, 0.2))
    told = paired_bootstrap(accuracy, targets, first, second, resamples=500)
    gaps = (first == targets).astype(float) - (second == targets)
    error = gaps.std() / 20
    assert told.difference == pytest.approx(gaps.mean())
    np.testing.assert_allclose([told.low, told.high], gaps.mean() + np.array([-1.96, 1.96]) * error, atol=0.3 * error)
    assert told.p_value < 0.03
    assert told == paired_bootstrap(accuracy, targets, first, second, resamples=500)
    same = paired_bootstrap(accuracy, targets, first, first, resamples=50)
    assert (same.low, same.high, same.p_value) == (0.0, 0.0, 1.0)
    whole = paired_bootstrap(accuracy, targets, targets, ~targets, resamples=50)  # the difference does not vary
    assert (whole.low, whole.high) == (1.0, 1.0)


def test_bootstrap_of_a_metric_that_fails_for_some_draws() -> None:
    def one_class(targets: np.ndarray, values: np.ndarray) -> float:
        return float("nan") if targets.all() or not targets.any() else float(np.mean(values))

    targets = np.array([True, False, False])
    with pytest.raises(UsageError, match="use more examples"):
        paired_bootstrap(one_class, targets, np.arange(3.0), np.ones(3), resamples=200)


def test_bootstrap_beyond_2000_examples() -> None:
    rng = np.random.default_rng(4)
    targets, values = rng.normal(size=(2, 2500))
    told = paired_bootstrap(lambda t, v: -float(np.mean((t - v) ** 2)), targets, values / 2, values, resamples=200)
    assert told.low < told.difference < told.high


def test_winner_of_many_models() -> None:
    rng = np.random.default_rng(5)
    clear = (rng.random((300, 4)) < np.array([0.5, 0.9, 0.5, 0.5])).astype(float)
    told = bbc_cv(clear, resamples=200)
    assert told.winner == 1
    assert told.estimate == pytest.approx(told.naive, abs=0.01)
    assert told.low < told.estimate < told.high
    assert bbc_cv(clear, resamples=200) == told
    assert bbc_cv(np.full((5, 3), 0.25), resamples=20).estimate == 0.25
