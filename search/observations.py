"""What a model of the space learns from when trials are stopped early: scores of one rung only."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..spaces import Config
from .trial import State, Trial


class Observations:
    """The configs tried, and the score of each at each rung; a truncated value never stands beside a complete one.

    Args:
        sign: 1 when larger values are better, -1 when smaller are.
        rungs: steps at which the scheduler compares trials, and the length of a full run; without any, only how a
            trial ended counts.
        enough: scores that a rung needs to be learned from.
    """

    def __init__(self, sign: int, rungs: Sequence[int], enough: int) -> None:
        self._sign = sign
        self._enough = enough
        steps: list[float] = sorted(map(float, rungs)) or [math.inf]
        self._scores: dict[float, dict[int, float]] = {step: {} for step in steps}
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

    def report(self, number: int, step: int, value: float) -> None:
        if number in self._index and step in self._scores:
            self._scores[step][self._index[number]] = self._sign * value

    def end(self, number: int, curve: dict[int, float], state: State, excess: float = 0.0) -> None:
        """A failed trial is forgotten; the last value of one that ended by itself holds for all rungs above.

        Args:
            excess: how far it is beyond the limits of the objective.
        """
        index = self._index[number]
        self._excess[index] = excess
        self._running.discard(index)
        for step, value in curve.items():
            self.report(number, step, value)
        for rung, scores in self._scores.items():
            if state is State.FAILED:
                scores.pop(index, None)
            elif state is State.COMPLETE and curve and rung > max(curve):
                scores[index] = self._sign * curve[max(curve)]

    @property
    def level(self) -> float | None:
        """The highest rung with enough scores; None when there is none."""
        return next((step for step in reversed(self._scores) if len(self._scores[step]) >= self._enough), None)

    def ranked(self, level: float) -> list[tuple[int, float]]:
        """Positions in :attr:`configs` and scores at a rung, the best first: within the limits before beyond them."""
        return sorted(self._scores[level].items(), key=lambda pair: (self.excess(pair[0]), -pair[1], pair[0]))

    def excess(self, index: int) -> float:
        """How far the trial at a position is beyond the limits; 0 while that is not known."""
        return self._excess.get(index, 0.0)

    def running(self, level: float) -> list[int]:
        """Positions of configs that run and have no score at a rung yet."""
        return sorted(self._running - self._scores[level].keys())


def curve_of(trial: Trial, metric: str) -> dict[int, float]:
    """What a trial reported, by step."""
    return {report.step: float(report.metrics[metric]) for report in trial.reports if metric in report.metrics}
