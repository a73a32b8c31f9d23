"""What ensembles are worth: honest scores, refusals, and what is said of them."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from assay.analysis import get_scorer, select_ensemble
from assay.analysis.ensembles import METHODS
from assay.spaces import UsageError

from .conftest import probabilities

Array = npt.NDArray[Any]


def library_of(seed: int, skills: Any, examples: int = 150, classes: int = 3) -> tuple[dict[int, Array], Array]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, examples)
    return {number: probabilities(rng, targets, classes, skill) for number, skill in enumerate(skills)}, targets


def test_report() -> None:
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 3, 150)
    library = {number: probabilities(rng, targets, 3, 0.8) for number in (3, 7, 11, 20)}
    report = select_ensemble(library, targets, get_scorer("log_loss"), seed=1, method="greedy")
    assert sum(report.weights.values()) == pytest.approx(1)
    assert set(report.weights) <= set(library)
    assert (report.metric, report.candidates, report.examples, report.test_score) == ("log_loss", 4, 150, None)
    scores = {number: get_scorer("log_loss").compute(values, targets) for number, values in library.items()}
    assert report.single == min(scores, key=lambda number: scores[number])
    assert report.mixture is not None
    mixed = report.mixture.predict(library, "classes")
    assert report.selection_score == pytest.approx(get_scorer("log_loss").compute(mixed, targets))
    assert report.gain == pytest.approx(report.single_score - report.score)
    assert report.gain_interval is not None
    assert report.gain_interval[0] > 0  # independent errors average out
    assert report.accepted and report.gain_p is not None and report.gain_p < 0.05
    assert report == select_ensemble(library, targets, get_scorer("log_loss"), seed=1, method="greedy")


def test_the_trajectory_ends_where_the_selection_did() -> None:
    library, targets = library_of(1, [0.9] * 8)
    report = select_ensemble(library, targets, get_scorer("accuracy"), 0, "greedy")
    assert [step.members for step in report.trajectory] == list(range(1, 51))
    assert report.trajectory[0].score == pytest.approx(report.single_score)
    best = max(report.trajectory, key=lambda step: step.selection_score).selection_score
    assert report.selection_score == pytest.approx(best)
    assert report.trajectory[9].score > report.trajectory[0].score


def test_no_choice_flatters_not_even_that_of_the_method() -> None:
    """Nothing is to be learnt here: what is chosen by looking looks good, what is cross-fitted does not."""
    scorer, flattered, honest = get_scorer("accuracy"), [], []
    for seed in range(8):
        library, targets = library_of(seed, [0.0] * 15, 80, 2)
        report = select_ensemble(library, targets, scorer, 0)
        flattered.append(max(report.selection_score, *(one.score for one in report.methods)))
        honest.append(report.score)
    assert np.mean(flattered) > 0.55
    assert abs(np.mean(honest) - 0.5) < 3 * math.sqrt(0.25 / (80 * 8))


def test_auto_takes_the_method_with_the_best_cross_fitted_score() -> None:
    library, targets = library_of(2, np.linspace(0.4, 1.2, 12), 300)
    report = select_ensemble(library, targets, get_scorer("log_loss"), 0)
    assert {one.method for one in report.methods} == set(METHODS) - {"stacking"}  # too few examples for that
    assert report.method == min(report.methods, key=lambda one: one.score).method
    asked = select_ensemble(library, targets, get_scorer("log_loss"), 0, report.method)
    assert asked.weights == report.weights
    assert asked.score == next(one.score for one in report.methods if one.method == report.method)


def test_a_gain_that_may_be_zero_is_refused() -> None:
    library, targets = library_of(3, [0.0, 0.0, 0.0])
    report = select_ensemble(library, targets, get_scorer("accuracy"), 0)
    assert not report.accepted
    assert report.verdict == f"not distinguishable from the best single model: use trial {report.single} alone"


@pytest.mark.parametrize("method", ["auto", "greedy", "weighted"])
def test_the_order_of_the_mapping_does_not_matter(method: str) -> None:
    library, targets = library_of(5, [0.5] * 6, 60, 2)
    backward = dict(reversed(library.items()))
    scorer = get_scorer("accuracy")
    found, again = (select_ensemble(one, targets, scorer, 0, method) for one in (library, backward))
    assert found == again


@pytest.mark.parametrize("name", ["log_loss", "accuracy", "roc_auc"])
def test_identical_models(name: str) -> None:
    rng = np.random.default_rng(6)
    targets = rng.integers(0, 2, 60)
    same = probabilities(rng, targets, 2, 0.5)
    report = select_ensemble({1: same, 2: same, 3: same}, targets, get_scorer(name), 0, "greedy")
    assert report.weights == {1: 1.0}
    assert not report.accepted
    if report.temperature == 1:
        assert report.score == pytest.approx(report.single_score)
        assert report.gain == pytest.approx(0.0) and report.gain_interval == pytest.approx((0.0, 0.0))


def test_one_dominant_model_stands_alone() -> None:
    library, targets = library_of(7, [0.0] * 5, 90)
    library[5] = np.eye(3, dtype=np.float32)[targets]
    report = select_ensemble(library, targets, get_scorer("log_loss"), 0, "greedy")
    assert report.weights == {5: 1.0}
    assert report.single == 5
    assert report.score == pytest.approx(0.0, abs=1e-9)


def test_one_model_alone() -> None:
    targets = np.arange(20) % 2
    report = select_ensemble({4: np.eye(2)[targets]}, targets, get_scorer("accuracy"), 0)
    assert (report.weights, report.score, report.gain) == ({4: 1.0}, 1.0, 0.0)
    assert report.diversity is None


def test_regression() -> None:
    rng = np.random.default_rng(8)
    targets = rng.normal(size=100)
    library = {number: (targets + rng.normal(size=100)).astype(np.float32) for number in range(8)}
    report = select_ensemble(library, targets, get_scorer("rmse"), 0, "greedy")
    assert len(report.weights) > 3
    assert report.score < 0.7 * report.single_score
    assert report.gain == pytest.approx(report.single_score**2 - report.score**2, rel=1e-5)  # of the squared errors
    assert report.temperature == 1 and report.diversity is not None
    assert report.diversity.disagreement is None
    assert report.diversity.error_correlation == pytest.approx(0, abs=0.2)
    explained = select_ensemble(library, targets, get_scorer("r2"), 0, "greedy")  # no mean: by the bootstrap
    assert explained.accepted and not explained.per_example and explained.gain_interval is not None
    assert explained.gain_interval[0] < explained.score - explained.single_score < explained.gain_interval[1]


def test_several_labels_each() -> None:
    rng = np.random.default_rng(9)
    targets = (rng.random((120, 4)) < 0.4).astype(np.int64)
    noise = rng.normal(size=(8, *targets.shape))
    library = {n: (1 / (1 + np.exp(-(2 * targets - 1) - noise[n]))).astype(np.float32) for n in range(8)}
    report = select_ensemble(library, targets, get_scorer("log_loss"), 0)
    assert report.accepted and report.score < report.single_score
    assert report.diversity is not None and report.diversity.disagreement is not None
    assert 0 < report.diversity.disagreement < 0.5
    with pytest.raises(UsageError, match="stacking cannot combine labels: use 'auto', 'greedy'"):
        select_ensemble(library, targets, get_scorer("log_loss"), 0, "stacking")


def test_the_cross_fitted_score_is_honest_where_the_selection_score_flatters() -> None:
    rng = np.random.default_rng(9)
    scorer = get_scorer("accuracy")
    selection, honest, fresh = [], [], []
    for _ in range(8):
        targets, unseen = rng.integers(0, 4, 200), rng.integers(0, 4, 4000)
        library = {number: probabilities(rng, targets, 4, 0.15) for number in range(30)}
        report = select_ensemble(library, targets, scorer, 0, "greedy")
        later = {number: probabilities(rng, unseen, 4, 0.15) for number in report.weights}
        selection.append(report.selection_score)
        honest.append(report.score)
        assert report.mixture is not None
        fresh.append(scorer.compute(report.mixture.predict(later, "classes"), unseen))
    assert np.mean(selection) > np.mean(fresh) + 0.1
    assert abs(np.mean(honest) - np.mean(fresh)) < 0.03  # 4/5 of the examples select; s.e. about .012


def test_the_gain_interval_covers_zero_where_nothing_can_be_gained() -> None:
    rng = np.random.default_rng(10)
    covered = []
    for _ in range(60):
        targets = rng.integers(0, 3, 100)  # no model knows anything about them
        library = {number: probabilities(rng, targets, 3, 0.0) for number in range(6)}
        interval = select_ensemble(library, targets, get_scorer("accuracy"), 0, "greedy").gain_interval
        assert interval is not None
        covered.append(interval[0] <= 0 <= interval[1])
    assert np.mean(covered) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 60)


def test_unknown_method() -> None:
    library, targets = library_of(11, [0.5, 0.6])
    with pytest.raises(UsageError, match=r"method must be 'auto', 'greedy'.* got 'greddy' \(did you mean 'greedy'\?\)"):
        select_ensemble(library, targets, get_scorer("log_loss"), 0, "greddy")


@pytest.mark.parametrize("name", ["log_loss", "roc_auc"])
def test_as_json(name: str) -> None:
    library, targets = library_of(12, [0.5, 0.9, 0.7])
    report = select_ensemble(library, targets, get_scorer(name), 0)
    read = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert read["weights"] == {str(number): share for number, share in report.weights.items()}
    assert read["accepted"] == report.accepted
    assert read["cost"] == {"members": len(report.weights), "training_seconds": None, "latency_ms": None}
    assert read["test"] == dict.fromkeys(["score", "single_score", "gain", "gain_interval", "gain_p"])
