"""How far a supernet's scores can be believed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from assay.analysis.supernet import Agreement, SupernetReport, agreement, report_of
from assay.analysis.supernet_trials import Origin, Trained, origins
from assay.search import Phase, Report, State, Sweep, Trial
from assay.search.nas.one_shot.found import Candidate, Found
from assay.spaces import Config, Space


def test_tau_is_kendalls_with_an_exact_p_value() -> None:
    pairs = [(0.1, 0.5), (0.2, 0.6), (0.3, 0.7), (0.4, 0.8), (0.5, 0.9)]
    assert agreement(pairs) == Agreement(pytest.approx(1.0), None, None, pytest.approx(1 / 120), 5)  # type: ignore[arg-type]
    worst = agreement([(score, -value) for score, value in pairs])
    assert (worst.tau, worst.p_value) == (pytest.approx(-1.0), pytest.approx(1.0))
    swapped = agreement([*pairs[:3], (0.4, 0.95), pairs[4]])
    assert swapped.tau == pytest.approx(1 - 2 * 1 / 10)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "no random check was trained"),
        (1, "only 1 random check was trained"),
        (2, "only 2 random checks were trained"),
        (4, "only 4 random checks were trained"),
    ],
)
def test_few_networks_are_not_ranked_but_counted(count: int, words: str) -> None:
    found = agreement([(float(place), float(place)) for place in range(count)])
    assert found == Agreement(None, None, None, None, count)
    assert str(found) == f"{words}: too few to rank, a new sweep with more samples would tell"


def test_what_is_all_alike_has_no_order() -> None:
    found = agreement([(0.5, float(place)) for place in range(6)])
    assert found == Agreement(None, None, None, None, 6)
    assert str(found) == "no ranking: one of the two is the same for all 6 random architectures"


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_do_not_count(broken: float) -> None:
    pairs = [(float(place), float(place)) for place in range(12)]
    pairs[3:5] = [(4.0, 3.0), (3.0, 4.0)]
    assert agreement([(broken, 0.2), *pairs, (0.3, broken)]) == agreement(pairs)
    assert agreement([(broken, 0.2), pairs[0]]).count == 1


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Normal pairs with correlation r have tau = 2 / pi * arcsin(r) (Kendall and Gibbons, 1990, section 9)."""
    rng, held, correlation, runs = np.random.default_rng(4), 0, 0.6, 300
    truth = 2 / math.pi * math.asin(correlation)
    for _ in range(runs):
        first = rng.normal(size=20)
        second = correlation * first + math.sqrt(1 - correlation**2) * rng.normal(size=20)
        found = agreement(list(zip(first.tolist(), second.tolist(), strict=True)))
        assert found.low is not None and found.high is not None
        assert found.tau == pytest.approx(kendalltau(first, second).statistic)
        held += found.low <= truth <= found.high
    assert 0.92 <= held / runs <= 0.99


def report(**changes: object) -> SupernetReport:
    outcome = Found("darts", 5, 9, True, "it collapsed", 3, 6, ())
    given = {
        "agreement": Agreement(0.4, 0.1, 0.7, 0.01, 12),
        "top": 0.91,
        "random": 0.88,
        "seconds": 30.0,
        "retrained_seconds": 60.0,
        "trained": Trained(),
        "outcomes": (),
    }
    of_found = {name: changes.pop(name) for name in [*changes] if hasattr(outcome, name)}
    return SupernetReport(replace(outcome, **of_found), **given | changes)  # type: ignore[arg-type]


def test_lines_say_what_a_reader_needs() -> None:
    assert report().lines() == [
        "supernet: darts, 5 of 9 epochs, 3 of 6 places are skip connections",
        "warning: it collapsed",
        "trained from scratch: its architectures 0.91 on average, random ones 0.88",
        "its scores and those from scratch: Kendall's tau 0.40 [0.10, 0.70] over 12 random architectures (p = 0.01)",
        "cost: 30.0 s, 0.5 times the search's trials",
    ]
    plain = report(warning="", epochs=9, choices=0, agreement=agreement([]), random=None, retrained_seconds=0.0).lines()
    assert plain == [
        "supernet: darts, 9 epochs",
        "its scores and those from scratch: no random check was trained: too few to rank, a new sweep with more "
        "samples would tell",
        "cost: 30.0 s",
    ]
    assert report(epochs=1, planned=1, choices=0).lines()[0] == "supernet: darts, 1 epoch"
    doubtful = report(agreement=Agreement(0.2, None, None, 0.4, 5)).lines()
    assert "over 5 random architectures (p = 0.4, no agreement is shown)" in doubtful[3]
    plain_data = report().to_dict()
    assert (plain_data["agreement"]["tau"], plain_data["strategy"], plain_data["collapsed"]) == (0.4, "darts", True)


