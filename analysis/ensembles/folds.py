"""Cross-fitting: each example is predicted by what was chosen without it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..scorers import Floats
from .library import Indices, Library

FOLDS = 5
Fold = tuple[Indices, Indices]
"""Rows to choose on, and rows to predict."""


def folds_of(library: Library, seed: int) -> list[Fold]:
    """Divisions of the examples, stratified where every class has enough of them."""
    from sklearn.model_selection import KFold, StratifiedKFold

    targets, count = library.targets, min(FOLDS, library.examples)
    classes = library.kind == "classes"
    stratified = classes and np.bincount(targets)[np.unique(targets)].min() >= count
    kind = StratifiedKFold if stratified else KFold
    labels = targets if classes else np.zeros(library.examples)
    return list(kind(count, shuffle=True, random_state=seed).split(np.zeros(library.examples), labels))


def out_of_fold(library: Library, folds: list[Fold], predict: Callable[[int, Library], Floats]) -> Floats:
    """Predictions for all examples, shape (n, ...).

    Args:
        predict: from a fold's place in the list, and the library on the examples that it holds out.
    """
    found = np.empty(library.shape)
    for index, (_, held_out) in enumerate(folds):
        found[held_out] = predict(index, library.part(held_out))
    return found
