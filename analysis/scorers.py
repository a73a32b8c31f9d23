"""Metrics computed from stored predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from ..spaces import SCORERS, Goal

Floats = npt.NDArray[np.floating[Any]]
Array = npt.NDArray[Any]

Kind = Literal["classes", "labels", "outputs"]
"""What targets are: one class each, several labels that do not exclude each other, or measurements."""

LEAST_PROBABILITY = 1e-12
"""What log loss takes for a smaller probability of the true class, which would cost without bound."""


@dataclass(frozen=True)
class Scorer:
    """A metric of predictions.

    Args:
        compute: from predictions, shape (n, C) probabilities, (n, L) of labels or (n,) outputs, and targets, shape
            (n,), or (n, L) of labels.
        losses: loss of each example, shape (n,), smaller is better, when the metric is their mean (or a monotonic
            function of it); None otherwise.
    """

    name: str
    goal: Goal
    compute: Callable[[Floats, Array], float]
    losses: Callable[[Floats, Array], Floats] | None = None

    def loss(self, values: Floats, targets: Array) -> float:
        """The metric turned so that smaller is better."""
        value = self.compute(values, targets)
        return -value if self.goal == "maximize" else value


def get_scorer(name: str) -> Scorer:
    """The scorer of this name out of :data:`assay.spaces.SCORERS`."""
    compute, losses = _TABLE[name]
    return Scorer(name, SCORERS[name], compute, losses)


def default_scorer(values: Floats) -> Scorer:
    """Log loss for probabilities, root mean squared error for regression."""
    return get_scorer("log_loss" if values.ndim == 2 else "rmse")


def fits(name: str, values: Floats, kind: Kind | None = None) -> bool:
    """Whether the scorer is meant for predictions of this shape.

    Args:
        kind: of the targets; without it, predictions of shape (n, C) are taken for those of classes.
    """
    return name in _FITTING[kind or ("classes" if values.ndim == 2 else "outputs")]


def kind_of(targets: Array) -> Kind:
    """What stored targets are."""
    if targets.ndim == 2:
        return "labels"
    return "outputs" if targets.dtype.kind == "f" else "classes"


def true_probability(values: Floats, targets: Array) -> Floats:
    """Probability given to the true class, shape (n,), at least :data:`LEAST_PROBABILITY`."""
    true = values[np.arange(len(targets)), targets].astype(np.float64)
    return np.asarray(np.maximum(true, LEAST_PROBABILITY))


def _errors(values: Floats, targets: Array) -> Floats:
    return np.asarray(values.argmax(axis=1) != targets, dtype=np.float64)


def _log_losses(values: Floats, targets: Array) -> Floats:
    """Of each example; the mean over labels, if there are several."""
    if targets.ndim == 2:
        return np.asarray(_label_losses(values, targets).mean(axis=1))
    return np.asarray(-np.log(true_probability(values, targets)))


def _label_losses(values: Floats, targets: Array) -> Floats:
    """Log loss of each label of each example, shape (n, L)."""
    exact = values.astype(np.float64)
    true = np.where(targets == 1, exact, 1 - exact)
    return np.asarray(-np.log(np.maximum(true, LEAST_PROBABILITY)))


def _wrong_labels(values: Floats, targets: Array) -> Floats:
    """Share of the labels of each example that are wrong; a label is predicted above one half."""
    return np.asarray(((values > 0.5) != (targets == 1)).mean(axis=1), dtype=np.float64)


def _any_wrong_label(values: Floats, targets: Array) -> Floats:
    return np.asarray(_wrong_labels(values, targets) > 0, dtype=np.float64)


def _squared(values: Floats, targets: Array) -> Floats:
    return np.asarray((values - targets) ** 2)


def _absolute(values: Floats, targets: Array) -> Floats:
    return np.abs(values - targets)


def _balanced_accuracy(values: Floats, targets: Array) -> float:
    """Mean recall of the classes that occur."""
    sizes, hits, _ = _confusion(values, targets)
    return float((hits[sizes > 0] / sizes[sizes > 0]).mean())


def _f1_macro(values: Floats, targets: Array) -> float:
    """Mean F1 of the classes, or labels, that occur or are predicted; 1 when none is."""
    sizes, hits, predicted = _confusion(values, targets)
    both = sizes + predicted
    return float((2 * hits[both > 0] / both[both > 0]).mean()) if both.any() else 1.0


def _f1_micro(values: Floats, targets: Array) -> float:
    """F1 of all classes, or labels, together; of classes it is the accuracy."""
    sizes, hits, predicted = _confusion(values, targets)
    both = float((sizes + predicted).sum())
    return float(2 * hits.sum() / both) if both else 1.0


def _confusion(values: Floats, targets: Array) -> tuple[Floats, Floats, Floats]:
    """Examples, hits and predictions of each class, shape (C,) each, or of each label, shape (L,)."""
    if targets.ndim == 2:
        there, named = targets == 1, values > 0.5
        return _counts(there), _counts(there & named), _counts(named)
    count, predicted = values.shape[1], values.argmax(axis=1)
    hits = targets[predicted == targets]
    sizes, right, called = (np.bincount(labels, minlength=count) for labels in (targets, hits, predicted))
    return sizes.astype(np.float64), right.astype(np.float64), called.astype(np.float64)


def _counts(flags: Array) -> Floats:
    return np.asarray(flags.sum(axis=0), dtype=np.float64)


def _roc_auc(values: Floats, targets: Array) -> float:
    """Area under the curve, one class against the rest, mean over the classes; NaN when one has no example or all.

    Labels are columns of their own.

    The rank-sum form: Hanley & McNeil, Radiology 143 (1982).
    """
    if targets.ndim == 2:
        columns, members = values, targets == 1
    else:
        columns = values[:, 1:] if values.shape[1] == 2 else values
        members = targets[:, None] == np.arange(values.shape[1])[-columns.shape[1] :]
    inside, outside = members.sum(axis=0), (~members).sum(axis=0)
    if not (inside * outside).all():
        return math.nan
    ranks = np.where(members, stats.rankdata(columns, axis=0), 0).sum(axis=0)
    return float(((ranks - inside * (inside + 1) / 2) / (inside * outside)).mean())


def _r2(values: Floats, targets: Array) -> float:
    """Share of the targets' variance that is explained; for constant targets 1 when they are met, else 0."""
    residual, total = _squared(values, targets).sum(), _squared(targets.mean(), targets).sum()
    return float(1 - residual / total) if total > 0 else float(residual == 0)


