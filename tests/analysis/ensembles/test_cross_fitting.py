"""Nothing is chosen on the examples that it is scored on, and a single model is calibrated like a mixture."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from assay.analysis import get_scorer, select_ensemble
from assay.analysis.ensembles import Library, Method, Mixture, choosing
from assay.analysis.ensembles.mixture import tempered
from assay.analysis.ensembles.temperature import cross_fitted_temperature
from assay.analysis.scorers import Scorer

from ..conftest import probabilities

Array = npt.NDArray[Any]
TRIES, EXAMPLES, MODELS = 8, 60, 40
CHANCE = 0.5
NOT_BETTER = CHANCE + 3 * math.sqrt(CHANCE * (1 - CHANCE) / (TRIES * EXAMPLES))
FAR_BETTER = CHANCE + 5 * math.sqrt(CHANCE * (1 - CHANCE) / (TRIES * EXAMPLES))


def noise(seed: int) -> tuple[dict[int, Array], Array]:
    """Many models that know nothing, of few examples: the best of them looks good by chance."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 2, EXAMPLES)
    return {number: probabilities(rng, targets, 2, 0.0) for number in range(MODELS)}, targets


@pytest.mark.parametrize("method", ["greedy", "weighted", "nnls"])
def test_nothing_is_found_in_noise(method: str) -> None:
    """Fails when a fold's members, or its single model, are chosen on examples that the fold scores."""
    reports = [select_ensemble(*noise(seed), get_scorer("accuracy"), 0, method) for seed in range(TRIES)]
    assert np.mean([report.selection_score for report in reports]) > FAR_BETTER
    assert np.mean([report.score for report in reports]) < NOT_BETTER
    assert np.mean([report.single_score for report in reports]) < NOT_BETTER
    assert sum(report.accepted for report in reports) <= 1


def test_the_best_of_many_methods_is_not_found_in_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods that choose nothing have honest scores, each; the best of these is flattered, unless it is cross-fitted.

    Fails when ``auto`` chooses the method on examples that it scores.
    """

    def always(number: int) -> Method:
        def fit(library: Library, scorer: Scorer, seed: int) -> Mixture:
            return Mixture.mean({number: 1.0})

        return Method(f"trial {number}, whatever it is worth", fit)

    monkeypatch.setattr(choosing, "METHODS", {f"only {number}": always(number) for number in range(MODELS)})
    reports = [select_ensemble(*noise(seed), get_scorer("accuracy"), 0) for seed in range(TRIES)]
    assert np.mean([max(one.score for one in report.methods) for report in reports]) > FAR_BETTER
    assert np.mean([report.score for report in reports]) < NOT_BETTER


def test_a_temperature_does_not_know_the_examples_that_it_is_for() -> None:
    targets = np.arange(100) % 2
    pooled = over_confident(0, 1, targets)[0]
    folds = np.array_split(np.random.default_rng(1).permutation(100), 5)
    cooled, temperature = cross_fitted_temperature(pooled, targets, "classes", folds)
    assert temperature > 2
    for rows in folds:
        other = targets.copy()
        other[rows] = 1 - other[rows]  # which would call for a very different temperature
        np.testing.assert_array_equal(cross_fitted_temperature(pooled, other, "classes", folds)[0][rows], cooled[rows])


def over_confident(seed: int, models: int, targets: Array) -> dict[int, Array]:
    """The same model over and over, but for a little noise, four times as sure as it should be."""
    rng = np.random.default_rng(seed)
    sure = np.log(probabilities(rng, targets, int(targets.max()) + 1, 1.0))
    noisy = (np.exp(4 * (sure + 0.02 * rng.normal(size=sure.shape))) for _ in range(models))
    return {number: values / values.sum(axis=1, keepdims=True) for number, values in enumerate(noisy)}


@pytest.mark.parametrize("seed", range(4))
def test_a_temperature_is_no_gain_of_an_ensemble(seed: int) -> None:
    targets, scorer = np.arange(300) % 3, get_scorer("log_loss")
    library = over_confident(seed, 6, targets)
    report = select_ensemble(library, targets, scorer, 0)
    assert not report.accepted
    assert report.temperature == pytest.approx(report.single_temperature, rel=0.05)
    assert report.single_temperature == pytest.approx(4, rel=0.25)
    assert report.score == pytest.approx(report.single_score, abs=0.01)
    as_it_is = scorer.compute(library[report.single], targets)
    assert as_it_is > report.single_score + 0.3, "what would have passed for a gain"
    assert report.verdict.endswith(
        f"use trial {report.single} alone (at its own temperature of {report.single_temperature:.2f})"
    )
    assert json.loads(json.dumps(report.to_dict()))["single_temperature"] == report.single_temperature


def test_the_temperature_of_the_single_is_fitted_like_that_of_a_mixture() -> None:
    """A library of one: whatever is done to the mixture is done to the single model."""
    targets = np.arange(300) % 3
    report = select_ensemble(over_confident(5, 1, targets), targets, get_scorer("log_loss"), 0)
    assert report.single_temperature == report.temperature > 2
    assert (report.score, report.gain) == (report.single_score, 0.0)


@pytest.mark.parametrize(("name", "kept"), [("roc_auc", True), ("accuracy", False)])
def test_where_a_temperature_changes_nothing_nothing_is_said_of_it(name: str, kept: bool) -> None:
    targets = np.arange(300) % 3
    report = select_ensemble(over_confident(6, 3, targets), targets, get_scorer(name), 0)
    assert (report.single_temperature == 1) == kept
    assert "temperature" not in report.verdict


def test_real_gains_are_still_found() -> None:
    """Over-confident models that err differently: better together, each at its best temperature."""
    targets = np.arange(300) % 3
    library = {n: over_confident(n, 1, targets)[0] for n in range(6)}
    report = select_ensemble(library, targets, get_scorer("log_loss"), 0)
    assert report.accepted and len(report.weights) > 1
    calm = tempered(library[report.single], report.single_temperature, "classes")
    assert report.single_score == pytest.approx(get_scorer("log_loss").compute(calm, targets), abs=0.03)
