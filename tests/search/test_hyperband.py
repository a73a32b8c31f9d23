"""HyperBand and BOHB: rungs and brackets are those of Ray Tune, and as many trials train in full as the papers say."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.search import SCHEDULERS
from assay.search.hyperband import HyperBandOptions
from assay.search.tune_scheduler import TuneScheduler
from assay.spaces import Fidelity, Objective, SpaceError

from ..contracts.scheduler_driver import SPACE, Driver
from ..oracle import run_tune

OBJECTIVE = Objective("score", "maximize")
EXAMPLES = settings(max_examples=40, deadline=None, derandomize=True)

both = pytest.mark.parametrize("word", ["hyperband", "bohb"])
etas = st.sampled_from([2.0, 2.5, 3.0, 4.0])


def options(word: str, eta: float = 3) -> HyperBandOptions:
    chosen = SCHEDULERS[word].model_validate({"type": word, "eta": eta})
    assert isinstance(chosen, HyperBandOptions)
    return chosen


def rays_brackets(word: str, eta: float, longest: int, trials: int) -> list[list[Any]]:
    """The brackets of each band of Ray's unmodified object, after ``trials`` came at once."""
    unmodified = options(word, eta).tune_scheduler(SPACE, OBJECTIVE, Fidelity("epoch", 1, longest))
    scheduler = TuneScheduler(unmodified, 0, sees_all=True)
    for number in range(trials):
        scheduler.on_add(number, SPACE.default())
    return [[bracket for bracket in band if bracket is not None] for band in unmodified._hyperbands]


def sizes(word: str, eta: float, longest: int) -> list[int]:
    """How many trials each bracket of a band takes: what is missing after the first of them."""
    room = options(word, eta).room(Fidelity("epoch", 1, longest))
    found, known = [], 0
    while known == 0 or len(found) < _most(eta, longest):
        found.append(1 + room(known + 1))
        known += found[-1]
        assert room(known) == 0, "a bracket is full"
    return found


def _most(eta: float, longest: int) -> int:
    """Brackets of a band that have a first rung."""
    halvings = range(round(math.log(longest) / math.log(eta)) + 1)
    return sum(int(longest * eta**-s) > 0 for s in halvings)


def test_the_defaults() -> None:
    for word in ("hyperband", "bohb"):
        assert options(word).model_dump() == {"type": word, "metric": None, "eta": 3.0}
        assert options(word).needs_checkpoints
        assert options(word).rungs(Fidelity("epoch", 1, 27)) == [1, 3, 9]
        assert options(word).grace_of(Fidelity("epoch", 1, 27)) == 1
        assert options(word).grace_of(Fidelity("epoch", 1, 1)) == 1


