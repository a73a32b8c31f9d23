"""Seeds and examples vary at once: tests that speak of new seeds and of new examples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from ...spaces import UsageError
from .best_set import BestSet, Replicates
from .decide import against_best, confidence, decide, one_sided, without_noise
from .scaled import ROUNDING, Scaled, scaled

LEAST = 3
_AGREEMENT = 1e-4  # examples are often kept as float32 or float16


@dataclass(frozen=True)
class CrossedError:
    """Standard error of a mean over seeds x examples, and its degrees of freedom (infinite when it is 0)."""

    error: float
    degrees: float


def mrmc(replicates: Replicates, alpha: float) -> BestSet:
    """Seeds and examples as crossed random effects, each config against the best mean, with Holm's correction.

    Where all replicates are scored on the same examples, more seeds do not average away which examples these are; a
    t-test over seeds alone calls equal configs different in up to half of the cases. This is the analysis of many
    readers and many cases: Gallas et al., Acad. Radiology 19 (2012); here seeds read examples.

    Raises:
        UsageError: without scores of examples, when their means are not the scores, or for fewer than 3 replicates.
    """
    data = scaled(replicates, LEAST, "mrmc")
    examples = checked_examples(replicates, "mrmc")
    if not np.isfinite(examples).all():
        raise UsageError("mrmc: replicates were scored on different examples: write test: pooled")
    words = (
        f"the truly best config is in the set with {confidence(alpha)}, for new seeds and for new examples; others as "
        "good as it may be left out"
    )
    return against_best_by_examples(data, examples, crossed_error, alpha, words)


def against_best_by_examples(
    data: Scaled,
    examples: npt.NDArray[np.floating],
    error_of: Callable[[npt.NDArray[np.floating]], CrossedError],
    alpha: float,
    words: str,
) -> BestSet:
    """Each config against the best mean, by the error of the mean of their differences, with Holm's correction.

    Args:
        examples: shape (k, r, n).
        error_of: for differences of two configs, shape (r, n).
    """
    count = len(data.means)
    if count < 2:
        return without_noise(data)
    errors, degrees = np.zeros((count, count)), np.full((count, count), np.inf)
    for i in range(count):
        for j in range(i):
            difference = np.subtract(examples[i], examples[j], dtype=float) / data.scale
            one = error_of(difference)
            errors[i, j] = errors[j, i] = one.error
            degrees[i, j] = degrees[j, i] = one.degrees
    if not errors.max() > ROUNDING:
        return without_noise(data)
    p_values = against_best(data, one_sided(data, errors[data.best], degrees[data.best]))
    # Far beyond all data t is normal; stdtrit knows no infinite degrees.
    critical = -special.stdtrit(np.minimum(degrees, 1e9), alpha / (count - 1))
    return decide(data, p_values, critical * errors, alpha, words)


def crossed_error(values: npt.NDArray[np.floating]) -> CrossedError:
    """Error of the mean of ``values``, shape (seeds, examples), over new seeds and new examples.

    Its variance is that of seeds, of examples and of the rest, each by its mean square (none below 0); degrees of
    freedom after Satterthwaite, Biometrics Bulletin 2 (1946).
    """
    seeds, count = values.shape
    mean = float(values.mean())
    by_seed, by_example = values.mean(axis=1) - mean, values.mean(axis=0) - mean
    seed = count * float((by_seed**2).sum()) / (seeds - 1)
    example = seeds * float((by_example**2).sum()) / (count - 1)
    total = float(((values - mean) ** 2).sum())
    rest_degrees = (seeds - 1) * (count - 1)
    rest = max(0.0, total - seed * (seeds - 1) - example * (count - 1)) / rest_degrees
    varies = [seed > rest, example > rest]
    squares = np.array([seed, example, rest])
    shares = np.array([*varies, 1 - sum(varies)])
    variance = float(shares @ squares)
    if variance <= 0:
        return CrossedError(0.0, math.inf)
    spread = float(((shares * squares) ** 2 / np.array([seeds - 1, count - 1, rest_degrees])).sum())
    return CrossedError(math.sqrt(variance / (seeds * count)), variance**2 / spread)


def examples_fit(replicates: Replicates) -> bool:
    """Whether the scores are the means of the examples' scores; NaN: an example that a replicate was not scored on."""
    if replicates.examples is None:
        return False
    scores = np.asarray(replicates.scores, dtype=float)
    if replicates.examples.ndim != 3 or replicates.examples.shape[:2] != scores.shape:
        return False
    if not np.isfinite(replicates.examples).any(axis=2).all():
        return False
    means = np.array([[float(np.nanmean(run, dtype=float)) for run in config] for config in replicates.examples])
    size = float(np.abs(scores).max()) or 1.0
    return bool(np.isfinite(means).all() and np.abs(means - scores).max() <= _AGREEMENT * size)


def checked_examples(replicates: Replicates, test: str) -> npt.NDArray[np.floating]:
    """Scores of examples, shape (k, r, n), which are those that ``test`` needs.

    Raises:
        UsageError: when there are none, or their means are not the scores.
    """
    examples = replicates.examples
    if examples is None:
        same = ", score all replicates on the same examples," if test == "mrmc" else ""
        raise UsageError(
            f"{test} needs the score of each example: save predictions (trial.save_predictions){same} and use a metric "
            "that is a mean over examples; or write test: mcb"
        )
    shape = np.shape(replicates.scores)
    if examples.ndim != 3 or examples.shape[:2] != shape or examples.shape[2] < 2:
        raise UsageError(f"{test}: expected scores of examples of shape {(*shape, 'examples')}, got {examples.shape}")
    if not examples_fit(replicates):
        raise UsageError(f"{test}: the scores are not the means of the examples' scores: write test: mcb")
    return examples
