"""What each example contributes to the scores of replicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..search import Sweep, Trial
from ..spaces import DamagedFileError, NotFoundError
from .inference.best_set import Floats
from .predictions import Part, PredictionSet, PredictionStore
from .scorers import Scorer, fits, get_scorer

_MOST_NUMBERS = 50_000_000
_ROUNDING = 1e-3
"""Of the spread of scores: stored probabilities are rounded to float16."""


class ExampleScores:
    """Finds them in the stored predictions; an :data:`.contest.Examples`.

    They are not there when predictions were not kept, when it is not known which rows they are for, or when the metric
    is no mean over examples (an area under the curve, the root of a mean). NaN: not scored in that replicate.

    Args:
        trials: of the sweep.
    """

    def __init__(self, sweep: Sweep, store: PredictionStore, trials: Sequence[Trial]) -> None:
        self._sweep = sweep
        self._store = store
        self._resplit = {trial.number for trial in trials if trial.resplit}

    def __call__(self, runs: Sequence[Sequence[Trial]], scores: Floats) -> npt.NDArray[np.float64] | None:
        part: Part = "test" if self._sweep.leaderboard.data == "test" else "validation"
        splits = [[row[place] for row in runs] for place in range(len(runs[0]))]  # configs within a replicate
        found = [self._losses([run.number for run in split], part) for split in splits]
        known = [one for one in found if one is not None]
        if len(known) < len(found) or sum(rows.size for _, rows in known) * len(runs) > _MOST_NUMBERS:
            return None
        if any(len(rows) != len(known[0][1]) for _, rows in known) and part == "test":
            return None
        every, places = np.unique(np.concatenate([rows for _, rows in known]), return_inverse=True)
        if len(every) * len(splits) * len(runs) > _MOST_NUMBERS:
            return None
        examples = np.full((len(runs), len(splits), len(every)), np.nan)
        start = 0
        for place, (losses, rows) in enumerate(known):
            examples[:, place, places[start : start + len(rows)]] = -losses
            start += len(rows)
        # A score may be turned round (accuracy is 1 - error), but must move with the mean over the examples.
        offsets = scores - np.nanmean(examples, axis=2)
        if np.ptp(offsets) > _ROUNDING * max(np.ptp(scores), np.abs(scores).max()):
            return None
        return np.asarray(examples + offsets.mean())

    def _losses(self, numbers: list[int], part: Part) -> tuple[Floats, npt.NDArray[np.int64]] | None:
        """Losses of some models on the same examples, shape (k, n), and the numbers of these rows in the data set."""
        try:
            found = self._store.read(numbers, part)
        except (NotFoundError, DamagedFileError):  # the recorded scores are enough
            return None
        scorer = self._scorer(found)
        if len(found) < len(numbers) or scorer is None or scorer.losses is None:
            return None
        losses = np.stack([scorer.losses(found.of(number), found.targets) for number in numbers])
        rows = self._rows(found, numbers)
        return None if rows is None else (np.asarray(losses, dtype=np.float64), rows)

    def _rows(self, found: PredictionSet, numbers: list[int]) -> npt.NDArray[np.int64] | None:
        """Which rows of the data set were predicted; without splits they are the same in every replicate."""
        if found.rows is not None:
            return found.rows
        resplit = self._resplit.intersection(numbers)
        return None if resplit else np.arange(len(found.targets))

    def _scorer(self, found: PredictionSet) -> Scorer | None:
        name = self._sweep.objective.known_scorer
        if name is None or not fits(name, found.values[0], found.kind):
            return None
        return get_scorer(name)
