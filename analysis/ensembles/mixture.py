"""How predictions of several models become one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ..scorers import LEAST_PROBABILITY, Array, Floats, Kind
from .library import Library

Rule = Literal["mean", "votes", "linear", "logistic"]


@dataclass(frozen=True)
class Mixture:
    """A rule and its numbers: everything that is needed to predict.

    Args:
        rule: ``mean``: weighted mean of the predictions. ``votes``: each member has a vote, and each class one that is
            shared out among all, so that none is impossible. ``linear``: sum of coefficient times output, plus the
            intercept. ``logistic``: softmax of coefficients times logarithms of the probabilities, plus intercepts.
        weights: trial -> share, in the order of the members; they sum to 1. For stacking: the share of the absolute
            coefficients.
        coefficients: linear: one row with a number a member. Logistic: a row for each class (one row when there are
            two), with C numbers for each member in turn. Empty otherwise.
        intercepts: a number for each row of coefficients.
        temperature: the logarithms of pooled probabilities are divided by it: above 1 is more careful.
    """

    rule: Rule
    weights: dict[int, float]
    coefficients: tuple[tuple[float, ...], ...] = ()
    intercepts: tuple[float, ...] = ()
    temperature: float = 1.0

    @classmethod
    def mean(cls, weights: Mapping[int, float]) -> Mixture:
        """A weighted mean."""
        return cls("mean", dict(weights))

    def at(self, temperature: float) -> Mixture:
        """The same with another temperature."""
        return replace(self, temperature=temperature)

    def of(self, library: Library) -> Floats:
        """Predictions for the examples of a library that has the members."""
        at = {number: index for index, number in enumerate(library.numbers)}
        if self.rule == "mean":  # a member at a time: others may not be needed in memory together
            pooled = library.mean([at[number] for number in self.weights], list(self.weights.values()))
            return tempered(pooled, self.temperature, library.kind)
        return self.predict({number: library.member(at[number]) for number in self.weights}, library.kind)

    def predict(self, members: Mapping[int, Array], kind: Kind) -> Floats:
        """Predictions from those of the members.

        Args:
            members: trial -> shape (n, C), (n, L) or (n,), for all trials in ``weights``.
        """
        parts: list[Floats] = [np.asarray(members[number], dtype=np.float64) for number in self.weights]
        pooled: Floats
        match self.rule:
            case "mean":
                shares = np.array(list(self.weights.values()))
                pooled = np.tensordot(shares, np.stack(parts), axes=1)
            case "votes":
                pooled = _votes(parts, list(self.weights.values()), kind)
            case "linear":
                pooled = np.column_stack(parts) @ np.array(self.coefficients[0]) + self.intercepts[0]
            case "logistic":
                pooled = _logistic(parts, np.array(self.coefficients), np.array(self.intercepts))
        return tempered(pooled, self.temperature, kind)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "rule": self.rule,
            "weights": {str(number): share for number, share in self.weights.items()},
            "coefficients": [list(row) for row in self.coefficients],
            "intercepts": list(self.intercepts),
            "temperature": self.temperature,
        }


def tempered(pooled: Floats, temperature: float, kind: Kind) -> Floats:
    """Probabilities at another temperature; outputs as they are. Guo et al., On Calibration, ICML 2017, section 4.2."""
    if temperature == 1.0 or kind == "outputs":
        return pooled
    logs = np.log(np.maximum(pooled, LEAST_PROBABILITY)) / temperature
    if kind == "classes":
        return softmax(logs)
    others = np.log(np.maximum(1 - pooled, LEAST_PROBABILITY)) / temperature
    return np.asarray(1 / (1 + np.exp(np.clip(others - logs, -700, 700))))


def softmax(logits: Floats) -> Floats:
    """Probabilities, shape (n, C)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def log_features(parts: list[Floats]) -> Floats:
    """Logarithms of the members' probabilities side by side, shape (n, members x C)."""
    return np.concatenate([np.log(np.maximum(part, _LEAST_FEATURE)) for part in parts], axis=1)


_LEAST_FEATURE = 1e-6
"""A probability of 0 would make one example outweigh all others in a regression on logarithms."""


def _votes(parts: list[Floats], weights: list[float], kind: Kind) -> Floats:
    count = len(parts)
    if kind == "labels":
        shares = sum(w * (part > 0.5) for w, part in zip(weights, parts, strict=True))
        return np.asarray((count * shares + 0.5) / (count + 1))
    classes = parts[0].shape[1]
    shares = sum(w * np.eye(classes)[part.argmax(axis=1)] for w, part in zip(weights, parts, strict=True))
    return np.asarray((count * shares + 1 / classes) / (count + 1))


def _logistic(parts: list[Floats], coefficients: Floats, intercepts: Floats) -> Floats:
    logits = log_features(parts) @ coefficients.T + intercepts
    return softmax(logits if logits.shape[1] > 1 else np.concatenate([np.zeros_like(logits), logits], axis=1))
