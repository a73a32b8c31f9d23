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
    two-way clusters: Cameron, Gelbach & Miller, J. Business & Economic Statistics 29 (2011). The rows of the data set
    are looked at, so no factor has to be assumed for their being split again and again, and twice as many differences
    are found as by the corrected resampled t-test: between two equal classifiers on 300 rows, split 60 to 20 again and
    again, it sees a difference in .04, .05, .05, .06 of cases for 3, 5, 10, 30 replicates (at .05). That is the test of
    pooled out-of-fold predictions, with seeds. What the overlap of training rows adds is not part of it.

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
    return against_best_by_examples(data, examples, clustered_error, alpha, words)


def clustered_error(values: npt.NDArray[np.floating]) -> CrossedError:
    """Error of the mean of the replicates' means of ``values``, shape (replicates, examples), NaN where not scored.

    Clusters: examples, and replicates as far as they vary more than examples explain. Degrees of freedom after
    Satterthwaite.
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
    more = runs > rest
    variance = examples + max(0.0, runs - rest)
    if variance <= 0:
        return CrossedError(0.0, math.inf)
    spread = examples**2 / (counts[0] - 1) + more * (runs**2 / (counts[1] - 1) + rest**2 / (counts[2] - 1))
    return CrossedError(math.sqrt(variance), variance**2 / spread if spread > 0 else math.inf)
