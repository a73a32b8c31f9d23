"""A test without a distribution: the signs of whole replicates are flipped."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from .best_set import BestSet, Floats, Replicates
from .decide import confidence, decide, without_noise
from .pairwise_t import standard_errors
from .scaled import Scaled, scaled

LEAST = 5
_EXACT = 12  # up to so many replicates all patterns of signs are tried: 4096
_DRAWS = 1999
_SEED = 0


def sign_flip(replicates: Replicates, alpha: float) -> BestSet:
    """The largest studentised difference to a rival, against its distribution when replicates change sign.

    Each config's scores are centred, so that all are equal; a draw turns the sign of all scores of some replicates,
    and each config meets its best rival of that draw: the choice of the winner is part of the test. With 5 replicates
    or more a truly best config is kept with 1 - alpha, whatever the variances; the noise is taken to be symmetric.
    Maximum of studentised statistics: Westfall & Young, Resampling-Based Multiple Testing, 1993, section 2.

    Raises:
        UsageError: for fewer than 5 replicates, which have too few patterns of signs to tell anything.
    """
    data = scaled(replicates, LEAST, "sign_flip")
    if not data.varies or len(data.means) < 2:
        return without_noise(data)
    signs = _signs(data.count)
    observed, flipped = _largest_statistics(data, signs)
    p_values = _shares((flipped >= observed[:, None]).sum(axis=1), data.count)
    critical = np.quantile(flipped, 1 - alpha, axis=1, method="higher")
    errors = standard_errors(data, 0.0)
    words = (
        f"the truly best config is in the set with {confidence(alpha)}, whatever the variances; others as good as it "
        "may be left out"
    )
    # The bound on how much worse j is than i comes from the statistics of i, were it the best, and the other way round.
    return decide(data, p_values, np.maximum(critical[:, None], critical[None]) * errors, alpha, words)


def _largest_statistics(data: Scaled, signs: Floats) -> tuple[Floats, Floats]:
    """For each config the largest statistic of a rival: as observed, (k,), and per pattern, (k, patterns)."""
    centred = data.values - data.means[:, None]
    observed_errors = standard_errors(data, 0.0)
    observed, flipped = np.empty(len(centred)), np.empty((len(centred), len(signs)))
    floor = data.step**2 / 6
    for index, own in enumerate(centred):
        rivals = np.arange(len(centred)) != index
        differences = centred[rivals] - own
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = (data.means[rivals] - data.means[index]) / observed_errors[index, rivals]
            means = differences @ signs.T / data.count
            squares = (differences**2).sum(axis=1, keepdims=True)
            variances = (squares - data.count * means**2) / (data.count - 1)  # flipping leaves the squares as they are
            drawn = means / np.sqrt(np.maximum(variances, floor) / data.count)
        observed[index] = np.nan_to_num(seen, nan=0.0, posinf=np.inf, neginf=-np.inf).max()
        flipped[index] = np.nan_to_num(drawn, nan=0.0, posinf=np.inf, neginf=-np.inf).max(axis=0)
    return observed, flipped


def _shares(reached: Floats, count: int) -> Floats:
    """p-values from how many patterns reach what was observed; never 0, because what was observed is possible."""
    if count <= _EXACT:
        return np.asarray(np.maximum(1, reached) / 2**count)
    return (1 + reached) / (1 + _DRAWS)


@lru_cache(maxsize=4)
def _signs(count: int) -> Floats:
    """Patterns of signs, shape (patterns, r): all of them, or seeded draws when there are too many."""
    if count <= _EXACT:
        return np.array(list(product((-1.0, 1.0), repeat=count)))
    return np.random.default_rng(_SEED).choice([-1.0, 1.0], (_DRAWS, count))
