"""What every scheduler keeps to, driven as the controller drives it: lost places, failures and early ends included."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search import SCHEDULERS, Action, Decision, Exploit, Saved, Scheduler
from assay.spaces import Fidelity, Objective, Space

from .scheduler_driver import FIDELITY, SPACE, Driver

OPTIONS: dict[str, dict[str, Any]] = {"pbt": {"interval": 3}, "pb2": {"interval": 13}}
TRIALS = {"pb2": 6, "pbt": 12}  # a proposal of pb2 takes up to a second

every_scheduler = pytest.mark.parametrize("word", sorted(SCHEDULERS))
every_scheduler_and_seed = pytest.mark.parametrize(
    ("word", "seed"), [(word, seed) for word in sorted(SCHEDULERS) for seed in range(1 if word == "pb2" else 4)]
)


def build(
    word: str, goal: str = "maximize", seed: int = 0, fidelity: Fidelity = FIDELITY, space: Space = SPACE, **more: Any
) -> Scheduler:
    options = SCHEDULERS[word].model_validate({"type": word, **OPTIONS.get(word, {}), **more})
    return options.build(space, Objective("score", goal), fidelity, seed)  # type: ignore[arg-type]


def answers(driver: Driver) -> list[Any]:
    return [answer for *_, answer in driver.log]


@every_scheduler_and_seed
def test_the_same_calls_get_the_same_answers(word: str, seed: int) -> None:
    driver = Driver(build(word, seed=seed), seed, TRIALS.get(word, 24))
    driver.run()
    again = build(word, seed=seed)
    for name, arguments, keywords, answer in driver.log:
        assert getattr(again, name)(*arguments, **keywords) == answer, f"{name}{arguments}"


@every_scheduler_and_seed
def test_minimizing_mirrors_maximizing(word: str, seed: int) -> None:
    upwards = Driver(build(word, "maximize"), seed, TRIALS.get(word, 24))
    downwards = Driver(build(word, "minimize"), seed, TRIALS.get(word, 24), sign=-1)
    upwards.run()
    downwards.run()
    assert answers(upwards) == answers(downwards)


@every_scheduler
def test_the_callers_generators_are_neither_read_nor_moved(word: str) -> None:
    logs = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        driver = Driver(build(word, seed=3), 0, 6, restless=True)
        driver.run()
        logs.append(driver.log)
    calm = Driver(build(word, seed=3), 0, 6)
    calm.run()
    assert logs == [calm.log, calm.log]


@every_scheduler_and_seed
def test_every_trial_is_known_and_none_waits_once_all_are_over(word: str, seed: int) -> None:
    driver = Driver(build(word, seed=seed), seed, TRIALS.get(word, 24), fails=0.02)
    driver.run()
    assert driver.added == TRIALS.get(word, 24)
    assert not driver.running
    for number in list(driver.waiting):
        assert not driver.scheduler.copies, "a member waits for ever"
        driver.end(driver.waiting[number], driver.value(driver.waiting[number]))
    assert driver.ended == set(range(driver.added))
    assert driver.call("choose") is driver.call("choose", last=True) is None
    assert driver.call("actions") == []


@every_scheduler
def test_stops_and_pauses_come_at_the_rungs_and_no_stop_before_the_grace(word: str) -> None:
    options = SCHEDULERS[word].model_validate({"type": word, **OPTIONS.get(word, {})})
    rungs, grace = options.rungs(FIDELITY), options.grace_of(FIDELITY)
    assert rungs == sorted(set(rungs))
    assert all(1 <= rung < FIDELITY.max for rung in rungs)
    driver = Driver(build(word), 1, TRIALS.get(word, 24))
    driver.run()
    stops = {step for _, step, decision in driver.decided if decision is Decision.STOP}
    pauses = {step for _, step, decision in driver.decided if decision is Decision.PAUSE}
    assert stops | pauses <= set(rungs)
    assert all(grace <= step for step in stops)
    assert bool(stops | pauses) == bool(rungs)


@every_scheduler_and_seed
def test_trials_that_lost_their_place_are_chosen_again(word: str, seed: int) -> None:
    driver = Driver(build(word, seed=seed), seed, TRIALS.get(word, 24), fails=0.0)
    driver.run(int(np.random.default_rng(seed).integers(1, 60)))
    lost = set(driver.running)
    assert lost
    for number in lost:
        driver.lose(driver.running[number])
    found = set()
    while lost - found:
        number = driver.call("choose")
        assert number is not None
        driver.start(number)
        found.add(number)
    for number in lost:
        driver.report(driver.running[number])


@every_scheduler
def test_a_trial_that_is_lost_after_its_last_report_is_chosen_to_end(word: str) -> None:
    scheduler = build(word)
    for number in range(3):
        scheduler.on_add(number, SPACE.default())
    scheduler.on_run(1)
    scheduler.on_end(1, 27, 0.5)
    scheduler.on_lost(1)
    chosen = []
    while (number := scheduler.choose()) is not None and number not in chosen:
        scheduler.on_run(number)
        chosen.append(number)
    assert sorted(chosen) == [0, 1, 2]
    scheduler.on_end(1, 27, 0.5)
    assert scheduler.choose() is None


@every_scheduler
def test_a_trial_that_fails_before_its_first_report_harms_nothing(word: str) -> None:
    scheduler = build(word)
    scheduler.on_add(0, SPACE.default())
    scheduler.on_add(1, SPACE.default())
    scheduler.on_run(0)
    scheduler.on_end(0, 0, None)
    assert scheduler.choose() == 1
    scheduler.on_run(1)
    assert scheduler.on_report(1, 1, 0.5) in (Decision.CONTINUE, Decision.PAUSE)


@every_scheduler
def test_a_trial_may_end_before_it_ran(word: str) -> None:
    scheduler = build(word)
    for number in range(3):
        scheduler.on_add(number, SPACE.default())
    for number in range(3):
        scheduler.on_end(number, 0, None)
    assert scheduler.choose() is scheduler.choose(last=True) is None


@every_scheduler
def test_the_end_of_a_trial_is_told_twice_and_counts_once(word: str) -> None:
    """A decision to stop, or the last report of a full run, ends it for the scheduler before it has ended."""
    twice, once = (Driver(build(word), 5, TRIALS.get(word, 24), fails=0.0, loses=0.0) for _ in range(2))
    twice.run()
    end = once.scheduler.on_end
    over: set[int] = set()

    def only_first(number: int, step: int, value: float | None) -> None:
        if number not in over:
            end(number, step, value)
        over.add(number)

    once.scheduler.on_end = only_first  # type: ignore[method-assign]
    once.run()
    assert answers(twice) == answers(once)


@every_scheduler
@pytest.mark.parametrize("longest", [1, 2, 3])
def test_the_shortest_runs(word: str, longest: int) -> None:
    """A full run of one report leaves nothing to decide."""
    options = SCHEDULERS[word].model_validate({"type": word})
    fidelity = Fidelity("epoch", 1, longest)
    try:
        options.check(SPACE, fidelity, 6)
    except ValueError:
        return  # it is refused, with the reason
    driver = Driver(build(word, fidelity=fidelity, **({"interval": 1} if OPTIONS.get(word) else {})), 2, 6)
    driver.longest = longest
    driver.run()
    assert driver.added == 6
    assert not driver.running


@every_scheduler
def test_unknown_options_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        SCHEDULERS[word].model_validate({"type": word, "nonsense": 1})
    assert SCHEDULERS[word](type=word).type == word


# Copies


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Every kind of parameter, some of them under a condition."""
    low, count = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    kinds: dict[str, Any] = {
        "rate": {"min": low / 10, "max": (low + count) / 10, "log": draw(st.booleans())},
        "grid": {"min": low / 10, "max": (low + count) / 10, "step": 0.1, "log": draw(st.booleans())},
        "whole": {"type": "int", "min": low, "max": low + 3 * count, "step": 3, "log": draw(st.booleans())},
        "kind": draw(st.lists(st.sampled_from(["a", "b", 1, 1.5, True, None]), min_size=1, max_size=4, unique_by=repr)),
        "fixed": 7,
    }
    kinds["under.kind"] = {"min": -1.0, "max": 1.0, "when": {"kind": kinds["kind"][0]}}
    kinds["under.whole"] = {"values": ["x", "y"], "when": {"whole": low}}
    names = draw(st.permutations(list(kinds)))
    return Space({name: kinds[name] for name in names})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_copies_are_valid_and_come_from_what_was_reported(data: st.DataObject) -> None:
    """The driver checks each exploit: its config is one of the space, its source was saved, and is another trial's."""
    space = data.draw(spaces())
    names = [name for name in space if not space[name].conditions]
    scheduler = build(
        "pbt",
        space=space,
        seed=data.draw(st.integers(0, 99)),
        fidelity=Fidelity("epoch", 1, 9),
        interval=data.draw(st.integers(1, 4)),
        perturb=data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True)),
        quantile=data.draw(st.sampled_from([0.1, 0.25, 0.5])),
        resample=data.draw(st.sampled_from([0.0, 0.5, 1.0])),
        factors=data.draw(st.sampled_from([[0.8, 1.2], [0.1, 10.0], [-1.0, 1.0]])),
        synchronous=data.draw(st.booleans()),
    )
    driver = Driver(scheduler, data.draw(st.integers(0, 99)), data.draw(st.integers(2, 9)), space=space, longest=9)
    driver.run()
    assert driver.ended == set(range(driver.trials))


