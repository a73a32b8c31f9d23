"""Greedy steps for log loss: exact, without looking at every model."""

from __future__ import annotations

import numpy as np

from ..scorers import LEAST_PROBABILITY, Floats
from .library import Indices

_SHORTLIST = 100
_AT_A_TIME = 64
_FACTORS = 8
"""A logarithm of a product of eight probabilities of at least 1e-12 each is far from underflow, and seven cheaper."""


class LogLossSteps:
    """Log loss of an ensemble with each model added, from the probabilities of what is the case alone.

    The gradient of the loss (a step of Frank and Wolfe) says which 100 models promise most, and bounds what the others
    can reach: the logarithm lies below its tangents. The others are worked out only where that bound is not enough, so
    that the best model is always the best of all.

    Args:
        true: probabilities of what is the case, shape (M, n).
        screen: work out all models when False.
    """

    def __init__(self, true: Floats, *, screen: bool = True) -> None:
        self._true = true
        self._screen = screen
        self._total = np.zeros(true.shape[1])
        self._count = 0

    def losses(self) -> Floats:
        """Loss after adding each model, shape (M,); infinite for those that are surely not the best."""
        everything = np.arange(len(self._true))
        found = np.full(len(self._true), np.inf)
        if self._count == 0 or not self._screen or len(everything) <= _SHORTLIST:
            found[everything] = self._exact(everything)
            return found
        bounds = self._bounds()
        order = np.argsort(bounds, kind="stable")
        found[order[:_SHORTLIST]] = self._exact(order[:_SHORTLIST])
        for start in range(_SHORTLIST, len(order), _AT_A_TIME):
            rest = order[start : start + _AT_A_TIME]
            rest = rest[bounds[rest] <= found.min()]
            if not len(rest):
                break
            found[rest] = self._exact(rest)
        return found

    def add(self, model: int) -> None:
        """Make the model a member, once more if it is one."""
        self._total += self._true[model]
        self._count += 1

    def _exact(self, models: Indices) -> Floats:
        count = self._count + 1
        whole = self._true.shape[1] // _FACTORS * _FACTORS
        sums = np.empty(len(models))
        for start in range(0, len(models), _AT_A_TIME):
            few = models[start : start + _AT_A_TIME]
            mixed = self._total + self._true[few]
            np.maximum(mixed, count * LEAST_PROBABILITY, out=mixed)
            products = mixed[:, :whole].reshape(len(few), _FACTORS, -1).prod(axis=1)
            sums[start : start + len(few)] = np.log(products).sum(axis=1) + np.log(mixed[:, whole:]).sum(axis=1)
        return np.asarray(np.log(count) - sums / self._true.shape[1])

    def _bounds(self) -> Floats:
        """What no model can be better than: log(t + p) <= log(c) + (t + p - c) / c, with c = t (k + 1) / k.

        Where the least probability takes hold there is no tangent; those few examples are worked out.
        """
        count, examples = self._count + 1, self._true.shape[1]
        safe = self._total >= count * LEAST_PROBABILITY
        centre = self._total[safe] * (count / self._count)
        slope = np.zeros(examples, dtype=self._true.dtype)
        slope[safe] = 1 / centre
        gained = (self._true @ slope).astype(np.float64)
        sums = gained + (np.log(centre) - 1 + self._count / count).sum()
        risky = np.flatnonzero(~safe)
        if len(risky):
            mixed = self._total[risky] + self._true[:, risky]
            sums += np.log(np.maximum(mixed, count * LEAST_PROBABILITY)).sum(axis=1)
        slack = 1e-5 * (1 + np.abs(gained) / examples)  # a sum in single precision is right to about 1e-6 of its size
        return np.asarray(np.log(count) - sums / examples - slack)