OPS = ["conv1x1", "conv3x3", "conv5x5", "sepconv3x3", "sepconv5x5", "maxpool3x3", "avgpool3x3", "identity"]


def sweep_of(**changes: Any) -> Sweep:
    raw = {
        "name": "a",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"lr": "loguniform(1e-3, 1e-1)"},
        "architecture": {"input": [1, 8, 8], "output": 4, "stages": [{"ops": OPS, "depth": 1, "width": 4}]},
        "budget": {"trials": 9},
        "searcher": "one_shot",
    }
    return Sweep.make(raw | changes)


def network(op: str) -> Config:
    whole = sweep_of().parameters.complete({"architecture.stage1.op1": op})
    return Config({name: value for name, value in whole.items() if name != "lr"})


def found(top: dict[str, float], samples: dict[str, float]) -> Found:
    candidates = [Candidate(network(op), "top", score) for op, score in top.items()]
    candidates += [Candidate(network(op), "sample", score) for op, score in samples.items()]
    return Found("darts", 3, 3, False, "", 0, 1, tuple(candidates))


def searched(losses: Iterable[tuple[str, float]], lr: float | None = None) -> list[Trial]:
    space = sweep_of().parameters
    return [
        Trial(
            number,
            Phase.SEARCH,
            State.COMPLETE,
            space.complete(dict(network(op)) | ({} if lr is None or number < 4 else {"lr": lr})),
            seed=0,
            split=0,
            seconds=2.0,
            reports=(Report(1, {"loss": loss}, 1.0, number),),
        )
        for number, (op, loss) in enumerate(losses, 1)
    ]


def test_tau_is_of_the_random_architectures_alone_and_smaller_may_be_better() -> None:
    """The best by the supernet have the least loss among the random ones; among its own it is the other way round."""
    scores = {"sepconv3x3": 0.7, "sepconv5x5": 0.6, "maxpool3x3": 0.5, "avgpool3x3": 0.4, "identity": 0.3}
    of = found({"conv3x3": 0.9, "conv5x5": 0.8}, scores)
    losses = [("conv1x1", 3.0), ("conv3x3", 9.0), ("conv5x5", 8.0)]
    search = searched([*losses, *((op, float(place)) for place, op in enumerate(scores, 1))])
    made = report_of(of, [replace(search[0], number=0, seconds=5.0)], search, sweep_of())
    assert (made.agreement.tau, made.agreement.count) == (pytest.approx(1.0), 5)
    assert (made.top, made.random) == (8.5, 3.0)
    assert (made.seconds, made.retrained_seconds) == (5.0, 16.0)
    assert made.outcomes == ((2, 9.0), (3, 8.0), *((place + 3, float(place)) for place in range(1, 6)))
    told = made.to_dict()["candidates"]
    assert [(one["origin"], one["score"], one["trial"], one["retrained"]) for one in told[1:3]] == [
        ("top", 0.8, 3, 8.0),
        ("sample", 0.7, 4, 1.0),
    ]
    assert told[0]["config"]["architecture.stage1.op1"] == "conv3x3"
    assert "outcomes" not in made.to_dict()
    assert made.trained == Trained((2, 3), (4, 5, 6, 7, 8), reasons=("are the same network as one that was tried",))
    failed = report_of(of, [], [*search[:4], replace(search[4], state=State.FAILED), *search[5:]], sweep_of())
    assert (failed.agreement.tau, failed.agreement.count) == (None, 4)
    assert failed.outcomes[2:4] == ((4, 1.0), (5, None))


def test_a_score_from_scratch_is_of_the_trial_that_is_named() -> None:
    """The search draws two of the architectures again with another lr; neither run is the one of the supernet."""
    of = found({"conv3x3": 0.9, "conv5x5": 0.8, "identity": 0.5}, {"maxpool3x3": 0.6, "avgpool3x3": 0.5})
    ops = ("conv1x1", "conv3x3", "conv5x5", "conv3x3", "identity", "maxpool3x3", "conv5x5")
    search = searched(((op, float(number)) for number, op in enumerate(ops, 1)), lr=0.02)
    search[1] = replace(search[1], state=State.FAILED)
    search.append(replace(search[2], number=8, reports=(Report(1, {"loss": 99.0}, 1.0, 8),)))  # the first counts
    made = report_of(of, [], search, sweep_of())
    assert made.outcomes == ((2, None), (3, 3.0), (None, None), (None, None), (None, None))
    assert (made.top, made.random, made.agreement.count) == (3.0, None, 0)
    assert made.trained.random == (4, 5, 6, 7)


