"""How many trials a scheduler is expected to let come how far, before anything is trained."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..search import Decision, Drop, Scheduler, Sweep, scheduler_seed
from ..spaces import Config, Fidelity

_RUNS = 20
_MOST_TRIALS = 2000
"""Of all simulated searches together."""
_MOST_REPORTS = 100_000


def expected_trials(sweep: Sweep, trials: int) -> dict[int, float] | None:
    """Step -> how many of so many trials come that far, for each rung and the full run.

    Where rank decides, the sweep's scheduler is tried on trials that come one after the other and keep their rank,
    drawn at random: a searcher that learns lets more of them through.

    Returns:
        None when it depends on how the values of trials go, or is too much to try.
    """
    fidelity, options = sweep.granted, sweep.scheduler
    if fidelity is None or options.stops_by == "curve":
        return None
    if options.stops_by == "nothing":
        return {fidelity.max: float(trials)}
    steps = [*options.rungs(fidelity), fidelity.max]
    if trials > _MOST_TRIALS or trials * fidelity.max > _MOST_REPORTS:
        return None
    rng = np.random.default_rng(0)
    runs = max(1, min(_RUNS, _MOST_TRIALS // trials, _MOST_REPORTS // (trials * fidelity.max)))
    reached, default = np.zeros(len(steps)), sweep.parameters.default()
    with _quiet():
        for run in range(runs):
            scheduler = options.build(sweep.parameters, sweep.objective, fidelity, scheduler_seed(sweep.seed) + run)
            lengths = _Rehearsal(scheduler, fidelity, default, rng.random(trials).tolist()).lengths()
            reached += [sum(length >= step for length in lengths) for step in steps]
    return dict(zip(steps, (reached / runs).tolist(), strict=True))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Ray's schedulers tell of brackets that are still small."""
    log = logging.getLogger("ray.tune.schedulers")
    before = log.level
    log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


class _Rehearsal:
    """A search of one trial at a time, in which trial ``i`` always reports ``values[i]``."""

    def __init__(self, scheduler: Scheduler, fidelity: Fidelity, config: Config, values: Sequence[float]) -> None:
        self._scheduler = scheduler
        self._most = fidelity.max
        self._config = config
        self._values = values
        self._steps: list[int] = []

    def lengths(self) -> list[int]:
        """How far each trial came."""
        while True:
            last = len(self._steps) == len(self._values)
            number = None if not last and self._scheduler.room() > 0 else self._scheduler.choose(last=last)
            if number is not None:
                self._scheduler.on_run(number)
                self._train(number)
            elif last:
                return self._steps
            else:
                self._scheduler.on_add(len(self._steps), self._config)
                self._steps.append(0)

    def _train(self, number: int) -> None:
        """Until the scheduler ends it or lets it wait."""
        decision = Decision.CONTINUE
        while decision is Decision.CONTINUE and self._steps[number] < self._most:
            due = self._scheduler.horizon(number, self._steps[number])
            self._steps[number] = min(due or self._most, self._most)
            if self._steps[number] < self._most:
                decision = self._scheduler.on_report(number, self._steps[number], self._values[number])
        if decision is not Decision.PAUSE:
            self._scheduler.on_end(number, self._steps[number], self._values[number])
        for action in self._scheduler.actions():
            if isinstance(action, Drop):
                self._scheduler.on_end(action.number, self._steps[action.number], self._values[action.number])
