"""Independent draws from the space."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import ClassVar, Literal

import numpy as np

from ..spaces import Config, Objective, Space
from .searcher import Searcher, SearcherOptions, draw
from .trial import Trial


class RandomSearch:
    """Draws trial ``number`` from a generator of its own, so that an interruption changes nothing.

    Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012).
    """

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        return draw(self._space, np.random.default_rng([self._seed, number]), taken)

    # The draws do not depend on results.

    def adopt(self, number: int, config: Config) -> None:
        pass

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        pass

    def tell(self, trial: Trial) -> None:
        pass


class RandomOptions(SearcherOptions):
    """Random search."""

    type: Literal["random"] = "random"
    several: ClassVar[bool] = True

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return RandomSearch(space, seed)
