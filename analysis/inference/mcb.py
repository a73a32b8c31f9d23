"""Multiple comparisons with the best, on configs x replicates."""

from __future__ import annotations

import math

import numpy as np

from .best_set import BestSet, Replicates
from .decide import confidence, decide, without_noise
from .dunnett import dunnett_critical, dunnett_p
from .scaled import ROUNDING, Scaled, scaled


def mcb(replicates: Replicates, alpha: float) -> BestSet:
    """Hsu's multiple comparisons with the best, on complete blocks.

    Scores are the sum of an effect of the config, one of the replicate, and noise of one size for all configs. In
    worlds of equals with normal noise the chance that a config is kept is 1 - alpha exactly, for any number of
    replicates. Where replicates split one data set again and again (``overlap``), 1/r in the variance of a mean is
    replaced by 1/r + overlap: Nadeau & Bengio, Machine Learning 52 (2003).

    Hsu, Ann. Statist. 12 (1984); Hsu, Multiple Comparisons, 1996, chapter 4.

    Raises:
        UsageError: for fewer than 2 replicates.
    """
    data = scaled(replicates, 2, "mcb")
    if not data.varies or len(data.means) < 2:
        return without_noise(data)
    count, seeds = data.values.shape
    degrees = (count - 1) * (seeds - 1)
    # Configs that score the same in every replicate leave no noise, and no difference either.
    error = max(ROUNDING, noise(data) * math.sqrt(2 * (1 / seeds + replicates.overlap)))
    rivals = np.where(np.eye(count, dtype=bool), -np.inf, data.means).max(axis=1)
    statistics = (rivals - data.means) / error
    width = dunnett_critical(count, degrees, alpha) * error
    words = f"the truly best config is in the set with {confidence(alpha)}; others as good as it may be left out"
    return decide(data, dunnett_p(statistics, count, degrees), np.full((count, count), width), alpha, words)


def noise(data: Scaled) -> float:
    """Standard deviation of the noise of one score, in scaled units: the residual of a two-way analysis of variance.

    It is at least that of rounding to the step in which scores come (step**2 / 12): equal differences of a coarse
    score prove little.
    """
    values = data.values
    residuals = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0) + values.mean()
    degrees = (values.shape[0] - 1) * (values.shape[1] - 1)
    return math.sqrt(max(float((residuals**2).sum()) / degrees, data.step**2 / 12))
