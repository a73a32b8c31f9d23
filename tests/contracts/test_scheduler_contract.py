"""Every scheduler decides the same when the same events are repeated, for both goals, and draws from its own seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from assay.search import SCHEDULERS, Decision, Scheduler
from assay.spaces import Fidelity, Objective

FIDELITY = Fidelity("epoch", 1, 27)

every_scheduler = pytest.mark.parametrize("word", sorted(SCHEDULERS))


@dataclass(frozen=True)
class Event:
    """What happens to a trial: it starts (no step), reports, or ends by itself (``over``)."""

    number: int
    step: int = 0
    value: float | None = None
    over: bool = False


def build(word: str, goal: str = "maximize", seed: int = 0, fidelity: Fidelity = FIDELITY) -> Scheduler:
    return SCHEDULERS[word](type=word).build(Objective("score", goal), fidelity, seed)  # type: ignore[arg-type]


def feed(scheduler: Scheduler, event: Event) -> Decision | None:
    if event.over:
        scheduler.on_end(event.number, event.step, event.value)
    elif event.value is None:
        scheduler.on_start(event.number)
    else:
        return scheduler.on_report(event.number, event.step, event.value)
    return None


def simulate(scheduler: Scheduler, seed: int, sign: int = 1, trials: int = 30) -> list[tuple[Event, Decision | None]]:
    """Six trials at a time; a few fail, a few end early by themselves, stopped ones are heard of no more."""
    rng = np.random.default_rng(seed)
    steps: dict[int, int] = {}
    log: list[tuple[Event, Decision | None]] = []

    def happen(event: Event) -> Decision | None:
        log.append((event, feed(scheduler, event)))
        return log[-1][1]

    for _ in range(100 * trials):
        started = len([event for event, _ in log if event.step == 0 and not event.over])
        if started < trials and len(steps) < 6:
            steps[started] = 0
            happen(Event(started))
            continue
        if not steps:
            break
        number = int(rng.choice(sorted(steps)))
        fate = rng.random()
        if fate < 0.02:
            happen(Event(number, steps.pop(number), None, over=True))
            continue
        steps[number] += 1
        value = sign * float(rng.normal(number % 7, 1.0) + steps[number] * 0.1)
        if happen(Event(number, steps[number], value)) == Decision.STOP:
            steps.pop(number)
        elif steps[number] == FIDELITY.max or fate > 0.99:
            happen(Event(number, steps.pop(number), value, over=True))
    return log


@every_scheduler
@pytest.mark.parametrize("seed", range(5))
def test_repeating_the_events_repeats_the_decisions(word: str, seed: int) -> None:
    log = simulate(build(word), seed)
    rebuilt = build(word)
    assert [feed(rebuilt, event) for event, _ in log] == [decision for _, decision in log]


@every_scheduler
@pytest.mark.parametrize("seed", range(5))
def test_minimizing_mirrors_maximizing(word: str, seed: int) -> None:
    upwards = simulate(build(word, "maximize"), seed)
    downwards = simulate(build(word, "minimize"), seed, sign=-1)
    assert [decision for _, decision in upwards] == [decision for _, decision in downwards]


@every_scheduler
def test_the_global_generator_is_neither_read_nor_moved(word: str) -> None:
    logs = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()  # noqa: NPY002
        logs.append(simulate(build(word, seed=3), 0))
        after = np.random.get_state()  # noqa: NPY002
        assert before[1].tolist() == after[1].tolist()
        assert before[2:] == after[2:]
    assert logs[0] == logs[1]


@every_scheduler
def test_no_trial_is_stopped_between_rungs_or_before_the_grace(word: str) -> None:
    options = SCHEDULERS[word](type=word)
    rungs, grace = options.rungs(FIDELITY), options.grace_of(FIDELITY)
    assert rungs == sorted(set(rungs))
    assert all(grace <= rung < FIDELITY.max for rung in rungs)
    stops = {event.step for event, decision in simulate(build(word), 1) if decision == Decision.STOP}
    assert stops <= {*rungs, FIDELITY.max}


@every_scheduler
def test_a_trial_that_fails_before_its_first_report_harms_nothing(word: str) -> None:
    scheduler = build(word)
    scheduler.on_start(0)
    scheduler.on_end(0, 0, None)
    scheduler.on_start(1)
    assert scheduler.on_report(1, 1, 0.5) == Decision.CONTINUE


@every_scheduler
def test_the_end_of_a_stopped_trial_is_no_news(word: str) -> None:
    scheduler = build(word)
    for number in range(9):
        scheduler.on_start(number)
        decision = scheduler.on_report(number, 1, float(-number))
        scheduler.on_end(number, 1, float(-number) if decision == Decision.CONTINUE else None)


@every_scheduler
def test_unknown_options_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        SCHEDULERS[word].model_validate({"type": word, "nonsense": 1})
    assert SCHEDULERS[word](type=word).type == word
