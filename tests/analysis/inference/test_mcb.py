"""Multiple comparisons with the best: tables, known libraries, and the two-way analysis of variance behind it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from assay.analysis.inference.best_set import Replicates
from assay.analysis.inference.dunnett import dunnett_critical, dunnett_p
from assay.analysis.inference.mcb import mcb, noise
from assay.analysis.inference.scaled import scaled


@pytest.mark.parametrize(
    ("configs", "degrees", "expected"),
    # Dunnett, JASA 50 (1955), table 1a: 2 to 10 configs, the control among them, one-sided .05
    [
        (2, math.inf, 1.645),
        (5, 20, 2.30),
        (3, 5, 2.44),
        (10, 10, 2.81),
        (10, math.inf, 2.42),
        (4, 30, 2.15),
        (7, 12, 2.57),
    ],
)
def test_published_critical_values(configs: int, degrees: float, expected: float) -> None:
    assert dunnett_critical(configs, degrees, 0.05) == pytest.approx(expected, abs=0.01)


def test_critical_value_of_five_and_twenty() -> None:
    assert dunnett_critical(5, 20, 0.05) == pytest.approx(2.304, abs=1e-3)


@pytest.mark.parametrize("degrees", [1, 2, 9, 200])
def test_two_configs_are_students_t(degrees: int) -> None:
    values = np.array([-2.0, 0.0, 0.7, 3.0])
    np.testing.assert_allclose(dunnett_p(values, 2, degrees), stats.t.sf(values, degrees), rtol=1e-10)


@pytest.mark.parametrize(("configs", "degrees"), [(3, 2), (10, 6)])
def test_agrees_with_adaptive_quadrature(configs: int, degrees: int) -> None:
    """The same integral by scipy's adaptive rule, in another order."""

    def below(value: float) -> float:
        def given_spread(spread: float) -> float:
            inner = integrate.quad(
                lambda z: stats.norm.pdf(z) * special.ndtr(z + math.sqrt(2) * value * spread) ** (configs - 1), -9, 9
            )[0]
            return float(inner * stats.chi.pdf(spread * math.sqrt(degrees), degrees) * math.sqrt(degrees))

        return float(integrate.quad(given_spread, 0, 8, limit=200)[0])

    assert dunnett_p(np.array([1.7]), configs, degrees)[0] == pytest.approx(1 - below(1.7), abs=1e-6)


def test_agrees_with_scipys_dunnett() -> None:
    """Statistics against a control of a one-way design, whose p-values scipy integrates by quasi-Monte Carlo."""
    rng = np.random.default_rng(0)
    groups = rng.normal(0, 1, (4, 8))
    told = stats.dunnett(*groups[1:], control=groups[0], alternative="greater", rng=np.random.default_rng(1))
    np.testing.assert_allclose(dunnett_p(told.statistic, 4, 28), told.pvalue, atol=2e-3)


def test_p_values_fall_and_stay_chances() -> None:
    values = np.linspace(-8, 60, 200)
    found = dunnett_p(values, 6, 12)
    assert (np.diff(found) <= 1e-12).all()
    assert found[0] == pytest.approx(1.0)
    assert 0 <= found[-1] < 1e-8
    assert dunnett_p(np.array([math.inf, -math.inf]), 6, 12).tolist() == pytest.approx([0.0, 1.0])


def test_critical_value_is_where_p_is_alpha() -> None:
    for configs, degrees, alpha in ((3, 4, 0.01), (8, 21, 0.05), (12, 5, 0.4)):
        value = dunnett_critical(configs, degrees, alpha)
        assert dunnett_p(np.array([value]), configs, degrees)[0] == pytest.approx(alpha, abs=1e-9)


def test_worked_example() -> None:
    scores = np.array([[3.0, 4.0, 5.0], [1.0, 3.0, 2.0], [2.0, 4.0, 6.0]])
    means = np.array([4.0, 2.0, 4.0])
    residuals = scores - means[:, None] - scores.mean(axis=0) + scores.mean()
    error = math.sqrt((residuals**2).sum() / 4) * math.sqrt(2 / 3)
    width = dunnett_critical(3, 4, 0.05) * error
    answer = mcb(Replicates(scores), 0.05)
    assert answer.best == 0
    np.testing.assert_allclose(answer.low, [-width, min(0, 2 - width), -width])
    np.testing.assert_allclose(answer.high, [width, 2 + width, width])
    np.testing.assert_allclose(answer.p_values[1], dunnett_p(np.array([2 / error]), 3, 4)[0])


def test_overlap_widens_as_nadeau_and_bengio_say() -> None:
    scores = np.random.default_rng(0).normal([[0.0], [0.5], [1.0]], 1.0, (3, 10))
    plain, wider = (mcb(Replicates(scores, overlap), 0.05) for overlap in (0.0, 0.3))
    widths = [answer.high[answer.best - 1] - answer.differences[answer.best - 1] for answer in (plain, wider)]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt((0.1 + 0.3) / 0.1))


def test_intervals_say_the_same_as_the_set() -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        scores = rng.normal(rng.normal(0, 1, (5, 1)), 1.0, (5, 4))
        answer = mcb(Replicates(scores), 0.05)
        np.testing.assert_array_equal(answer.tied, (answer.low < 0) | (np.arange(5) == answer.best))
        assert (answer.high[answer.best] == 0) == (answer.tied.sum() == 1)


def test_intervals_hold_together() -> None:
    rng = np.random.default_rng(6)
    truth = np.array([0.0, -0.3, -0.6, -2.0])
    gaps = np.array([np.delete(truth, i).max() - truth[i] for i in range(4)])
    holds = []
    for _ in range(800):
        answer = mcb(Replicates(truth[:, None] + rng.normal(size=(4, 5)) + rng.normal(size=5)), 0.05)
        holds.append(bool(((answer.low <= gaps) & (gaps <= answer.high)).all()))
    assert np.mean(holds) >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 800)


def test_noise_of_a_coarse_score_is_not_below_its_rounding() -> None:
    worse = np.array([0.5, 0.6, 0.8])
    assert noise(scaled(Replicates(np.stack([worse, worse + 0.1])))) == pytest.approx(0.1 / 0.9 / math.sqrt(12))
