"""Going on with a sweep that was over: more trials, longer runs, another space."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from assay.cluster.extend import extend_sweep
from assay.cluster.replay import Replay, replay
from assay.cluster.virtual_executor import VirtualExecutor
from assay.search import EventKind, Ledger, Phase, State, Trial
from assay.search.random_search import RandomOptions
from assay.spaces import Config, SweepError

from .worlds import Historian, World, first_step, make_sweep, rising

LONGER = {"fidelity": {"unit": "epoch", "min": 1, "max": 27}}
NINE = {"fidelity": {"unit": "epoch", "min": 1, "max": 9}, "budget": {"trials": 12}}


def extend(world: World, **changes: Any) -> str:
    """Let the sweep of a world say something else; what it is told."""
    new = make_sweep(**world.sweep.model_dump(mode="json") | changes)
    with closing(Ledger(world.store)) as ledger:
        record, told = extend_sweep(ledger, ledger.sweep(world.sweep.name), new)
        world.sweep = record.sweep
    return told


def replayed(world: World) -> Replay:
    with closing(Ledger(world.store)) as ledger:
        return replay(ledger, ledger.sweep(world.sweep.name))


def steps(trials: list[Trial]) -> list[list[int]]:
    return [[report.step for report in trial.reports] for trial in trials]


def assert_kept(before: list[Trial], after: list[Trial]) -> None:
    for old, new in zip(before, after, strict=False):
        assert (new.config, new.seed, new.split) == (old.config, old.seed, old.split)
        assert new.reports[: len(old.reports)] == old.reports


@pytest.fixture(params=["random", "historian"])
def searcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One that does not look at results, and one whose answers follow from all that it was told."""
    if request.param == "historian":
        build = lambda self, space, objective, seed, rungs=(): Historian(space)  # noqa: E731
        monkeypatch.setattr(RandomOptions, "build", build)
    return str(request.param)


# More trials


@pytest.mark.parametrize(
    "scheduler",
    ["none", "asha", "promotion_asha", "hyperband", "bohb", "median"],
)
@pytest.mark.parametrize("workers", [1, 3])
def test_more_trials(world: Callable[..., World], searcher: str, scheduler: str, workers: int) -> None:
    small = world(scheduler=scheduler, **NINE)
    small.simulate(rising, workers)
    before = small.trials
    assert extend(small, budget={"trials": 20}) == ""
    small.simulate(rising, workers)
    after = small.trials
    assert after[:12] == before
    assert len(after) == 20
    assert all(trial.state.over for trial in after)
    assert replayed(small).difference is None


def test_more_trials_are_those_that_a_longer_search_would_have_made(world: Callable[..., World]) -> None:
    at_once, in_two = world(name="at-once", budget={"trials": 9}), world(name="in-two", budget={"trials": 4})
    at_once.simulate()
    in_two.simulate()
    extend(in_two, budget={"trials": 9})
    in_two.simulate()
    assert [trial.config for trial in in_two.trials] == [trial.config for trial in at_once.trials]


def test_more_time(world: Callable[..., World]) -> None:
    small = world(budget={"time": "6s"})
    small.drive(VirtualExecutor(rising, 1), phases=True)
    assert len(small.phase(Phase.SEARCH)) == 2
    extend(small, budget={"time": "14s"})
    small.drive(VirtualExecutor(rising, 1), phases=True)
    searched = small.phase(Phase.SEARCH)
    assert max(report.elapsed for trial in searched for report in trial.reports) > 13
    assert len(searched) in (3, 4)
    assert replayed(small).difference is None


@pytest.mark.parametrize(
    ("budget", "more"),
    [
        ({"patience": 2, "trials": 30}, {"patience": 5, "trials": 30}),
        ({"cpu_hours": 8 / 3600}, {"cpu_hours": 16 / 3600}),
    ],
)
def test_more_of_other_budgets(world: Callable[..., World], budget: dict[str, Any], more: dict[str, Any]) -> None:
    small = world(budget=budget)
    small.simulate()
    before = small.trials
    extend(small, budget=more)
    small.simulate()
    assert small.trials[: len(before)] == before or small.trials[len(before) - 1].state is State.STOPPED
    assert len(small.trials) > len(before)
    assert replayed(small).difference is None


