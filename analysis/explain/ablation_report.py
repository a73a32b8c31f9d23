"""What is known of the way from the default config to the best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ...spaces import Config, Value


@dataclass(frozen=True)
class Gain:
    """A difference of the metric with its 95 % interval; positive is better, whatever the goal."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class AblationStep:
    """One change on the way.

    Args:
        changed: the parameter that was chosen, with its new value; several where constraints allow no other way.
        followed: what became active with it, or inactive (None).
        config: after the change.
        predicted: gain over the config before, by the forest.
        measured: the same from real runs on the same seeds; None before they were made, or with fewer than two.
        runs: pairs of runs behind it.
    """

    changed: dict[str, Value]
    followed: dict[str, Value | None]
    config: Config
    predicted: Gain
    measured: Gain | None = None
    runs: int = 0


@dataclass(frozen=True)
class AblationReport:
    """The way from the default config to the best, the most helpful change first.

    Args:
        trial: whose config is the end of it.
        predicted, measured: gain of the whole way.
        r2: share of the variance that the forest predicts out of bag.
        verified_by: the sweep whose runs were measured; None before.
        notes, warnings: what a reader has to know.
    """

    sweep: str
    metric: str
    goal: str
    trial: int
    default: Config
    steps: list[AblationStep]
    predicted: Gain
    measured: Gain | None
    trials: int
    sampling: str
    r2: float
    verified_by: str | None
    notes: list[str]
    warnings: list[str]

    @property
    def configs(self) -> list[Config]:
        """From the default config to the best."""
        return [self.default, *(step.config for step in self.steps)]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        plain = ("sweep", "metric", "goal", "trial", "trials", "sampling", "verified_by", "notes", "warnings")
        return {
            **{name: getattr(self, name) for name in plain},
            "r2": self.r2 if math.isfinite(self.r2) else None,
            "default": self.default.nested(),
            "steps": [_step_dict(step) for step in self.steps],
            "predicted": vars(self.predicted),
            "measured": vars(self.measured) if self.measured else None,
        }

    def lines(self) -> list[str]:
        """For people, one change a line."""
        found = [f"{self.sweep}: from the default config to that of trial {self.trial}, gain in {self.metric}"]
        labels = [_label(step) for step in self.steps]
        wide = max(map(len, labels))
        found += [f"  {label:<{wide}}  {_told(step)}" for label, step in zip(labels, self.steps, strict=True)]
        total = f"predicted {_gain(self.predicted)}" + (f", measured {_gain(self.measured)}" if self.measured else "")
        return [*found, f"in all: {total}", *self.notes, *(f"WARNING: {text}" for text in self.warnings)]


def _step_dict(step: AblationStep) -> dict[str, Any]:
    return {
        "changed": step.changed,
        "followed": step.followed,
        "config": step.config.nested(),
        "predicted": vars(step.predicted),
        "measured": vars(step.measured) if step.measured else None,
        "runs": step.runs,
    }


def _label(step: AblationStep) -> str:
    words = [f"{name} -> {_shown(value)}" for name, value in step.changed.items()]
    words += [f"{name} {'off' if value is None else f'= {_shown(value)}'}" for name, value in step.followed.items()]
    return ", ".join(words)


def _told(step: AblationStep) -> str:
    measured = f"   measured {_gain(step.measured)}" if step.measured else ""
    return f"predicted {_gain(step.predicted)}{measured}"


def _gain(gain: Gain) -> str:
    return f"{gain.mean:+.4g} [{gain.low:+.4g}, {gain.high:+.4g}]"


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
