"""The confusion matrix, and precision, recall and F1 of each class or label."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from ..scorers import get_scorer
from .diagnosis import ClassRow
from .pool import Pool
from .proportions import divided, estimates, estimates_of_f1

Flags = npt.NDArray[np.bool_]


def confusion_matrix(pool: Pool) -> tuple[tuple[int, ...], ...]:
    """Predictions by true class (row) and predicted class (column)."""
    kinds = np.arange(pool.values.shape[1])
    found = metrics.confusion_matrix(pool.targets, pool.values.argmax(axis=1), labels=kinds)
    return tuple(tuple(map(int, row)) for row in found)


def class_rows(pool: Pool) -> tuple[ClassRow, ...]:
    """A row for each class."""
    predicted = pool.values.argmax(axis=1)
    places = range(pool.values.shape[1])
    return tuple(_row(pool, place, pool.targets == place, predicted == place) for place in places)


def label_rows(pool: Pool) -> tuple[ClassRow, ...]:
    """A row for each label, with what its probabilities say beyond one half."""
    rows = []
    for place in range(pool.values.shape[1]):
        truth, values = pool.targets[:, place] == 1, pool.values[:, place]
        both = bool(truth.any() and not truth.all())
        row = _row(pool, place, truth, values > 0.5)
        alone = np.stack([1 - values, values], axis=1)
        rows.append(
            ClassRow(
                **vars(row)
                | {
                    "roc_auc": float(metrics.roc_auc_score(truth, values)) if both else None,
                    "average_precision": float(metrics.average_precision_score(truth, values)) if both else None,
                    "log_loss": get_scorer("log_loss").compute(alone, truth.astype(np.int64)),
                }
            )
        )
    return tuple(rows)


def _row(pool: Pool, place: int, truth: Flags, said: Flags) -> ClassRow:
    hits = float((truth & said).sum())
    sizes = [said, truth, truth | said]
    shares = [divided(np.array([hits]), np.array([float(size.sum())])) for size in sizes]
    distinct = [np.array([float(len(np.unique(pool.examples[size])))]) for size in sizes]
    (precision,), (recall,) = (estimates(*one) for one in zip(shares[:2], distinct[:2], strict=True))
    (f1,) = estimates_of_f1(shares[2], distinct[2])
    return ClassRow(pool.names[place], int(truth.sum()), int(said.sum()), precision, recall, f1)
