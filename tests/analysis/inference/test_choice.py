"""Which test ``auto`` takes, and that it may."""

from __future__ import annotations

import numpy as np
import pytest

from assay.analysis.contest import assumptions
from assay.analysis.inference import TESTS, Replicates, choose_test
from assay.analysis.inference.choice import unequal_variances

from .worlds import calibration as worlds

RNG_SEED = 4


def equal_noise(configs: int, seeds: int) -> np.ndarray:
    """A world in which all configs have the same noise, to the eye as well."""
    rows = np.random.default_rng(RNG_SEED).normal(size=(configs, seeds))
    residuals = rows - np.median(rows, axis=0)
    for _ in range(50):
        rows = residuals / residuals.std(axis=1, keepdims=True)
        residuals = rows - np.median(rows, axis=0)
    return residuals


def test_equal_noise() -> None:
    name, reasons = choose_test(Replicates(equal_noise(6, 8)))
    assert name == "mcb"
    assert any("one noise for all configs" in reason for reason in reasons)


def test_unequal_noise() -> None:
    scores = equal_noise(6, 8) * np.array([[5.0], [1], [1], [1], [1], [1]])
    name, reasons = choose_test(Replicates(scores))
    assert name == "paired_t"
    assert "may not be equally noisy" in reasons[0]
    assert unequal_variances(Replicates(scores))[1]
    assert choose_test(Replicates(scores, overlap=0.1))[0] == "nadeau_bengio"


def test_a_config_that_never_varies_is_said_to_in_words() -> None:
    noise = np.array([1.0, -1.0, 2.0, -2.0])
    scores = np.array([noise, 0 * noise, -2 * noise])  # the second is the median of all
    _, reasons = choose_test(Replicates(scores))
    assert "may not be equally noisy (one does not vary" in " ".join(reasons)
    assert " inf" not in " ".join(reasons)
    told = [one.text for one in assumptions(Replicates(scores), "mcb") if one.name == "variances"]
    assert told == ["largest over smallest variance of a finalist's own noise: without limit, as one of them has none"]


def test_splits_of_one_data_set() -> None:
    assert choose_test(Replicates(equal_noise(6, 8), overlap=0.1))[0] == "mcb"
    name, reasons = choose_test(Replicates(equal_noise(6, 10), overlap=0.1))
    assert name == "nadeau_bengio"
    assert "overlap 0.1" in reasons[0]


def test_examples() -> None:
    examples = np.random.default_rng(0).normal(size=(4, 3, 50)).astype(np.float32)
    scores = examples.mean(axis=2, dtype=float)
    assert choose_test(Replicates(scores, examples=examples))[0] == "mrmc"
    assert choose_test(Replicates(scores, 0.2, examples))[0] == "mrmc"
    name, reasons = choose_test(Replicates(np.sqrt(np.abs(scores)), examples=examples))
    assert name != "mrmc"
    assert "not a mean over examples" in reasons[0]
    name, reasons = choose_test(Replicates(scores[:, :2], examples=examples[:, :2]))
    assert name != "mrmc"
    assert "too few" in reasons[0]


def test_two_configs_and_configs_that_never_vary() -> None:
    assert choose_test(Replicates(np.random.default_rng(0).normal(size=(2, 5))))[0] == "mcb"
    assert unequal_variances(Replicates(np.ones((4, 5)))) == (1.0, False)
    some = np.random.default_rng(1).normal(size=(5, 6))
    some[:3] = 0.5  # the median in every replicate
    assert unequal_variances(Replicates(some)) == (float("inf"), True)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_best_is_kept_however_noisy_it_is(seeds: int) -> None:
    """One of ten equals is five times as noisy: a pooled variance would keep it in .81 to .85 of worlds."""
    made = worlds.equals(np.random.default_rng(seeds), 500, 10, seeds, np.array([5.0] + [1.0] * 9))
    kept = [TESTS[choose_test(Replicates(one))[0]](Replicates(one), 0.05).tied[0] for one in made]
    assert np.mean(kept) >= 0.95 - 2 * (0.05 * 0.95 / 500) ** 0.5


@pytest.mark.parametrize("seeds", [5, 10])
def test_the_best_is_kept_on_splits_of_one_data_set(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    kept = []
    for _ in range(250):
        data = Replicates(worlds.cross_validated(rng, 6, worlds.random_splits(rng, seeds)), 1 / 9)
        kept.append(TESTS[choose_test(data)[0]](data, 0.05).tied[0])
    assert np.mean(kept) >= 0.95 - 3 * (0.05 * 0.95 / 250) ** 0.5