def test_a_target_that_is_raised(world: Callable[..., World]) -> None:
    objective = {"metric": "score", "goal": "maximize"}
    small = world(objectives=[objective | {"target": 2.0}], budget={"trials": 9})
    small.simulate()
    count = len(small.trials)
    extend(small, objectives=[objective | {"target": 100.0}])
    small.simulate()
    assert count < len(small.trials) == 9
    assert replayed(small).difference is None


def test_replicates_of_new_finalists(world: Callable[..., World]) -> None:
    small = world()
    small.drive(VirtualExecutor(rising, 2), phases=True)
    before = small.phase(Phase.REPLICATE)
    extend(small, budget={"trials": 20}, leaderboard={"top": 3, "seeds": 3})
    small.drive(VirtualExecutor(rising, 2), phases=True)
    after = small.phase(Phase.REPLICATE)
    assert [trial for trial in after if trial.number <= before[-1].number] == before
    best = sorted(small.phase(Phase.SEARCH), key=lambda trial: -trial.config["x"])[:3]
    for trial in best:
        assert {replicate.split for replicate in after if replicate.parent == trial.number} == {1, 2, 3}


# Longer runs


@pytest.mark.parametrize("workers", [1, 3])
def test_longer_runs_without_a_scheduler(world: Callable[..., World], searcher: str, workers: int) -> None:
    small = world(**NINE)
    small.simulate(rising, workers)
    before = small.trials
    assert extend(small, **LONGER) == "12 of 12 full runs go on to 27 epochs"
    assert set(small.states) == {State.PENDING}
    executor = small.simulate(rising, workers)
    assert_kept(before, small.trials)
    assert steps(small.trials) == [list(range(1, 28))] * 12
    assert set(small.states) == {State.COMPLETE}
    assert executor.clock() == pytest.approx(12 * 18 / workers, rel=0.1)  # nothing was trained twice
    assert replayed(small).difference is None


@pytest.mark.parametrize("workers", [1, 3])
def test_longer_runs_under_asha(world: Callable[..., World], searcher: str, workers: int) -> None:
    """What was a full run is now a rung, and those that would not have come past it do not."""
    small = world(scheduler="asha", **NINE)
    small.simulate(rising, workers)
    before = small.trials
    full = [trial.number for trial in before if trial.state is State.COMPLETE]
    told = extend(small, **LONGER)
    small.simulate(rising, workers)
    after = small.trials
    assert_kept(before, after)
    longer = [number for number in full if after[number].last_step == 27]
    assert told == f"{len(longer)} of {len(full)} full runs go on to 27 epochs"
    assert longer
    for trial in after:
        if trial.number not in full:
            assert trial == before[trial.number]
        elif trial.number not in longer:
            assert (trial.state, trial.last_step) == (State.STOPPED, 9)
    assert replayed(small).difference is None


