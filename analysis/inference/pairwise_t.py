"""Each config against the best one with a variance of its own: paired t, plain or corrected for overlapping splits."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from ...spaces import UsageError
from .best_set import BestSet, Floats, Replicates
from .decide import against_best, confidence, decide, one_sided, without_noise
from .scaled import Scaled, scaled


def paired_t_best(replicates: Replicates, alpha: float) -> BestSet:
    """Paired t-tests against the best mean, one-sided, with Holm's correction.

    Needs no common variance of the configs. The chance that the truly best is kept, in worlds of 10 equals: .98, .97,
    .96 for 3, 10, 20 replicates. Takes replicates to be independent: ``overlap`` is not looked at.

    Raises:
        UsageError: for fewer than 2 replicates.
    """
    data = scaled(replicates, 2, "paired_t")
    words = f"the truly best config is in the set with {confidence(alpha)}; others as good as it may be left out"
    return _best(data, 0.0, alpha, words)


def nadeau_bengio(replicates: Replicates, alpha: float) -> BestSet:
    """The same with the corrected resampled t-test, for replicates that split one data set again and again.

    The variance of a mean of r differences is taken to be s**2 (1/r + n_test/n_train), because the training sets of
    any two replicates overlap. Nadeau & Bengio, Machine Learning 52 (2003); Bouckaert & Frank, PAKDD 2004.

    Raises:
        UsageError: without ``overlap``, or for fewer than 2 replicates.
    """
    if replicates.overlap <= 0:
        raise UsageError(
            "nadeau_bengio is for replicates that split one data set again and again, and here they do not: "
            "write test: mcb"
        )
    data = scaled(replicates, 2, "nadeau_bengio")
    words = (
        f"the truly best config is in the set with about {confidence(alpha)}, also for other data of this size; "
        "others as good as it may be left out"
    )
    return _best(data, replicates.overlap, alpha, words)


def _best(data: Scaled, overlap: float, alpha: float, words: str) -> BestSet:
    if not data.varies or len(data.means) < 2:
        return without_noise(data)
    errors = standard_errors(data, overlap)
    degrees = data.count - 1
    p_values = against_best(data, one_sided(data, errors[data.best], degrees))
    critical = -special.stdtrit(degrees, alpha / (len(data.means) - 1))
    return decide(data, p_values, critical * errors, alpha, words)


def standard_errors(data: Scaled, overlap: float) -> Floats:
    """Standard error of the difference of each two means, in scaled units, shape (k, k).

    Differences are taken to spread at least as two rounded numbers do (variance step**2 / 6). Between configs that
    score the same in every replicate nothing is random, and the error is 0.
    """
    differences = data.values[:, None] - data.values[None]
    spread = np.maximum(differences.std(axis=2, ddof=1), data.step / math.sqrt(6))
    still = data.constant[:, None] & data.constant[None]
    return np.where(still, 0.0, spread) * math.sqrt(1 / data.count + overlap)
