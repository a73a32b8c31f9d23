"""Without early stopping every trial trains in full."""

import numpy as np

from assay.search import SCHEDULERS, Decision
from assay.spaces import Fidelity, Objective


def test_it_never_stops_a_trial() -> None:
    scheduler = SCHEDULERS["none"](type="none").build(Objective("a", "maximize"), None, 0)
    for number in range(20):
        scheduler.on_start(number)
        for step in range(1, 40):
            value = float(np.random.default_rng([number, step]).normal() - number)
            assert scheduler.on_report(number, step, value) == Decision.CONTINUE
        scheduler.on_end(number, 40, None if number % 3 else 1.0)


def test_it_has_no_rungs() -> None:
    options, fidelity = SCHEDULERS["none"](type="none"), Fidelity("epoch", 2, 9)
    assert options.rungs(fidelity) == []
    assert options.grace_of(fidelity) == 9
