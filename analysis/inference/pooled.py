"""Replicates that were validated on different rows of one data set, with the score of each row."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ...spaces import UsageError
from .best_set import BestSet, Replicates
from .decide import confidence
from .mrmc import LEAST, CrossedError, against_best_by_examples, checked_examples
from .scaled import scaled


def pooled(replicates: Replicates, alpha: float) -> BestSet:
    """Each config against the best mean over all examples that any replicate was validated on, with Holm's correction.

    Differences of examples are pooled over the replicates, and their variance is that of examples and of replicates as
    two-way clusters: Cameron, Gelbach & Miller, J. Business & Economic Statistics 29 (2011). That is the test of pooled
    out-of-fold predictions, with seeds. Training rows overlap as well, which no clustering of validation rows can show:
    the variance of examples is multiplied by 1 + 2 overlap. (1 + overlap would make it, for very many splits, that of
    Nadeau & Bengio, Machine Learning 52 (2003), and calls two equal classifiers different in up to .08 of cases; this
    does in .01 to .05, for 100 to 1000 rows, 10 to 60 features and 3 to 30 splits.) What is gained over their t-test is
    not the variance but its degrees of freedom: of examples instead of replicates.

    Raises:
        UsageError: without scores of examples, when their means are not the scores, or for fewer than 3 replicates.
    """
    data = scaled(replicates, LEAST, "pooled")
    examples = checked_examples(replicates, "pooled")
    seen = np.isfinite(examples)
    if (seen != seen[0]).any():
        raise UsageError("pooled: configs were scored on different examples in a replicate: give all the same split")
    words = (
        f"the truly best config is in the set with about {confidence(alpha)}, for new seeds and for new examples; "
        "others as good as it may be left out"
    )
    return against_best_by_examples(
        data, examples, lambda values: clustered_error(values, replicates.overlap), alpha, words
    )


def clustered_error(values: npt.NDArray[np.floating], overlap: float = 0.0) -> CrossedError:
    """Error of the mean of the replicates' means of ``values``, shape (replicates, examples), NaN where not scored.

    Clusters: examples, and replicates as far as they vary more than examples explain. Degrees of freedom after
    Satterthwaite.

    Args:
        overlap: as in :class:`.Replicates`.
    """
    seen = np.isfinite(values)
    weights = seen / np.maximum(seen.sum(axis=1, keepdims=True), 1) / len(values)
    parts = np.where(seen, values, 0.0) * weights
    parts = parts - weights * float(parts.sum())
    counts = int(seen.any(axis=0).sum()), len(values), int(seen.sum())
    squares = [
        float((sums**2).sum()) * count / (count - 1)
        for sums, count in zip((parts.sum(axis=0), parts.sum(axis=1), parts), counts, strict=True)
    ]
    examples, runs, rest = squares
    examples *= 1 + 2 * overlap
    more = runs > rest
    variance = examples + more * (runs - rest)
    if variance <= 0:
        return CrossedError(0.0, math.inf)
    spread = examples**2 / (counts[0] - 1) + more * (runs**2 / (counts[1] - 1) + rest**2 / (counts[2] - 1))
    return CrossedError(math.sqrt(variance), variance**2 / spread if spread > 0 else math.inf)
