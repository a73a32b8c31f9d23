"""Examples pooled over splits of one data set."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from assay.analysis.inference import TESTS, Replicates, choose_test
from assay.analysis.inference.pairs import mrmc_test, pooled_test
from assay.analysis.inference.pooled import clustered_error
from assay.spaces import UsageError

from .worlds import calibration as worlds


def split_scores(seed: int, configs: int = 3, seeds: int = 5, rows: int = 60, shift: float = 0.0) -> Replicates:
    """Each replicate scores a third of the rows, the same for all configs; the first config is better by ``shift``."""
    rng = np.random.default_rng(seed)
    examples = rng.normal(size=(1, 1, rows)) + rng.normal(0, 0.3, (configs, seeds, rows))
    examples[0] += shift
    for place in range(seeds):
        examples[:, place, rng.permutation(rows)[rows // 3 :]] = np.nan
    return Replicates(np.nanmean(examples, axis=2), 1 / 3, examples)


def test_error_of_two_way_clusters_is_that_of_statsmodels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import statsmodels.api as sm
        from statsmodels.stats.sandwich_covariance import cov_cluster_2groups
    examples = split_scores(4).examples
    assert examples is not None
    values = examples[0] - examples[1] + np.linspace(-1, 1, 5)[:, None]  # replicates vary of themselves
    seen = np.argwhere(np.isfinite(values))
    fitted = sm.OLS(values[tuple(seen.T)], np.ones(len(seen))).fit()
    variance, *_ = cov_cluster_2groups(fitted, seen[:, 0], seen[:, 1], use_correction=True)
    assert clustered_error(values).error == pytest.approx(float(variance[0, 0]) ** 0.5, rel=1e-8)


def test_where_all_are_scored_on_the_same_examples_it_is_close_to_the_crossed_analysis() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(1, 400)) + rng.normal(0, 0.5, (6, 400))
    second = first + 0.2 + rng.normal(0, 0.5, (6, 400)) + rng.normal(0, 0.3, (1, 400))
    ours, crossed = pooled_test(first, second), mrmc_test(first, second)
    assert ours.difference == pytest.approx(crossed.difference)
    assert ours.high - ours.low == pytest.approx(crossed.high - crossed.low, rel=0.25)


def test_a_better_config_is_found_where_a_t_test_over_splits_finds_nothing() -> None:
    found = [TESTS["pooled"](split_scores(seed, shift=0.15), 0.05).tied.sum() for seed in range(20)]
    corrected = [TESTS["nadeau_bengio"](split_scores(seed, shift=0.15), 0.05).tied.sum() for seed in range(20)]
    assert np.mean(found) < np.mean(corrected) - 0.3


def test_equal_classifiers_are_called_different_in_about_five_of_a_hundred() -> None:
    rng, wrong = np.random.default_rng(1), []
    for _ in range(250):
        right = worlds.right_or_wrong(rng, 2, *worlds.splits_in_three(rng, 5))
        wrong.append(pooled_test(right[0], right[1], overlap=1 / 3).p_value < 0.05)
    assert np.mean(wrong) <= 0.07


def test_auto_takes_it_where_predictions_of_all_splits_are_kept() -> None:
    data = split_scores(0)
    assert choose_test(data)[0] == "pooled"
    few = Replicates(data.scores[:, :2], data.overlap, data.examples[:, :2] if data.examples is not None else None)
    assert choose_test(few)[0] != "pooled"


def test_configs_have_to_be_scored_on_the_same_examples() -> None:
    data = split_scores(0)
    assert data.examples is not None
    other = data.examples.copy()
    other[1] = split_scores(1).examples[1]  # type: ignore[index]
    with pytest.raises(UsageError, match="scored on different examples in a replicate"):
        TESTS["pooled"](Replicates(np.nanmean(other, axis=2), 1 / 3, other), 0.05)
    with pytest.raises(UsageError, match="pooled needs the score of each example"):
        TESTS["pooled"](Replicates(data.scores, 1 / 3), 0.05)
    with pytest.raises(UsageError, match="write test: pooled"):
        TESTS["mrmc"](data, 0.05)
    with pytest.raises(UsageError, match="scored on different examples"):
        pooled_test(data.examples[0], other[1])
