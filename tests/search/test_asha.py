"""The options of ASHA and what they become."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ray.tune.schedulers.async_hyperband import _Bracket

from assay.search import SCHEDULERS, Decision, Scheduler
from assay.spaces import Fidelity, Objective, Space, SpaceError, UsageError

OBJECTIVE = Objective("score", "maximize")
SPACE = Space({"x": "uniform(0, 1)"})


def build(fidelity: Fidelity | None, seed: int = 0, **options: object) -> Scheduler:
    return SCHEDULERS["asha"].model_validate({"type": "asha", **options}).build(SPACE, OBJECTIVE, fidelity, seed)


def test_the_defaults() -> None:
    options = SCHEDULERS["asha"].model_validate({"type": "asha"})
    assert options.model_dump() == {"type": "asha", "metric": None, "eta": 3.0, "grace": None, "brackets": 1}
    assert options.grace_of(Fidelity("epoch", 2, 27)) == 2
    assert options.rungs(Fidelity("epoch", 1, 27)) == [1, 3, 9]


def test_a_grace_of_its_own_replaces_the_least_training() -> None:
    options = SCHEDULERS["asha"].model_validate({"type": "asha", "grace": 4, "eta": 2})
    assert options.grace_of(Fidelity("epoch", 1, 27)) == 4
    assert options.rungs(Fidelity("epoch", 1, 27)) == [4, 8, 16]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"eta": eta} for eta in (1, float("inf"), float("nan"), "3")),
        *({"grace": grace} for grace in (0, 1.5)),
        {"brackets": 0},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SCHEDULERS["asha"].model_validate({"type": "asha", **wrong})


def test_it_needs_a_fidelity() -> None:
    with pytest.raises(UsageError, match=r"^scheduler asha needs a fidelity: add `fidelity: {unit: epoch"):
        build(None)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from([1.5, 2, 2.5, 3, 4, 10]), st.integers(1, 40), st.integers(1, 1000))
def test_the_rungs_are_those_of_ray(eta: float, grace: int, longest: int) -> None:
    fidelity = Fidelity("epoch", 1, max(grace, longest))
    options = SCHEDULERS["asha"].model_validate({"type": "asha", "eta": eta, "grace": grace})
    milestones = [milestone for milestone, _ in _Bracket(grace, fidelity.max, eta, 0)._rungs]
    steps = sorted({-int(-milestone // 1) for milestone in milestones if milestone < fidelity.max})
    assert options.rungs(fidelity) == [step for step in steps if step < fidelity.max]


def run(scheduler: Scheduler, number: int, longest: int, value: float) -> int:
    """The step at which a trial is stopped, or ``longest``."""
    scheduler.on_add(number, SPACE.default())
    assert scheduler.choose() == number
    scheduler.on_run(number)
    for step in range(1, longest):
        if scheduler.on_report(number, step, value) is Decision.STOP:
            return step
    scheduler.on_end(number, longest, value)
    return longest


def test_weak_trials_stop_and_the_best_trains_in_full() -> None:
    scheduler = build(Fidelity("epoch", 1, 9))
    stopped_at = {number: run(scheduler, number, 9, number) for number in (5, 4, 3, 2, 1, 0)}  # the best first
    assert stopped_at == {5: 9, 4: 1, 3: 1, 2: 1, 1: 1, 0: 1}


def test_it_looks_at_rungs_only() -> None:
    scheduler = build(Fidelity("epoch", 2, 27))
    scheduler.on_add(0, SPACE.default())
    scheduler.on_run(0)
    assert [scheduler.horizon(0, step) for step in (0, 1, 2, 5, 6, 17, 18, 27)] == [2, 2, 6, 6, 18, 18, None, None]


def test_trials_that_are_over_are_forgotten() -> None:
    scheduler = build(Fidelity("epoch", 1, 9), brackets=2)
    stage = scheduler._stage  # type: ignore[attr-defined]
    for number in range(300):
        scheduler.on_add(number, SPACE.default())
        scheduler.on_run(number)
        if number % 3 == 0:
            scheduler.on_end(number, 0, None)
        elif scheduler.on_report(number, 1, number % 7) is Decision.CONTINUE:
            scheduler.on_lost(number) if number % 2 else scheduler.on_report(number, 2, 0.5)
            scheduler.on_end(number, 9, 0.5)
        assert len(stage.trials) <= 1
    assert not stage.trials
    assert not stage.waiting
    assert not stage.exploited


@pytest.mark.parametrize(
    ("fidelity", "options", "most"), [((1, 27), {}, 3), ((1, 27), {"grace": 9}, 1), ((5, 5), {}, 1)]
)
def test_brackets_have_a_rung_each(fidelity: tuple[int, int], options: dict[str, int], most: int) -> None:
    granted = Fidelity("epoch", *fidelity)
    for brackets in range(1, 6):
        chosen = SCHEDULERS["asha"].model_validate({"type": "asha", "brackets": brackets, **options})
        if brackets <= most:
            chosen.check(SPACE, granted, 9)
            continue
        with pytest.raises(SpaceError, match=f"there are only {most} rungs from .* on: lower it"):
            chosen.check(SPACE, granted, 9)


def test_brackets_are_dealt_out_by_the_seed() -> None:
    """In a later bracket the first rung is later."""

    def first_stops(seed: int) -> list[int]:
        scheduler = build(Fidelity("epoch", 1, 27), seed, brackets=3)
        return [run(scheduler, number, 27, -number) for number in range(40)]  # each worse than all before it

    assert first_stops(1) == first_stops(1)
    assert first_stops(1) != first_stops(2)
    assert set(first_stops(1)) == {1, 3, 9, 27}
