"""Greedy selection in its fast forms against the plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.analysis import get_scorer
from assay.analysis.ensembles import Library, greedy_path
from assay.analysis.ensembles.greedy import best_singles
from assay.analysis.ensembles.log_loss_steps import LogLossSteps
from assay.analysis.scorers import Scorer
from assay.spaces import SCORERS

from ..conftest import probabilities

Array = npt.NDArray[Any]
CLASSES = ["log_loss", "accuracy", "error", "balanced_accuracy", "f1_macro", "roc_auc"]


def plain_order(values: Array, targets: Array, scorer: Scorer, steps: int) -> list[int]:
    """Caruana's algorithm word by word: blend every candidate anew at each step, with the scorer itself."""

    def losses(members: list[int]) -> tuple[float, float]:
        mixed = values[members].astype(np.float64).mean(axis=0)
        tie_break = get_scorer("log_loss").loss(mixed, targets) if mixed.ndim == 2 else 0.0
        return scorer.loss(mixed, targets), tie_break

    members: list[int] = []
    for _ in range(steps):
        found = np.array([losses([*members, model]) for model in range(len(values))])
        near = found[:, 0] <= found[:, 0].min() * (1 + np.sign(found[:, 0].min()) * 1e-12) + 1e-13
        near &= found[:, 1] <= found[near, 1].min() * (1 + 1e-12) + 1e-13
        members.append(min(np.flatnonzero(near), key=lambda model: (model not in members, model)))
    return [int(member) for member in members]


def classes(seed: int, models: int = 50, examples: int = 300, count: int = 4) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, count, examples)
    skills = rng.uniform(0.2, 1.2, models)
    return np.stack([probabilities(rng, targets, count, skill) for skill in skills]), targets


def library(values: Array, targets: Array) -> Library:
    return Library(range(len(values)), values, targets)


@pytest.mark.parametrize("name", CLASSES)
def test_same_order_as_the_plain_loop(name: str) -> None:
    values, targets = classes(0)
    steps = 25 if name == "log_loss" else 8
    found = greedy_path(library(values, targets), get_scorer(name), steps, all_models=True)
    assert list(found.order) == plain_order(values, targets, get_scorer(name), steps)
    mixed = values[list(found.order)].astype(np.float64).mean(axis=0)
    assert found.losses[-1] == pytest.approx(get_scorer(name).loss(mixed, targets))


@pytest.mark.parametrize("name", ["mse", "rmse", "mae", "r2"])
def test_same_order_in_regression(name: str) -> None:
    rng = np.random.default_rng(1)
    targets = 1e4 + rng.normal(size=300)
    values = (targets + rng.normal(size=(50, 300)) * rng.uniform(0.3, 2.0, (50, 1))).astype(np.float32)
    found = greedy_path(library(values, targets), get_scorer(name), 15, all_models=True)
    assert list(found.order) == plain_order(values, targets, get_scorer(name), 15)
    mixed = values[list(found.order)].astype(np.float64).mean(axis=0)
    assert found.losses[-1] == pytest.approx(get_scorer(name).loss(mixed, targets), rel=1e-9)


def test_same_order_for_the_brier_score() -> None:
    values, targets = classes(2)

    def squared(probs: Array, truth: Array) -> Array:
        return np.asarray(((probs - np.eye(probs.shape[1])[truth]) ** 2).sum(axis=1))

    brier = Scorer("brier", "minimize", lambda v, t: float(squared(v, t).mean()), squared)
    found = greedy_path(library(values, targets), brier, 15, all_models=True)
    assert list(found.order) == plain_order(values, targets, brier, 15)
    assert found.losses[-1] == pytest.approx(brier.compute(values[list(found.order)].mean(axis=0), targets))


@pytest.mark.parametrize("name", ["log_loss", "hamming_loss"])
def test_same_order_for_labels(name: str) -> None:
    rng = np.random.default_rng(3)
    targets = (rng.random((80, 3)) < 0.4).astype(np.int64)
    values = 1 / (1 + np.exp(-(2 * targets - 1) - 2 * rng.normal(size=(20, 80, 3))))
    found = greedy_path(library(values, targets), get_scorer(name), 10, all_models=True)
    assert list(found.order) == plain_order(values, targets, get_scorer(name), 10)


