"""Metrics computed from stored predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spaces import SCORERS, Goal

Floats = npt.NDArray[np.floating[Any]]
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Scorer:
    """A metric of predictions.

    Args:
        compute: from predictions, shape (n, C) probabilities or (n,) outputs, and targets, shape (n,).
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


def fits(name: str, values: Floats) -> bool:
    """Whether the scorer is meant for predictions of this shape."""
    return (name in _CLASSIFICATION) == (values.ndim == 2)


def true_probability(values: Floats, targets: Array) -> Floats:
    """Probability given to the true class, shape (n,), at least 1e-12."""
    return np.asarray(np.maximum(values[np.arange(len(targets)), targets], 1e-12))


def _errors(values: Floats, targets: Array) -> Floats:
    return np.asarray(values.argmax(axis=1) != targets, dtype=np.float64)


def _log_losses(values: Floats, targets: Array) -> Floats:
    return np.asarray(-np.log(true_probability(values, targets)))


def _squared(values: Floats, targets: Array) -> Floats:
    return np.asarray((values - targets) ** 2)


def _absolute(values: Floats, targets: Array) -> Floats:
    return np.abs(values - targets)


def _sklearn(name: str, **options: Any) -> Callable[[Floats, Array], float]:
    def compute(values: Floats, targets: Array) -> float:
        from sklearn import metrics

        predicted = values.argmax(axis=1) if values.ndim == 2 else values
        return float(getattr(metrics, name)(targets, predicted, **options))

    return compute


def _roc_auc(values: Floats, targets: Array) -> float:
    from sklearn.metrics import roc_auc_score

    if values.shape[1] == 2:
        return float(roc_auc_score(targets, values[:, 1]))
    return float(roc_auc_score(targets, values, multi_class="ovr", labels=np.arange(values.shape[1])))


_TABLE: dict[str, tuple[Callable[[Floats, Array], float], Callable[[Floats, Array], Floats] | None]] = {
    "accuracy": (lambda v, t: 1 - float(_errors(v, t).mean()), _errors),
    "balanced_accuracy": (_sklearn("balanced_accuracy_score"), None),
    "error": (lambda v, t: float(_errors(v, t).mean()), _errors),
    "f1_macro": (_sklearn("f1_score", average="macro"), None),
    "log_loss": (lambda v, t: float(_log_losses(v, t).mean()), _log_losses),
    "roc_auc": (_roc_auc, None),
    "mae": (lambda v, t: float(_absolute(v, t).mean()), _absolute),
    "mse": (lambda v, t: float(_squared(v, t).mean()), _squared),
    "r2": (_sklearn("r2_score"), None),
    "rmse": (lambda v, t: float(np.sqrt(_squared(v, t).mean())), _squared),
}
_CLASSIFICATION = {"accuracy", "balanced_accuracy", "error", "f1_macro", "log_loss", "roc_auc"}
