"""Local search: one step from the best so far, until no step is better."""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from typing import Literal

import numpy as np
from pydantic import Field

from ..spaces import Config, Objective, Space
from ..spaces.neighbourhood import neighbours
from .observations import Observations
from .searcher import Searcher, SearcherOptions, draw, known_part
from .trial import Trial


class LocalSearch:
    """Starts from the best of a few random configs, tries its neighbours in random order, and moves to what is better.

    When all neighbours were tried and none is better it starts again, from new random configs. A neighbour differs in
    one step of one parameter (:func:`.neighbourhood.neighbours`). While the last neighbours run, configs are drawn.

    Where trials are stopped early, the best is one of those that have reached the highest rung which ``startup``
    trials within the limits have reached, or the next lower one that any trial since the last start has.

    White et al., Exploring the Loss Landscape in Neural Architecture Search (Local Search is State of the Art for NAS
    Benchmarks), UAI 2021, algorithm 1, which moves on with the first improvement here.

    Args:
        startup: random configs at the start, and at each new start.
        rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
    """

    def __init__(self, space: Space, objective: Objective, seed: int, startup: int, rungs: Sequence[int] = ()) -> None:
        self._space = space
        self._seed = seed
        self._startup = startup
        self._rungs: list[float] = sorted(map(float, rungs), reverse=True) or [math.inf]
        self._seen = Observations(objective, rungs, enough=startup)
        self._begun = 0
        """Position of the first config since the last start."""

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        rng = np.random.default_rng([self._seed, number])
        near = self._near()
        order = rng.permutation(len(near)).tolist()
        config = next((near[index] for index in order if near[index] not in taken), None)
        config = config or draw(self._space, rng, taken)
        if config is not None:
            self._start(number, config, near)
        return config

    def adopt(self, number: int, config: Config) -> None:
        self._start(number, config, self._near() if number not in self._seen else [])

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        self._seen.report(number, step, value)

    def tell(self, trial: Trial) -> None:
        if trial.number not in self._seen:
            self._start(trial.number, trial.config, [])
        self._seen.tell(trial)

    def _start(self, number: int, config: Config, near: Sequence[Config]) -> None:
        """Note a config; one that is no neighbour, with no neighbour running, begins a new start."""
        if near and config not in near and not self._running() & set(near):
            self._begun = len(self._seen.configs)
        self._seen.start(number, known_part(self._space, config))

    def _running(self) -> set[Config]:
        return {self._seen.configs[index] for index in self._seen.running(self._rungs[0])}

    def _near(self) -> list[Config]:
        """The neighbours of the best since the last start; none before it has enough configs, one with a score."""
        level = self._seen.level_within
        if level is None or len(self._seen.configs) - self._begun < self._startup:
            return []
        for rung in self._rungs[self._rungs.index(level) :]:
            best = next((index for index in self._seen.ranked(rung) if index >= self._begun), None)
            if best is not None:
                return neighbours(self._space, self._seen.configs[best])
        return []


class LocalSearchOptions(SearcherOptions):
    """Local search: one step from the best so far, until no step is better; then a new start.

    White et al., Exploring the Loss Landscape in Neural Architecture Search, UAI 2021.
    """

    type: Literal["local_search"] = "local_search"
    startup: int = Field(default=10, ge=1)
    """Random trials at the start, and at each new start."""

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return LocalSearch(space, objective, seed, self.startup, rungs)