@pytest.mark.parametrize(
    ("synchronous", "perturb"), [(False, ["lr", "momentum", "width", "depth"]), (True, ["lr", "width"])]
)
def test_bandits_propose_what_is_in_the_space(synchronous: bool, perturb: list[str]) -> None:
    driver = Driver(build("pb2", interval=3, perturb=perturb, synchronous=synchronous), 3, 6, longest=10)
    driver.run()
    assert driver.exploits
    assert driver.ended == set(range(6))


@pytest.mark.parametrize("word", ["pbt", "pb2"])
def test_what_may_be_copied_is_kept(word: str) -> None:
    """The source of each exploit was pinned from its report on."""
    scheduler = build(word, interval=3)
    driver = Driver(scheduler, 7, 6, longest=10)
    pinned: set[Saved] = set()
    obey = driver.obey

    def watched() -> None:
        known, before = pinned | _last_reports(driver), len(driver.exploits)
        obey()
        assert all(exploit.source in known for exploit in driver.exploits[before:])
        pinned.clear()
        pinned.update(scheduler.pins())

    driver.obey = watched  # type: ignore[method-assign]
    driver.run()
    assert driver.exploits


def _last_reports(driver: Driver) -> set[Saved]:
    """What is on disk anyway: the newest checkpoint of each trial that runs or waits."""
    members = [*driver.running.values(), *driver.waiting.values()]
    return {Saved(member.number, member.segment, member.step) for member in members}


def actions_of(driver: Driver) -> list[Action]:
    return [action for name, *_, answer in driver.log if name == "actions" for action in answer]


@pytest.mark.parametrize("word", [word for word in sorted(SCHEDULERS) if not build(word).copies])
def test_only_populations_copy(word: str) -> None:
    driver = Driver(build(word), 4)
    driver.run()
    assert not any(isinstance(action, Exploit) for action in actions_of(driver))
