"""Asynchronous successive halving, by Ray Tune."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..spaces import Fidelity, Objective, Problem, Space, SpaceError
from .scheduler import Scheduler, SchedulerOptions, next_of


class HalvingOptions(SchedulerOptions):
    """What the successive halvings have in common."""

    eta: float = Field(default=3, ge=1.1)
    """About one trial in eta goes on at each rung; rungs are eta times apart."""
    grace: int | None = Field(default=None, ge=1)
    """The first rung, in units of the fidelity; the fidelity's min when left out."""
    stops_by: ClassVar[Literal["rank"]] = "rank"

    def grace_of(self, fidelity: Fidelity) -> int:
        return self.grace or fidelity.min

    def rungs(self, fidelity: Fidelity) -> list[int]:
        return fidelity.rungs(self.eta, self.grace_of(fidelity))


class AshaOptions(HalvingOptions):
    """Asynchronous successive halving in Ray Tune's stopping form.

    Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, algorithm 2, with stopping instead of
    promotion.
    """

    type: Literal["asha"] = "asha"
    brackets: int = Field(default=1, ge=1)
    """Halvings side by side, each with a first rung eta times later; trials are dealt out at random."""

    def check(self, space: Space, fidelity: Fidelity, trials: int | None) -> None:
        most = len(self.rungs(fidelity)) or 1
        if self.brackets > most:
            text = f"brackets {self.brackets}: there are only {most} rungs from {self.grace_of(fidelity)} on: lower it"
            raise SpaceError([Problem(("scheduler", "brackets"), text)])

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        from .tune_scheduler import TuneScheduler

        granted = self.require(fidelity)
        unmodified = self.tune_scheduler(space, objective, granted)
        return TuneScheduler(unmodified, seed, horizon=next_of(self.rungs(granted)))

    def tune_scheduler(self, space: Space, objective: Objective, fidelity: Fidelity) -> Any:
        """Ray Tune's object."""
        from ray.tune.schedulers import AsyncHyperBandScheduler

        from .tune_scheduler import TuneScheduler, tune_mode

        return AsyncHyperBandScheduler(
            time_attr=TuneScheduler.TIME,
            metric=TuneScheduler.METRIC,
            mode=tune_mode(objective),
            max_t=fidelity.max,
            grace_period=self.grace_of(fidelity),
            reduction_factor=self.eta,
            brackets=self.brackets,
        )
