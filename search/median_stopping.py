"""The median stopping rule, by Ray Tune."""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field

from ..spaces import Fidelity, Objective, Space
from .scheduler import Scheduler, SchedulerOptions


class MedianStoppingOptions(SchedulerOptions):
    """A trial is stopped when its best value so far is worse than the median of the others' running averages.

    Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017, section 3.2.1.
    """

    type: Literal["median"] = "median"
    grace: int | None = Field(default=None, ge=1)
    """No trial is stopped before this step; the fidelity's min when left out."""
    samples: int = Field(default=3, ge=1)
    """Trials that have to have come as far."""

    def grace_of(self, fidelity: Fidelity) -> int:
        return self.grace or fidelity.min

    def rungs(self, fidelity: Fidelity) -> list[int]:
        return list(range(self.grace_of(fidelity), fidelity.max))

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        from .tune_scheduler import TuneScheduler

        return TuneScheduler(self.tune_scheduler(space, objective, self.require(fidelity)), seed)

    def tune_scheduler(self, space: Space, objective: Objective, fidelity: Fidelity) -> Any:
        """Ray Tune's object."""
        from ray.tune.schedulers import MedianStoppingRule

        from .tune_scheduler import TuneScheduler, tune_mode

        return MedianStoppingRule(
            time_attr=TuneScheduler.TIME,
            metric=TuneScheduler.METRIC,
            mode=tune_mode(objective),
            grace_period=self.grace_of(fidelity),
            min_samples_required=self.samples,
            min_time_slice=math.inf,  # never pause a trial to see more of others: they run anyway
        )
