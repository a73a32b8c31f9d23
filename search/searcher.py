"""The contract of everything that proposes configs."""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

import numpy as np

from ..spaces import Config, Objective, Space
from .options import Options
from .trial import Trial

_TRIES = 1000


class Searcher(Protocol):
    """Proposes configs and learns from trials that are over.

    A searcher is rebuilt from the ledger after an interruption: it is made anew and told all trials that are over, in
    the order in which they ended.
    """

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        """A config for trial ``number`` that is not in ``taken``; None when there is none left."""

    def tell(self, trial: Trial) -> None:
        """Learn from a trial that is over, whether or not this searcher proposed it.

        Complete trials come with their value, stopped ones with the curve so far, failed ones without anything.
        """


class SearcherOptions(Options):
    """The ``searcher`` section of a sweep; each searcher has its own subclass."""

    def build(self, space: Space, objective: Objective, seed: int) -> Searcher:
        """A searcher over ``space``; ``seed`` fixes its proposals given what it is told."""
        raise NotImplementedError


def draw(space: Space, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
    """A random config that is not taken; None when 1,000 draws found none."""
    for _ in range(_TRIES):
        config = space.sample(rng)
        if config not in taken:
            return config
    return None