def test_a_score_that_is_not_finite_leaves_the_rest_as_it_is() -> None:
    of = found(
        {"conv3x3": math.nan, "conv5x5": math.inf}, {"maxpool3x3": 0.6, "avgpool3x3": 0.5, "identity": -math.inf}
    )
    of = replace(of, candidates=(replace(of.candidates[0], probability=math.nan), *of.candidates[1:]))
    ops = ("conv1x1", "conv3x3", "conv5x5", "maxpool3x3", "avgpool3x3", "identity")
    search = searched([*zip(ops, (3.0, 9.0, 8.0, 1.0, 2.0, 3.0), strict=True)])
    search[2] = replace(search[2], reports=(Report(1, {"loss": math.inf}, 1.0, 3),))
    made = report_of(of, [], search, sweep_of())
    assert made.agreement.count == 2
    assert (made.top, made.outcomes[:2]) == (9.0, ((2, 9.0), (3, None)))
    told = json.loads(json.dumps(made.to_dict(), allow_nan=False))["candidates"]
    assert [one["score"] for one in told] == [None, None, 0.6, 0.5, None]
    assert told[0]["probability"] is None
    assert [one["retrained"] for one in told] == [9.0, None, 1.0, 2.0, 3.0]
    assert Origin("top", 2, math.nan).to_dict()["score"] is None


def test_what_the_search_tries_for_an_architecture_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    of, sweep = found({"conv3x3": 0.9, "conv5x5": 0.8}, {"identity": 0.5}), sweep_of()
    search, complete, calls = searched([("conv1x1", 1.0)]), Space.complete, []
    monkeypatch.setattr(Space, "complete", lambda self, given: calls.append(1) or complete(self, given))
    report_of(of, [], search, sweep)
    assert len(calls) == 3


def test_what_was_not_trained_is_told() -> None:
    of = found({"conv3x3": 0.9, "conv5x5": 0.8, "sepconv3x3": 0.7}, {"maxpool3x3": 0.6, "avgpool3x3": 0.5})
    limits: list[Any] = [{"metric": "params", "max": 10}, {"metric": "flops_m", "max": 3}, {"metric": "ms", "max": 1}]
    limited = sweep_of(constraints=limits)
    part = report_of(of, [], searched([("conv1x1", 1.0), ("conv5x5", 2.0), ("maxpool3x3", 2.0)]), limited).trained
    assert (part.top, part.samples, part.random, part.refused, part.waiting) == ((2,), (3,), (), 2, 1)
    assert part.left_out == [
        "2 of 5 architectures of the supernet were not trained: they break limits on params, flops_m, or are the same "
        "network as one that was tried",
        "1 of 5 architectures of the supernet were not trained: the search did not come to them",
    ]
    assert report(trained=part).lines()[2:4] == part.left_out
    drawn = [("conv1x1", 1.0), ("conv5x5", 2.0), ("maxpool3x3", 2.0), ("conv5x5", 2.0), ("identity", 3.0)]
    past = report_of(of, [], searched(drawn, lr=0.02), sweep_of()).trained
    assert (past.top, past.samples, past.random, past.refused, past.waiting) == ((2,), (3,), (4, 5), 3, 0)
    constraint = "architecture.stage1.op1 != 'conv3x3' and architecture.stage1.op1 != 'avgpool3x3'"
    forbidden = report_of(of, [], searched([("conv1x1", 1.0)]), sweep_of(constraints=[{"require": constraint}])).trained
    assert (forbidden.refused, forbidden.waiting) == (2, 3)
    assert forbidden.reasons[0] == "break constraints"
    filtered = {"input": [1, 8, 8], "output": 4, "stages": [{"ops": OPS, "depth": 1, "width": 4}]}
    filtered |= {"zero_cost": ["params"], "prefilter": 0.5}
    assert "are below the prefilter" in report_of(of, [], searched([]), sweep_of(architecture=filtered)).trained.reasons
    assert Trained((1,), (2,)).left_out == []


def test_it_is_told_where_a_trial_comes_from() -> None:
    """A network that the supernet proposes and that was drawn as well is the supernet's."""
    of = found({"conv3x3": 0.9, "conv5x5": 0.8, "identity": 0.7}, {"conv3x3": 0.9, "avgpool3x3": 0.5})
    told = origins(of.candidates, searched([("conv1x1", 1.0), ("conv3x3", 2.0), ("avgpool3x3", 3.0)]), sweep_of())
    assert told == {2: Origin("top", 1, 0.9), 3: Origin("sample", 2, 0.5)}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        *((1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (21, "21st")),
        *((23, "23rd"), (113, "113th")),
    ],
)
def test_places_are_told_as_people_say_them(place: int, words: str) -> None:
    assert str(Origin("top", place, 0.5)) == f"{words} choice"
    assert str(Origin("sample", place, 0.5)) == "random check"
