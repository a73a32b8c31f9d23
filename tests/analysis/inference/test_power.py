"""What is said about the leaderboard in advance is what its tests find in simulated replicates."""

from __future__ import annotations

import numpy as np
import pytest

from assay.analysis.inference.paired_t import paired_t, worse_than_best
from assay.analysis.inference.power import detectable, resolution, strictest_level

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
