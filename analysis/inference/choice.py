"""Which test fits how the replicates were made."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from .best_set import Replicates
from .mrmc import LEAST, examples_fit
from .scaled import ROUNDING, scaled

DOUBTFUL = 0.2
"""p of equal variances below which they are not pooled.

High, because a pooled variance errs on the wrong side. With one of ten configs three times as noisy as the others
(standard deviation), ``mcb`` keeps it in .87, .86, .86 of worlds of equals, for 3, 5, 10 replicates. When a test at .05
chooses, it is kept in .90, .93, .99 of them; at .2 in .92, .96, .99; at .5 in .96, .98, .99. With five times the noise
it is kept more often. Where noise is equal, ``mcb`` is chosen in about four of five cases.
"""

_DOUBTFUL_OF_FEW = 0.5
_FEW = 5  # replicates, below which unequal variances are hard to see

_UNEQUAL = 0.05
_ENOUGH_SPLITS = 10


def choose_test(replicates: Replicates) -> tuple[str, list[str]]:
    """Key of the test in ``TESTS`` that fits, and why, in words."""
    scores = np.asarray(replicates.scores, dtype=float)
    seeds = scores.shape[1]
    if replicates.examples is not None and examples_fit(replicates) and seeds >= LEAST:
        if np.isfinite(replicates.examples).all():
            why = "all replicates are scored on the same examples, so both seeds and examples count as chance"
            return "mrmc", [why]
        return "pooled", ["predictions of all splits are kept, so both seeds and examples count as chance"]
    reasons = []
    if replicates.examples is not None:
        few = f"{seeds} replicates are too few for a test of seeds and examples"
        other = "the score is not a mean over examples, so that these cannot count as chance"
        reasons.append(few if seeds < LEAST else other)
    overlap = replicates.overlap > 0
    if overlap:
        reasons.append(f"replicates split one data set again and again (overlap {replicates.overlap:.2g})")
    if overlap and seeds >= _ENOUGH_SPLITS:
        return "nadeau_bengio", [*reasons, f"{seeds} splits are enough for a variance of each pair"]
    ratio, p_value = _equal_variances(replicates)
    if p_value < (DOUBTFUL if seeds >= _FEW else _DOUBTFUL_OF_FEW):
        by = f"variances differ by a factor of {ratio:.3g}, p {p_value:.2g}"
        how = by if math.isfinite(ratio) else "one does not vary beyond what replicates share, others do"
        words = f"configs may not be equally noisy ({how})"
        return "nadeau_bengio" if overlap else "paired_t", [*reasons, words]
    return "mcb", [*reasons, "nothing speaks against one noise for all configs; its estimate uses all replicates"]


def unequal_variances(replicates: Replicates) -> tuple[float, bool]:
    """Largest over smallest variance of a config, the effect of replicates taken out; whether they surely differ."""
    ratio, p_value = _equal_variances(replicates)
    return ratio, p_value < _UNEQUAL


def _equal_variances(replicates: Replicates) -> tuple[float, float]:
    """Largest over smallest variance of a config, the effect of replicates taken out; and p of equal ones.

    Bartlett's test, Proc. R. Soc. A 160 (1937), which is known to notice tails that are not normal as well: here that
    is welcome. The effect of a replicate is the median over configs of what their means leave, which a few noisy
    configs do not move. For two configs or one, whose difference is one series, p is 1.
    """
    scores = np.asarray(replicates.scores, dtype=float)
    if len(scores) < 3 or scores.shape[1] < 2:
        return 1.0, 1.0
    data = scaled(replicates)
    residuals = data.values - data.means[:, None]
    residuals = residuals - np.median(residuals, axis=0)
    variances = residuals.var(axis=1, ddof=1)
    if not variances.max() > ROUNDING**2:
        return 1.0, 1.0
    if variances.min() <= ROUNDING**2:
        return float("inf"), 0.0
    return float(variances.max() / variances.min()), float(stats.bartlett(*residuals).pvalue)
