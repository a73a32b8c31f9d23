"""Without early stopping every trial trains in full, in the order in which they came."""

import numpy as np
import pytest

from assay.search import SCHEDULERS, Decision, Scheduler
from assay.spaces import Config, Fidelity, Objective, Space

SPACE = Space({"x": "uniform(0, 1)"})


@pytest.fixture
def scheduler() -> Scheduler:
    return SCHEDULERS["none"](type="none").build(SPACE, Objective("a", "maximize"), None, 0)


def test_it_never_stops_a_trial(scheduler: Scheduler) -> None:
    for number in range(20):
        scheduler.on_add(number, SPACE.default())
        scheduler.on_run(number)
        for step in range(1, 40):
            value = float(np.random.default_rng([number, step]).normal() - number)
            assert scheduler.on_report(number, step, value) == Decision.CONTINUE
            assert scheduler.horizon(number, step) is None
        scheduler.on_end(number, 40, None if number % 3 else 1.0)
    assert scheduler.actions() == []
    assert scheduler.pins() == set()


def test_trials_run_in_the_order_in_which_they_came(scheduler: Scheduler) -> None:
    for number in (3, 1, 2):
        scheduler.on_add(number, Config({"x": number / 10}))
    order = []
    while (number := scheduler.choose()) is not None:
        scheduler.on_run(number)
        order.append(number)
        if order == [3]:
            scheduler.on_lost(3)  # to the end of the queue
    assert order == [3, 1, 2, 3]


def test_it_keeps_nothing_of_trials_that_are_over(scheduler: Scheduler) -> None:
    for number in range(1000):
        scheduler.on_add(number, SPACE.default())
        scheduler.on_run(number)
        scheduler.on_report(number, 1, 0.5)
        scheduler.on_end(number, 1, 0.5)
    assert not any(vars(scheduler).values())


def test_it_has_no_rungs() -> None:
    options, fidelity = SCHEDULERS["none"](type="none"), Fidelity("epoch", 2, 9)
    assert options.rungs(fidelity) == []
    assert options.grace_of(fidelity) == 9
    assert not options.needs_checkpoints
