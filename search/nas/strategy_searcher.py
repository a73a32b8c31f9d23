"""An unmodified strategy of NNI as a searcher."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial

import numpy as np
from nni.nas.space import ModelStatus

from ...spaces import Config, Objective, Space
from ..observations import curve_of
from ..searcher import draw, known_part
from ..trial import State, Trial
from .engine import StrategyRun

_TRIES = 200
"""Proposals of a strategy that are looked at for one trial."""
_STATUS = {
    State.COMPLETE: ModelStatus.Trained,
    State.STOPPED: ModelStatus.Interrupted,
    State.FAILED: ModelStatus.Failed,
}

_Call = Callable[[StrategyRun], object]


class GridSearcher:
    """Trials are the points of a strategy that learns nothing, in its order, until it has no more.

    What is taken is passed over, so a new one that is asked after an interruption goes on at the same point.

    Args:
        run: of the strategy; None where nothing is searched.
    """

    def __init__(self, space: Space, run: StrategyRun | None) -> None:
        self._space = space
        self._run = run
        self._adopted: set[Config] = set()

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        if self._run is None:
            return draw(self._space, np.random.default_rng(number), taken)
        while (config := self._run.next()) is not None:
            if config not in self._adopted and config not in taken:
                return config
        return None

    def adopt(self, number: int, config: Config) -> None:
        self._adopted.add(known_part(self._space, config))

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        """Nothing is learned."""

    def tell(self, trial: Trial) -> None:
        self._adopted.add(known_part(self._space, trial.config))


class StrategySearcher:
    """Trials are the models that a strategy submits; it hears of their reports, their ends and their last value.

    A trial that was stopped early is interrupted, with its last value; one that failed, or is beyond the limits, has
    none, and strategies leave it out. What they propose and is tried already is answered at once: with the value that
    is known, as invalid without one. When two hundred proposals in a row are no use, the config is drawn at random.

    A config from elsewhere becomes a model that the strategy did not submit. Whether one that is adopted was its own is
    found out by asking it: one that would come within the next two hundred is its own. If none does, the strategy is
    set back, which means that a new one is told everything again.

    Args:
        begin: starts the strategy.
    """

    def __init__(self, space: Space, objective: Objective, seed: int, begin: Callable[[], StrategyRun]) -> None:
        self._space = space
        self._objective = objective
        self._seed = seed
        self._begin = begin
        self._run = begin() if space.searched else None
        self._calls: list[_Call] = []  # all that the strategy was told and asked
        self._models: dict[int, int] = {}  # position of the model of each trial that is not over
        self._heard: set[int] = set()
        self._values: dict[Config, float] = {}  # of trials that are over, larger is better

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        config = self._find(number, lambda one: one not in taken)
        if config is None:
            config = draw(self._space, np.random.default_rng([self._seed, number]), taken)
            if config is not None:
                self._insert(number, config)
        return config

    def adopt(self, number: int, config: Config) -> None:
        known = known_part(self._space, config)
        own = number not in self._heard and known == config and self._find(number, lambda one: one == config)
        if not own:
            self._insert(number, known)

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        if number in self._models:
            self._do(partial(StrategyRun.report, index=self._models[number], value=self._objective.score(value)))

    def tell(self, trial: Trial) -> None:
        if trial.number not in self._models:
            self._insert(trial.number, known_part(self._space, trial.config))
        curve = curve_of(trial, self._objective)
        value = None
        if curve and trial.state is not State.FAILED and not self._objective.excess(trial.metrics):
            value = self._values[trial.config] = self._objective.score(curve[max(curve)][0])
        index = self._models.pop(trial.number)
        self._do(partial(StrategyRun.end, index=index, value=value, status=_STATUS[trial.state]))

    def _find(self, number: int, fits: Callable[[Config], bool]) -> Config | None:
        """The strategy's first proposal that fits, for a trial; None, and nothing has happened, when none does."""
        before = len(self._calls)
        for _ in range(_TRIES):
            config = self._do(StrategyRun.next)
            if not isinstance(config, Config):
                break
            index = len(self._run or ()) - 1
            if fits(config):
                self._heard.add(number)
                self._models[number] = index
                return config
            value = self._values.get(config)
            status = ModelStatus.Invalid if value is None else ModelStatus.Trained
            self._do(partial(StrategyRun.end, index=index, value=value, status=status))
        self._set_back(before)
        return None

    def _insert(self, number: int, config: Config) -> None:
        self._do(partial(StrategyRun.insert, config=config))
        self._heard.add(number)
        self._models[number] = len(self._run or ()) - 1

    def _do(self, call: _Call) -> object:
        if self._run is None:
            return None
        self._calls.append(call)
        return call(self._run)

    def _set_back(self, length: int) -> None:
        if len(self._calls) > length and self._run is not None:
            self._run, calls, self._calls = self._begin(), self._calls[:length], []
            for call in calls:
                self._do(call)
