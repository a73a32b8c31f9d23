"""Greedy selection against a slow twin, and what its scores are worth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from assay.analysis import get_scorer, select_ensemble
from assay.analysis.ensemble import blend, greedy_selection

from .conftest import probabilities

Array = npt.NDArray[Any]


def slow_selection(stack: Array, targets: Array, name: str) -> list[int]:
    """Caruana's algorithm word by word: blend every candidate anew at each step."""
    scorer = get_scorer(name)

    def losses(members: list[int]) -> tuple[float, float]:
        mixed = stack[members].astype(np.float64).mean(axis=0)
        tie_break = get_scorer("log_loss").loss(mixed, targets) if mixed.ndim == 2 else 0.0
        return scorer.loss(mixed, targets), tie_break

    library = sorted(range(len(stack)), key=lambda model: losses([model]))[:50]
    members: list[int] = []
    best = (math.inf, 0)
    for size in range(1, 26):
        members.append(min(library, key=lambda model: losses([*members, model])))
        best = min(best, (losses(members)[0], size))
    return members[: best[1]]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", ["log_loss", "accuracy", "balanced_accuracy"])
def test_same_members_as_the_slow_way(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 4, 200)
    stack = np.stack([probabilities(rng, targets, 4, skill) for skill in rng.uniform(0.2, 1.0, 30)])
    assert greedy_selection(stack, targets, get_scorer(name)).tolist() == slow_selection(stack, targets, name)


def test_same_members_as_the_slow_way_with_impossible_classes() -> None:
    rng = np.random.default_rng(2)
    targets = rng.integers(0, 4, 200)
    stack = np.stack([probabilities(rng, targets, 4, 1.0) for _ in range(30)])
    stack[rng.random(stack.shape) < 0.02] = 0.0
    stack[:, :20, :] *= np.eye(4)[targets[:20]] == 0  # hopeless examples must not end the selection early
    chosen = greedy_selection(stack, targets, get_scorer("log_loss"))
    assert chosen.tolist() == slow_selection(stack, targets, "log_loss")


@pytest.mark.parametrize("seed", [0, 1])
def test_same_members_as_the_slow_way_in_regression(seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=200)
    stack = (targets + rng.normal(size=(30, 200)) * rng.uniform(0.3, 2.0, (30, 1))).astype(np.float32)
    assert greedy_selection(stack, targets, get_scorer("rmse")).tolist() == slow_selection(stack, targets, "rmse")


def test_a_large_library_is_cut_to_its_best() -> None:
    rng = np.random.default_rng(3)
    targets = rng.normal(size=40)
    stack = targets + rng.normal(size=(120, 40))
    alone = [get_scorer("mse").loss(values, targets) for values in stack]
    assert set(greedy_selection(stack, targets, get_scorer("mse"))) <= set(np.argsort(alone)[:50])
    assert greedy_selection(stack, targets, get_scorer("mse")).tolist() == slow_selection(stack, targets, "mse")


def test_report() -> None:
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 3, 150)
    library = {number: probabilities(rng, targets, 3, 0.8) for number in (3, 7, 11, 20)}
    report = select_ensemble(library, targets, get_scorer("log_loss"), seed=1)
    assert sum(report.weights.values()) == pytest.approx(1)
    assert set(report.weights) <= set(library)
    assert (report.metric, report.candidates, report.examples, report.test_score) == ("log_loss", 4, 150, None)
    scores = {number: get_scorer("log_loss").compute(values, targets) for number, values in library.items()}
    assert report.single == min(scores, key=lambda number: scores[number])
    mixed = blend(library, report.weights)
    assert report.selection_score == pytest.approx(get_scorer("log_loss").compute(mixed, targets))
    assert report.gain == pytest.approx(report.single_score - report.score)
    assert report.gain_interval is not None
    assert report.gain_interval[0] > 0  # independent errors average out
    assert report == select_ensemble(library, targets, get_scorer("log_loss"), seed=1)


