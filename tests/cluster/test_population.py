"""Population based training: trials are sent to each other's checkpoints with changed configs, in segments."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from assay.cluster.plan import schedule_of
from assay.cluster.virtual_executor import Fault, VirtualExecutor
from assay.search import Phase, Segment, State, Trial
from assay.search.random_search import RandomSearch
from assay.spaces import Config
from assay.trainables import Cause, TrialSpec

from .worlds import World, first_step

PBT = {"type": "pbt", "interval": 2}
SYNCHRONOUS = PBT | {"synchronous": True}
SECTIONS = {"scheduler": PBT, "fidelity": {"max": 9}, "budget": {"trials": 6}}


class Weights:
    """A curve whose score is the sum of the ``x`` that its weights were trained with, wherever they were copied.

    Attributes:
        trained: by place of a checkpoint, every ``x`` so far.
    """

    def __init__(self) -> None:
        self.trained: dict[str, tuple[float, ...]] = {}
        self.at: dict[tuple[int, int], str] = {}  # trial and segment -> its newest checkpoint

    def __call__(self, spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
        place = spec.restore[0][1] if spec.restore and step == first_step(spec) + 1 else f"{self._own(spec)}/{step - 1}"
        before = self.trained[place] if step > 1 else ()
        assert len(before) == step - 1
        self.trained[f"{self._own(spec)}/{step}"] = (*before, spec.config["x"])
        return {"score": sum(before) + spec.config["x"]}, 1.0 + spec.number / 1000

    def of(self, trial: Trial) -> tuple[float, ...]:
        """What the weights of a trial were trained with."""
        return self.trained[trial.reports[-1].checkpoint or ""]

    @staticmethod
    def _own(spec: TrialSpec) -> str:
        return f"virtual://{spec.number}/{spec.segment}"


def expanded(schedule: list[tuple[int, Config]], steps: int) -> tuple[float, ...]:
    """The ``x`` of each step."""
    return tuple([config["x"] for start, config in schedule if start < step][-1] for step in range(1, steps + 1))


def changed(trials: list[Trial]) -> list[tuple[Trial, Segment]]:
    return [(trial, segment) for trial in trials for segment in trial.segments[1:]]


@pytest.mark.parametrize(
    ("scheduler", "workers"), [*itertools.product([PBT, SYNCHRONOUS], [1, 3, 6]), ({"type": "pb2", "interval": 4}, 3)]
)
def test_segments_say_where_the_weights_come_from(world: Callable[..., World], scheduler: Any, workers: int) -> None:
    small, weights = world(**SECTIONS | {"scheduler": scheduler}), Weights()
    small.simulate(weights, workers)
    trials = {trial.number: trial for trial in small.trials}
    assert small.states == [State.COMPLETE] * 6
    assert changed(small.trials)
    for trial, segment in changed(small.trials):
        assert segment.source not in (None, trial.number)
        source = trials[segment.source or 0]
        copied = [r for r in source.reports if (r.segment, r.step) == (segment.source_segment, segment.first_step)]
        assert [report.checkpoint for report in copied] == [segment.checkpoint]
        assert segment.first_step % small.sweep.scheduler.interval == 0
        own = [report.step for report in trial.reports if report.segment == segment.index]
        assert own == list(range(segment.first_step + 1, segment.first_step + 1 + len(own)))
    for trial in trials.values():
        assert [segment.index for segment in trial.segments] == list(range(len(trial.segments)))
        assert trial.config == (trial.segments[-1].config if trial.segments else trial.config)
        assert trial.last_step == 9
        assert expanded(schedule_of(trial, trials), 9) == weights.of(trial)
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_a_segment_starts_from_the_copy_and_nothing_else(world: Callable[..., World]) -> None:
    """``Weights`` looks up the checkpoint that it is sent to; here: what the spec says besides."""
    small = world(**SECTIONS)
    specs: list[TrialSpec] = []
    small.simulate(Weights(), 3, crash=lambda spec, step: specs.append(spec))
    for trial, segment in changed(small.trials):
        first = next(spec for spec in specs if (spec.number, spec.segment) == (trial.number, segment.index))
        assert first.restore[0] == (segment.first_step, segment.checkpoint)
        assert first.must_restore
        assert first.config == segment.config.nested()
    assert not any(spec.must_restore for spec in specs if spec.segment == 0)


@pytest.mark.parametrize("scheduler", [PBT, SYNCHRONOUS], ids=str)
def test_the_lineage_survives_lost_workers_and_drivers(world: Callable[..., World], scheduler: Any) -> None:
    small, weights = world(**SECTIONS | {"scheduler": scheduler, "cluster": {"retry": {"lost": 99}}}), Weights()
    for crash in range(12, 60, 12):
        small.order.clear()
        small.crash_at = lambda *at: small.order.count(("wait", -1)) == crash  # noqa: B023
        faults = [Fault(seconds, trial=int(seconds) % 6) for seconds in (1.5, 3.5, 5.5)]
        small.simulate(weights, 3, faults=faults)
    small.crash_at = None
    small.simulate(weights, 3)
    trials = {trial.number: trial for trial in small.trials}
    assert small.states == [State.COMPLETE] * 6
    for trial in trials.values():
        assert expanded(schedule_of(trial, trials), 9) == weights.of(trial)
    assert [step for step in small.repeated() if step.recorded != step.made] == []


@pytest.mark.parametrize("crash_at", ["before segment", "segment", "start"])
def test_a_change_survives_the_driver(world: Callable[..., World], crash_at: str) -> None:
    """It is recorded with the report that caused it, or neither is."""
    small, weights = world(**SECTIONS), Weights()
    small.crash_at = lambda call, number: call == crash_at and ("before segment", number) in small.order
    small.simulate(weights, 3)
    number = small.order[-1][1]
    trial = small.trials[number]
    assert bool(trial.segments) == (crash_at != "before segment")
    if trial.segments:
        assert trial.last_step == trial.segments[-1].first_step
        assert trial.state is (State.RUNNING if crash_at == "start" else trial.state)
    small.crash_at = None
    small.simulate(weights, 3)
    trials = {trial.number: trial for trial in small.trials}
    assert changed(small.trials)
    assert all(expanded(schedule_of(trial, trials), 9) == weights.of(trial) for trial in trials.values())


@pytest.mark.parametrize("scheduler", ["none", PBT, SYNCHRONOUS], ids=str)
def test_replicates_follow_the_schedule(world: Callable[..., World], scheduler: Any) -> None:
    small, weights = world(**SECTIONS | {"scheduler": scheduler}), Weights()
    small.drive(VirtualExecutor(weights, 3), phases=True)
    assert small.ended is None
    searched = {trial.number: trial for trial in small.phase(Phase.SEARCH)}
    replicates = small.phase(Phase.REPLICATE)
    assert len(replicates) == 2 * len({trial.parent for trial in replicates})
    for replicate in replicates:
        origin = searched[replicate.parent or 0]
        assert weights.of(replicate) == weights.of(origin)
        assert replicate.seed != origin.seed
        assert [report.step for report in replicate.reports] == list(range(1, 10))
    if scheduler == PBT:
        assert any(replicate.segments for replicate in replicates)


@pytest.mark.parametrize("crash_at", ["report", "segment", "abandon", "start"])
def test_replicates_follow_the_schedule_over_restarts(world: Callable[..., World], crash_at: str) -> None:
    small, weights = world(**SECTIONS), Weights()
    for count in range(3, 30, 3):
        small.order.clear()
        small.crash_at = lambda call, number: (
            number >= 6 and call == crash_at and sum(c == crash_at and n >= 6 for c, n in small.order) == count  # noqa: B023
        )
        small.drive(VirtualExecutor(weights, 3), phases=True)
    small.crash_at = None
    small.drive(VirtualExecutor(weights, 3), phases=True)
    searched = {trial.number: trial for trial in small.phase(Phase.SEARCH)}
    for replicate in small.phase(Phase.REPLICATE):
        assert replicate.state is State.COMPLETE
        assert weights.of(replicate) == weights.of(searched[replicate.parent or 0])


def test_the_searcher_is_told_of_each_segment(world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, Config, list[int], State]] = []
    adopted: list[tuple[int, Config]] = []
    monkeypatch.setattr(
        RandomSearch, "tell", lambda self, t: told.append((t.number, t.config, [r.step for r in t.reports], t.state))
    )
    monkeypatch.setattr(RandomSearch, "adopt", lambda self, number, config: adopted.append((number, config)))
    small = world(**SECTIONS)
    small.simulate(Weights(), 3)
    expected = []
    for trial in small.trials:
        for segment in trial.segments or (Segment(0, trial.config, 0),):
            steps = [report.step for report in trial.reports if report.segment == segment.index]
            last = segment.index == max(0, len(trial.segments) - 1)
            expected.append((trial.number, segment.config, steps, State.COMPLETE if last else State.STOPPED))
    assert sorted(told, key=str) == sorted(expected, key=str)
    default = (0, small.sweep.parameters.default())
    assert adopted == [default, *sorted_changes(small)]

    again_told, again_adopted = told[:], adopted[:]
    told.clear()
    adopted.clear()
    assert small.repeated()
    assert (told, adopted) == (again_told, again_adopted)


def sorted_changes(world: World) -> list[tuple[int, Config]]:
    changes = sorted(changed(world.trials), key=lambda change: change[1].order)
    return [(trial.number, segment.config) for trial, segment in changes]


@pytest.mark.parametrize("scheduler", [PBT, SYNCHRONOUS, {"type": "pb2", "interval": 2}], ids=str)
def test_without_checkpoints_it_says_what_to_do(world: Callable[..., World], scheduler: Any) -> None:
    small = world(**SECTIONS | {"scheduler": scheduler})
    small.simulate(workers=3, checkpoints=False)
    assert set(small.states) == {State.FAILED}
    assert {trial.reason for trial in small.trials} == {
        "trials go on from each other's checkpoints here: call trial.save_checkpoint before each report "
        "(and leave checkpoints.every above 0)"
    }
    assert {trial.attempts for trial in small.trials} == {1}


def test_replicates_without_checkpoints_say_what_to_do(world: Callable[..., World]) -> None:
    small, weights = world(**SECTIONS), Weights()
    small.simulate(weights, 3)
    small.drive(VirtualExecutor(weights, 3, checkpoints=False), phases=True)
    followers = [trial for trial in small.phase(Phase.REPLICATE) if trial.state is State.FAILED]
    assert followers
    assert all("call trial.save_checkpoint" in trial.reason for trial in followers)


@pytest.mark.parametrize("scheduler", [PBT, SYNCHRONOUS], ids=str)
@pytest.mark.parametrize("victim", range(6))
@pytest.mark.parametrize("step", [1, 3, 8])
def test_a_member_that_fails_holds_nobody_up(
    world: Callable[..., World], scheduler: Any, victim: int, step: int
) -> None:
    small, weights = world(**SECTIONS | {"scheduler": scheduler}), Weights()

    def slow(spec: TrialSpec, at: int) -> tuple[dict[str, float], float]:
        metrics, seconds = weights(spec, at)
        return metrics, 50 * seconds if spec.number == victim else seconds

    fails = {(victim, step)}
    small.simulate(slow, 3, crash=lambda spec, at: Cause.EXCEPTION if (spec.number, at) in fails else None)
    assert small.states == [State.FAILED if number == victim else State.COMPLETE for number in range(6)]
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_the_population_is_the_number_of_trials(world: Callable[..., World]) -> None:
    small = world(scheduler=PBT | {"population": 5}, fidelity={"max": 9}, budget={"time": "10h"})
    small.simulate(Weights(), 2)
    assert small.states == [State.COMPLETE] * 5


def trial_of(number: int, *segments: Segment) -> Trial:
    return Trial(number, Phase.SEARCH, State.COMPLETE, segments[-1].config, 0, 0, segments=segments)


def test_a_schedule_goes_through_all_copies() -> None:
    a, b, c, d, e = (Config({"x": float(value)}) for value in range(5))
    trials = {
        0: trial_of(0, Segment(0, a, 0), Segment(1, d, 30, source=1, source_segment=1, first_step=6)),
        1: trial_of(1, Segment(0, b, 1), Segment(1, c, 20, source=0, source_segment=0, first_step=4)),
        2: trial_of(2, Segment(0, e, 2)),
    }
    assert schedule_of(trials[0], trials) == [(0, a), (4, c), (6, d)]
    assert schedule_of(trials[1], trials) == [(0, a), (4, c)]
    assert schedule_of(trials[2], trials) == [(0, e)]


def test_a_copy_of_an_early_checkpoint_leaves_out_what_came_after_it() -> None:
    a, b, c = (Config({"x": float(value)}) for value in range(3))
    again = trial_of(0, Segment(0, a, 0), Segment(1, b, 9, 1, 0, 6), Segment(2, c, 12, 0, 1, 6))
    trials = {0: again, 1: trial_of(1, Segment(0, b, 1))}
    assert schedule_of(again, trials) == [(0, b), (6, c)]
    assert schedule_of(Trial(7, Phase.SEARCH, State.COMPLETE, a, 0, 0), {}) == [(0, a)]


def test_members_are_chosen_so_that_all_come_as_far(world: Callable[..., World]) -> None:
    """One worker trains six members in turns of one interval each."""
    small = world(**SECTIONS)
    small.simulate(Weights(), 1)
    reports = sorted((report.order, trial.number) for trial in small.trials for report in trial.reports)
    turns = [number for number, _ in itertools.groupby(number for _, number in reports)]
    assert turns[:6] == [0, 1, 2, 3, 4, 5]
    assert len(turns) >= 4 * 6
