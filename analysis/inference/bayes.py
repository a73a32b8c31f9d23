"""How likely it is that a difference matters: posterior chances with a region of practical equivalence (ROPE)."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from ...spaces import UsageError
from .best_set import BestSet, Floats, Replicates
from .decide import confidence, decide, without_noise
from .scaled import ROUNDING, largest, scaled

Chances = tuple[float, float, float]
"""Of a difference below the region, within it, above it; they sum to 1."""

_PRIOR = 0.5  # of one more difference, at 0
_DRAWS = 50_000
_DRAWS_OF_MANY = 10_000  # when each config is compared
_BLOCK = 4_000_000


def bayes_signed_rank(differences: Floats, rope: float, seed: int = 0, draws: int = _DRAWS) -> Chances:
    """Chances that the first of two is worse by more than ``rope``, practically equal, better by more.

    Bayesian signed-rank test: the posterior of the distribution of ``differences``, shape (r,), first minus second, is
    a Dirichlet process with prior strength .5 at 0; what counts is which of the three holds for most pairs of
    differences. Benavoli et al., JMLR 18 (2017), section 4.2; the same answers as baycomp. By ``draws`` seeded draws.

    Raises:
        UsageError: without differences, for one that is not finite, or for a rope below 0.
    """
    differences, rope = _checked(differences, rope)
    values = np.concatenate([[0.0], differences])
    sums = values[:, None] + values[None]
    below, above = (_beyond(sign * sums, 2 * rope) for sign in (-1, 1))
    strengths = np.ones(len(values))
    strengths[0] = _PRIOR
    rng = np.random.default_rng(seed)
    wins = np.zeros(3)
    at_once = max(1, min(draws, _BLOCK // len(values)))
    for start in range(0, draws, at_once):
        weights = rng.dirichlet(strengths, min(at_once, draws - start))
        low, high = (((weights @ one) * weights).sum(axis=1) for one in (below, above))
        if rope == 0:
            low = 1 - high
        shares = np.stack([low, np.maximum(0.0, 1 - low - high), high])
        wins += np.bincount(shares.argmax(axis=0), minlength=3)
    left, within, right = (float(one) for one in wins / draws)
    return left, within, right


def bayes_correlated_t(differences: Floats, rope: float, overlap: float = 0.0) -> Chances:
    """The same by the Bayesian correlated t-test, for replicates that split one data set again and again.

    The posterior of the mean difference is Student's t with variance s**2 (1/r + overlap), where ``overlap`` is test
    rows over training rows. Corani & Benavoli, Machine Learning 100 (2015).

    Raises:
        UsageError: for fewer than 2 differences, one that is not finite, or a rope below 0.
    """
    differences, rope = _checked(differences, rope, 2)
    mean, spread = float(differences.mean()), float(differences.std(ddof=1))
    error = spread * math.sqrt(1 / len(differences) + overlap)
    if error == 0:
        return float(mean < -rope), float(abs(mean) <= rope), float(mean > rope)
    degrees = len(differences) - 1
    left = float(special.stdtr(degrees, (-rope - mean) / error))
    right = float(special.stdtr(degrees, (mean - rope) / error))
    return left, max(0.0, 1 - left - right), right


def bayes_signed_rank_best(replicates: Replicates, alpha: float) -> BestSet:
    """Not tied is who is worse than the best mean by more than the rope, with a chance above 1 - alpha.

    ``p_values`` are the chances that it is not. A statement of belief about these differences; it promises nothing
    about how often the best is kept. With few replicates it is bold: 5 differences beyond the rope are enough.

    Raises:
        UsageError: without a rope, or for fewer than 2 replicates.
    """
    if replicates.rope is None or not replicates.rope > 0:
        raise UsageError(
            "bayes_signed_rank needs to know which difference is too small to matter: add rope: 0.002 to leaderboard"
        )
    data = scaled(replicates, 2, "bayes_signed_rank")
    if len(data.means) < 2:
        return without_noise(data)
    rope = replicates.rope / data.scale
    p_values = np.ones(len(data.means))
    for index, own in enumerate(data.values):
        if index != data.best and data.varies:
            p_values[index] = 1 - bayes_signed_rank(own - data.values[data.best], rope, draws=_DRAWS_OF_MANY)[0]
        elif index != data.best:
            p_values[index] = float(data.means[data.best] - data.means[index] <= rope + ROUNDING)
    words = (
        f"those left out are worse than the best mean by more than the rope, with a chance above {confidence(alpha)}"
    )
    return decide(data, p_values, np.full((len(p_values), len(p_values)), np.nan), alpha, words)


def _beyond(sums: Floats, limit: float) -> Floats:
    """1 above the limit, a half at it."""
    return np.asarray((sums > limit) + 0.5 * (sums == limit))


def _checked(differences: Floats, rope: float, least: int = 1) -> tuple[Floats, float]:
    """Both divided by the largest of them."""
    differences = np.asarray(differences, dtype=float)
    if differences.ndim != 1 or len(differences) < least or not np.isfinite(differences).all():
        raise UsageError(f"expected at least {least} finite differences, got an array of shape {differences.shape}")
    if not 0 <= rope < math.inf:
        raise UsageError(f"rope must be a difference of the metric, 0 or above, got {rope!r}")
    scale = largest(differences)
    return differences / scale, rope / scale