def test_the_order_of_the_mapping_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    targets = rng.integers(0, 2, 60)
    library = {number: probabilities(rng, targets, 2, 0.5) for number in range(6)}
    backward = dict(reversed(library.items()))
    scorer = get_scorer("accuracy")
    assert select_ensemble(library, targets, scorer, 0) == select_ensemble(backward, targets, scorer, 0)


@pytest.mark.parametrize("name", ["log_loss", "accuracy", "roc_auc"])
def test_identical_models(name: str) -> None:
    rng = np.random.default_rng(6)
    targets = rng.integers(0, 2, 60)
    same = probabilities(rng, targets, 2, 0.5)
    report = select_ensemble({1: same, 2: same, 3: same}, targets, get_scorer(name), 0)
    assert report.weights == {1: 1.0}
    assert report.score == pytest.approx(report.single_score)
    assert report.gain == (None if name == "roc_auc" else 0.0)
    assert report.gain_interval == (None if name == "roc_auc" else (0.0, 0.0))


def test_one_dominant_model_stands_alone() -> None:
    rng = np.random.default_rng(7)
    targets = rng.integers(0, 3, 90)
    library = {number: probabilities(rng, targets, 3, 0.0) for number in range(5)}
    library[5] = np.eye(3, dtype=np.float32)[targets]
    report = select_ensemble(library, targets, get_scorer("log_loss"), 0)
    assert report.weights == {5: 1.0}
    assert report.single == 5
    assert report.score == pytest.approx(0.0, abs=1e-9)


def test_one_model_alone() -> None:
    targets = np.arange(20) % 2
    report = select_ensemble({4: np.eye(2)[targets]}, targets, get_scorer("accuracy"), 0)
    assert (report.weights, report.score, report.gain) == ({4: 1.0}, 1.0, 0.0)


def test_regression() -> None:
    rng = np.random.default_rng(8)
    targets = rng.normal(size=100)
    library = {number: (targets + rng.normal(size=100)).astype(np.float32) for number in range(8)}
    report = select_ensemble(library, targets, get_scorer("rmse"), 0)
    assert len(report.weights) > 3
    assert report.score < 0.7 * report.single_score
    assert report.gain == pytest.approx(report.single_score**2 - report.score**2, rel=1e-5)  # of the squared errors
    nothing_to_average = select_ensemble(library, targets, get_scorer("r2"), 0)
    assert nothing_to_average.gain_interval is None


def test_the_cross_fitted_score_is_honest_where_the_selection_score_flatters() -> None:
    rng = np.random.default_rng(9)
    scorer = get_scorer("accuracy")
    selection, honest, fresh = [], [], []
    for _ in range(8):
        targets, unseen = rng.integers(0, 4, 200), rng.integers(0, 4, 4000)
        library = {number: probabilities(rng, targets, 4, 0.15) for number in range(50)}
        report = select_ensemble(library, targets, scorer, 0)
        later = {number: probabilities(rng, unseen, 4, 0.15) for number in report.weights}
        selection.append(report.selection_score)
        honest.append(report.score)
        fresh.append(scorer.compute(blend(later, report.weights), unseen))
    assert np.mean(selection) > np.mean(fresh) + 0.1
    assert abs(np.mean(honest) - np.mean(fresh)) < 0.03  # 4/5 of the examples select; s.e. about .012


def test_the_gain_interval_covers_zero_where_nothing_can_be_gained() -> None:
    rng = np.random.default_rng(10)
    covered = []
    for _ in range(150):
        targets = rng.integers(0, 3, 120)  # no model knows anything about them
        library = {number: probabilities(rng, targets, 3, 0.0) for number in range(6)}
        interval = select_ensemble(library, targets, get_scorer("accuracy"), 0).gain_interval
        assert interval is not None
        covered.append(interval[0] <= 0 <= interval[1])
    assert np.mean(covered) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 150)
