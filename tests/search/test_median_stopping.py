"""The median stopping rule: what becomes of its options, and that it never makes a trial wait."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from assay.search import SCHEDULERS, Decision
from assay.search.median_stopping import MedianStoppingOptions
from assay.search.tune_scheduler import TuneScheduler
from assay.spaces import Fidelity, Objective

from ..contracts.scheduler_driver import SPACE, Driver
from ..oracle import run_tune

OBJECTIVE = Objective("score", "maximize")


def options(**given: object) -> MedianStoppingOptions:
    chosen = SCHEDULERS["median"].model_validate({"type": "median", **given})
    assert isinstance(chosen, MedianStoppingOptions)
    return chosen


def test_the_defaults() -> None:
    assert options().model_dump() == {"type": "median", "metric": None, "grace": None, "samples": 3}
    assert not options().needs_checkpoints
    assert options().rungs(Fidelity("epoch", 2, 5)) == [2, 3, 4]
    assert options(grace=4).rungs(Fidelity("epoch", 2, 5)) == [4]
    assert options(grace=5).rungs(Fidelity("epoch", 2, 5)) == []


@pytest.mark.parametrize(
    "wrong", [{"grace": 0}, {"grace": 1.5}, {"samples": 0}, {"samples": "3"}, {"hard_stop": False}]
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        options(**wrong)


@pytest.mark.parametrize(("grace", "samples"), [(1, 1), (3, 3), (5, 6)])
def test_the_rungs_are_where_rays_own_run_decides(grace: int, samples: int, tmp_path: Path) -> None:
    chosen, fidelity = options(grace=grace, samples=samples), Fidelity("epoch", 1, 9)
    rng = np.random.default_rng(grace)
    configs = [{"x": float(x), "bend": float(bend)} for x, bend in rng.uniform(size=(60, 2))]
    ran = run_tune(
        chosen.tune_scheduler(SPACE, OBJECTIVE, fidelity),
        configs,
        lambda config, step: (config["x"] + (config["bend"] - 0.5) * step, 1.0 + config["x"]),
        slots=9,
        max_t=fidelity.max,
        goal="max",
        folder=tmp_path,
        metric=TuneScheduler.METRIC,
    )
    decided = {result.step for trial in ran for result in trial.results if result.decision in ("STOP", "PAUSE")}
    assert decided <= set(chosen.rungs(fidelity))
    assert min(decided) == min(chosen.rungs(fidelity)) == grace


def test_the_rule_itself() -> None:
    """A trial is stopped when its best value is below the median of the others' running averages."""
    scheduler = options(grace=2, samples=2).build(SPACE, OBJECTIVE, Fidelity("epoch", 1, 9), 0)
    for number in range(4):
        scheduler.on_add(number, SPACE.default())
        scheduler.on_run(number)
    decisions = []
    for number, values in enumerate([[0.0, 1.0, 3.0], [0.0, 5.0, 3.0], [9.0, 3.9, 0.0], [3.9, 1.0, 2.9]]):
        decisions.append([scheduler.on_report(number, step, value) for step, value in enumerate(values, 1)])
    go = Decision.CONTINUE
    assert decisions[:3] == [[go] * 3] * 3, "the first two had too few beside them; the third did well before the grace"
    assert decisions[3] == [go, go, go], "step 2: best 3.9 of averages 1, 5 and 3.9; step 3: of 2, 4 and 1.95"
    scheduler.on_add(4, SPACE.default())
    scheduler.on_run(4)
    assert scheduler.on_report(4, 1, 0.0) is go
    assert scheduler.on_report(4, 2, 2.4) is Decision.STOP, "below the median of 1, 5, 3.9 and 1"


def test_no_trial_ever_waits_for_others() -> None:
    """Ray's rule may pause a trial to see more of others; ours never does."""
    driver = Driver(options(samples=6).build(SPACE, OBJECTIVE, Fidelity("epoch", 1, 27), 0), 2, 30)
    driver.run()
    decisions = [decision for *_, decision in driver.decided]
    assert set(decisions) == {Decision.CONTINUE, Decision.STOP}
    unmodified = options().tune_scheduler(SPACE, OBJECTIVE, Fidelity("epoch", 1, 27))
    assert unmodified._min_time_slice == math.inf


def test_trials_that_are_over_still_count() -> None:
    """Their curves are what the others are compared with."""
    scheduler = options(samples=3).build(SPACE, OBJECTIVE, Fidelity("epoch", 1, 3), 0)
    for number in range(4):
        scheduler.on_add(number, SPACE.default())
        scheduler.on_run(number)
        if number < 3:
            assert scheduler.on_report(number, 1, 1.0) is Decision.CONTINUE
            scheduler.on_end(number, 3, 1.0)
    assert scheduler.on_report(3, 1, 0.9) is Decision.STOP
    assert not scheduler._stage.trials  # type: ignore[attr-defined]
