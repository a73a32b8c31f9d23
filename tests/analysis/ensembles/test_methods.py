"""What holds for every way to combine models."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from assay.analysis import Scorer, get_scorer
from assay.analysis.ensembles import METHODS, Library, Mixture
from assay.analysis.ensembles.greedy import best_singles
from assay.analysis.ensembles.mixture import tempered
from assay.analysis.ensembles.temperature import cross_fitted_temperature, fit_temperature
from assay.analysis.ensembles.weighted import fit_weighted

from ..conftest import probabilities

Array = npt.NDArray[Any]
PAIRS = [(name, kind) for name, method in METHODS.items() for kind in sorted(method.kinds)]
EXAMPLES = 120


def made(kind: str, models: int = 6, seed: int = 0) -> tuple[list[Array], Array, Scorer]:
    """Models of different skill."""
    rng = np.random.default_rng(seed)
    skills = np.linspace(0.4, 1.6, models)
    if kind == "classes":
        targets: Array = rng.integers(0, 3, EXAMPLES)
        return [probabilities(rng, targets, 3, skill) for skill in skills], targets, get_scorer("log_loss")
    if kind == "labels":
        targets = (rng.random((EXAMPLES, 2)) < 0.4).astype(np.int64)
        values = [1 / (1 + np.exp(-s * (2 * targets - 1) - rng.normal(size=targets.shape))) for s in skills]
        return values, targets, get_scorer("log_loss")
    targets = 5 + rng.normal(size=EXAMPLES)
    return [targets + rng.normal(size=EXAMPLES) / skill for skill in skills], targets, get_scorer("mse")


def fit(name: str, values: list[Array], targets: Array, scorer: Scorer, numbers: list[int] | None = None) -> Mixture:
    library = Library(numbers or list(range(len(values))), values, targets)
    return METHODS[name].fit(library, scorer, 0)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_shares_and_predictions_are_valid(name: str, kind: str) -> None:
    values, targets, scorer = made(kind)
    mixture = fit(name, values, targets, scorer)
    assert set(mixture.weights) <= set(range(6))
    assert min(mixture.weights.values()) >= 0
    assert sum(mixture.weights.values()) == pytest.approx(1)
    library = Library(range(6), values, targets)
    predicted = mixture.of(library)
    assert predicted.shape == values[0].shape and np.isfinite(predicted).all()
    if kind != "outputs":
        assert predicted.min() >= 0 and predicted.max() <= 1
    if kind == "classes":
        np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-6)
    members = {number: values[number] for number in mixture.weights}
    np.testing.assert_allclose(predicted, mixture.predict(members, library.kind), rtol=1e-9)
    assert scorer.loss(predicted, targets) < scorer.loss(values[0], targets), "better than the worst model"


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_a_library_of_one_model(name: str, kind: str) -> None:
    values, targets, scorer = made(kind)
    mixture = fit(name, values[-1:], targets, scorer, [7])
    assert mixture.weights == {7: 1.0}
    if mixture.rule == "mean":
        np.testing.assert_allclose(mixture.of(Library([7], values[-1:], targets)), values[-1], rtol=1e-6)


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_equal_models_add_nothing(name: str, kind: str) -> None:
    values, targets, scorer = made(kind)
    library = Library(range(3), [values[-1]] * 3, targets)
    mixture = METHODS[name].fit(library, scorer, 0)
    if mixture.rule == "mean":
        np.testing.assert_allclose(mixture.of(library), values[-1], rtol=1e-6)
    else:
        assert np.isfinite(mixture.of(library)).all()


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_same_again_and_in_any_order(name: str, kind: str) -> None:
    values, targets, scorer = made(kind)
    first = fit(name, values, targets, scorer)
    assert fit(name, values, targets, scorer) == first
    assert fit(name, values[::-1], targets, scorer, list(range(6))[::-1]) == first


@pytest.mark.parametrize("kind", ["classes", "labels", "outputs"])
@pytest.mark.parametrize("name", ["greedy", "weighted"])
def test_no_worse_than_the_best_single_where_it_was_chosen(name: str, kind: str) -> None:
    for seed in range(5):
        values, targets, scorer = made(kind, seed=seed)
        library = Library(range(6), values, targets)
        best = int(best_singles(library, scorer, 1)[0])
        single = scorer.loss(values[best], targets)
        assert scorer.loss(METHODS[name].fit(library, scorer, 0).of(library), targets) <= single * (1 + 1e-3)


@pytest.mark.parametrize("kind", ["classes", "outputs"])
def test_the_best_weights_are_at_least_as_good_as_greedy_ones(kind: str) -> None:
    values, targets, scorer = made(kind, 8)
    library = Library(range(8), values, targets)
    best, greedy = (
        scorer.loss(METHODS[n].fit(library, scorer, 0).of(library), targets) for n in ("weighted", "greedy")
    )
    assert best <= greedy + 1e-4


def test_best_weights_of_known_noise() -> None:
    """Of independent errors the best shares go as the inverse variance."""
    rng = np.random.default_rng(1)
    targets = rng.normal(size=40_000)
    spreads = np.array([0.5, 1.0, 2.0])
    values = [targets + spread * rng.normal(size=len(targets)) for spread in spreads]
    found = fit_weighted(Library(range(3), values, targets), get_scorer("mse"), 0)
    expected = spreads**-2 / (spreads**-2).sum()
    np.testing.assert_allclose([found.weights[n] for n in range(3)], expected, atol=0.02)


def test_votes_leave_no_class_impossible() -> None:
    targets = np.array([0, 1, 2] * 20)
    values = [np.eye(3)[targets]] * 2
    mixture = Mixture("votes", {0: 0.5, 1: 0.5})
    found = mixture.predict({0: values[0], 1: values[1]}, "classes")
    np.testing.assert_allclose(found[0], [7 / 9, 1 / 9, 1 / 9])  # two votes, and one shared out


def test_stacking_of_outputs_that_are_off() -> None:
    """A mean cannot put right what all models have in common."""
    rng = np.random.default_rng(2)
    targets = rng.normal(size=200)
    values = [2 * targets + 3 + 0.1 * rng.normal(size=200) for _ in range(3)]
    library = Library(range(3), values, targets)
    stacked, mean = (METHODS[n].fit(library, get_scorer("mse"), 0).of(library) for n in ("stacking", "greedy"))
    assert get_scorer("mse").compute(stacked, targets) < 0.01 < get_scorer("mse").compute(mean, targets)


def test_stacking_when_a_class_has_no_example() -> None:
    values, _, scorer = made("classes")
    mixture = fit("stacking", values, np.arange(EXAMPLES) % 2, scorer)
    assert mixture.rule == "mean"


def test_temperature_finds_what_was_done_to_the_probabilities() -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(20_000, 4)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (rng.random(len(true))[:, None] > true.cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(tempered(true, 0.5, "classes"), targets, "classes") == pytest.approx(2, rel=0.05)
    assert fit_temperature(true, targets, "classes") == pytest.approx(1, rel=0.05)
    labels = (rng.random((20_000, 2)) < true[:, :2]).astype(np.int64)
    assert fit_temperature(tempered(true[:, :2], 2.0, "labels"), labels, "labels") == pytest.approx(0.5, rel=0.05)


def test_a_temperature_that_does_not_help_is_not_used() -> None:
    targets = np.arange(40) % 2
    pooled = np.full((40, 2), 0.5)
    cooled, temperature = cross_fitted_temperature(pooled, targets, "classes", np.array_split(np.arange(40), 5))
    assert temperature == 1 and cooled is pooled
    outputs = np.linspace(0, 1, 40)
    assert cross_fitted_temperature(outputs, outputs, "outputs", [np.arange(40)])[1] == 1
