"""ASHA decides exactly as Ray Tune's own scheduler that is fed the same events; what the adapter adds to the classes.

That all schedulers decide as under Ray's own controller is shown in tests/cluster/test_conformance.py.
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from assay.search import SCHEDULERS, Decision
from assay.search.tune_scheduler import TuneScheduler
from assay.spaces import Config, Fidelity, Objective, Space

SPACE = Space({"x": "uniform(0, 1)"})


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
    scheduler = options.build(SPACE, Objective("score", goal), fidelity, seed)  # type: ignore[arg-type]
    gone: set[int] = set()
    log = []
    for number, step, value, last in events(seed, fidelity.max):
        if step == 0:
            scheduler.on_add(number, SPACE.default())
            scheduler.on_run(number)
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


class Drawing(FIFOScheduler):  # type: ignore[misc]
    """Draws from both global generators wherever it is called, and warns."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[float, float]] = []

    def _draw(self) -> None:
        warnings.warn("of no interest", DeprecationWarning, stacklevel=2)
        self.drawn.append((random.random(), np.random.random()))  # noqa: NPY002

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._draw()

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        self._draw()
        return str(TrialScheduler.CONTINUE)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self._draw()

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        raise RuntimeError("broken")


def test_the_seed_is_the_schedulers_own() -> None:
    """Ray draws from the global generators; ours are lent to it, and go on from call to call."""
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    drawing = Drawing()
    scheduler = TuneScheduler(drawing, 5, copies=True, mutes=DeprecationWarning)
    scheduler.on_add(0, SPACE.default())
    scheduler.on_add(1, SPACE.default())
    scheduler.on_run(0)
    scheduler.on_report(0, 1, 0.5)
    scheduler.on_end(0, 2, 0.5)
    scheduler.on_run(1)
    with pytest.raises(RuntimeError, match="broken"):
        scheduler.on_end(1, 0, None)
    python, numpy = random.Random(5), np.random.RandomState(5)
    assert drawing.drawn == [(python.random(), numpy.random_sample()) for _ in range(4)]
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before  # noqa: NPY002


def test_warnings_are_heard_unless_they_are_muted() -> None:
    with pytest.warns(DeprecationWarning, match="of no interest"):
        TuneScheduler(Drawing(), 5, mutes=ResourceWarning).on_add(0, SPACE.default())


def test_a_scheduler_that_draws_at_no_report_is_not_lent_to() -> None:
    """Ten thousand reports a second leave no time for it."""

    class Quick(FIFOScheduler):  # type: ignore[misc]
        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            assert random.getstate() == outer
            return str(TrialScheduler.CONTINUE)

    scheduler, outer = TuneScheduler(Quick(), 5), random.getstate()
    scheduler.on_add(0, SPACE.default())
    scheduler.on_run(0)
    assert scheduler.on_report(0, 1, 0.5) is Decision.CONTINUE


def test_it_is_asked_to_choose_among_those_that_wait() -> None:
    class Last(FIFOScheduler):  # type: ignore[misc]
        def choose_trial_to_run(self, tune_controller: Any) -> Any:
            seen.append([trial.number for trial in tune_controller.get_trials()])
            return tune_controller.get_trials()[-1]

    seen: list[list[int]] = []
    scheduler = TuneScheduler(Last(), 0)
    for number in range(4):
        scheduler.on_add(number, Config({"x": number / 4}))
    chosen = []
    for _ in range(4):
        number = scheduler.choose()
        assert number is not None
        scheduler.on_run(number)
        chosen.append(number)
    assert (chosen, scheduler.choose()) == ([3, 2, 1, 0], None)
    assert seen == [[0, 1, 2, 3], [0, 1, 2], [0, 1], [0]], "it is not asked when nobody waits"
    for number in (2, 0):
        scheduler.on_lost(number)
    assert scheduler.choose() == 2
    assert seen[-1] == [0, 2], "by number"


def test_what_it_ends_among_the_waiting_is_an_action() -> None:
    class Culling(FIFOScheduler):  # type: ignore[misc]
        """Ends all others at each report."""

        removed: list[int] = []  # noqa: RUF012

        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            for other in tune_controller.get_live_trials():
                if other is not trial:
                    tune_controller.stop_trial(other)
            return str(TrialScheduler.CONTINUE)

        def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
            self.removed.append(trial.number)

    scheduler = TuneScheduler(Culling(), 0)
    for number in range(3):
        scheduler.on_add(number, SPACE.default())
    scheduler.on_run(1)
    assert scheduler.on_report(1, 1, 0.5) is Decision.CONTINUE
    assert [action.number for action in scheduler.actions()] == [0, 2] == Culling.removed
    assert scheduler.actions() == []
    assert scheduler.choose() is None
    scheduler.on_end(0, 0, None)  # as it is told when that was done
    scheduler.on_end(1, 1, 0.5)
