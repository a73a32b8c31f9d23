"""The numbers of a leaderboard's rows: who beats whom, what is believed, what can be published."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from assay.analysis.inference.blocks import blocks
from assay.analysis.inference.posterior import believe
from assay.analysis.inference.prior import GridPrior, NormalPrior, fit_prior
from assay.analysis.inference.reported import reported_interval
from assay.analysis.inference.superiority import p_superior, p_superior_unpaired
from assay.spaces import UsageError

from .worlds import calibration as worlds

# The chance of winning


@pytest.mark.parametrize("effect", [0.0, -0.674, 1.28])
@pytest.mark.parametrize("runs", [3, 10, 40])
def test_interval_of_the_chance_holds(effect: float, runs: int) -> None:
    rng = np.random.default_rng(runs)
    shared = rng.normal(size=(300, runs))
    told = [
        p_superior(row, base) for row, base in zip(shared + rng.normal(effect, 1, (300, runs)), shared, strict=True)
    ]
    truth = float(special.ndtr(effect))
    holds = np.mean([one.low <= truth <= one.high for one in told])
    assert holds >= 0.95 - 4 * math.sqrt(0.05 * 0.95 / 300)
    assert np.mean([one.value for one in told]) == pytest.approx(truth, abs=0.05)


@given(st.integers(0, 1000), st.integers(2, 40), st.sampled_from([1e-300, 1.0, 1e300]))
@settings(max_examples=40, deadline=None)
def test_the_chance_turns_round(seed: int, runs: int, scale: float) -> None:
    first, second = np.random.default_rng(seed).normal(0, 1, (2, runs)) * scale
    one, other = p_superior(first, second), p_superior(second, first)
    assert 0 <= one.low <= one.value <= one.high <= 1
    np.testing.assert_allclose(
        [1 - one.value, 1 - one.high, 1 - one.low], [other.value, other.low, other.high], atol=1e-6
    )


def test_chance_at_its_edges() -> None:
    values = np.array([0.9, 0.8, 0.7])
    assert p_superior(values, values).value == 0.5
    assert p_superior(np.full(3, 0.9), np.full(3, 0.8)) == p_superior(np.full(9, 2.0), np.ones(9))
    assert p_superior(np.full(3, 0.9), np.full(3, 0.8)).low == 1.0
    certain = p_superior(values + 1, values)  # a constant gap between runs that vary: spread of the score's step
    assert certain.value > 0.95
    assert certain.low < certain.value
    far = p_superior(np.array([1.0, 1.0 + 1e-6]), np.zeros(2))
    assert far.value == pytest.approx(1.0)
    assert far.low > 0.5


def test_many_runs_count_wins() -> None:
    first = np.array([1.0] * 20 + [0.0] * 8 + [0.5] * 4)
    told = p_superior(first, np.full(32, 0.5))
    assert told.value == 22 / 32
    expected = stats.binomtest(22, 32).proportion_ci(method="wilson")
    np.testing.assert_allclose([told.low, told.high], [expected.low, expected.high])


def test_unpaired_chance() -> None:
    first, second = np.random.default_rng(0).normal([[0.5], [0.0]], 1.0, (2, 12))
    told = p_superior_unpaired(first, second[:9])
    assert told.value == pytest.approx(stats.mannwhitneyu(first, second[:9]).statistic / 108)
    assert told.low < told.value < told.high
    assert p_superior_unpaired(np.array([2.0, 3.0]), np.array([0.0, 1.0])).high == 1.0
    assert p_superior_unpaired(np.array([2.0, 3.0]), np.array([0.0, 1.0])).low == pytest.approx(0.025**0.5)
    assert p_superior_unpaired(np.array([0.0, 1.0]), np.array([2.0, 3.0])).low == 0.0
    rng = np.random.default_rng(1)
    holds = []
    for _ in range(400):
        one = p_superior_unpaired(rng.normal(0.674 * 2**0.5, 1, 10), rng.normal(0, 1, 10))
        holds.append(one.low <= 0.75 <= one.high)
    assert np.mean(holds) >= 0.93


def test_chance_refuses() -> None:
    with pytest.raises(UsageError, match="as many of both, got 3 and 2"):
        p_superior(np.zeros(3), np.zeros(2))
    with pytest.raises(UsageError, match="at least 2 finite"):
        p_superior_unpaired(np.zeros(1), np.zeros(2))


# Beliefs


def test_blocks_of_a_complete_table() -> None:
    scores = np.random.default_rng(0).normal(size=(4, 5)) + np.arange(5)
    told = blocks(scores)
    np.testing.assert_allclose(told.means, scores.mean(axis=1))
    np.testing.assert_allclose(told.effects, scores.mean(axis=0) - scores.mean())
    residuals = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    assert told.noise == pytest.approx(math.sqrt((residuals**2).sum() / 12))
    assert told.degrees == 12


def test_blocks_with_gaps_find_what_configs_and_replicates_add_up_to() -> None:
    truth, effects = np.array([1.0, 2.0, 4.0]), np.array([0.5, -0.5, 1.0, -1.0])
    scores = truth[:, None] + effects
    scores[0, 3] = scores[2, 2:] = np.nan
    told = blocks(scores)
    np.testing.assert_allclose(told.means, truth)
    np.testing.assert_allclose(told.effects, effects)
    assert told.counts.tolist() == [3, 4, 2]


def test_blocks_need_to_see_noise() -> None:
    with pytest.raises(UsageError, match="no two configs share two replicates"):
        blocks(np.array([[1.0, np.nan], [np.nan, 2.0]]))
    with pytest.raises(UsageError, match="got none"):
        blocks(np.full((2, 2), np.nan))


def test_normal_prior_of_known_noise() -> None:
    scores = np.random.default_rng(0).normal(3.0, 2.0, 400) + np.random.default_rng(1).normal(0, 1.0, 400)
    prior = fit_prior(scores, np.ones(400))
    assert isinstance(prior, NormalPrior)
    assert prior.mean == pytest.approx(scores.mean())
    assert prior.sd == pytest.approx(math.sqrt(scores.var() - 1))
    means, sds = prior.posterior(np.array([5.0, 0.0]), np.array([1.0, math.inf]))
    weight = prior.sd**2 / (prior.sd**2 + 1)
    np.testing.assert_allclose(means, [prior.mean + weight * (5 - prior.mean), prior.mean])
    np.testing.assert_allclose(sds, [math.sqrt(weight), prior.sd])


def test_unequal_noise_reaches_the_maximum_of_the_likelihood() -> None:
    rng = np.random.default_rng(2)
    variances = rng.uniform(0.2, 2.0, 60)
    scores = rng.normal(1.0, 1.0, 60) + rng.normal(0, np.sqrt(variances))
    prior = fit_prior(scores, variances)
    assert isinstance(prior, NormalPrior)

    def likelihood(mean: float, sd: float) -> float:
        return float(stats.norm.logpdf(scores, mean, np.sqrt(sd**2 + variances)).sum())

    best = likelihood(prior.mean, prior.sd)
    assert best >= max(likelihood(prior.mean + a, prior.sd + b) for a in (-0.05, 0, 0.05) for b in (-0.05, 0.05))


def test_skewed_scores_get_a_free_prior() -> None:
    rng = np.random.default_rng(3)
    truth = 0.92 - rng.gamma(1.0, 0.02, 400)
    scores = truth + rng.normal(0, 5e-3, 400)
    prior = fit_prior(scores, np.full(400, 25e-6))
    assert isinstance(prior, GridPrior)
    assert prior.weights.sum() == pytest.approx(1.0)
    means, _ = prior.posterior(scores, np.full(400, 25e-6))
    assert np.mean((means - truth) ** 2) < 0.92 * np.mean((scores - truth) ** 2)
    top = np.argsort(-scores)[:10]
    assert abs((means - truth)[top].mean()) < 0.3 * (scores - truth)[top].mean()
    draws = prior.draw(scores[:3], np.full(3, 25e-6), 4000, rng)
    np.testing.assert_allclose(draws.mean(axis=0), means[:3], atol=3e-4)


@given(st.integers(0, 1000), st.integers(2, 6), st.integers(2, 6), st.booleans(), st.sampled_from([1e-200, 1.0, 1e200]))
@settings(max_examples=12, deadline=None)
def test_beliefs_are_chances(seed: int, configs: int, runs: int, searched: bool, scale: float) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=30)
    search = (truth + rng.normal(0, 0.5, 30)) * scale
    finalists = np.argsort(-search)[:configs].tolist()
    scores = (truth[finalists][:, None] + rng.normal(0, 0.5, (configs, runs))) * scale
    told = believe(scores, search, finalists) if searched else believe(scores)
    assert told.p_best.sum() == pytest.approx(1.0)
    assert (told.p_best >= 0).all()
    assert told.expected_regret >= 0
    assert (told.p_best_among_finalists is None) == (not searched)
    if told.p_best_among_finalists is not None:
        assert 0 <= told.p_best_among_finalists <= 1
    assert np.abs(told.means).max() <= 10 * scale
    shifted = believe(scores + 3 * scale, search + 3 * scale, finalists) if searched else believe(scores + 3 * scale)
    np.testing.assert_allclose(shifted.means, told.means + 3 * scale, rtol=1e-6)


def test_the_level_of_the_search_split_plays_no_part() -> None:
    rng = np.random.default_rng(4)
    truth = worlds.landscape(rng, "spread")
    search, finalists, scores = worlds.searched(rng, truth, 5, 5)
    plain, easier = (believe(scores, search + level, finalists.tolist()) for level in (0.0, 0.05))
    np.testing.assert_allclose(plain.means, easier.means, atol=1e-9)


def test_shrinkage_takes_flattery_back() -> None:
    rng = np.random.default_rng(5)
    raw, shrunk = [], []
    for _ in range(80):
        truth = worlds.landscape(rng, "plateau")
        _, finalists, scores = worlds.searched(rng, truth, 10, 5)
        best = int(scores.mean(axis=1).argmax())
        raw.append(scores[best].mean() - truth[finalists[best]])
        shrunk.append(believe(scores).means[best] - truth[finalists[best]])
    assert np.mean(raw) > 2e-3
    assert abs(np.mean(shrunk)) < 0.3 * np.mean(raw)


def test_beliefs_refuse() -> None:
    with pytest.raises(UsageError, match="a place in the search for each of 2"):
        believe(np.eye(2), np.zeros(3), [0, 5])
    with pytest.raises(UsageError, match="finite scores of shape"):
        believe(np.array([[0.1, np.inf], [0.2, 0.3]]))
    with pytest.raises(UsageError, match="one finite score of each config"):
        believe(np.eye(2), np.array([0.1, np.nan]), [0, 1])


# What can be published


@pytest.mark.parametrize("kind", ["spread", "plateau", "equal"])
@pytest.mark.parametrize(("top", "seeds"), [(5, 3), (6, 5)])
def test_reported_interval_holds(kind: str, top: int, seeds: int) -> None:
    rng = np.random.default_rng([top, seeds])
    inside, errors = [], []
    for _ in range(400):
        truth = worlds.landscape(rng, kind)
        _, finalists, scores = worlds.searched(rng, truth, top, seeds)
        told = reported_interval(scores)
        own = truth[finalists[scores.mean(axis=1).argmax()]]
        inside.append(told.low <= own <= told.high)
        errors.append(told.mean - own)
    assert 0.95 - 4 * math.sqrt(0.05 * 0.95 / 400) <= np.mean(inside) <= 0.99
    assert abs(np.mean(errors)) < 1e-3


def test_a_config_far_behind_plays_no_part() -> None:
    scores = np.random.default_rng(0).normal(0.9, 5e-3, (5, 5))
    with_others = np.vstack([scores, np.random.default_rng(1).normal(0.3, 5e-3, (2, 5))])
    assert reported_interval(scores) == reported_interval(with_others)


def test_fewer_new_runs_vary_more() -> None:
    scores = np.random.default_rng(0).normal(0.9, 5e-3, (5, 5)) + np.random.default_rng(1).normal(0, 5e-3, 5)
    widths = [one.high - one.low for one in (reported_interval(scores, runs=runs) for runs in (1, 5, 100, None))]
    assert widths == sorted(widths, reverse=True)


def test_a_config_that_was_not_chosen_for_its_score_takes_its_own_mean() -> None:
    scores = np.random.default_rng(0).normal(0.9, 5e-3, (4, 5))
    second = int(np.argsort(-scores.mean(axis=1))[1])
    assert reported_interval(scores, winner=second).mean == pytest.approx(scores[second].mean())


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_reported_edges(scale: float) -> None:
    alone = np.array([[0.5, 0.7, 0.6]]) * scale
    told = reported_interval(alone)
    expected = stats.ttest_1samp(alone[0] / scale, 0).confidence_interval(0.95)
    np.testing.assert_allclose(np.array([told.mean, told.low, told.high]) / scale, [0.6, *expected])
    still = reported_interval(np.array([[0.5, 0.5], [0.25, 0.25]]) * scale)
    assert (still.mean, still.low, still.high) == pytest.approx((0.5 * scale,) * 3)
    with pytest.raises(UsageError, match="at least 2 replicates"):
        reported_interval(np.zeros((3, 1)))
