"""Configs x replicates, not all of them filled: means without the effect of replicates, and the noise that is left."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...spaces import UsageError
from .best_set import Floats
from .scaled import coarseness


@dataclass(frozen=True)
class Blocks:
    """What is left of scores when the effect of each replicate is taken out.

    Args:
        means: of each config over average replicates, shape (k,); NaN for a config without replicates.
        counts: replicates of each config, shape (k,).
        noise: standard deviation of one score, the same for all configs; not below that of rounding to the step in
            which scores come.
        degrees: of freedom of the noise.
        effects: of the replicates, shape (r,), with mean 0; NaN where nobody has one.
    """

    means: Floats
    counts: Floats
    noise: float
    degrees: int
    effects: Floats


def blocks(scores: Floats) -> Blocks:
    """Least squares of config + replicate on ``scores``, shape (k, r) with NaN where a config has no such replicate.

    Raises:
        UsageError: when no config has two replicates that others share, so that there is nothing to see noise in.
    """
    known = np.isfinite(scores)
    rows, columns = np.nonzero(known)
    if not len(rows):
        raise UsageError("expected replicates of at least one config, got none")
    design = np.zeros((len(rows), sum(scores.shape)))
    design[np.arange(len(rows)), rows] = 1.0
    design[np.arange(len(rows)), len(scores) + columns] = 1.0
    values = scores[rows, columns]
    center = float(values.mean())
    solution, _, rank, _ = np.linalg.lstsq(design, values - center, rcond=None)
    degrees = len(rows) - int(rank)
    if degrees < 1:
        raise UsageError(
            "no two configs share two replicates, so that nothing is known of the noise: give each config at least 2"
        )
    residuals = values - center - design @ solution
    effects = np.where(known.any(axis=0), solution[len(scores) :], np.nan)
    effects = effects - np.nanmean(effects)
    counts = known.sum(axis=1)
    adjusted = np.where(known, scores - effects, 0.0).sum(axis=1)
    means = np.where(counts > 0, adjusted / np.maximum(counts, 1), np.nan)
    full = scores[:, known.all(axis=0)]
    step = coarseness(full) if full.size else 0.0
    noise = float(np.sqrt(max(float((residuals**2).sum()) / degrees, step**2 / 12)))
    return Blocks(means, counts.astype(float), noise, degrees, effects)
