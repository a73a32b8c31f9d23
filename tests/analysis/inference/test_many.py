"""Analysis of variance and comparisons over tasks: answers of known libraries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.multitest import multipletests

from assay.analysis.inference.anova import one_way, with_blocks
from assay.analysis.inference.best_set import Replicates
from assay.analysis.inference.mcb import noise
from assay.analysis.inference.scaled import scaled
from assay.analysis.inference.tasks import compare_ranks, wilcoxon_holm
from assay.spaces import UsageError

SCORES = np.random.default_rng(0).normal([[0.0], [0.3], [0.9], [1.0]], 1.0, (4, 12))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_blocks_agree_with_statsmodels(scale: float) -> None:
    config, seed = np.indices(SCORES.shape).reshape(2, -1)
    frame = pd.DataFrame({"y": SCORES.ravel(), "config": config, "seed": seed})
    table = AnovaRM(frame, "y", "seed", within=["config"]).fit().anova_table
    told = with_blocks(SCORES * scale)
    assert told.statistic == pytest.approx(table["F Value"].iloc[0], rel=1e-8)
    assert told.p_value == pytest.approx(table["Pr > F"].iloc[0], rel=1e-8)
    assert told.degrees == (3, 33)
    f, (first, second) = told.statistic, told.degrees
    assert told.eta_squared == pytest.approx(f * first / (f * first + second))


def test_the_noise_of_mcb_is_its_residual() -> None:
    mean_square = 12 * SCORES.mean(axis=1).var(ddof=1) / with_blocks(SCORES).statistic
    data = scaled(Replicates(SCORES))
    assert (noise(data) * data.scale) ** 2 == pytest.approx(mean_square, rel=1e-8)


def test_one_way_agrees_with_scipy() -> None:
    groups = [SCORES[0], SCORES[1, :5], SCORES[2, :7]]
    told, expected = one_way(groups), stats.f_oneway(*groups)
    assert (told.statistic, told.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)
    assert told.degrees == (2, 21)


def test_anova_without_noise() -> None:
    assert with_blocks(np.array([[1.0, 2.0], [1.0, 2.0]])).p_value == 1.0
    assert with_blocks(np.array([[1.0, 2.0], [3.0, 4.0]])).p_value == 0.0
    assert one_way([np.ones(3), np.zeros(3)]).eta_squared == 1.0


def test_ranks_agree_with_scipy_and_scikit_posthocs() -> None:
    told, expected = compare_ranks(SCORES), stats.friedmanchisquare(*SCORES)
    assert (told.statistic, told.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)
    nemenyi = scikit_posthocs.posthoc_nemenyi_friedman(SCORES.T).to_numpy()
    np.testing.assert_allclose(told.p_values, nemenyi, atol=1e-8)
    np.testing.assert_allclose(told.ranks, stats.rankdata(-SCORES, axis=0).mean(axis=1))
    apart = np.abs(told.ranks[:, None] - told.ranks[None]) > told.critical_difference
    np.testing.assert_array_equal(apart, told.p_values < 0.05)


def test_published_critical_difference() -> None:
    # Demsar, JMLR 7 (2006), section 3.2.2: 4 classifiers, 14 data sets: 2.569 sqrt(4 * 5 / (6 * 14)) = 1.25
    scores = np.random.default_rng(1).normal(size=(4, 14))
    assert compare_ranks(scores).critical_difference == pytest.approx(1.25, abs=0.01)


def test_tied_ranks() -> None:
    coarse = SCORES.round()
    assert compare_ranks(coarse).statistic == pytest.approx(stats.friedmanchisquare(*coarse).statistic, rel=1e-8)
    equal = compare_ranks(np.ones((3, 5)))
    assert (equal.statistic, equal.p_value) == (0.0, 1.0)


def test_against_a_control() -> None:
    raw = [stats.wilcoxon(SCORES[i], SCORES[2]).pvalue for i in (0, 1, 3)]
    adjusted = multipletests(raw, method="holm")[1]
    np.testing.assert_allclose(wilcoxon_holm(SCORES, 2), [adjusted[0], adjusted[1], 1.0, adjusted[2]], atol=1e-8)
    assert wilcoxon_holm(np.stack([SCORES[0], SCORES[0]]), 0).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: with_blocks(np.zeros((1, 4))), "2 configs or more on 2 replicates"),
        (lambda: one_way([np.zeros(1), np.zeros(1)]), "more runs than configs"),
        (lambda: compare_ranks(np.zeros((2, 4))), "3 methods or more"),
        (lambda: wilcoxon_holm(SCORES, 4), "one of the 4 methods"),
    ],
)
def test_what_is_refused(call: object, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        call()  # type: ignore[operator]
