"""Two configs by their replicates: differences with intervals, p-values and equivalence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from ...spaces import UsageError
from .best_set import Floats
from .mrmc import crossed_error
from .pooled import clustered_error
from .scaled import largest


@dataclass(frozen=True)
class PairTest:
    """What a test says of two configs.

    Args:
        test: its name.
        difference: of the means, first minus second, in units of the metric.
        low, high: confidence interval of the difference; NaN where the test has none.
        p_value: two-sided, of no difference.
        speaks_of: to what the answer may be generalised.
    """

    test: str
    difference: float
    low: float
    high: float
    p_value: float
    speaks_of: str


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests against a region of practical equivalence.

    Args:
        p_value: of "the difference is as large as the rope, or larger"; small: practically equal.
        equivalent: the interval of confidence 1 - 2 alpha lies within the rope.
        low, high: that interval.
    """

    rope: float
    p_value: float
    equivalent: bool
    low: float
    high: float


_SIGNS_EXACT = 12
_DRAWS = 9999


def paired_t_test(first: Floats, second: Floats, alpha: float = 0.05, overlap: float = 0.0) -> PairTest:
    """Paired t-test; with ``overlap`` the corrected resampled one: Nadeau & Bengio, Machine Learning 52 (2003).

    Args:
        first, second: shape (r,), r >= 2, on the same seeds and splits.

    Raises:
        UsageError: when they are not paired, or there are fewer than 2.
    """
    differences, scale = _paired(first, second)
    error = float(differences.std(ddof=1)) * math.sqrt(1 / len(differences) + overlap)
    name = "Nadeau-Bengio" if overlap else "paired t"
    words = "new splits of data of this size" if overlap else "new seeds and splits"
    return _t(name, float(differences.mean()), error, len(differences) - 1, alpha, scale, words)


def welch_test(first: Floats, second: Floats, alpha: float = 0.05) -> PairTest:
    """For runs that share neither seeds nor splits: Welch, Biometrika 34 (1947). It costs about half of the runs.

    Args:
        first, second: shapes (m,) and (n,), 2 runs or more each.

    Raises:
        UsageError: for fewer than 2 runs.
    """
    first, second = _finite(first), _finite(second)
    scale = largest(first, second)
    first, second = first / scale, second / scale
    parts = [float(one.var(ddof=1)) / len(one) for one in (first, second)]
    error = math.sqrt(sum(parts))
    below = sum(part**2 / (len(one) - 1) for part, one in zip(parts, (first, second), strict=True))
    degrees = error**4 / below if below > 0 else 1.0
    return _t("Welch", float(first.mean() - second.mean()), error, degrees, alpha, scale, "new runs")


def sign_flip_test(first: Floats, second: Floats, seed: int = 0) -> PairTest:
    """Permutation test: signs of the differences are flipped, all 2**r patterns up to 12 replicates, else 9999 draws.

    Nothing is assumed but symmetry; with r replicates p cannot get below 2 / 2**r. Fisher, Design of Experiments, 1935.

    Raises:
        UsageError: when they are not paired, or there are fewer than 2.
    """
    differences, scale = _paired(first, second)
    resamples = math.inf if len(differences) <= _SIGNS_EXACT else _DRAWS
    done = stats.permutation_test(
        (differences,),
        lambda values, axis: np.mean(values, axis=axis),
        permutation_type="samples",
        n_resamples=resamples,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    mean = float(differences.mean()) * scale
    return PairTest("sign flip", mean, math.nan, math.nan, float(done.pvalue), "new seeds and splits")


def mrmc_test(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], alpha: float = 0.05) -> PairTest:
    """Seeds x examples as crossed random effects; see :func:`.mrmc.mrmc`.

    Args:
        first, second: scores of examples, shape (r, n), r >= 2 seeds on the same n >= 2 examples.

    Raises:
        UsageError: for shapes that do not fit.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < 2:
        raise UsageError(f"expected scores of two shapes (seeds, examples), got {first.shape} and {second.shape}")
    scale = largest(np.asarray(first, float), np.asarray(second, float))
    differences = np.subtract(first, second, dtype=float) / scale
    one = crossed_error(differences)
    words = "new seeds and new examples"
    return _t("seeds x examples", float(differences.mean()), one.error, one.degrees, alpha, scale, words)


def pooled_test(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], alpha: float = 0.05, overlap: float = 0.0
) -> PairTest:
    """Examples pooled over splits of one data set; see :func:`.pooled.pooled`.

    Args:
        first, second: scores of examples, shape (r, n), NaN where a replicate was not scored on one.

    Raises:
        UsageError: for shapes or examples that differ.
    """
    if first.shape != second.shape or first.ndim != 2 or min(first.shape) < 2:
        raise UsageError(f"expected scores of two shapes (seeds, examples), got {first.shape} and {second.shape}")
    if not np.array_equal(np.isfinite(first), np.isfinite(second)):
        raise UsageError("pooled: the two were scored on different examples in a replicate")
    scale = largest(np.nan_to_num(np.asarray(first, float)), np.nan_to_num(np.asarray(second, float)))
    differences = np.subtract(first, second, dtype=float) / scale
    one = clustered_error(differences, overlap)
    mean = float(np.nanmean(differences, axis=1).mean())
    return _t("pooled examples", mean, one.error, one.degrees, alpha, scale, "new seeds and new examples")


def equivalence(first: Floats, second: Floats, rope: float, alpha: float = 0.05, overlap: float = 0.0) -> Equivalence:
    """Whether two configs are practically equal: two one-sided paired t-tests, Schuirmann, J. Pharmacokin. 15 (1987).

    Args:
        first, second: shape (r,), paired.
        rope: largest difference that does not matter, in units of the metric.

    Raises:
        UsageError: when they are not paired, or for a rope that is not above 0.
    """
    if not 0 < rope < math.inf:
        raise UsageError(f"rope must be a difference of the metric above 0, got {rope!r}")
    differences, scale = _paired(first, second)
    mean, degrees = float(differences.mean()), len(differences) - 1
    error = float(differences.std(ddof=1)) * math.sqrt(1 / len(differences) + overlap)
    limit = rope / scale
    if error == 0:
        p_value = 0.0 if abs(mean) < limit else 1.0
    else:
        p_value = float(special.stdtr(degrees, (abs(mean) - limit) / error))
    half = -float(special.stdtrit(degrees, alpha)) * error
    return Equivalence(rope, p_value, p_value < alpha, (mean - half) * scale, (mean + half) * scale)


def _t(name: str, mean: float, error: float, degrees: float, alpha: float, scale: float, words: str) -> PairTest:
    degrees = min(degrees, 1e9)  # stdtrit knows no infinite degrees
    half = -float(special.stdtrit(degrees, alpha / 2)) * error
    p_value = 2 * float(special.stdtr(degrees, -abs(mean) / error)) if error > 0 else float(mean == 0)
    return PairTest(name, mean * scale, (mean - half) * scale, (mean + half) * scale, p_value, words)


def _paired(first: Floats, second: Floats) -> tuple[Floats, float]:
    """Differences, and the scale that they are divided by."""
    first, second = _finite(first), _finite(second)
    if len(first) != len(second):
        raise UsageError(
            f"paired runs: expected as many of both, got {len(first)} and {len(second)}; runs that share no seeds are "
            "compared by Welch's test"
        )
    scale = largest(first, second)
    return first / scale - second / scale, scale


def _finite(values: Floats) -> Floats:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise UsageError(f"expected at least 2 finite scores of each config, got an array of shape {values.shape}")
    return values
