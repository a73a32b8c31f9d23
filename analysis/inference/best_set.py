"""What a test of "who is tied for best" is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Replicates:
    """Scores of k configs on the same r replicates; larger is better.

    Args:
        scores: shape (k, r); column j of all rows shares its seed and its split.
        overlap: test rows over training rows (n_test / n_train) when replicates split one data set again and again;
            0 when they do not, or when every replicate was scored on the same examples.
        examples: score of each example, shape (k, r, n), when the score is their mean; NaN where a replicate was not
            scored on an example, which is the same for all configs; None when they are not known.
        rope: region of practical equivalence, in units of the score; None when differences of any size matter.
    """

    scores: Floats
    overlap: float = 0.0
    examples: npt.NDArray[np.floating] | None = None
    rope: float | None = None


@dataclass(frozen=True)
class BestSet:
    """Which configs are tied for best. All arrays have shape (k,), in the order of the rows that were given.

    Args:
        best: index of the largest mean.
        differences: best mean minus each mean; 0 for the best.
        low, high: simultaneous interval of (best of the others) minus (this one): how much worse than its best rival
            a config is; negative values: better. Hsu's interval ends at 0 where the data say which is better: ``low``
            is 0 for who is not tied, ``high`` is 0 for who is tied alone. It does not say by how much at least. NaN
            for a config without rivals.
        p_values: adjusted p of "no worse than the best"; 1 for the best.
        tied: the set: p above alpha.
        statement: what is guaranteed, in one sentence.
    """

    best: int
    differences: Floats
    low: Floats
    high: Floats
    p_values: Floats
    tied: Bools
    statement: str


BestSetTest = Callable[[Replicates, float], BestSet]
"""A test, called with replicates and alpha. Raises ``UsageError`` for data that it cannot decide on."""
