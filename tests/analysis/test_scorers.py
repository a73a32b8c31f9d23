"""Every scorer against scikit-learn, on probabilities in single precision as they are stored."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn import metrics

from assay.analysis import get_scorer
from assay.analysis.scorers import _TABLE, default_scorer, fits
from assay.spaces import SCORERS

from .conftest import probabilities

REFERENCE: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": lambda t, v: metrics.accuracy_score(t, v.argmax(1)),
    "balanced_accuracy": lambda t, v: metrics.balanced_accuracy_score(t, v.argmax(1)),
    "error": lambda t, v: metrics.zero_one_loss(t, v.argmax(1)),
    "f1_macro": lambda t, v: metrics.f1_score(t, v.argmax(1), average="macro"),
    "f1_micro": lambda t, v: metrics.f1_score(t, v.argmax(1), average="micro"),
    "log_loss": metrics.log_loss,
    "roc_auc": lambda t, v: metrics.roc_auc_score(t, v[:, 1] if v.shape[1] == 2 else v, multi_class="ovr"),
    "mae": metrics.mean_absolute_error,
    "mse": metrics.mean_squared_error,
    "r2": metrics.r2_score,
    "rmse": metrics.root_mean_squared_error,
}
OF_LABELS: dict[str, Callable[[Any, Any], float]] = {
    "f1_macro": lambda t, v: metrics.f1_score(t, v > 0.5, average="macro"),
    "f1_micro": lambda t, v: metrics.f1_score(t, v > 0.5, average="micro"),
    "hamming_loss": lambda t, v: metrics.hamming_loss(t, v > 0.5),
    "log_loss": lambda t, v: float(
        np.mean([metrics.log_loss(t[:, k], v[:, k], labels=[0, 1]) for k in range(t.shape[1])])
    ),
    "roc_auc": lambda t, v: metrics.roc_auc_score(t, v, average="macro"),
    "subset_accuracy": lambda t, v: metrics.accuracy_score(t, v > 0.5),
}
CLASSIFICATION = [name for name in SCORERS if fits(name, np.zeros((1, 2)))]
REGRESSION = [name for name in SCORERS if fits(name, np.zeros(1))]
LABELS = [name for name in SCORERS if fits(name, np.zeros((1, 2)), "labels")]


def test_the_names_are_those_that_a_sweep_may_use() -> None:
    assert set(_TABLE) == set(SCORERS) == {*REFERENCE, *OF_LABELS}
    assert {*CLASSIFICATION, *REGRESSION} == set(REFERENCE)
    assert set(LABELS) == set(OF_LABELS)
    assert not {*CLASSIFICATION, *LABELS} & {*REGRESSION}
    assert [fits(name, np.zeros(1), "outputs") for name in REGRESSION] == [True] * 4
    assert not fits("accuracy", np.zeros((1, 2)), "labels")
    assert not fits("hamming_loss", np.zeros((1, 2)), "classes")


def predictions(name: str, seed: int, classes: int) -> tuple[npt.NDArray[np.floating[Any]], npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    if name in REGRESSION:
        targets = rng.normal(size=60)
        return (targets + rng.normal(size=60)).astype(np.float32), targets
    labels = rng.integers(0, classes, 60)
    return probabilities(rng, labels, classes, skill=1.0), labels


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", list(REFERENCE))
def test_agrees_with_scikit_learn(name: str, classes: int) -> None:
    for seed in range(5):
        values, targets = predictions(name, seed, classes)
        assert get_scorer(name).compute(values, targets) == pytest.approx(REFERENCE[name](targets, values), rel=1e-6)


@pytest.mark.parametrize("name", list(REFERENCE))
def test_loss_is_smaller_for_better_predictions(name: str) -> None:
    scorer = get_scorer(name)
    values, targets = predictions(name, 0, 3)
    perfect = targets if name in REGRESSION else np.eye(3)[targets]
    assert (scorer.name, scorer.goal) == (name, SCORERS[name])
    assert scorer.loss(perfect, targets) < scorer.loss(values, targets)


@pytest.mark.parametrize(
    ("name", "metric_of_mean"),
    [
        ("accuracy", lambda mean: 1 - mean),
        ("error", lambda mean: mean),
        ("log_loss", lambda mean: mean),
        ("mae", lambda mean: mean),
        ("mse", lambda mean: mean),
        ("rmse", math.sqrt),
    ],
)
def test_losses_of_examples_make_up_the_metric(name: str, metric_of_mean: Callable[[float], float]) -> None:
    scorer = get_scorer(name)
    values, targets = predictions(name, 1, 3)
    assert scorer.losses is not None
    losses = scorer.losses(values, targets)
    assert losses.shape == (60,)
    assert metric_of_mean(float(losses.mean())) == pytest.approx(scorer.compute(values, targets), rel=1e-6)


def test_metrics_that_are_no_mean_have_no_losses() -> None:
    without = {name for name in SCORERS if get_scorer(name).losses is None}
    assert without == {"balanced_accuracy", "f1_macro", "f1_micro", "roc_auc", "r2"}


def labels_and_guesses(seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    rng = np.random.default_rng(seed)
    targets = (rng.random((60, 4)) < [0.1, 0.3, 0.5, 0.9]).astype(np.int8)
    return (1 / (1 + np.exp(-rng.normal(size=(60, 4)) - 2 * targets + 1))).astype(np.float32), targets


@pytest.mark.parametrize("name", list(OF_LABELS))
def test_several_labels_agree_with_scikit_learn(name: str) -> None:
    scorer = get_scorer(name)
    for seed in range(5):
        values, targets = labels_and_guesses(seed)
        assert scorer.compute(values, targets) == pytest.approx(OF_LABELS[name](targets, values), rel=1e-6)
        assert scorer.loss(targets.astype(float), targets) < scorer.loss(values, targets)


@pytest.mark.parametrize("name", ["log_loss", "hamming_loss", "subset_accuracy"])
def test_losses_of_examples_with_several_labels(name: str) -> None:
    scorer = get_scorer(name)
    values, targets = labels_and_guesses(0)
    assert scorer.losses is not None
    losses = scorer.losses(values, targets)
    assert losses.shape == (60,)
    mean = float(losses.mean())
    assert (1 - mean if name == "subset_accuracy" else mean) == pytest.approx(scorer.compute(values, targets))


def test_labels_that_never_occur() -> None:
    nothing = np.zeros((4, 3), dtype=np.int8)
    assert math.isnan(get_scorer("roc_auc").compute(np.full((4, 3), 0.2), nothing))
    assert get_scorer("f1_macro").compute(np.full((4, 3), 0.2), nothing) == 1.0
    assert get_scorer("f1_micro").compute(np.full((4, 3), 0.2), nothing) == 1.0
    assert get_scorer("f1_macro").compute(np.full((4, 3), 0.8), nothing) == 0.0
    assert get_scorer("log_loss").compute(np.ones((1, 1)), np.zeros((1, 1))) == pytest.approx(-math.log(1e-12))


def test_ties_in_the_area_under_the_curve() -> None:
    values = np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.8], [0.8, 0.2]])
    targets = np.array([0, 1, 1, 0])
    assert get_scorer("roc_auc").compute(values, targets) == metrics.roc_auc_score(targets, values[:, 1]) == 0.875


@pytest.mark.parametrize("classes", [2, 3])
def test_no_area_without_an_example_of_each_class(classes: int) -> None:
    values = np.full((4, classes), 1 / classes)
    assert math.isnan(get_scorer("roc_auc").compute(values, np.zeros(4, dtype=int)))


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1_macro"])
def test_classes_without_examples_need_no_warning(name: str) -> None:
    values = np.eye(4)[[0, 0, 1, 2]]
    targets = np.array([0, 0, 1, 1])
    expected = {"balanced_accuracy": 0.75, "f1_macro": (1 + 2 / 3 + 0) / 3}
    assert get_scorer(name).compute(values, targets) == pytest.approx(expected[name])


def test_log_loss_of_a_class_held_impossible_is_finite() -> None:
    assert get_scorer("log_loss").compute(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-math.log(1e-12))


@pytest.mark.parametrize(("values", "expected"), [([1.0, 1.0], 1.0), ([1.0, 2.0], 0.0)])
def test_r2_of_constant_targets(values: list[float], expected: float) -> None:
    assert get_scorer("r2").compute(np.array(values), np.ones(2)) == expected


def test_defaults() -> None:
    assert default_scorer(np.zeros((2, 3))).name == "log_loss"
    assert default_scorer(np.zeros(2)).name == "rmse"
