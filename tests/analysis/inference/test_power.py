"""What is said about the leaderboard in advance is what its tests find in simulated replicates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from assay.analysis.inference.paired_t import paired_t, worse_than_best
from assay.analysis.inference.power import (
    detectable,
    resolution,
    runs_for_superiority,
    seeds_needed,
    strictest_level,
)
from assay.spaces import UsageError

RUNS = 2000


def found(differences: np.ndarray, level: float) -> float:
    """Share of simulated pairs in which the worse one is told apart; ``differences`` has shape (runs, seeds)."""
    zeros = np.zeros(differences.shape[1])
    return float(np.mean([paired_t(one, zeros) <= level for one in differences]))


@pytest.mark.parametrize(("finalists", "seeds"), [(2, 3), (6, 5), (6, 10), (11, 4)])
def test_the_difference_is_found_in_four_of_five_cases(finalists: int, seeds: int) -> None:
    expected = resolution(finalists, seeds, 0.05)
    assert expected is not None
    rng = np.random.default_rng(seeds)
    level = strictest_level(finalists - 1, 0.05)
    for count, difference in ((seeds, expected.difference), (expected.more_seeds, expected.finer)):
        share = found(rng.normal(difference, 1.0, (RUNS, count)), level)
        assert share == pytest.approx(0.8, abs=4 * (0.8 * 0.2 / RUNS) ** 0.5)


def test_the_leaderboard_finds_it() -> None:
    """Five equal finalists and one that is worse; each pair differs by noise of one standard deviation."""
    expected = resolution(6, 5, 0.05)
    assert expected is not None
    rng = np.random.default_rng(0)
    told = 0
    for _ in range(RUNS):
        scores = rng.normal(0.0, 0.5**0.5, (6, 5))
        scores[5] -= expected.difference
        best = np.argsort(-scores.mean(axis=1))
        told += worse_than_best(scores[best])[list(best).index(5)] <= 0.05
    # The best of five equals was chosen by looking, which makes the difference a little larger.
    assert 0.78 <= told / RUNS <= 0.92


def test_more_seeds_find_more_and_more_rivals_less() -> None:
    by_seeds = [detectable(seeds, 0.01) for seeds in range(2, 40)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    by_rivals = [resolution(finalists, 5, 0.05) for finalists in range(3, 30)]
    found = [one.difference for one in by_rivals if one is not None]
    assert found == sorted(found)
    assert resolution(1, 5, 0.05) is None
    assert detectable(2, 0.05 / 100) > 100, "two seeds decide next to nothing"


@pytest.mark.parametrize(("effect", "one_rival", "nine_rivals"), [(0.5, 34, 49), (1.0, 10, 15), (2.0, 5, 7)])
def test_replicates_for_a_gap(effect: float, one_rival: int, nine_rivals: int) -> None:
    """Published tables for two-sided .05 (Cohen, 1988, table 2.4.1) and for .05 / 9, power .8."""
    assert seeds_needed(effect * 1e-3, 1e-3, 0.05) == one_rival
    assert seeds_needed(effect * 1e-3, 1e-3, 0.05, rivals=9) == nine_rivals


def test_replicates_agree_with_statsmodels() -> None:
    expected = TTestPower().solve_power(0.6, alpha=0.01, power=0.9, alternative="two-sided")
    assert seeds_needed(0.6, 1.0, 0.01, power=0.9) == math.ceil(expected)


def test_overlap_sets_a_limit_to_what_replicates_can_tell() -> None:
    plain, corrected = seeds_needed(1.2, 1.0, 0.05), seeds_needed(1.2, 1.0, 0.05, overlap=0.1)
    assert plain is not None
    assert corrected is not None
    assert corrected > plain
    assert detectable(corrected, 0.025, overlap=0.1) <= 1.2 < detectable(corrected - 1, 0.025, overlap=0.1)
    assert seeds_needed(0.5, 1.0, 0.05, overlap=0.1) is None
    assert seeds_needed(1e-6, 1.0, 0.05) is None


def test_runs_to_show_a_chance() -> None:
    assert [runs_for_superiority(chance) for chance in (0.75, 0.7, 0.9)] == [29, 46, 12]


def test_power_refuses() -> None:
    for gap, sd in ((0.0, 1.0), (1.0, 0.0), (math.nan, 1.0)):
        with pytest.raises(UsageError, match="above 0"):
            seeds_needed(gap, sd, 0.05)
    with pytest.raises(UsageError, match="must be above 0\\.5"):
        runs_for_superiority(0.5)
