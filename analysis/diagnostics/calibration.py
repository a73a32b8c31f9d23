"""Whether probabilities can be taken at their word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..scorers import Array, Floats, get_scorer
from .diagnosis import Calibration, CalibrationBin
from .pool import Ids, Pool
from .proportions import estimates

BINS = 15
"""Of equal width, as in Guo et al., On Calibration of Modern Neural Networks, ICML 2017."""


def calibration(pool: Pool) -> Calibration:
    """Reliability of the probabilities of a classification."""
    of, probabilities, came_true, examples = _events(pool)
    bins, distances = [], []
    place = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    for index in np.unique(place):
        here = place == index
        predicted, observed = float(probabilities[here].mean()), came_true[here].mean()
        distinct = float(len(np.unique(examples[here])))
        (share,) = estimates(np.array([observed]), np.array([distinct]))
        low, high = index / BINS, (index + 1) / BINS
        bins.append(CalibrationBin(float(low), float(high), int(here.sum()), predicted, share))
        distances.append(abs(float(observed) - predicted))
    weights = [one.count for one in bins]
    return Calibration(
        of=of,
        bins=tuple(bins),
        bin_count=BINS,
        ece=float(np.average(distances, weights=weights)),
        largest=max(distances),
        brier=brier(pool.values, pool.targets),
        log_loss=get_scorer("log_loss").compute(pool.values, pool.targets),
    )


def brier(values: Floats, targets: Array) -> float:
    """Mean squared distance of probabilities from what came true (Brier, Monthly Weather Review 78, 1950).

    Summed over classes for three and more; of the second class for two; the mean over labels.
    """
    if targets.ndim == 2:
        return float(((values - targets) ** 2).mean())
    if values.shape[1] == 2:
        return float(((values[:, 1] - targets) ** 2).mean())
    came_true = np.arange(values.shape[1]) == targets[:, None]
    return float(((values - came_true) ** 2).sum(axis=1).mean())


def _events(pool: Pool) -> tuple[str, Floats, npt.NDArray[np.bool_], Ids]:
    """Which events have a probability; the probabilities, whether they came true, and of which examples they are."""
    if pool.kind == "labels":
        examples = np.repeat(pool.examples, pool.values.shape[1])
        return "every label", pool.values.ravel(), pool.targets.ravel() == 1, examples
    if pool.values.shape[1] == 2:
        return f"class {pool.names[1]}", pool.values[:, 1], pool.targets == 1, pool.examples
    predicted = pool.values.argmax(axis=1)
    return "the predicted class", pool.values.max(axis=1), predicted == pool.targets, pool.examples