@both
@pytest.mark.parametrize("wrong", [{"eta": 1.5}, {"eta": float("inf")}, {"grace": 3}, {"type": "asha"}])
def test_wrong_options_are_refused(word: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SCHEDULERS[word].model_validate({"type": word} | wrong)


@both
def test_a_run_shorter_than_eta_has_nothing_to_halve(word: str) -> None:
    options(word, 4).check(SPACE, Fidelity("epoch", 1, 4), None)
    with pytest.raises(SpaceError, match=f"{word} with eta 4 needs a fidelity.max of at least that, got 3") as caught:
        options(word, 4).check(SPACE, Fidelity("epoch", 1, 3), None)
    assert [problem.where for problem in caught.value.problems] == [("fidelity", "max")]


@both
@EXAMPLES
@given(eta=etas, longest=st.integers(4, 300))
def test_the_brackets_are_those_of_ray(word: str, eta: float, longest: int) -> None:
    ours = sizes(word, eta, longest)
    if sum(ours) > 1000:
        return
    first, second = rays_brackets(word, eta, longest, sum(ours) + 1)
    assert ours == [bracket._n0 for bracket in first]
    assert [len(bracket.current_trials()) for bracket in first] == ours
    assert [len(bracket.current_trials()) for bracket in second] == [1]


def test_the_brackets_of_the_paper() -> None:
    """Algorithm 1 of Li et al. with R = 81 and eta = 3; Ray's HyperBand has the most exploring bracket last."""
    assert sizes("hyperband", 3, 81) == [5, 8, 15, 34, 81]
    assert sizes("bohb", 3, 81) == [81, 34, 15, 8, 5]


@both
def test_a_new_bracket_is_filled_before_any_of_it_runs(word: str) -> None:
    room = options(word).room(Fidelity("epoch", 1, 9))
    filled = {"hyperband": [3, 5, 9], "bohb": [9, 5, 3]}[word] * 2
    wanted = [[0, *range(size - 1, 0, -1)] for size in filled]
    assert [room(known) for known in range(2 * 17)] == [missing for bracket in wanted for missing in bracket]


@both
@pytest.mark.parametrize(("eta", "longest"), [(3, 9), (3, 27), (2, 8), (2, 11), (2.5, 20), (4, 20)])
def test_the_rungs_are_where_rays_own_run_decides(word: str, eta: float, longest: int, tmp_path: Path) -> None:
    chosen, fidelity = options(word, eta), Fidelity("epoch", 1, longest)
    rng = np.random.default_rng(longest)
    configs = [{"x": float(x)} for x in rng.uniform(size=sum(sizes(word, eta, longest)))]
    ran = run_tune(
        chosen.tune_scheduler(SPACE, OBJECTIVE, fidelity),
        configs,
        lambda config, step: (config["x"], 1.0 + config["x"]),
        slots=9,
        max_t=longest,
        goal="max",
        folder=tmp_path,
        metric=TuneScheduler.METRIC,
    )
    decided = {result.step for trial in ran for result in trial.results if result.decision in ("STOP", "PAUSE")}
    assert sorted(decided) == chosen.rungs(fidelity)


@both
@EXAMPLES
@given(eta=etas, longest=st.integers(4, 200))
def test_the_rungs_are_those_of_rays_brackets(word: str, eta: float, longest: int) -> None:
    ours = sizes(word, eta, longest)
    if sum(ours) > 400:
        return
    points = set()
    for bracket in rays_brackets(word, eta, longest, sum(ours))[0]:
        points.add(bracket._cumul_r)
        for trial in bracket.current_trials():
            bracket._live_trials[trial] = {TuneScheduler.TIME: 0, TuneScheduler.METRIC: 0.0}
        while bracket._halves:
            bracket.successive_halving(TuneScheduler.METRIC, 1.0)
            points.add(bracket._cumul_r)
    assert options(word, eta).rungs(Fidelity("epoch", 1, longest)) == sorted(points - {longest})


def survivors(eta: float, longest: int) -> list[int]:
    """How many trials of each bracket train in full, by the papers."""
    found = []
    for halvings in range(round(math.log(longest) / math.log(eta)) + 1):
        alive = math.ceil((round(math.log(longest) / math.log(eta)) + 1) / (halvings + 1) * eta**halvings)
        for _ in range(halvings):
            alive = math.ceil(alive / eta)
        found.append(alive)
    return found


@both
@pytest.mark.parametrize("places", [1, 2, 5, 60])
@pytest.mark.parametrize("bands", [1, 2])
def test_as_many_trials_train_in_full_as_the_brackets_say(word: str, places: int, bands: int) -> None:
    """However few run at a time: a trial that is new never joins a bracket that was full before."""
    fidelity = Fidelity("epoch", 1, 27)
    scheduler = options(word).build(SPACE, OBJECTIVE, fidelity, 0)
    driver = Driver(scheduler, 5, 49 * bands, fails=0, loses=0, ends=0, places=places)
    driver.run()
    last = Counter(member for member, step, _ in driver.decided if step == 26)
    assert len(last) == bands * sum(survivors(3, 27)) == bands * 9


@both
def test_brackets_without_their_failed_trials_go_on(word: str) -> None:
    fidelity = Fidelity("epoch", 1, 27)
    for seed in range(6):
        scheduler = options(word).build(SPACE, OBJECTIVE, fidelity, 0)
        driver = Driver(scheduler, seed, 98, fails=0.02, ends=0)
        driver.run()
        assert driver.ended == set(range(98)), "nobody waits for a trial that is over"
        full = {number for number, step, _ in driver.decided if step == 26}
        assert len(full) <= 18


@both
def test_a_bracket_that_cannot_be_filled_is_halved_all_the_same(word: str) -> None:
    """The budget ends in the middle of one."""
    scheduler = options(word).build(SPACE, OBJECTIVE, Fidelity("epoch", 1, 9), 0)
    driver = Driver(scheduler, 1, 7, fails=0, loses=0, ends=0, longest=9)
    driver.run()
    assert driver.ended == set(range(7))
    assert 0 < len({number for number, step, _ in driver.decided if step == 8}) < 7
