"""ASHA decides exactly as Ray Tune's own scheduler that is fed the same events."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from assay.search import SCHEDULERS, Decision
from assay.search.tune_scheduler import TuneScheduler
from assay.spaces import Fidelity, Objective


class RayTrial:
    """What Ray's scheduler sees of a trial."""

    def __init__(self, number: int) -> None:
        self.trial_id, self.status = str(number), "RUNNING"


def ray_decisions(seed: int, mode: str, fidelity: Fidelity, eta: float, grace: int) -> list[tuple[int, int, bool]]:
    """Trial, step and whether it was stopped there, by Ray's scheduler as Ray's controller calls it."""
    scheduler = AsyncHyperBandScheduler(
        time_attr="epoch", metric="score", mode=mode, max_t=fidelity.max, grace_period=grace, reduction_factor=eta
    )
    trials: dict[int, RayTrial] = {}
    log = []
    for number, step, value, last in events(seed, fidelity.max):
        if step == 0:
            trials[number] = RayTrial(number)
            scheduler.on_trial_add(None, trials[number])
            continue
        if number not in trials:
            continue  # it was stopped
        result = {"epoch": step, "score": value}
        if last == "failed":
            scheduler.on_trial_error(None, trials.pop(number))
            continue
        stopped = scheduler.on_trial_result(None, trials[number], result) == TrialScheduler.STOP
        log.append((number, step, stopped))
        if stopped:
            trials.pop(number)
        elif last == "done":
            scheduler.on_trial_complete(None, trials.pop(number), result)
    return log


def our_decisions(seed: int, goal: str, fidelity: Fidelity, eta: float, grace: int) -> list[tuple[int, int, bool]]:
    options = SCHEDULERS["asha"].model_validate({"type": "asha", "eta": eta, "grace": grace})
    scheduler = options.build(Objective("score", goal), fidelity, seed)  # type: ignore[arg-type]
    gone: set[int] = set()
    log = []
    for number, step, value, last in events(seed, fidelity.max):
        if step == 0:
            scheduler.on_start(number)
        elif number not in gone and last == "failed":
            scheduler.on_end(number, step - 1, None)
            gone.add(number)
        elif number not in gone:
            stopped = scheduler.on_report(number, step, value) == Decision.STOP
            log.append((number, step, stopped))
            if not stopped and last == "done":
                scheduler.on_end(number, step, value)
            gone |= {number} if stopped or last else set()
    return log


def events(seed: int, longest: int, trials: int = 24) -> list[tuple[int, int, float, str]]:
    """Trial, step (0: it starts), value, and how it ends, in the order of eight parallel workers."""
    rng = np.random.default_rng(seed)
    waiting, running, log = list(range(trials)), dict[int, int](), list[tuple[int, int, float, str]]()
    while waiting or running:
        if waiting and len(running) < 8:
            running[waiting[0]] = 0
            log.append((waiting.pop(0), 0, 0.0, ""))
            continue
        number = int(rng.choice(sorted(running)))
        running[number] += 1
        step, value = running[number], round(float(rng.normal(number % 5, 1)), 1)  # rounded: ties do happen
        last = "done" if step >= longest else rng.choice(["", "failed", "done"], p=[0.97, 0.015, 0.015])
        log.append((number, step, value, str(last)))
        if last:
            running.pop(number)
    return log


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("eta", "grace", "longest"), [(3, 1, 27), (2, 1, 16), (4, 2, 50), (3, 5, 5), (2.5, 1, 20), (1.5, 3, 10), (3, 1, 1)]
)
@pytest.mark.parametrize(("goal", "mode"), [("maximize", "max"), ("minimize", "min")])
def test_the_decisions_are_those_of_ray(seed: int, eta: float, grace: int, longest: int, goal: str, mode: str) -> None:
    fidelity = Fidelity("epoch", 1, longest)
    ours, theirs = our_decisions(seed, goal, fidelity, eta, grace), ray_decisions(seed, mode, fidelity, eta, grace)
    assert ours == theirs
    assert any(stopped for *_, stopped in ours)


def test_the_seed_is_the_schedulers_own() -> None:
    """Ray draws from NumPy's global generator; ours is lent to it, and goes on from call to call."""

    class Drawing(TrialScheduler):
        drawn: ClassVar[list[float]] = []

        def on_trial_add(self, tune_controller: object, trial: object) -> None:
            self.drawn.append(float(np.random.random()))  # noqa: NPY002

        def on_trial_result(self, tune_controller: object, trial: object, result: dict[str, object]) -> str:
            self.drawn.append(float(np.random.random()))  # noqa: NPY002
            return str(TrialScheduler.CONTINUE)

        def on_trial_error(self, tune_controller: object, trial: object) -> None:
            raise RuntimeError("broken")

    before = np.random.get_state()  # noqa: NPY002
    scheduler = TuneScheduler(Drawing(), 5)
    scheduler.on_start(0)
    scheduler.on_report(0, 1, 0.5)
    with pytest.raises(RuntimeError, match="broken"):
        scheduler.on_end(0, 1, None)
    expected = np.random.RandomState(5)
    assert Drawing.drawn == [expected.random_sample(), expected.random_sample()]
    assert np.random.get_state()[1].tolist() == before[1].tolist()  # noqa: NPY002
