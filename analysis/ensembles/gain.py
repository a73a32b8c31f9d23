"""What an ensemble gains over a single model, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..scorers import Array, Floats, Scorer

_CONFIDENCE = 0.95
_RESAMPLES = 399


@dataclass(frozen=True)
class Gain:
    """An improvement; positive is better.

    Args:
        mean: per example, of the metric's loss; of the metric itself when that is no mean over examples.
        interval: 95 %.
        p_value: two-sided, of "no difference".
    """

    mean: float
    interval: tuple[float, float]
    p_value: float

    @property
    def proven(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.interval[0] > 0


def gain_of(blended: Floats, singles: Sequence[Floats], targets: Array, scorer: Scorer, seed: int) -> Gain | None:
    """Compare predictions for the same examples.

    Means over examples are compared by the paired difference: exactly when it only counts (right or wrong), by the
    normal distribution otherwise. Other metrics: paired bootstrap of the examples, within classes.

    Args:
        blended: predictions of the ensemble.
        singles: of a single model; of several, when the gain over a random one of them is asked for.

    Returns:
        None when the metric is not defined for these examples.
    """
    if scorer.losses is None:
        return _bootstrap(blended, singles, targets, scorer, seed)
    alone = np.mean([scorer.losses(values, targets) for values in singles], axis=0)
    difference = alone - scorer.losses(blended, targets)
    if np.isin(difference, (-1, 0, 1)).all():
        return _sign(difference)
    return _normal(difference)


def _normal(difference: Floats) -> Gain:
    mean, error = float(difference.mean()), float(stats.sem(difference))
    half = error * float(stats.norm.ppf((1 + _CONFIDENCE) / 2))
    p_value = 2 * float(stats.norm.sf(abs(mean) / error)) if error > 0 else float(mean == 0)
    return Gain(mean, (mean - half, mean + half), p_value)


def _sign(difference: Floats) -> Gain:
    """The exact sign test (McNemar's); its interval holds for the number of examples on which the two differ."""
    better, differ = int((difference > 0).sum()), int(np.count_nonzero(difference))
    if not differ:
        return Gain(0.0, (0.0, 0.0), 1.0)
    test = stats.binomtest(better, differ)
    share = test.proportion_ci(_CONFIDENCE, method="exact")
    scale = differ / len(difference)
    low, high = (scale * (2 * bound - 1) for bound in (share.low, share.high))
    return Gain(float(difference.mean()), (float(low), float(high)), float(test.pvalue))


def _bootstrap(blended: Floats, singles: Sequence[Floats], targets: Array, scorer: Scorer, seed: int) -> Gain | None:
    rng = np.random.default_rng(seed)

    def gain(rows: Array) -> float:
        alone = np.mean([scorer.loss(values[rows], targets[rows]) for values in singles])
        return float(alone - scorer.loss(blended[rows], targets[rows]))

    whole = gain(np.arange(len(targets)))
    drawn = np.array([gain(_resampled(targets, rng)) for _ in range(_RESAMPLES)])
    if np.isnan(whole) or np.isnan(drawn).any():
        return None
    low, high = np.quantile(drawn, ((1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2))
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    return Gain(whole, (float(low), float(high)), min(1.0, 2 * (int(tail) + 1) / (_RESAMPLES + 1)))


def _resampled(targets: Array, rng: np.random.Generator) -> Array:
    """Rows drawn with replacement; of every class as many as there are, so that no class is lost."""
    if targets.ndim == 2 or targets.dtype.kind == "f":
        return rng.integers(0, len(targets), len(targets))
    groups = (np.flatnonzero(targets == label) for label in np.unique(targets))
    return np.concatenate([rng.choice(rows, len(rows)) for rows in groups])
