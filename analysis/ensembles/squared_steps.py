"""Greedy steps for squared errors: a product of a matrix and a vector for each new member."""

from __future__ import annotations

import numpy as np

from ..scorers import Floats
from .library import Library


class SquaredSteps:
    """Mean squared error (of probabilities: Brier score) of an ensemble with each model added.

    With residuals r of the models and s of the members' sum, the error with model m is ``|s + r_m|^2 / k^2``: it needs
    the products of r_m with the members' residuals, which are worked out when a model first becomes a member.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._wanted = _one_hot(library) if library.kind == "classes" else library.targets
        self._norms = np.array([float(np.vdot(r, r)) for r in map(self._residual, range(len(library)))])
        self._products: dict[int, Floats] = {}
        self._with_sum = np.zeros(len(library))
        self._norm_of_sum = 0.0
        self._count = 0

    def losses(self) -> Floats:
        """Error after adding each model, per example, shape (M,)."""
        count = self._count + 1
        sums = self._norm_of_sum + 2 * self._with_sum + self._norms
        return np.asarray(np.maximum(sums, 0) / count**2 / self._library.examples)

    def add(self, model: int) -> None:
        """Make the model a member, once more if it is one."""
        if model not in self._products:
            residual = self._residual(model)
            others = map(self._residual, range(len(self._library)))
            self._products[model] = np.array([float(np.vdot(other, residual)) for other in others])
        self._norm_of_sum += 2 * self._with_sum[model] + self._norms[model]
        self._with_sum = self._with_sum + self._products[model]
        self._count += 1

    def _residual(self, index: int) -> Floats:
        return np.asarray(self._library.member(index) - self._wanted)


def _one_hot(library: Library) -> Floats:
    return np.asarray(np.eye(library.shape[1])[library.targets])