@pytest.mark.parametrize("seed", range(3))
def test_models_that_are_not_worked_out_are_not_the_best(seed: int) -> None:
    """400 models, of which a step works out 100 and those that its bound does not rule out; with impossible classes."""
    rng = np.random.default_rng(seed)
    values, targets = classes(seed, 400, 80, 3)
    values[rng.random(values.shape) < 0.02] = 0.0
    values[:, :5, :] *= np.eye(3)[targets[:5]] == 0  # hopeless examples, whose loss has no tangent
    true = library(values, targets).true
    fast, slow = LogLossSteps(true), LogLossSteps(true, screen=False)
    left_out = 0
    for _ in range(30):
        few, everything = fast.losses(), slow.losses()
        best = int(everything.argmin())
        assert few.min() == everything.min() and few[best] == everything[best]
        left_out += int(np.isinf(few).sum())
        fast.add(best)
        slow.add(best)
    assert left_out > 2000


def test_log_loss_of_many_examples_does_not_underflow() -> None:
    targets = np.zeros(4001, dtype=np.int64)
    values = np.full((2, 4001, 2), 1e-12)
    values[1] = 1e-11
    found = LogLossSteps(library(values, targets).true).losses()
    assert found == pytest.approx([12 * np.log(10), 11 * np.log(10)])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from(["log_loss", "accuracy", "mse"]))
def test_the_prefix_is_the_best_and_never_worse_than_the_best_single(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    models, examples = int(rng.integers(1, 8)), int(rng.integers(5, 30))
    if name == "mse":
        targets: Array = rng.normal(size=examples)
        values = targets + rng.normal(size=(models, examples))
    else:
        values, targets = classes(seed, models, examples, 3)
    books = library(values, targets)
    path = greedy_path(books, get_scorer(name), 12)
    losses = np.array(path.losses)
    assert losses[len(path.best) - 1] == pytest.approx(losses.min())
    single = get_scorer(name).loss(values[best_singles(books, get_scorer(name), 1)[0]], targets)
    assert losses[0] == pytest.approx(single, rel=1e-6)
    mixed = values[list(path.best)].astype(np.float64).mean(axis=0)
    assert get_scorer(name).loss(mixed, targets) <= single + 1e-9


def test_equal_models_are_not_collected() -> None:
    values, targets = classes(4, 6)
    doubled = np.concatenate([values, values])
    once, twice = (greedy_path(library(v, targets), get_scorer("log_loss")) for v in (values, doubled))
    assert once.order == twice.order


def test_a_large_library_is_cut_to_its_best() -> None:
    values, targets = classes(5, 160, 60)
    alone = [get_scorer("log_loss").loss(one, targets) for one in values]
    path = greedy_path(library(values, targets), get_scorer("log_loss"))
    assert set(path.order) <= set(np.argsort(alone)[:100])


def test_memory_maps_in_half_precision_are_read_a_model_at_a_time(tmp_path: Path) -> None:
    values, targets = classes(6, 30, 500, 5)
    np.save(tmp_path / "values.npy", values.astype(np.float16))
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    books = Library(range(30), [mapped[model] for model in range(30)], targets)
    assert books.true.dtype == np.float32
    reference = library(values.astype(np.float16).astype(np.float32), targets)
    for name in ("log_loss", "accuracy"):
        found, expected = (greedy_path(one, get_scorer(name), 10) for one in (books, reference))
        assert found.order == expected.order


def test_every_metric_can_be_optimised() -> None:
    """The plain loop takes what has no shortcut."""
    rng = np.random.default_rng(7)
    labels, outputs = (rng.random((40, 2)) < 0.5).astype(np.int64), rng.normal(size=40)
    values, targets = classes(7, 5, 40, 3)
    books = {
        "classes": library(values, targets),
        "labels": library(rng.random((5, 40, 2)), labels),
        "outputs": library(rng.normal(size=(5, 40)), outputs),
    }
    from assay.analysis.scorers import fits

    tried = set()
    for name in SCORERS:
        for kind, one in books.items():
            if fits(name, one.member(0), kind):  # type: ignore[arg-type]
                assert len(greedy_path(one, get_scorer(name), 3).order) == 3
                tried.add(name)
    assert tried == set(SCORERS)