@pytest.mark.parametrize("workers", [1, 3])
def test_longer_runs_under_promotion(world: Callable[..., World], searcher: str, workers: int) -> None:
    """What was a full run waits at a new rung, and the best third of it goes on."""
    small = world(scheduler={"type": "promotion_asha", "eta": 2}, fidelity={"max": 4}, budget={"trials": 24})
    small.simulate(rising, workers)
    before = small.trials
    full = [trial for trial in before if trial.state is State.COMPLETE]
    told = extend(small, fidelity={"max": 8})
    assert told == f"{len(full)} of {len(full)} full runs go on to 8 steps"
    assert {small.trials[trial.number].state for trial in full} == {State.PAUSED}
    small.simulate(rising, workers)
    after = small.trials
    assert_kept(before, after)
    longer = [trial for trial in after if trial.last_step == 8]
    assert 1 <= len(longer) <= max(1, len(full) // 2)
    scores = sorted((trial.reports[3].metrics["score"] for trial in full), reverse=True)
    assert all(trial.reports[3].metrics["score"] >= scores[len(longer) - 1] for trial in longer)
    assert all(trial.state.over for trial in after)
    assert replayed(small).difference is None


@pytest.mark.parametrize("scheduler", ["none", "asha", "promotion_asha"])
@pytest.mark.parametrize("crash_at", ["lost", "start", "report", "before complete"])
def test_longer_runs_survive_interruptions(world: Callable[..., World], scheduler: str, crash_at: str) -> None:
    small = world(scheduler=scheduler, **NINE)
    small.simulate(rising, 2)
    before = small.trials
    extend(small, **LONGER, budget={"trials": 15})
    for count in (1, 2, 5):
        small.order.clear()
        small.crash_at = lambda *at: sum(call == crash_at for call, _ in small.order) == count  # noqa: B023
        small.simulate(rising, 2)
    small.crash_at = None
    small.simulate(rising, 2)
    assert small.ended is None
    assert_kept(before, small.trials)
    assert all(trial.state.over for trial in small.trials)
    assert any(trial.last_step == 27 for trial in small.trials)
    assert len(small.trials) == 15
    for trial in small.trials:
        assert [report.step for report in trial.reports] == list(range(1, trial.last_step + 1))
    assert replayed(small).difference is None


def test_replicates_train_on_too(world: Callable[..., World]) -> None:
    small = world()
    small.drive(VirtualExecutor(rising, 2), phases=True)
    before = small.trials
    extend(small, fidelity={"unit": "epoch", "max": 9})
    small.drive(VirtualExecutor(rising, 2), phases=True)
    assert_kept(before, small.trials)
    assert steps(small.trials) == [list(range(1, 10))] * len(before)
    assert set(small.states) == {State.COMPLETE}


def test_longer_runs_go_on_from_their_checkpoints(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 2})
    small.script(lambda spec, attempt: [0.1] * 4)
    extend(small, fidelity={"unit": "epoch", "max": 6})
    executor = small.script(lambda spec, attempt: [0.1] * 2)
    assert [first_step(spec) for spec in executor.specs] == [4, 4]
    assert steps(small.trials) == [[1, 2, 3, 4, 5, 6]] * 2


def test_it_can_be_done_again(world: Callable[..., World], searcher: str) -> None:
    small = world(scheduler={"type": "asha", "eta": 2}, fidelity={"max": 2}, budget={"trials": 8})
    small.simulate(rising, 2)
    for longest, count in ((4, 8), (4, 10), (8, 10), (16, 12)):
        extend(small, fidelity={"max": longest}, budget={"trials": count})
        small.simulate(rising, 2)
        assert len(small.trials) == count
        assert all(trial.state.over for trial in small.trials)
    assert any(trial.last_step == 16 for trial in small.trials)
    assert replayed(small).difference is None


# Another space


def test_old_trials_count_in_a_space_that_grew(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Historian] = []

    def build(self: Any, space: Any, objective: Any, seed: int, rungs: Any = ()) -> Historian:
        made.append(Historian(space))
        return made[-1]

    monkeypatch.setattr(RandomOptions, "build", build)
    small = world(budget={"trials": 6})
    small.simulate()
    before = small.trials
    extend(small, parameters={"x": "uniform(5, 6)"}, budget={"trials": 12})
    small.simulate()
    after = small.trials
    assert after[:6] == before
    assert all(5 <= trial.config["x"] <= 6 for trial in after[6:])
    assert after[6].config == Config({"x": 5.5})  # the new default
    assert made[-2].told[:6] == [f"{number} complete [1, 2, 3, 4]" for number in range(6)]
    assert replayed(small).difference is None


def test_a_finalist_outside_the_new_ranges_is_replicated_all_the_same(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 6})
    small.simulate()
    extend(small, parameters={"x": "uniform(0, 0.001)"}, budget={"trials": 9})
    small.drive(VirtualExecutor(rising, 2), phases=True)
    assert small.ended is None
    parents = {trial.parent for trial in small.phase(Phase.REPLICATE)}
    assert any(small.trials[parent or 0].config["x"] > 0.001 for parent in parents)


