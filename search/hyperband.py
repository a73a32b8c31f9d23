"""HyperBand and its form for Bayesian optimisation (BOHB), by Ray Tune."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field

from ..spaces import Fidelity, Objective, Problem, Space, SpaceError
from .scheduler import Scheduler, SchedulerOptions


class HyperBandOptions(SchedulerOptions):
    """Synchronous successive halving in several brackets, which trade the number of trials against their length.

    Trials of a bracket wait for each other at each rung; give the space at least as many trials as a bracket holds.

    Li et al., Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization, JMLR 18 (2018), algorithm 1.
    """

    type: Literal["hyperband", "bohb"] = "hyperband"
    eta: float = Field(default=3, ge=2)
    """About one trial in eta goes on at each rung."""
    needs_checkpoints: ClassVar[bool] = True
    stops_by: ClassVar[Literal["rank"]] = "rank"
    largest_first: ClassVar[bool] = False

    def grace_of(self, fidelity: Fidelity) -> int:
        return min([*self.rungs(fidelity), fidelity.max])

    def rungs(self, fidelity: Fidelity) -> list[int]:
        """Steps at which some bracket compares trials."""
        points: set[int] = set()
        for halvings in range(_most_halvings(fidelity, self.eta) + 1):
            step = int(fidelity.max * self.eta**-halvings)
            while 0 < step < fidelity.max:
                points.add(step)
                step = int(step * self.eta)
        return sorted(points)

    def check(self, space: Space, fidelity: Fidelity, trials: int | None) -> None:
        if fidelity.max < self.eta:
            text = f"{self.type} with eta {self.eta:g} needs a fidelity.max of at least that, got {fidelity.max}"
            raise SpaceError([Problem(("fidelity", "max"), text)])

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        from .tune_scheduler import TuneScheduler

        granted = self.require(fidelity)
        scheduler = _without_stalls(self.tune_scheduler(space, objective, granted))
        return TuneScheduler(scheduler, seed, sees_all=True, room=self.room(granted))

    def room(self, fidelity: Fidelity) -> Callable[[int], int]:
        """From how many trials it knows to how many more it should, before some of them report."""
        return _Room(_bracket_sizes(fidelity, self.eta, self.largest_first))

    def tune_scheduler(self, space: Space, objective: Objective, fidelity: Fidelity) -> Any:
        """Ray Tune's object."""
        from .tune_scheduler import TuneScheduler, tune_mode

        return self.tune_class()(
            time_attr=TuneScheduler.TIME,
            metric=TuneScheduler.METRIC,
            mode=tune_mode(objective),
            max_t=fidelity.max,
            reduction_factor=self.eta,
        )

    def tune_class(self) -> Any:
        """Ray Tune's class."""
        from ray.tune.schedulers import HyperBandScheduler

        return HyperBandScheduler


class BohbOptions(HyperBandOptions):
    """HyperBand for a model-based searcher: the bracket with most trials first. With ``searcher: tpe`` this is BOHB.

    Falkner, Klein, Hutter, BOHB: Robust and Efficient Hyperparameter Optimization at Scale, ICML 2018.
    """

    type: Literal["bohb"] = "bohb"
    largest_first: ClassVar[bool] = True

    def tune_class(self) -> Any:
        from ray.tune.schedulers import HyperBandForBOHB

        return HyperBandForBOHB


def _without_stalls(scheduler: Any) -> Any:
    """After its first halving a bracket took no notice of a trial that failed, and the others waited for it.

    And a bracket that was full stays so: whenever a trial had left it, the next new one joined it, however late.
    """
    process, remove = scheduler._process_bracket, scheduler.on_trial_remove

    def processed(controller: Any, bracket: Any) -> Any:
        try:
            return process(controller, bracket)
        finally:
            bracket.is_being_processed = False

    def removed(controller: Any, trial: Any) -> None:
        bracket, _ = scheduler._trial_info[trial]
        if trial in bracket.current_trials() and not bracket.is_being_processed:
            bracket._n -= 1
        remove(controller, trial)

    scheduler._process_bracket, scheduler.on_trial_remove = processed, removed
    return scheduler


class _Room:
    """How many trials are missing in the bracket that is being filled: it halves too early without them."""

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes

    def __call__(self, known: int) -> int:
        left = known % sum(self._sizes)
        for size in self._sizes:
            if left < size:
                return size - left if left else 0
            left -= size
        return 0


def _most_halvings(fidelity: Fidelity, eta: float) -> int:
    return round(math.log(fidelity.max) / math.log(eta))


def _bracket_sizes(fidelity: Fidelity, eta: float, largest_first: bool) -> list[int]:
    """Trials of each bracket, in the order in which they are filled; those without a first rung are left out."""
    most = _most_halvings(fidelity, eta)
    sizes = [math.ceil((most + 1) / (halvings + 1) * eta**halvings) for halvings in range(most + 1)]
    usable = [size for halvings, size in enumerate(sizes) if int(fidelity.max * eta**-halvings) > 0]
    return usable[::-1] if largest_first else usable