_TABLE: dict[str, tuple[Callable[[Floats, Array], float], Callable[[Floats, Array], Floats] | None]] = {
    "accuracy": (lambda v, t: 1 - float(_errors(v, t).mean()), _errors),
    "balanced_accuracy": (_balanced_accuracy, None),
    "error": (lambda v, t: float(_errors(v, t).mean()), _errors),
    "f1_macro": (_f1_macro, None),
    "f1_micro": (_f1_micro, None),
    "hamming_loss": (lambda v, t: float(_wrong_labels(v, t).mean()), _wrong_labels),
    "subset_accuracy": (lambda v, t: 1 - float(_any_wrong_label(v, t).mean()), _any_wrong_label),
    "log_loss": (lambda v, t: float(_log_losses(v, t).mean()), _log_losses),
    "roc_auc": (_roc_auc, None),
    "mae": (lambda v, t: float(_absolute(v, t).mean()), _absolute),
    "mse": (lambda v, t: float(_squared(v, t).mean()), _squared),
    "r2": (_r2, None),
    "rmse": (lambda v, t: float(np.sqrt(_squared(v, t).mean())), _squared),
}
_FITTING: dict[Kind, set[str]] = {
    "classes": {"accuracy", "balanced_accuracy", "error", "f1_macro", "f1_micro", "log_loss", "roc_auc"},
    "labels": {"f1_macro", "f1_micro", "hamming_loss", "log_loss", "roc_auc", "subset_accuracy"},
    "outputs": {"mae", "mse", "r2", "rmse"},
}
