"""Stored predictions of many models for the same examples, read a model at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..scorers import Array, Floats, Kind

Indices = npt.NDArray[np.intp]


class Library:
    """Predictions of M models for n examples. The arrays may be memory maps: never more than one is read at a time.

    Args:
        numbers: a trial for each model.
        values: predictions of each model: probabilities of classes, shape (n, C); independent probabilities of labels,
            shape (n, L); or outputs, shape (n,). Any floating type.
        targets: shape (n,); of labels (n, L), 0 or 1.
    """

    def __init__(self, numbers: Sequence[int], values: Sequence[Array], targets: Array) -> None:
        self._places = sorted(range(len(numbers)), key=lambda place: numbers[place])
        self.numbers = tuple(numbers[place] for place in self._places)
        self.targets = targets
        self._values = values
        self._columns = values[0].shape[1:]
        self._rows: Indices | None = None
        self.memo: dict[tuple[str, int, bool], Any] = {}  # selections that were made already

    def __len__(self) -> int:
        return len(self.numbers)

    def index(self, number: int) -> int:
        """Where a trial's model is."""
        return self.numbers.index(number)

    @property
    def kind(self) -> Kind:
        """What is predicted."""
        if self.targets.ndim == 2:
            return "labels"
        return "classes" if self._columns else "outputs"

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return len(self.targets)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the predictions of one model."""
        return (self.examples, *self._columns)

    def member(self, index: int) -> Floats:
        """Predictions of one model in double precision, shape (n, ...)."""
        return np.asarray(self._stored(index), dtype=np.float64)

    def _stored(self, index: int) -> Array:
        values = self._values[self._places[index]]
        return values if self._rows is None else values[self._rows]

    def mean(self, members: Sequence[int], weights: Sequence[float] | None = None) -> Floats:
        """Weighted mean of some models' predictions; equal weights by default. Weights should sum to 1."""
        shares = weights if weights is not None else [1 / len(members)] * len(members)
        total = np.zeros(self.shape)
        for index, share in zip(members, shares, strict=True):
            total += share * self.member(index)
        return total

    @cached_property
    def true(self) -> Floats:
        """Probabilities that the models give to what is the case, shape (M, n), of labels (M, n x L).

        All that a log loss needs: a C-th of the predictions.
        """
        if self.kind == "outputs":
            raise ValueError("outputs of a regression are no probabilities")
        double = self._stored(0).dtype.itemsize > 4
        found = np.empty((len(self), self.targets.size), dtype=np.float64 if double else np.float32)
        rows = np.arange(self.examples)
        for index in range(len(self)):
            values = self._stored(index)
            if self.kind == "classes":
                found[index] = values[rows, self.targets]
            else:
                found[index] = np.where(self.targets == 1, values, 1 - np.asarray(values, np.float64)).ravel()
        return found

    def part(self, rows: Indices) -> Library:
        """The same models on some of the examples."""
        made = self._copy(range(len(self)), rows)
        if self.kind != "outputs":
            true = self.true.reshape(len(self), self.examples, -1)[:, rows]
            made.__dict__["true"] = np.ascontiguousarray(true.reshape(len(self), -1))
        return made

    def subset(self, members: Sequence[int]) -> Library:
        """Some of the models, on all examples."""
        made = self._copy(sorted(members), None)
        if self.kind != "outputs":
            made.__dict__["true"] = self.true[sorted(members)]
        return made

    def _copy(self, members: Sequence[int], rows: Indices | None) -> Library:
        targets = self.targets if rows is None else self.targets[rows]
        made = Library([self.numbers[index] for index in members], self._values, targets)
        made._places = [self._places[index] for index in members]
        if rows is not None and self._rows is not None:
            rows = self._rows[rows]
        made._rows = self._rows if rows is None else rows
        return made
