"""Asynchronous successive halving, by Ray Tune."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..spaces import Fidelity, Objective, UsageError
from .scheduler import Scheduler, SchedulerOptions


class AshaOptions(SchedulerOptions):
    """Asynchronous successive halving in Ray Tune's stopping form.

    Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020, algorithm 2, with stopping instead of
    promotion.
    """

    type: Literal["asha"] = "asha"
    eta: float = Field(default=3, ge=1.1)
    """About one trial in eta goes on at each rung; rungs are eta times apart."""
    grace: int | None = Field(default=None, ge=1)
    """The first rung, in units of the fidelity; the fidelity's min when left out."""

    def grace_of(self, fidelity: Fidelity) -> int:
        return self.grace or fidelity.min

    def rungs(self, fidelity: Fidelity) -> list[int]:
        return fidelity.rungs(self.eta, self.grace_of(fidelity))

    def build(self, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        from ray.tune.schedulers import AsyncHyperBandScheduler

        from .tune_scheduler import TuneScheduler

        if fidelity is None:
            raise UsageError("scheduler asha needs a fidelity: add `fidelity: {unit: epoch, min: 1, max: 27}`")
        return TuneScheduler(
            AsyncHyperBandScheduler(
                time_attr=TuneScheduler.TIME,
                metric=TuneScheduler.METRIC,
                mode="max" if objective.goal == "maximize" else "min",
                max_t=fidelity.max,
                grace_period=self.grace_of(fidelity),
                reduction_factor=self.eta,
            ),
            seed,
        )
