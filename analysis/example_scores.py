"""What each example contributes to the scores of replicates, where all models were scored on the same examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..search import Sweep, Trial
from ..spaces import NotFoundError
from .inference.best_set import Floats
from .predictions import Part, PredictionSet, PredictionStore
from .scorers import Scorer, fits, get_scorer

_ROUNDING = 1e-3
"""Of the spread of scores: stored probabilities are rounded to float16."""


class ExampleScores:
    """Finds them in the stored predictions; an :data:`.contest.Examples`.

    They are not there when replicates were validated on different examples, when predictions were not kept, or when
    the metric is no mean over examples (an area under the curve, the root of a mean).
    """

    def __init__(self, sweep: Sweep, store: PredictionStore) -> None:
        self._sweep = sweep
        self._store = store

    def __call__(self, runs: Sequence[Sequence[Trial]], scores: Floats) -> npt.NDArray[np.float64] | None:
        part: Part = "test" if self._sweep.leaderboard.data == "test" else "validation"
        flat = [run for row in runs for run in row]
        if part == "validation" and any(run.resplit for run in flat):
            return None
        try:
            found = self._store.read([run.number for run in flat], part)
        except NotFoundError:
            return None
        scorer = self._scorer(found)
        if len(found) < len(flat) or scorer is None or scorer.losses is None:
            return None
        losses = np.stack([scorer.losses(found.of(run.number), found.targets) for run in flat])
        examples = -losses.reshape(len(runs), len(runs[0]), -1).astype(np.float64)
        # A score may be turned round (accuracy is 1 - error), but must move with the mean over the examples.
        offsets = scores - examples.mean(axis=2)
        if np.ptp(offsets) > _ROUNDING * max(np.ptp(scores), np.abs(scores).max()):
            return None
        return np.asarray(examples + offsets.mean())

    def _scorer(self, found: PredictionSet) -> Scorer | None:
        name = self._sweep.objective.known_scorer
        if name is None or not fits(name, found.values[0], found.kind):
            return None
        return get_scorer(name)
