"""The options of ASHA and what they become."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from ray.tune.schedulers.async_hyperband import _Bracket

from assay.search import SCHEDULERS, Decision
from assay.spaces import Fidelity, Objective, UsageError

OBJECTIVE = Objective("score", "maximize")


def test_the_defaults() -> None:
    options = SCHEDULERS["asha"].model_validate({"type": "asha"})
    assert options.model_dump() == {"type": "asha", "eta": 3.0, "grace": None}
    assert options.grace_of(Fidelity("epoch", 2, 27)) == 2
    assert options.rungs(Fidelity("epoch", 1, 27)) == [1, 3, 9]


def test_a_grace_of_its_own_replaces_the_least_training() -> None:
    options = SCHEDULERS["asha"].model_validate({"type": "asha", "grace": 4, "eta": 2})
    assert options.grace_of(Fidelity("epoch", 1, 27)) == 4
    assert options.rungs(Fidelity("epoch", 1, 27)) == [4, 8, 16]


@pytest.mark.parametrize(
    "wrong",
    [{"eta": 1}, {"eta": float("inf")}, {"eta": float("nan")}, {"eta": "3"}, {"grace": 0}, {"grace": 1.5}],
)
def test_wrong_options_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SCHEDULERS["asha"].model_validate({"type": "asha", **wrong})


def test_it_needs_a_fidelity() -> None:
    with pytest.raises(UsageError, match=r"^scheduler asha needs a fidelity: add `fidelity: {unit: epoch"):
        SCHEDULERS["asha"](type="asha").build(OBJECTIVE, None, 0)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.sampled_from([1.5, 2, 2.5, 3, 4, 10]), st.integers(1, 40), st.integers(1, 1000))
def test_the_rungs_are_those_of_ray(eta: float, grace: int, longest: int) -> None:
    fidelity = Fidelity("epoch", 1, max(grace, longest))
    options = SCHEDULERS["asha"].model_validate({"type": "asha", "eta": eta, "grace": grace})
    milestones = [milestone for milestone, _ in _Bracket(grace, fidelity.max, eta, 0)._rungs]
    steps = sorted({-int(-milestone // 1) for milestone in milestones if milestone < fidelity.max})
    assert options.rungs(fidelity) == [step for step in steps if step < fidelity.max]


def test_weak_trials_stop_and_the_best_trains_in_full() -> None:
    scheduler = SCHEDULERS["asha"](type="asha").build(OBJECTIVE, Fidelity("epoch", 1, 9), 0)
    stopped_at = {}
    for number in (5, 4, 3, 2, 1, 0):  # the best first
        scheduler.on_start(number)
        steps = range(1, 10)
        stopped_at[number] = next(s for s in steps if scheduler.on_report(number, s, number) == Decision.STOP)
    assert stopped_at == {5: 9, 4: 1, 3: 1, 2: 1, 1: 1, 0: 1}
