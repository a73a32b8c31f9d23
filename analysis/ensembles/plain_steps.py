"""Greedy steps for any metric: each model is blended in and scored."""

from __future__ import annotations

import numpy as np

from ..scorers import Floats, Scorer
from .library import Library


class PlainSteps:
    """Loss of an ensemble with each model added, by the scorer itself. Undefined values count as the worst."""

    def __init__(self, library: Library, scorer: Scorer) -> None:
        self._library = library
        self._scorer = scorer
        self._total = np.zeros(library.shape)
        self._count = 0

    def losses(self) -> Floats:
        """Loss after adding each model, shape (M,)."""
        count = self._count + 1
        targets = self._library.targets
        blends = ((self._total + self._library.member(index)) / count for index in range(len(self._library)))
        found = np.array([self._scorer.loss(blend, targets) for blend in blends])
        return np.where(np.isnan(found), np.inf, found)

    def add(self, model: int) -> None:
        """Make the model a member, once more if it is one."""
        self._total += self._library.member(model)
        self._count += 1
