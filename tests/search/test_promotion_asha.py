"""Promotion: the same choices as a literal transcript of algorithm 2, at a logarithm of its cost."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.search import SCHEDULERS, Decision, Scheduler
from assay.search.promotion_asha import PromotionAsha
from assay.spaces import Fidelity, Objective, Space

SPACE = Space({"x": "uniform(0, 1)"})


def build(longest: int = 27, goal: Any = "maximize", **options: Any) -> Scheduler:
    chosen = SCHEDULERS["promotion_asha"].model_validate({"type": "promotion_asha", **options})
    return chosen.build(SPACE, Objective("score", goal), Fidelity("epoch", 1, longest), 0)


class Transcript:
    """Algorithm 2 of Li et al., MLSys 2020, ``get_job``: from the highest rung down, the best of the top ``1/eta``
    that was not promoted yet; ties to the trial that came first."""

    def __init__(self, rungs: list[int], eta: float) -> None:
        self._rungs = {step: dict[int, float]() for step in rungs}
        self._promoted = {step: set[int]() for step in rungs}
        self._eta = eta

    def report(self, number: int, step: int, value: float) -> None:
        self._rungs[step][number] = value

    def promote(self) -> int | None:
        for step in reversed(self._rungs):
            found = self._promotable(step)
            if found is not None:
                return found
        return None

    def _promotable(self, step: int) -> int | None:
        ranked = sorted(self._rungs[step], key=lambda number: (-self._rungs[step][number], number))
        top = ranked[: int(len(ranked) / self._eta)]
        return next((number for number in top if number not in self._promoted[step]), None)

    def leave(self, number: int, step: int) -> None:
        """It was promoted, or is over."""
        self._promoted[step].add(number)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_the_choices_are_those_of_the_algorithm(data: st.DataObject) -> None:
    rungs, eta = [1, 3, 9], data.draw(st.sampled_from([1.1, 2, 2.5, 3, 4]))
    scheduler, transcript = PromotionAsha(rungs, eta, 1), Transcript(rungs, eta)
    at: dict[int, int] = {}  # rung at which a trial waits
    running: dict[int, int] = {}  # the rung that a trial comes to next, 27 beyond the last
    added = 0
    for _ in range(data.draw(st.integers(10, 80))):
        if not running or (len(running) < 4 and data.draw(st.booleans())):
            number = scheduler.choose()
            assert number == transcript.promote()
            if number is None:
                scheduler.on_add(added, SPACE.default())
                number = scheduler.choose()
                assert number == added
                added += 1
            scheduler.on_run(number)
            if number in at:
                transcript.leave(number, at[number])
            running[number] = {1: 3, 3: 9, 9: 27}.get(at.pop(number, 0), 1)
            continue
        number = data.draw(st.sampled_from(sorted(running)))
        step = running.pop(number)
        fate = data.draw(st.integers(0, 9))
        if fate == 0 or step == 27:
            scheduler.on_end(number, step, None if fate == 0 else 1.0)
        else:
            value = float(data.draw(st.integers(0, 5)))  # ties do happen
            assert scheduler.on_report(number, step, value) is Decision.PAUSE
            transcript.report(number, step, value)
            at[number] = step
    for number in list(at):
        if data.draw(st.booleans()):
            scheduler.on_end(number, at[number], None)
            transcript.leave(number, at.pop(number))
    assert scheduler.choose() == transcript.promote()


def test_the_defaults() -> None:
    options = SCHEDULERS["promotion_asha"].model_validate({"type": "promotion_asha"})
    assert options.model_dump() == {"type": "promotion_asha", "metric": None, "eta": 3.0, "grace": None}
    assert options.needs_checkpoints
    assert options.rungs(Fidelity("epoch", 1, 27)) == [1, 3, 9]


@pytest.mark.parametrize("wrong", [{"eta": 1}, {"grace": 0}, {"brackets": 2}])
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SCHEDULERS["promotion_asha"].model_validate({"type": "promotion_asha", **wrong})


def start(scheduler: Scheduler, number: int) -> None:
    scheduler.on_add(number, SPACE.default())
    scheduler.on_run(number)


def test_small_values_are_promoted_when_they_are_better() -> None:
    scheduler = build(goal="minimize")
    for number, value in enumerate([0.3, 0.1, 0.2]):
        start(scheduler, number)
        scheduler.on_report(number, 1, value)
    assert scheduler.choose() == 1


def test_between_rungs_nothing_is_decided() -> None:
    scheduler = build()
    start(scheduler, 0)
    scheduler.on_report(0, 1, 0.5)
    scheduler.on_run(0)
    assert scheduler.on_report(0, 2, 0.5) is Decision.CONTINUE
    assert [scheduler.horizon(0, step) for step in (0, 1, 2, 3, 8, 9, 26)] == [1, 3, 3, 9, 9, None, None]


def test_a_trial_that_lost_its_place_comes_before_promotions() -> None:
    scheduler = build()
    for number in range(4):
        start(scheduler, number)
    for number in range(3):
        scheduler.on_report(number, 1, float(number))
    scheduler.on_lost(3)
    assert scheduler.choose() == 3
    scheduler.on_run(3)
    assert scheduler.choose() == 2


def test_the_best_is_trained_in_full_when_there_are_too_few_to_promote_any() -> None:
    """Only when there are no new ones, and no trial can come to be promoted any more."""
    scheduler = build()
    for number in range(2):
        start(scheduler, number)
    scheduler.on_report(0, 1, 0.4)
    assert scheduler.choose(last=True) is None, "another one still runs"
    scheduler.on_report(1, 1, 0.6)
    assert scheduler.choose() is None, "there may be new ones"
    for step in (1, 3, 9):
        assert scheduler.choose(last=True) == 1
        scheduler.on_run(1)
        if step < 9:
            scheduler.on_report(1, 3 * step, 0.6)
    scheduler.on_end(1, 27, 0.6)
    assert scheduler.choose(last=True) is None, "one is enough"


def test_when_the_best_fails_the_next_is_trained_in_full() -> None:
    scheduler = build()
    for number in range(2):
        start(scheduler, number)
        scheduler.on_report(number, 1, float(number))
    scheduler.on_run(1)
    scheduler.on_end(1, 2, None)
    assert scheduler.choose(last=True) == 0


def test_without_rungs_all_train_in_full() -> None:
    for longest, options in ((1, {}), (9, {"grace": 9})):
        scheduler = build(longest, **options)
        start(scheduler, 0)
        assert scheduler.horizon(0, 0) is None
        scheduler.on_end(0, longest, 0.5)
        assert scheduler.choose(last=True) is None


def test_a_trial_that_went_on_without_being_promoted_waits_at_its_last_rung_only() -> None:
    """A sweep that is extended may have had another scheduler before."""
    scheduler = build()
    for number in range(3):
        start(scheduler, number)
        for step in range(1, 4):
            if scheduler.on_report(number, step, float(number)) is Decision.PAUSE and step < 3:
                scheduler.on_run(number)
    assert scheduler.choose() == 2
    scheduler.on_run(2)
    assert scheduler.choose() is None


def test_a_decision_costs_little_however_many_trials_there_were() -> None:
    scheduler = build(eta=4, longest=64)
    began = time.process_time()
    for number in range(20_000):
        start(scheduler, number)
        scheduler.on_report(number, 1, number * 7919 % 10_007)
        scheduler.choose()
    assert time.process_time() - began < 5
