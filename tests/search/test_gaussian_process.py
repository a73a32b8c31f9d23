"""The Gaussian process agrees with formulas that are written out, and finds what matters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from assay.search.gaussian_process import Kernel, Posterior, _cost, fit, log_expected_improvement, one_thread

RNG = np.random.default_rng(0)
ROWS = RNG.random((14, 4))
GROUPS = np.array([0, 0, 1, 2])
VALUES = RNG.normal(size=14)


def test_the_gradient_is_that_of_finite_differences() -> None:
    theta = np.array([0.3, -0.5, 0.1, 0.2, -2.0])
    _, slope = _cost(theta, ROWS, GROUPS, VALUES)
    for place in range(len(theta)):
        step = np.zeros_like(theta)
        step[place] = 1e-5
        above, below = (_cost(theta + sign * step, ROWS, GROUPS, VALUES)[0] for sign in (1, -1))
        assert slope[place] == pytest.approx((above - below) / 2e-5, rel=1e-4, abs=1e-6)


def test_the_cost_is_minus_the_log_density_of_a_normal_vector() -> None:
    theta = np.array([0.3, -0.5, 0.1, 0.2, -2.0])
    kernel = Kernel(np.exp(0.5 * theta[:3])[GROUPS], math.exp(theta[3]), math.exp(theta[4]))
    matrix = kernel.among(ROWS)
    expected = 0.5 * VALUES @ np.linalg.solve(matrix, VALUES) + 0.5 * np.linalg.slogdet(matrix)[1]
    assert _cost(theta, ROWS, GROUPS, VALUES)[0] == pytest.approx(expected)


def test_the_posterior_is_that_of_the_textbook() -> None:
    kernel = Kernel(np.array([1.0, 1.0, 2.0, 0.5]), 1.3, 0.1)
    new = RNG.random((5, 4))
    cross, matrix = kernel.between(new, ROWS), kernel.among(ROWS)
    mean, deviation = Posterior(kernel, ROWS, VALUES, np.empty((0, 4))).at(new)
    assert mean == pytest.approx(cross @ np.linalg.solve(matrix, VALUES))
    variance = np.diag(kernel.between(new, new) - cross @ np.linalg.solve(matrix, cross.T))
    assert deviation**2 == pytest.approx(variance)


def test_what_runs_makes_surer_and_changes_no_expectation() -> None:
    kernel = Kernel(np.ones(4), 1.0, 0.01)
    new = RNG.random((5, 4))
    before, unsure = Posterior(kernel, ROWS, VALUES, np.empty((0, 4))).at(new)
    after, sure = Posterior(kernel, ROWS, VALUES, new[:1]).at(new)
    assert after == pytest.approx(before)
    assert sure[0] < 0.5 * unsure[0]
    assert (sure <= unsure + 1e-12).all()


def test_agreement_is_that_of_predictions_without_the_one_predicted() -> None:
    kernel = Kernel(np.array([1.0, 1.0, 2.0, 0.5]), 1.3, 0.1)
    values = ROWS.sum(axis=1) - ROWS.sum(axis=1).mean()
    alone = []
    for place in range(len(ROWS)):
        others = np.arange(len(ROWS)) != place
        alone.append(Posterior(kernel, ROWS[others], values[others], np.empty((0, 4))).mean(ROWS[[place]])[0])
    expected = np.corrcoef(alone, values)[0, 1]
    assert expected > 0.5
    assert Posterior(kernel, ROWS, values, np.empty((0, 4))).agreement == pytest.approx(expected)


def test_scores_that_say_nothing_of_each_other_do_not_agree() -> None:
    one_place = Kernel(np.full(4, 1e-6), 1.0, 0.1)  # each is predicted by the mean of the others: less where it is more
    assert Posterior(one_place, ROWS, VALUES, np.empty((0, 4))).agreement == 0.0
    assert Posterior(Kernel(np.ones(4), 1.0, 0.1), ROWS, np.zeros(14), np.empty((0, 4))).agreement == 0.0


def test_augmented_improvement_is_that_of_the_paper_and_turns_from_what_is_known() -> None:
    kernel = Kernel(np.ones(4), 1.0, 0.5)
    posterior = Posterior(kernel, ROWS, VALUES, np.empty((0, 4)))
    best = int(posterior.mean(ROWS).argmax())
    rows = np.concatenate([ROWS[[best]], RNG.random((4, 4))])
    mean, deviation = posterior.at(rows)
    z = (mean - posterior.mean(ROWS).max()) / deviation
    improvement = deviation * (z * norm.cdf(z) + norm.pdf(z))
    factor = 1 - math.sqrt(0.5) / np.sqrt(0.5 + deviation**2)
    assert posterior.log_improvement(rows) == pytest.approx(np.log(improvement * factor))
    again = Posterior(kernel, ROWS, VALUES, np.repeat(ROWS[[best]], 200, axis=0)).log_improvement(rows)
    assert again[0] < posterior.log_improvement(rows)[0] - 4  # log EI alone falls by less than 3
    assert np.isfinite(again).all()


def test_a_group_that_matters_gets_more_weight() -> None:
    rows = RNG.random((60, 2))
    values = np.sin(6 * rows[:, 0])
    kernel = fit(rows, np.array([0, 1]), (values - values.mean()) / values.std())
    assert kernel.scales[0] > 4 * kernel.scales[1]
    assert kernel.noise < 0.05


def test_noise_is_told_from_signal() -> None:
    values = np.random.default_rng(5).normal(size=40)
    kernel = fit(np.random.default_rng(6).random((40, 2)), np.array([0, 1]), values)
    assert kernel.noise > 0.5


def test_linear_algebra_has_one_thread_as_long_as_asked_for() -> None:
    def threads() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        assert before == {2}
        with one_thread():
            assert threads() == {1}
        assert threads() == before


def test_equal_rows_do_no_harm() -> None:
    rows = np.zeros((8, 2))
    kernel = fit(rows, np.array([0, 1]), np.linspace(-1, 1, 8))
    mean, deviation = Posterior(kernel, rows, np.linspace(-1, 1, 8), rows[:2]).at(rows)
    assert np.isfinite([mean, deviation]).all()


@pytest.mark.parametrize("z", [-12.0, -3.0, -1.0001, -0.9999, 0.0, 2.5])
def test_expected_improvement_is_the_integral(z: float) -> None:
    best = 0.7
    mean, deviation = best + 2.0 * z, 2.0
    exact = 2.0 * quad(lambda x: x * norm.pdf(x - z), 0, z + 40, points=[max(z, 0)], epsabs=0, epsrel=1e-10)[0]
    found = log_expected_improvement(np.array([mean]), np.array([deviation]), best)
    assert found[0] == pytest.approx(math.log(exact), rel=1e-6)


def test_expected_improvement_stays_in_order_where_it_underflows() -> None:
    mean = np.array([-1e6, -1e5, -2000.0, -999.0, -100.0, -50.0])
    found = log_expected_improvement(mean, np.ones(6), 0.0)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
