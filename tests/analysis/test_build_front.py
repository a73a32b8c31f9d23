"""The front, its knee and how sure they are: against definitions, by brute force and by simulation."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.analysis import build_front as module
from assay.analysis.board import Interval, Row
from assay.analysis.build_front import build_front, bulge, mark_front, resampled_means, search_front
from assay.analysis.finalists import select_finalists
from assay.analysis.front import Front
from assay.search import Phase, Report, State, Trial
from assay.spaces import Config, Objective
from assay.spaces.pareto import Floats, hypervolume, on_front

BOTH = Objective("score", "maximize", others=(Objective("cost", "minimize"),))
THREE = Objective("score", "maximize", others=(Objective("cost", "minimize"), Objective("size", "minimize")))
DEFAULT = Config({"x": 0})


def config(number: int) -> Config:
    return Config({"x": number})


def front_from(
    means: list[tuple[float, ...]], *, seeds: int = 4, noise: float = 0.0, objective: Objective = BOTH
) -> Front:
    """Of replicates with these means, and noise of that size around each."""
    rng = np.random.default_rng(0)
    values = {}
    for number, own in enumerate(means):
        deviations = rng.normal(size=(seeds, len(own)))
        values[number] = np.array(own) + noise * (deviations - deviations.mean(axis=0))
    configs = {number: config(number) for number in values}
    return build_front("two", objective, configs, values, default=DEFAULT)


def trial(number: int, *values: tuple[float, float], state: State = State.COMPLETE) -> Trial:
    reports = tuple(
        Report(step, {"score": score, "cost": cost}, 0.0, 0) for step, (score, cost) in enumerate(values, start=1)
    )
    return Trial(number, Phase.SEARCH, state, config(number), seed=0, split=0, reports=reports)


fronts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=9)


# The front of the means


def test_what_stands_on_the_front_and_how_it_is_measured() -> None:
    front = front_from([(1, 1), (5, 2), (6, 6), (4, 3), (6, 7)])
    assert front.trials == [2, 1, 0]
    assert [point.trial for point in front.points] == [2, 1, 0, 4, 3]
    assert front.reference == {"score": 0.5, "cost": 7.6}
    assert front.from_data == ("score", "cost")
    assert front.hypervolume == pytest.approx(5.5 * 1.6 + 4.5 * 4 + 0.5 * 1)
    assert [point.contribution for point in front.points] == pytest.approx([1 * 1.6, 4 * 4, 0.5 * 1, 0, 0])
    assert [point.default for point in front.points] == [False, False, True, False, False]
    assert (
        front.headline
        == "3 of 5 configs are on the front of score and cost (means of 4 replicates); the knee is trial 1"
    )


def test_a_given_reference_counts() -> None:
    given = Objective("score", "maximize", reference=4, others=(Objective("cost", "minimize", reference=5),))
    front = front_from([(1, 1), (5, 2), (6, 6)], objective=given)
    assert (front.reference, front.from_data) == ({"score": 4, "cost": 5}, ())
    assert front.hypervolume == pytest.approx(1 * 3)
    assert front.trials == [2, 1, 0], "a config beyond the reference is on the front all the same"


def test_one_that_is_best_in_everything_is_the_front() -> None:
    front = front_from([(1, 5), (9, 1)])
    assert (front.trials, front.knee) == ([1], None)
    assert front.headline == "trial 1 is the best of 2 in score and cost at once (means of 4 replicates)"


@given(fronts)
def test_what_is_behind_gets_there_by_that_much_in_everything(means: list[tuple[int, int]]) -> None:
    scores = np.array(means, dtype=np.float64)
    extent = np.where(np.ptp(scores, axis=0) > 0, np.ptp(scores, axis=0), 1.0)
    for index, behind in enumerate(module._behind(scores)):
        moved = scores.copy()
        moved[index] += (behind + 1e-6) * extent
        assert on_front(moved)[index]
        if behind:
            moved[index] = scores[index] + (behind - 1e-6) * extent
            assert not on_front(moved)[index]
            assert not on_front(scores)[index]


def test_rows_of_the_leaderboard_are_marked() -> None:
    rows = [
        Row(1, number, config(number), False, 0.0, Interval(score, 0, 9, 3), others={"cost": Interval(cost, 0, 9, 3)})
        for number, (score, cost) in enumerate([(9, 5), (8, 6), (1, 1)])
    ]
    assert [row.on_front for row in mark_front(rows, BOTH)] == [True, False, True]
    assert [row.on_front for row in mark_front(rows, Objective("score", "maximize"))] == [None] * 3


# The knee


@given(fronts)
def test_the_knee_is_farthest_from_the_line_through_the_ends(means: list[tuple[int, int]]) -> None:
    scores = np.unique(np.array(means, dtype=np.float64), axis=0)
    front = on_front(scores)
    points = scores[front]
    low, extent = points.min(axis=0), np.ptp(points, axis=0)
    found = bulge(scores, front)
    assert (found[~front] == -np.inf).all()
    if len(points) < 2:
        return
    unit = (points - low) / extent
    first, last = unit[unit[:, 0].argmax()], unit[unit[:, 1].argmax()]
    along = (last - first) / np.linalg.norm(last - first)
    expected = [along[1] * (p - first)[0] - along[0] * (p - first)[1] for p in unit]  # signed, outwards
    assert found[front] == pytest.approx(expected)


def test_the_knee_with_what_its_neighbours_would_bring() -> None:
    front = front_from([(0, 0), (8, 1), (9, 5), (10, 10)])
    knee = front.knee
    assert knee is not None
    assert (knee.trial, knee.p_knee) == (1, 1.0)
    assert knee.distance == pytest.approx((0.8 + 0.9 - 1) / math.sqrt(2))
    better, cheaper = knee.trades
    assert (better.trial, better.changes, better.gains, better.costs) == (
        2,
        {"score": 1, "cost": 4},
        ("score",),
        ("cost",),
    )
    assert (cheaper.trial, cheaper.changes) == (0, {"score": -8, "cost": -1})
    assert str(cheaper) == "to trial 0: cost -1, for score -8"


@pytest.mark.parametrize("means", [[(0, 0), (10, 10)], [(0, 0), (5, 5), (10, 10)], [(0, 0), (3, 6), (10, 10)]])
def test_a_front_without_a_bend_has_no_knee(means: list[tuple[float, ...]]) -> None:
    front = front_from(means)
    assert front.knee is None
    assert front.headline.endswith("it has no knee")


def test_an_objective_that_is_the_same_all_along_the_front_does_not_count() -> None:
    flat = front_from([(0, 0, 5), (8, 1, 5), (10, 10, 5)], objective=THREE)
    bent = front_from([(0, 0), (8, 1), (10, 10)])
    assert flat.knee is not None and bent.knee is not None
    assert (flat.knee.trial, flat.knee.distance) == (1, pytest.approx(bent.knee.distance))


# How sure it is


def test_means_are_drawn_as_fresh_replicates_would_vary() -> None:
    scores = np.random.default_rng(1).normal(size=(2, 5, 2)) * [[[1.0, 30.0]]]
    means = scores.mean(axis=1)
    drawn = resampled_means(scores, means, np.random.default_rng(2))
    assert drawn.mean(axis=0) == pytest.approx(means, abs=0.1 * 30 / math.sqrt(5))
    assert drawn.var(axis=0) == pytest.approx(scores.var(axis=1, ddof=1) / 5, rel=0.15)


def test_common_noise_cancels_because_replicates_are_paired() -> None:
    noise = np.random.default_rng(0).normal(size=(5, 2))
    values: dict[int, Floats] = {0: noise, 1: noise + np.array([0.01, -0.01])}
    front = build_front("two", BOTH, {0: config(0), 1: config(1)}, values, default=DEFAULT)
    assert [point.p_front for point in front.points] == [1.0, 0.0]


def test_one_that_is_as_good_as_another_is_on_the_front_in_half_of_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWS", 200)
    rng, chances = np.random.default_rng(5), []
    for _ in range(60):
        values: dict[int, Floats] = {0: rng.normal(size=(6, 2)), 1: rng.normal(size=(6, 2)) + np.array([0.0, 50.0])}
        front = build_front("two", BOTH, {0: config(0), 1: config(1)}, values, default=DEFAULT)
        chances.append(front.point(1).p_front)  # it costs more: only its score can bring it there
    assert float(np.mean([chance or 0.0 for chance in chances])) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_of_the_hypervolume_covers_the_truth(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAWS", 200)
    given = Objective("score", "maximize", reference=0, others=(Objective("cost", "minimize", reference=10),))
    rng, covered = np.random.default_rng(3), 0
    truth = np.array([(4, 5), (4.5, 5.5), (5, 6), (5.5, 6.5), (4.2, 5.5), (5, 6.5), (4.6, 5.6), (5.2, 6.3)])
    volume, found = hypervolume(truth * [1, -1], np.array([0, -10.0])), []
    for _ in range(60):
        values = {number: own + 0.7 * rng.normal(size=(seeds, 2)) for number, own in enumerate(truth)}
        front = build_front("two", given, {n: config(n) for n in values}, values, default=DEFAULT)
        fresh = front.hypervolume_interval
        assert fresh is not None
        found.append((front.hypervolume, fresh.mean))
        covered += fresh.low <= volume <= fresh.high
    assert covered >= 53
    flattered, honest = np.mean(found, axis=0)
    assert abs(honest - volume) < 0.4 * (flattered - volume), "noise enlarges a front"


def test_the_same_seed_draws_the_same() -> None:
    assert front_from([(1, 1), (5, 4), (5.1, 4)], noise=0.3) == front_from([(1, 1), (5, 4), (5.1, 4)], noise=0.3)


def test_a_document_of_a_front_is_json() -> None:
    found: Any = json.loads(json.dumps(front_from([(0, 0), (8, 1), (10, 10)], noise=0.1).to_dict(), allow_nan=False))
    assert found["front"] == [2, 1, 0]
    assert found["knee"]["trial"] == 1
    assert found["objectives"][1] == {
        "metric": "cost", "goal": "minimize", "reference": pytest.approx(11), "reference_from_data": True
    }  # fmt: skip
    assert found["points"][0]["values"]["score"]["replicates"] == 4
    assert len(found["hypervolume_interval"]) == 2


# Before replication


def test_search_scores_make_a_front_without_intervals() -> None:
    trials = [trial(0, (1, 1)), trial(1, (0, 0), (5, 2)), trial(2, (4, 3))]
    front = search_front("two", BOTH, trials, default=DEFAULT, alpha=0.05)
    assert (front.trials, front.replicates, front.hypervolume_interval) == ([1, 0], 0, None)
    assert front.points[0].values["cost"] == Interval(2, -math.inf, math.inf, 0)
    assert "search scores, which flatter the best" in front.headline
    json.dumps(front.to_dict(), allow_nan=False)


def test_finalists_are_chosen_front_by_front() -> None:
    trials = [
        trial(0, (0, 9)),
        trial(1, (9, 8)),
        trial(2, (1, 1)),
        trial(3, (5, 2)),
        trial(4, (4, 3)),
        trial(5, (5.1, 2.3)),
        trial(6, (99, 0), state=State.STOPPED),
    ]
    chosen = select_finalists(trials, BOTH, 4, [DEFAULT])
    assert {one.number for one in chosen[:4]} == {1, 2, 3, 5}, "the first front of the full runs"
    assert chosen[3].number == 5, "beside trial 3 it adds next to nothing"
    assert [one.number for one in chosen[4:]] == [0], "the default"


def test_one_lucky_report_of_any_objective_makes_no_finalist() -> None:
    steady = [(1.0, 1.0)] * 11
    trials = [trial(1, *steady, (1.0, -50.0)), trial(2, *steady, (0.9, 0.9), (1.1, 0.8), (1.1, 0.9))]
    assert [one.number for one in select_finalists(trials, BOTH, 1)] == [2]