# What cannot change


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seed": 1}, "cannot be extended with another seed"),
        ({"objectives": [{"metric": "loss", "goal": "minimize"}]}, "another objective"),
        ({"objectives": [{"metric": "score", "goal": "minimize"}], "seed": 5}, "another seed and objective"),
        ({"fidelity": {"unit": "epoch", "max": 2}}, "fidelity.max can grow, not shrink to 2"),
        ({"fidelity": {"unit": "step", "max": 8}}, "counts in epochs, and cannot be extended in steps"),
        ({"trainable": "other.py:train"}, "another trainable"),
        ({"leaderboard": {"folds": 3}}, "another leaderboard.folds"),
        ({"budget": {"trials": 3}}, "budget.trials: sweep 'small' has 4 trials already: it can grow, not shrink to 3"),
        ({"fidelity": None}, "it has a fidelity of 4, and the new file has no fidelity"),
        ({"scheduler": "hyperband"}, "cannot be extended with scheduler hyperband, which would have led its trials"),
        ({"scheduler": {"type": "pbt", "interval": 2}}, "cannot be extended with scheduler pbt, which would have led"),
    ],
)
def test_what_would_make_results_incomparable_is_refused(
    world: Callable[..., World], changes: dict[str, Any], text: str
) -> None:
    small = world()
    small.simulate()
    before = small.trials
    with pytest.raises(SweepError, match=text):
        extend(small, **changes)
    assert small.trials == before
    with closing(Ledger(small.store)) as ledger:
        assert ledger.sweep("small").sweep == small.sweep


@pytest.mark.parametrize("word", ["hyperband", "bohb"])
def test_runs_that_are_laid_out_in_advance_cannot_grow(world: Callable[..., World], word: str) -> None:
    small = world(scheduler=word, **NINE)
    small.simulate(rising, 3)
    with pytest.raises(SweepError, match=f"{word} lays out all its runs from fidelity.max: it cannot grow"):
        extend(small, **LONGER)


@pytest.mark.parametrize(
    "old", ["none", "asha", "promotion_asha", "hyperband", "median", {"type": "pbt", "interval": 3}]
)
@pytest.mark.parametrize("new", ["none", "asha", "promotion_asha", "median"])
@pytest.mark.parametrize("searcher", ["historian"], indirect=True)  # notices all that the other one would
def test_another_scheduler_goes_on(world: Callable[..., World], searcher: str, old: Any, new: str) -> None:
    small = world(scheduler=old, **NINE)
    small.simulate(rising, 3)
    before = small.trials
    extend(small, scheduler=new, budget={"trials": 20})
    small.simulate(rising, 3)
    assert small.ended is None
    assert_kept(before, small.trials)
    assert len(small.trials) == 20
    assert all(trial.state.over for trial in small.trials)
    assert replayed(small).difference is None


def test_a_sweep_without_fidelity_gets_none(world: Callable[..., World]) -> None:
    small = world(fidelity=None, scheduler="none")
    small.script(lambda spec, attempt: [0.1])
    with pytest.raises(SweepError, match="it has no fidelity, and the new file has a fidelity of 9"):
        extend(small, fidelity={"max": 9})
    assert extend(small, budget={"trials": 6}) == ""
    small.script(lambda spec, attempt: [0.1])
    assert small.states == [State.COMPLETE] * 6


def test_reopened_trials_are_named_in_the_record(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 2})
    small.simulate()
    ends = [trial.ended for trial in small.trials]
    extend(small, fidelity={"unit": "epoch", "max": 9})
    reopened = [event for event in small.events if event.kind is EventKind.REOPENED]
    assert [(event.number, event.detail["state"], event.detail["ended"]) for event in reopened] == [
        (number, "complete", end) for number, end in enumerate(ends)
    ]
