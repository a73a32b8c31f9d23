"""When a search ends: every kind of limit, also after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from assay.search import Decision, State
from assay.trainables import Cause, TrialSpec

from .worlds import Crash, World

MAXIMIZE = {"metric": "score", "goal": "maximize"}
CPUS = {"cpu": 2.0, "workers": 3}
LIMITS: dict[str, tuple[dict[str, Any], list[int], str | None]] = {  # sections, reports of the trials, why it ends
    "trials": ({"budget": {"trials": 3}}, [4, 4, 4], None),
    "time": ({"budget": {"time": "2h"}}, [4, 4], None),
    "time, reached in a report": ({"budget": {"time": "1h45m"}}, [4, 3], None),
    "cpu_hours": (
        {"budget": {"cpu_hours": 9.0}, "resources": CPUS}, [4, 2], "budget.cpu_hours 9 is used up"
    ),
    "gpu_hours": (
        {"budget": {"gpu_hours": 1.25}, "resources": {"gpu": 0.5}}, [4, 4, 2], "budget.gpu_hours 1.25 is used up"
    ),
    "cost_usd": (
        {"budget": {"cost_usd": 22.5}, "resources": {"usd_per_hour": 10.0, "workers": 2}},
        [4, 1], "budget.cost_usd 22.5 is used up",
    ),
    "patience": ({"budget": {"patience": 3}}, [4] * 7, "the last 3 trials brought nothing better"),
    "target": (
        {"budget": {"trials": 9}, "objectives": [MAXIMIZE | {"target": 10.0}]},
        [4, 4, 4, 3], "trial 3 reached the target 10",
    ),
    "target of a minimum": (
        {"budget": {"trials": 9}, "objectives": [{"metric": "loss", "goal": "minimize", "target": -10.0}]},
        [4, 4, 4, 3], "trial 3 reached the target -10",
    ),
    "target, reached in full": (
        {"budget": {"trials": 9}, "objectives": [MAXIMIZE | {"target": 16.0}]},
        [4, 4, 4, 4], "trial 3 reached the target 16",
    ),
    "the first of several": ({"budget": {"trials": 3, "time": "10h", "cpu_hours": 1.75}}, [4, 3], "cpu_hours"),
}  # fmt: skip
every_limit = pytest.mark.parametrize("limit", LIMITS)


def quarters(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
    """A quarter of an hour each; trial 3 is the best."""
    score = step * 0.5 * 2.0 ** min(spec.number, 6 - spec.number)
    return {"score": score, "loss": -score}, 900.0


def reports(world: World) -> list[int]:
    return [len(trial.reports) for trial in world.trials]


def decisions(world: World) -> list[tuple[State, list[str]]]:
    return [(trial.state, [report.decision for report in trial.reports]) for trial in world.trials]


def differences(world: World) -> list[Any]:
    return [step for step in world.repeated() if step.recorded != step.made]


@every_limit
def test_the_search_ends(world: Callable[..., World], limit: str) -> None:
    sections, expected, reason = LIMITS[limit]
    small = world(**sections)
    small.simulate(quarters)
    assert reports(small) == expected
    assert all(state.over for state in small.states)
    told = [text for text in small.notes.messages if text.startswith("the search ends: ")]
    assert len(told) == (reason is not None)
    assert reason is None or reason in told[0]
    assert differences(small) == []


@every_limit
@pytest.mark.parametrize("crash_at", ["before report", "report", "resume"])
def test_the_search_ends_where_it_would_have_after_interruptions(
    world: Callable[..., World], limit: str, crash_at: str
) -> None:
    sections, expected, _ = LIMITS[limit]
    small = world(**sections)
    for crashes in range(2, 10, 3):
        small.order.clear()
        small.crash_at = lambda call, number: sum(c == crash_at for c, _ in small.order) == crashes  # noqa: B023
        small.simulate(quarters)
    small.crash_at = None
    small.simulate(quarters)
    assert reports(small) == expected
    assert differences(small) == []


@every_limit
def test_a_search_that_is_over_stays_so(world: Callable[..., World], limit: str) -> None:
    small = world(**LIMITS[limit][0])
    small.simulate(quarters)
    before = small.trials
    small.simulate(quarters)
    assert small.trials == before


@pytest.mark.parametrize("limit", ["time, reached in a report", "cpu_hours", "target"])
def test_what_runs_beside_it_ends_at_its_next_report(world: Callable[..., World], limit: str) -> None:
    small = world(**LIMITS[limit][0])
    small.simulate(quarters, workers=3)
    stopped = [trial for trial in small.trials if trial.state is State.STOPPED]
    assert stopped
    for trial in stopped:
        assert trial.reports[-1].decision == Decision.STOP
        assert all(report.decision == Decision.CONTINUE for report in trial.reports[:-1])
    assert differences(small) == []


@pytest.mark.parametrize("scheduler", ["hyperband", "promotion_asha", "bohb", {"type": "pbt", "interval": 2}])
@pytest.mark.parametrize("workers", [1, 3])
def test_what_waits_when_the_budget_is_used_up_is_over(
    world: Callable[..., World], scheduler: Any, workers: int
) -> None:
    sections = {"scheduler": scheduler, "fidelity": {"max": 9}, "budget": {"trials": 9, "time": "4h"}}
    small = world(**sections)
    small.simulate(quarters, workers)
    assert all(state.over for state in small.states)
    assert State.STOPPED in small.states
    before = small.trials
    small.simulate(quarters, workers)
    assert small.trials == before


def test_time_goes_on_over_restarts_and_does_not_pass_between_them(world: Callable[..., World]) -> None:
    small = world(budget={"time": "2h"})
    small.crash_at = ("resume", 1)
    small.simulate(quarters)
    assert [report.elapsed for report in small.trials[1].reports] == [4500.0]
    small.simulate(quarters, start_cost=60.0)
    assert [report.elapsed for report in small.trials[1].reports] == [4500.0, 5460.0, 6360.0, 7260.0]
    assert reports(small) == [4, 4]


def test_time_of_lost_attempts_is_paid_for(world: Callable[..., World]) -> None:
    small = world(budget={"cpu_hours": 9 / 3600})
    small.script(
        lambda spec, attempt: [0.1, 0.1, Cause.WORKER_LOST] if (spec.number, attempt) == (0, 1) else [0.1] * 4,
        checkpoints=False,
    )
    assert [trial.seconds for trial in small.trials] == pytest.approx([6.1, 3.1])  # two steps were made twice


class Scores:
    """Trials that score what a list says, by their number, in one step."""

    def __init__(self, values: Sequence[float | None], seconds: Sequence[float] | None = None) -> None:
        self.values, self.seconds = values, seconds

    def __call__(self, spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
        value = self.values[spec.number]
        if value is None:
            raise ValueError("it cannot be trained")
        return {"score": value}, self.seconds[spec.number] if self.seconds else 1.0


@pytest.mark.parametrize(
    ("patience", "values", "count"),
    [
        (1, [1, 0, 9], 2),
        (2, [1, 0, 2, 0, 1, 9], 5),
        (2, [1, 1, 1, 9], 3),  # as good is no better
        (3, [1, None, 0, None, 9], 4),  # failures bring nothing better
        (3, [3, 2, 1, 4, 5, 6, 0, 0], 8),
    ],
)
def test_patience(world: Callable[..., World], patience: int, values: list[float | None], count: int) -> None:
    small = world(budget={"patience": patience, "trials": len(values)}, fidelity={"max": 1})
    small.simulate(Scores(values))
    assert len(small.trials) == count


def test_a_trial_that_ends_after_others_but_was_the_best_is_not_held_against_itself(
    world: Callable[..., World],
) -> None:
    """Trial 0 is the best from its first report on; others end beside it."""
    small = world(budget={"patience": 3, "trials": 20}, fidelity={"max": 2})
    small.simulate(lambda spec, step: ({"score": -spec.number - step}, 1.0 if spec.number else 2.5), workers=2)
    ended = sorted((trial.ended, trial.number) for trial in small.trials)
    assert [number for _, number in ended] == [1, 2, 0, 3, 4, 5]  # 4 is the third after the best, 5 ran beside it


def test_patience_that_ends_while_trials_run_stops_them(world: Callable[..., World]) -> None:
    small = world(budget={"patience": 2, "trials": 20})
    small.simulate(lambda spec, step: ({"score": -float(spec.number)}, 1.0 + spec.number), workers=3)
    assert {trial.state for trial in small.trials[3:]} == {State.STOPPED}
    assert differences(small) == []


@pytest.mark.parametrize(
    ("failures", "most", "count"),
    [
        ([1, 3, 5, 7, 9, 10], 0.5, 11),
        ([0, 1, 2, 3], 0.3, 10),  # looked at when ten are over
        ([0, 1, 2], 0.3, 20),  # as many as that may fail
        ([5], 0.0, 10),
        ([15], 0.0, 16),
        ([], 0.0, 20),
    ],
)
def test_a_search_of_which_too_much_fails_is_ended(
    world: Callable[..., World], failures: list[int], most: float, count: int
) -> None:
    small = world(cluster={"retry": {"max_failed": most}}, budget={"trials": 20}, fidelity={"max": 1})
    small.simulate(Scores([None if number in failures else 1.0 for number in range(20)]))
    assert len(small.trials) == count
    told = [text for text in small.notes.messages if text.startswith("the search ends: ")]
    assert len(told) == (count < 20)
    for text in told:
        assert f"{len(failures)} of {count} trials failed" in text
        assert f"{most:.0%} of cluster.retry.max_failed" in text


def test_it_gives_up_after_five_failures_without_a_score(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 50})
    small.simulate(Scores([None] * 50))
    assert small.states == [State.FAILED] * 5
    assert str(small.ended).startswith("no trial gave a score, 5 failed: ValueError: it cannot be trained")
    assert "; the search was ended early" in str(small.ended)
    small.simulate(Scores([None] * 50))  # the cause may have been mended
    assert small.states == [State.FAILED] * 10


def test_an_interruption_does_not_make_it_more_patient_with_what_is_hopeless(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 50})
    small.crash_at = ("failed", 2)
    small.simulate(Scores([None] * 50))
    assert isinstance(small.ended, Crash)
    small.simulate(Scores([None] * 50))
    assert len(small.trials) in range(5, 9)


def test_one_score_is_enough_to_go_on(world: Callable[..., World]) -> None:
    small = world(budget={"trials": 12})
    small.simulate(lambda spec, step: ({"score": 0.1}, 1.0) if step == 1 else 1 / 0)  # type: ignore[arg-type, return-value]
    assert small.states == [State.FAILED] * 12


def test_what_fails_without_a_word_ends_without_a_score(world: Callable[..., World]) -> None:
    small = world(budget={"time": "10s"})
    small.simulate(lambda spec, step: ({"score": 1.0}, 100.0))
    assert small.ended is None  # the first report comes late, and is one
    late = world(name="late", budget={"trials": 3}, cluster={"timeouts": {"report": "5s"}})
    late.simulate(lambda spec, step: ({"score": 1.0}, float("inf")))
    assert late.states == [State.FAILED] * 3
    assert "no trial gave a score, 3 failed: did not report for more than 5 s" in str(late.ended)
