"""What is known of the inputs of a trained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

METHODS = {
    "permutation": "how much worse {metric} gets when a feature is shuffled among the rows",
    "shap": "mean share of a feature in the distance of a prediction from the mean prediction, without its sign (SHAP)",
    "captum": "mean attribution to a feature by integrated gradients of the network, without its sign (Captum)",
    "captum_ablation": "mean change of the network's output when a feature gets its mean, without its sign (Captum)",
}
"""What each method answers."""

_MOST_SHOWN = 30


@dataclass(frozen=True)
class FeatureImportance:
    """How much one feature matters, or a group that goes together.

    Args:
        low, high: 95 % interval over the rows, and for shuffling over its repeats.
    """

    features: tuple[str, ...]
    importance: float
    low: float
    high: float

    @property
    def name(self) -> str:
        return " + ".join(self.features)


@dataclass(frozen=True)
class Explanation:
    """The features of a trained model by importance: what this model uses, not what acts in the world.

    Args:
        words: what ``importance`` means.
        score: of the model on the rows, where the method has one.
        rows: that were looked at, of the validation part.
        sweep, trial: whose model it is; None when that was not said.
        features: the most important first.
        notes, warnings: what a reader has to know.
    """

    method: str
    words: str
    metric: str | None
    score: float | None
    rows: int
    features: list[FeatureImportance]
    notes: list[str]
    warnings: list[str]
    sweep: str | None = None
    trial: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For people, the first features one a line."""
        wide = max(len(one.name) for one in self.features[:_MOST_SHOWN])
        found = [self.words]
        for one in self.features[:_MOST_SHOWN]:
            found.append(f"  {one.name:<{wide}}  {one.importance:+.4g}  [{one.low:+.4g}, {one.high:+.4g}]")
        if len(self.features) > _MOST_SHOWN:
            found.append(f"  and {len(self.features) - _MOST_SHOWN} more")
        if self.score is not None:
            found.append(f"{self.metric} of the model on these rows: {self.score:.4g}")
        whose = "" if self.trial is None else f", model of trial {self.trial} of {self.sweep}"
        found.append(f"{self.rows} rows of the validation part{whose}")
        return [*found, *self.notes, *(f"WARNING: {text}" for text in self.warnings)]


def ranked(
    names: Sequence[tuple[str, ...]], values: NDArray[np.float64], draws: NDArray[np.float64]
) -> list[FeatureImportance]:
    """Features by importance.

    Args:
        values: shape (d,).
        draws: of resampling, shape (resamples, d); intervals are widened to hold the value.
    """
    low, high = np.quantile(np.vstack([draws, values]), [0.025, 0.975], axis=0)
    low, high = np.minimum(low, values), np.maximum(high, values)
    found = [
        FeatureImportance(name, float(values[at]), float(low[at]), float(high[at])) for at, name in enumerate(names)
    ]
    return sorted(found, key=lambda one: -one.importance)


def mean_of_rows(parts: NDArray[np.float64], resamples: int, seed: int) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Mean of parts of shape (n, d) over the rows, and the same for resampled rows, shape (resamples, d)."""
    rng = np.random.default_rng([seed, 1])
    draws = [parts[rng.integers(len(parts), size=len(parts))].mean(axis=0) for _ in range(resamples)]
    return parts.mean(axis=0), np.array(draws)
