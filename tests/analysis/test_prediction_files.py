"""What is stored of predictions: half the bytes, the same answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from assay.analysis import get_scorer
from assay.analysis.prediction_files import Examples, compact, values_content

from .conftest import probabilities

QUICK = settings(max_examples=100, deadline=None)
TINY = float(np.nextafter(np.float16(0), np.float16(1)))


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("skill", [0.5, 3.0])
def test_probabilities_take_two_bytes_each(classes: int, skill: float) -> None:
    rng = np.random.default_rng(0)
    targets = rng.integers(0, classes, 10_000)
    values = probabilities(rng, targets, classes, skill)
    stored = compact(values, targets)
    assert stored.dtype == np.float16
    for name in ("log_loss", "roc_auc") if classes == 2 else ("log_loss",):
        scorer = get_scorer(name)
        assert abs(scorer.compute(stored, targets) - scorer.compute(values, targets)) < 1e-5
    assert len(values_content(stored)) < 2 * values.size + 200


CLOSE = st.floats(0, 1, width=32) | st.sampled_from([1e-30, 3e-8, 0.49999, 0.5, 0.50001, 0.99999, 1.0])


@QUICK
@given(st.integers(1, 20).flatmap(lambda n: arrays.arrays(np.float32, (n, 3), elements=CLOSE)), st.integers(0, 2**32))
def test_nothing_that_matters_changes(raw: np.ndarray[Any, Any], seed: int) -> None:
    """The log loss, which class is the likeliest, which labels are predicted, and what is possible at all."""
    targets = np.random.default_rng(seed).integers(0, 3, len(raw))
    shares = (raw + np.float32(1e-30)) / (raw + np.float32(1e-30)).sum(axis=1, keepdims=True)
    for values, wanted in ((shares, targets), (raw, (np.eye(3)[targets]).astype(np.int8))):
        stored = compact(values, wanted)
        log_loss = get_scorer("log_loss")
        assert abs(log_loss.compute(stored, wanted) - log_loss.compute(values, wanted)) < 1e-5
        assert ((stored > 0) == (values > 0)).all()
        assert (stored <= np.float16(1.001)).all()
        if wanted.ndim == 1:
            assert (stored.argmax(axis=1) == values.argmax(axis=1)).all()
        else:
            assert ((stored > 0.5) == (values > 0.5)).all()
            assert ((stored >= 0.5) == (values >= 0.5)).all()


def test_a_small_probability_does_not_become_none() -> None:
    targets = np.zeros(10_000, dtype=np.int64)
    values = np.tile(np.array([[1.0, 1e-12]], dtype=np.float32), (10_000, 1))
    stored = compact(values, targets)
    assert stored.dtype == np.float16
    assert stored[:, 1].min() == TINY


def test_single_precision_where_half_would_change_the_score() -> None:
    """A confident mistake: what underflows costs another log loss."""
    values = np.array([[1.0, 1e-11], [0.5, 0.5]], dtype=np.float32)
    targets = np.array([1, 0])
    stored = compact(values, targets)
    assert stored.dtype == np.float32
    assert get_scorer("log_loss").compute(stored, targets) == get_scorer("log_loss").compute(values, targets)
    crowded = np.linspace(0.9991, 0.99999, 50, dtype=np.float32)
    pairs = np.stack([1 - crowded, crowded], axis=1)
    order = np.arange(50) % 7 < 3
    assert compact(pairs, order.astype(np.int64)).dtype == np.float32, "the order of probabilities near 1 counts too"


def test_outputs_keep_single_precision() -> None:
    stored = compact(np.array([1e30, 1 / 3]), np.array([0.5, 1.5]))
    assert stored.dtype == np.float32
    assert stored[1] == np.float32(1 / 3)


EXAMPLES = [
    Examples(np.array([0, 1, 1])),
    Examples(np.array([0.5, 1.5, math.pi])),
    Examples(np.array([[0, 1], [1, 1]], dtype=np.int8), ("cat", "ü dog")),
    Examples(np.array([0, 1, 0]), ("no", "yes"), np.array([7, 5, 9]), np.array(["b", "a", "missing"])),
]


@pytest.mark.parametrize("made", EXAMPLES, ids=range(4))
def test_examples_are_read_as_they_were_written(made: Examples) -> None:
    read = Examples.read(made.content)
    assert (read.names, read.kind) == (made.names, made.kind)
    for name in ("targets", "rows", "sensitive"):
        found, given = getattr(read, name), getattr(made, name)
        assert (found is None) == (given is None)
        if given is not None:
            np.testing.assert_array_equal(found, given)
            assert found.dtype.kind == given.dtype.kind
    assert read.content == made.content, "the same examples have the same bytes, and so one file"
    assert (read.targets_id, read.rows_id) == (made.targets_id, made.rows_id)


def test_targets_that_are_not_finite_equal_nothing() -> None:
    assert Examples(np.array([1.0, math.nan])).targets_id == ""
    assert Examples(np.array([1.0, 2.0])).targets_id != Examples(np.array([1, 2])).targets_id
