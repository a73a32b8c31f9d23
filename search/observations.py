"""What a model of the space learns from when trials are stopped early: scores of one rung only."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..spaces import Config, Objective
from ..spaces.pareto import best_first
from .trial import State, Trial


class Observations:
    """The configs tried, and the score of each at each rung; a truncated value never stands beside a complete one.

    Args:
        objective: which values are better; with others a config has a value of each.
        rungs: steps at which the scheduler compares trials, and the length of a full run; without any, only how a
            trial ended counts.
        enough: scores that a rung needs to be learned from.
    """

    def __init__(self, objective: Objective, rungs: Sequence[int], enough: int) -> None:
        self._objective = objective
        self._enough = enough
        steps: list[float] = sorted(map(float, rungs)) or [math.inf]
        self._scores: dict[float, dict[int, tuple[float, ...]]] = {step: {} for step in steps}
        self.configs: list[Config] = []
        self._index: dict[int, int] = {}
        self._running: set[int] = set()
        self._excess: dict[int, float] = {}

    def start(self, number: int, config: Config) -> None:
        """Trial ``number`` runs ``config``."""
        known = self._index.get(number)
        if known is None or self.configs[known] != config:
            self._index[number] = len(self.configs)
            self.configs.append(config)
        self._running.add(self._index[number])

    def report(self, number: int, step: int, *values: float) -> None:
        """Trial ``number`` reported the value of each objective."""
        if number in self._index and step in self._scores:
            self._scores[step][self._index[number]] = self._turned(values)

    def __contains__(self, number: int) -> bool:
        """Whether the start of a trial was noted."""
        return number in self._index

    def end(self, number: int, curve: dict[int, tuple[float, ...]], state: State, excess: float = 0.0) -> None:
        """A failed trial is forgotten; the last value of one that ended by itself holds for all rungs above.

        Args:
            excess: how far it is beyond the limits of the objective.
        """
        index = self._index[number]
        self._excess[index] = excess
        self._running.discard(index)
        for step, values in curve.items():
            self.report(number, step, *values)
        for rung, scores in self._scores.items():
            if state is State.FAILED:
                scores.pop(index, None)
            elif state is State.COMPLETE and curve and rung > max(curve):
                scores[index] = self._turned(curve[max(curve)])

    @property
    def level(self) -> float | None:
        """The highest rung with enough scores; None when there is none."""
        return next((step for step in reversed(self._scores) if len(self._scores[step]) >= self._enough), None)

    @property
    def level_within(self) -> float | None:
        """The highest rung with enough scores of configs within the limits; without one, the lowest with enough scores.

        A scheduler that does not know the limits stops what is within them, so that high rungs may have none of it.
        """
        for step in reversed(self._scores):
            if sum(not self.excess(index) for index in self._scores[step]) >= self._enough:
                return step
        return next((step for step in self._scores if len(self._scores[step]) >= self._enough), None)

    def ranked(self, level: float) -> list[int]:
        """Positions in :attr:`configs` of those with a score at a rung, the best first.

        Within the limits comes before beyond them. Of several objectives the rank of the front counts, and on a front
        the contribution to its hypervolume.
        """
        scores = self._scores[level]
        if not self._objective.others:
            return sorted(scores, key=lambda index: (self.excess(index), -scores[index][0], index))
        within = sorted(index for index in scores if not self.excess(index))
        beyond = sorted(scores.keys() - set(within), key=lambda index: (self.excess(index), index))
        order = best_first(np.array([scores[index] for index in within]), self._objective.corner) if within else []
        return [within[place] for place in order] + beyond

    def tell(self, trial: Trial) -> None:
        """A trial whose start was noted is over."""
        excess = self._objective.excess(trial.metrics)
        self.end(trial.number, curve_of(trial, self._objective), trial.state, excess)

    def score(self, level: float, index: int) -> float:
        """What the config at a position scored at a rung; of several objectives, in the first."""
        return self._scores[level][index][0]

    def excess(self, index: int) -> float:
        """How far the trial at a position is beyond the limits; 0 while that is not known."""
        return self._excess.get(index, 0.0)

    def running(self, level: float) -> list[int]:
        """Positions of configs that run and have no score at a rung yet."""
        return sorted(self._running - self._scores[level].keys())

    def _turned(self, values: Sequence[float]) -> tuple[float, ...]:
        return tuple(one.score(value) for one, value in zip(self._objective.each, values, strict=True))


def curve_of(trial: Trial, objective: Objective) -> dict[int, tuple[float, ...]]:
    """What a trial reported of each objective, by step."""
    metrics = [one.metric for one in objective.each]
    return {
        report.step: tuple(float(report.metrics[metric]) for metric in metrics)
        for report in trial.reports
        if all(metric in report.metrics for metric in metrics)
    }
