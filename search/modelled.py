"""What searchers share that learn from the scores of one rung."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container

import numpy as np

from ..spaces import Config, Space
from .observations import Observations
from .searcher import draw, known_part
from .trial import Trial


class ModelledSearch(ABC):
    """Draws at random until a rung has enough scores; then a model of them proposes.

    Args:
        seen: what is known of the trials; it says how many scores are enough.
    """

    def __init__(self, space: Space, seed: int, seen: Observations) -> None:
        self._space = space
        self._seed = seed
        self._seen = seen

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        rng = np.random.default_rng([self._seed, number])
        level = self._seen.level
        config = self._propose(level, rng, taken) if level is not None else None
        config = config or draw(self._space, rng, taken)
        if config is not None:
            self.adopt(number, config)
        return config

    def adopt(self, number: int, config: Config) -> None:
        self._seen.start(number, known_part(self._space, config))

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        self._seen.report(number, step, value)

    def tell(self, trial: Trial) -> None:
        if trial.number not in self._seen:
            self.adopt(trial.number, trial.config)
        self._seen.tell(trial)

    @abstractmethod
    def _propose(self, level: float, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
        """The model's proposal from the scores at a rung; None when it has none that is not taken."""
