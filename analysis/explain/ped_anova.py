"""PED-ANOVA by Optuna: what separates the best trials from the others, one parameter at a time.

Watanabe, Bansal and Hutter, PED-ANOVA, IJCAI 2023; conditional parameters as in Optuna's evaluator.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...spaces import Config, Goal, Space
from ...spaces.to_optuna import to_optuna

if TYPE_CHECKING:
    pass

_LEAST_TARGET = 5
"""Trials that the evaluator wants to have among the best, to be stable."""


class PedAnova:
    """Optuna's evaluator on the trials of a sweep.

    Parameters with a scale of their own (log, steps, choices) keep it; those that Optuna has no word for are shares of
    their distribution. Choices with names are compared as such.

    Args:
        values: shape (n,).
        goal: which values are the best.
    """

    def __init__(self, space: Space, configs: Sequence[Config], values: NDArray[np.float64], goal: Goal) -> None:
        import optuna

        self._goal = goal
        self._names = space.searched
        self.quantile = max(0.1, min(0.5, _LEAST_TARGET / len(values)))
        self._trials = []
        for config, value in zip(configs, values.tolist(), strict=True):
            parameters, distributions = to_optuna(space, config)
            made = optuna.trial.create_trial(params=parameters, distributions=distributions, value=value)
            self._trials.append(made)

    def shares(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How much each parameter tells the best of the trials at ``rows`` from the others, as shares of 1; (d,)."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction=self._goal)
        study.add_trials([self._trials[row] for row in rows.tolist()])
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=self.quantile)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of few trials in a branch: the intervals tell
            known = evaluator.evaluate(study)
        found = np.array([float(known.get(name, 0.0)) for name in self._names])
        return found / found.sum() if found.sum() > 0 else found
