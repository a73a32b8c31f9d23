"""A search for a front: what ends it, what stops its trials, and that its record explains it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import assay
from assay.analysis import Results
from assay.cluster.preview import preview, smoke
from assay.cluster.replay import replay
from assay.cluster.tune_limits import refuse_what_tune_cannot
from assay.search import Decision, Ledger, Phase, State
from assay.search.imported import Foreign, Imported, Point, to_sweep
from assay.spaces import Limit, SweepError, TrainableError
from assay.trainables import TrialSpec

from .worlds import World, make_sweep

OBJECTIVES: list[dict[str, Any]] = [
    {"metric": "score", "goal": "maximize"},
    {"metric": "cost", "goal": "minimize", "reference": 20},
]
TPE = {"type": "tpe", "startup": 4}
ONE_STEP: dict[str, Any] = {"objectives": OBJECTIVES, "fidelity": {"max": 1}}


def noisy(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
    """The better, the dearer."""
    rng = np.random.default_rng([spec.number, spec.segment, step])
    x = spec.config["x"]
    return {"score": x * step + 0.1 * rng.normal(), "cost": 10 * x**2 + rng.normal() - step}, float(rng.uniform(0.5, 2))


def reporting(*points: tuple[float, float]) -> Callable[[TrialSpec, int], tuple[dict[str, float], float]]:
    """Score and cost of each trial, by its number."""
    return lambda spec, step: (dict(zip(("score", "cost"), points[spec.number], strict=True)), 1.0)


# What ends a search


@pytest.mark.parametrize(
    ("reference", "expected"),
    [(20, 5), (None, 8)],
    ids=["a point beyond the reference brings nothing", "every point of the front brings something"],
)
def test_patience_counts_trials_since_the_front_grew(
    world: Callable[..., World], reference: float | None, expected: int
) -> None:
    objectives = [OBJECTIVES[0], OBJECTIVES[1] | {"reference": reference}]
    small = world(**ONE_STEP | {"objectives": objectives}, budget={"patience": 3})
    small.simulate(reporting((1, 5), (2, 6), (0.5, 7), (1, 5), (3, 30), *[(0, 40)] * 9))
    assert len(small.trials) == expected
    assert [step for step in small.repeated() if step.recorded != step.made] == []


def test_the_targets_are_to_be_reached_by_one_trial(world: Callable[..., World]) -> None:
    objectives = [OBJECTIVES[0] | {"target": 2}, OBJECTIVES[1] | {"target": 4}]
    small = world(**ONE_STEP | {"objectives": objectives}, budget={"trials": 9})
    small.simulate(reporting((9, 5), (1, 1), (2, 4), *[(0, 0)] * 9))
    assert len(small.trials) == 3
    told = "the search ends: trial 2 reached the target 2 of score and the target 4 of cost"
    assert small.notes.messages == [told]


def test_what_is_beyond_a_limit_reaches_no_target(world: Callable[..., World]) -> None:
    sections = ONE_STEP | {"objectives": [OBJECTIVES[0] | {"target": 2}, OBJECTIVES[1]]}
    small = world(**sections, constraints=[{"metric": "cost", "max": 10}], budget={"trials": 3})
    small.simulate(reporting((9, 15), (8, 15), (1, 1)))
    assert len(small.trials) == 3
    assert small.sweep.objective.limits == (Limit("cost", max=10),)


# What every report has to hold


@pytest.mark.parametrize(
    ("metrics", "reason"),
    [
        ({"score": 1.0}, "metric 'cost' was not reported; the report has: score"),
        ({"score": 1.0, "costs": 2.0}, "metric 'cost' was not reported (did you mean 'costs'?)"),
        ({"score": 1.0, "cost": float("nan")}, "metric 'cost' is nan, not a finite number"),
        ({"cost": 1.0}, "metric 'score' was not reported; the report has: cost"),
    ],
)
def test_a_trial_without_one_of_the_metrics_fails_and_says_which(
    metrics: dict[str, float], reason: str, tmp_path: Path
) -> None:
    def train(config: dict[str, Any], trial: Any) -> dict[str, float]:
        return metrics if trial.number else {"score": 1.0, "cost": 1.0}

    sweep = make_sweep(objectives=OBJECTIVES, fidelity=None, budget={"trials": 2})
    results = assay.run(sweep, train, store=tmp_path, inline=True, progress=False)
    failed = results.phase(Phase.SEARCH)[1]
    assert failed.state is State.FAILED
    assert failed.reason.startswith(reason)
    with pytest.raises(TrainableError, match="the default config failed: metric"):
        smoke(sweep, lambda config, trial: metrics, _Open())  # type: ignore[arg-type]


class _Open:
    """Surroundings without secrets."""

    def masked(self, event: Any) -> Any:
        return event


# What stops trials


@pytest.mark.parametrize("metric", ["score", "cost"])
def test_asha_stops_by_the_metric_that_it_names(world: Callable[..., World], metric: str) -> None:
    small = world(
        objectives=OBJECTIVES,
        fidelity={"max": 4},
        scheduler={"type": "asha", "eta": 2, "metric": metric},
        budget={"trials": 12},
    )
    small.simulate(noisy)
    sign = 1 if metric == "score" else -1
    first = [(sign * float(trial.reports[0].metrics[metric]), trial.reports[0].decision) for trial in small.trials]
    stopped = [number for number, (_, decision) in enumerate(first) if decision == Decision.STOP]
    assert stopped
    for number in stopped:  # in the worse half of those that came before it
        assert first[number][0] < np.median([value for value, _ in first[: number + 1]]) + 1e-12


@pytest.mark.parametrize("searcher", ["random", TPE], ids=["random", "tpe"])
@pytest.mark.parametrize(
    "scheduler", ["none", {"type": "asha", "metric": "cost"}, "promotion_asha", {"type": "pbt", "interval": 2}], ids=str
)
def test_a_search_for_a_front_is_explained_after_a_crash(
    world: Callable[..., World], searcher: Any, scheduler: Any
) -> None:
    small = world(
        objectives=OBJECTIVES, fidelity={"max": 9}, budget={"trials": 10}, searcher=searcher, scheduler=scheduler
    )
    small.crash_at = lambda *at: len(small.order) == 40
    small.simulate(noisy, 3)
    assert small.ended is not None
    small.crash_at = None
    small.simulate(noisy, 3)
    assert len(small.trials) == 10
    with closing(Ledger(small.store)) as ledger:
        made = replay(ledger, ledger.sweep(small.sweep.name))
    assert made.difference is None
    assert made.decisions > 40


def test_before_replication_the_front_is_of_those_that_trained_longest(world: Callable[..., World]) -> None:
    small = world(
        objectives=OBJECTIVES, fidelity={"max": 4}, scheduler={"type": "asha", "eta": 2}, budget={"trials": 12}
    )
    small.simulate(noisy)
    with closing(Ledger(small.store)) as ledger:
        front = Results(ledger, ledger.sweep(small.sweep.name)).front()
    complete = [trial for trial in small.trials if trial.state is State.COMPLETE]
    assert len(complete) < len(small.trials)
    assert {point.trial for point in front.points} == {trial.number for trial in complete}
    assert all(point.p_front is None for point in front.points)
    assert front.replicates == 0


# What is refused, and what is said before


def test_ray_tune_is_not_asked_for_a_front() -> None:
    with pytest.raises(SweepError) as caught:
        refuse_what_tune_cannot(make_sweep(objectives=OBJECTIVES, engine="tune"), inline=False, address=None)
    assert "objectives.1: Ray Tune looks for the best of one objective: keep the first, or write engine: assay" in str(
        caught.value
    )


def test_results_of_other_tools_are_of_one_objective() -> None:
    foreign = Foreign(
        origin="table.csv",
        name="table",
        metric="score",
        goal="maximize",
        trials=(Imported(0, {"x": 0.5}, State.COMPLETE, (Point(1, {"score": 1.0, "cost": 2.0}, 1.0),)),),
    )
    with pytest.raises(SweepError, match="the sweep file has 2 objectives, and results are imported for one"):
        to_sweep(foreign, sweep=make_sweep(objectives=OBJECTIVES))


def test_a_preview_says_what_several_objectives_mean() -> None:
    sweep = make_sweep(
        objectives=[OBJECTIVES[0] | {"target": 2}, OBJECTIVES[1] | {"target": 4}],
        scheduler={"type": "asha", "metric": "cost"},
    )
    found = preview(sweep)
    assert found.front == (
        "maximize score, minimize cost: finalists come front by front, on a front by what they add to its hypervolume",
        "asha compares trials by cost alone (scheduler.metric)",
        "the leaderboard tests score alone; `assay front` compares in everything",
        "without a reference for score, hypervolumes of different sweeps do not compare",
    )
    assert "when score reaches 2 and cost reaches 4 in one trial" in found.search_ends
    assert preview(make_sweep()).front == ()
    assert found.to_dict()["front"] == found.front
