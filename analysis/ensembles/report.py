"""An ensemble and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .diversity import Diversity
from .gain import Gain
from .mixture import Mixture

_OF_PROBABILITIES = ("log_loss", "brier")
"""Metrics that a temperature changes."""
NOT_BETTER = "not distinguishable from the best single model"


@dataclass(frozen=True)
class MethodScore:
    """A way to combine models, and its cross-fitted score.

    Args:
        method: key of :data:`assay.analysis.ensembles.METHODS`.
        score: cross-fitted; NaN when the metric is not defined.
        temperature: 1 when none was fitted, or it did not help.
    """

    method: str
    score: float
    temperature: float


@dataclass(frozen=True)
class Step:
    """The greedy selection after some steps, before any temperature: where it was selected, and cross-fitted."""

    members: int
    selection_score: float
    score: float


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble and what it is worth.

    Args:
        weights: trial -> share; they sum to 1. For stacking: the share of the absolute coefficients.
        metric: what it was selected on and is scored by.
        score: the metric of the whole selection, cross-fitted: members, weights and temperature are chosen on four
            fifths of the validation examples and scored on the rest, five times. With ``auto`` the method, too.
        single_score: the same for choosing the best single trial, at a temperature fitted in the same way.
        single: the trial that is best on all validation examples.
        gain: mean improvement over the best single, per example of the metric's loss, or of the metric itself when
            that is no mean over examples; positive is better. None when the metric is not defined.
        gain_interval: 95 % interval of ``gain``.
        selection_score: the metric on the examples it was selected on: optimistic, for comparison only.
        candidates, examples: how many models and validation examples there were.
        test_score: on the sealed test part; None before the test phase, or when not all members were tested.
        method: how the members were chosen and combined.
        mixture: everything that is needed to predict.
        gain_p: two-sided p of "no gain".
        methods: what was tried, with cross-fitted scores; the chosen one was chosen by these.
        trajectory: of the greedy selection, step by step.
        diversity: None for a single member.
        training_seconds: of all members together.
        latency_ms: sum of the members' own ``latency_ms``, when every one reported it.
        single_test_score: of the best single trial on the sealed test part, at its temperature.
        test_gain: the gain on the sealed test part over that trial.
        scored_on: ``validation``; ``test`` for a method that chooses nothing and has no other common examples.
        per_example: whether ``gain`` is a mean over examples.
        single_temperature: of the best single trial's probabilities; 1 when none was fitted, or it did not help.
    """

    weights: dict[int, float]
    metric: str
    score: float
    single_score: float
    single: int
    gain: float | None
    gain_interval: tuple[float, float] | None
    selection_score: float
    candidates: int
    examples: int
    test_score: float | None = None
    method: str = "greedy"
    mixture: Mixture | None = None
    gain_p: float | None = None
    methods: tuple[MethodScore, ...] = ()
    trajectory: tuple[Step, ...] = ()
    diversity: Diversity | None = None
    training_seconds: float | None = None
    latency_ms: float | None = None
    single_test_score: float | None = None
    test_gain: Gain | None = None
    scored_on: str = "validation"
    per_example: bool = True
    single_temperature: float = 1.0

    @property
    def accepted(self) -> bool:
        """Whether it is worth more than the best single model; otherwise that model is handed over."""
        return len(self.weights) > 1 and self.gain_interval is not None and self.gain_interval[0] > 0

    @property
    def temperature(self) -> float:
        """Of the pooled probabilities; 1 leaves them as they are."""
        return self.mixture.temperature if self.mixture is not None else 1.0

    @property
    def verdict(self) -> str:
        """What to do with it, in one line."""
        if self.scored_on == "test":
            alone = "one of its members" if self.accepted else f"one of its members: use trial {self.single} alone"
            return f"better than {alone}" if self.accepted else f"not distinguishable from {alone}"
        if self.accepted:
            return f"better than trial {self.single}, the best single model{self._at_temperature}"
        return f"{NOT_BETTER}: use trial {self.single} alone{self._at_temperature}"

    @property
    def _at_temperature(self) -> str:
        """Nothing where the metric is the same at every temperature, as when right and wrong are counted."""
        if self.single_temperature == 1 or self.metric not in _OF_PROBABILITIES:
            return ""
        return f" (at its own temperature of {self.single_temperature:.2f})"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it; the content of ``ensemble.json``."""
        return {
            "method": self.method,
            "accepted": self.accepted,
            "verdict": self.verdict,
            "metric": self.metric,
            "scored_on": self.scored_on,
            "score": _finite(self.score),
            "single": self.single,
            "single_score": _finite(self.single_score),
            "single_temperature": self.single_temperature,
            "gain": _finite(self.gain),
            "gain_interval": _pair(self.gain_interval),
            "gain_p": _finite(self.gain_p),
            "gain_per_example": self.per_example,
            "selection_score": _finite(self.selection_score),
            "weights": {str(number): share for number, share in self.weights.items()},
            "temperature": self.temperature,
            "mixture": self.mixture.to_dict() if self.mixture is not None else None,
            "candidates": self.candidates,
            "examples": self.examples,
            "methods": [
                {"method": one.method, "score": _finite(one.score), "temperature": one.temperature}
                for one in self.methods
            ],
            "trajectory": [
                {"members": s.members, "selection_score": _finite(s.selection_score), "score": _finite(s.score)}
                for s in self.trajectory
            ],
            "diversity": None
            if self.diversity is None
            else {
                "disagreement": _finite(self.diversity.disagreement),
                "error_correlation": _finite(self.diversity.error_correlation),
            },
            "cost": {
                "members": len(self.weights),
                "training_seconds": _finite(self.training_seconds),
                "latency_ms": _finite(self.latency_ms),
            },
            "test": {
                "score": _finite(self.test_score),
                "single_score": _finite(self.single_test_score),
                "gain": _finite(self.test_gain.mean) if self.test_gain else None,
                "gain_interval": _pair(self.test_gain.interval) if self.test_gain else None,
                "gain_p": _finite(self.test_gain.p_value) if self.test_gain else None,
            },
        }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _pair(values: tuple[float, float] | None) -> list[float | None] | None:
    return None if values is None else [_finite(value) for value in values]
