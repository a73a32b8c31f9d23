"""`assay check`: what it says of a sweep before it runs is what happens when it runs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from assay.cluster.expectation import expected_trials
from assay.cluster.preview import preview, space_size
from assay.search import Sweep
from assay.spaces import Space

TRAIN = """
def train(config, trial):
    for step in trial.steps():
        yield {"loss": config["x"] + 1 / (step + 1) + trial.seed % 100 / 1e4, "ms": 3.0}
"""
SWEEP = """\
name: bowl
trainable: train.py:train
objectives: [{metric: loss, goal: minimize, target: -5.5}]
parameters:
  x: {min: 0, max: 9, type: int}
  y: {values: [1, 2, 3], when: x <= 4}
constraints: [{require: x + y <= 5}, {metric: ms, max: 5.0}]
searcher: random
scheduler: {type: promotion_asha, eta: 3}
fidelity: {unit: epoch, max: 9}
budget: {trials: 12, time: 1h30m}
leaderboard: {top: 2, seeds: 3}
"""


def sweep_of(**sections: Any) -> Sweep:
    raw: dict[str, Any] = {
        "name": "a",
        "objectives": [{"metric": "loss", "goal": "minimize"}],
        "parameters": {"x": "uniform(0, 1)"},
        "budget": {"trials": 30},
    }
    return Sweep.make(raw | sections)


def test_everything_in_its_order(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP, train_py=TRAIN)
    done = cli("check", "sweep.yaml", "--set", "budget.trials=40")
    assert (done.code, done.err) == (0, "")
    table, _, rest = done.out.partition("constraint:")
    assert "int 0 .. 9" in table
    assert "x <= 4" in table
    facts = dict(line.split(":", 1) for line in f"constraint:{rest}".splitlines())
    facts = {label: text.strip() for label, text in facts.items()}
    assert list(facts) == [
        "constraint", "feasible", "configs", "default", "searcher", "scheduler", "rungs", "runs", "training",
        "search ends", "limit", "decides", "note",
    ]  # fmt: skip
    assert facts["constraint"] == "x + y <= 5"
    assert facts["configs"] == "17"
    assert facts["default"] == "x=4 y=1 (trial 0)"
    assert facts["rungs"].startswith("1 (17), 3 (about ")
    assert facts["runs"].startswith("at most 17 of the search, 9 replicates (3 finalists, 3 seeds each), 26 tests")
    assert facts["training"].startswith("at most 234 epochs: 153 of the search (about ")
    assert facts["search ends"] == (
        "after 40 trials or after 1 h 30 m or when loss reaches -5.5 or when all configs were tried"
    )
    assert facts["limit"] == "ms <= 5"
    assert facts["decides"] == (
        "a finalist that is worse by 3.3 standard deviations of the paired differences is told apart in 80 % of cases; "
        "with 6 seeds 1.4"
    )
    assert facts["note"] == "the space has 17 configs, budget.trials is 40: the search ends after 17"


def test_json_has_all_of_it(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP, train_py=TRAIN)
    document = cli("check", "sweep.yaml", "--json").json
    assert document["schema_version"] == 1
    assert document["space"] == {"configs": 17, "bound": False, "feasible": pytest.approx(0.9, abs=0.03)}
    assert document["default"] == {"x": 4, "y": 1}
    assert [rung["step"] for rung in document["rungs"]] == [1, 3, 9]
    assert document["rungs"][0]["trials"] == document["runs"]["search"] == 12
    assert document["decides"]["seeds"] == 3
    assert document["limits"] == ["ms <= 5"]
    endless = cli("check", "sweep.yaml", "--json", "--set", "parameters.x=uniform(0, 9)", "--set", "constraints=[]")
    assert endless.json["space"]["configs"] is None


@pytest.mark.parametrize(
    ("budget", "ends"),
    [
        ({"time": "90s"}, "after 1 m 30 s"),
        ({"cpu_hours": 2.5}, "after 2.5 CPU hours of training"),
        ({"patience": 9}, "when 9 trials in a row bring nothing better"),
        ({"cost_usd": 20.0}, "after 20 USD of training"),
    ],
)
def test_a_budget_without_trials_leaves_their_number_open(cli: Any, budget: dict[str, Any], ends: str) -> None:
    sweep = sweep_of(budget=budget, resources={"usd_per_hour": 1.0}, fidelity={"max": 9}, scheduler="promotion_asha")
    known = preview(sweep)
    assert known.search_ends == (ends,)
    assert (known.runs.search, known.runs.search_units, known.runs.replicates) == (None, None, 30)
    assert [rung.trials for rung in known.rungs] == [None, None, None]
    finite = preview(sweep_of(budget=budget, resources={"usd_per_hour": 1.0}, parameters={"x": [1, 2, 3]}))
    assert (finite.runs.search, finite.runs.finalists) == (3, 3)
    assert finite.search_ends == (ends, "when all configs were tried")
    for name, value in budget.items():
        cli.write(sweep_yaml=SWEEP.replace("trials: 12, time: 1h30m", f"{name}: {value}"), train_py=TRAIN)
        words = ["--set", "parameters.x=uniform(0, 9)", "--set", "resources.usd_per_hour=1"]
        done = cli("check", "sweep.yaml", *words)
        assert done.code == 0, done.err
        assert "at most the search's, 9 replicates" in done.out


NETWORKS = """\
name: nets
trainable: train.py:train
objectives: [{metric: loss, goal: minimize}]
architecture:
  input: [1, 8, 8]
  output: 10
  stages: [{ops: [conv3x3, conv1x1, identity], depth: "int(1, 3)", width: 8}]
searcher: {type: one_shot, epochs: 30, top: 3, samples: 5}
fidelity: {unit: epoch, max: 9}
budget: {trials: 6}
leaderboard: {top: 2, seeds: 3}
"""


def test_what_takes_an_example_is_told_where_its_shape_is_not_known(cli: Any) -> None:
    space = {"space": "models.py:Net", "parameters": {"architecture.op": ["relu", "tanh"]}}  # as it is recorded
    kept: dict[str, Any] = {
        "name": "nets",
        "trainable": "train.py:train",
        "objectives": [{"metric": "loss", "goal": "minimize"}, {"metric": "latency_ms", "goal": "minimize"}],
        "constraints": [{"metric": "latency_ms", "max": 5}, {"metric": "params", "max": 9}, {"metric": "ms", "max": 9}],
        "searcher": "random",
        "budget": {"trials": 2},
    }

    def notes(tie_break: Any, **shape: Any) -> list[str]:
        board = {"top": 1, "seeds": 2, "tie_break": tie_break}
        sweep = kept | {"architecture": space | shape, "leaderboard": board}
        cli.write(sweep_yaml=yaml.safe_dump(sweep), train_py=TRAIN)
        done = cli("check", "sweep.yaml")
        assert (done.code, done.err) == (0, "")
        return [line.split(None, 1)[1] for line in done.out.splitlines() if line.startswith("note:")]

    said = "is measured on an example, whose shape is not known: write architecture: {input: [3, 32, 32]}, without the "
    said += "batch, or let the training function report it"
    assert notes("cost") == [f"latency_ms (objectives, constraints) {said}"]
    flops = f"flops (leaderboard.tie_break) {said}"
    assert notes(["params_m", "flops"]) == [flops, f"latency_ms (objectives, constraints) {said}"]
    assert notes(["flops", "latency_ms"], input=[3]) == []


def test_a_supernet_is_told(cli: Any) -> None:
    pytest.importorskip("nni")
    cli.write(sweep_yaml=NETWORKS, train_py=TRAIN)
    done = cli("check", "sweep.yaml")
    assert done.code == 2
    assert "sweep.yaml:8:" in done.err
    assert "train.py does not define 'data'; it defines: train; the supernet needs data" in done.err
    cli.write(sweep_yaml=NETWORKS, train_py=f"{TRAIN}\ndata = None\n")
    done = cli("check", "sweep.yaml")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert "searcher:    one_shot (darts)" in lines
    assert "supernet:    30 epochs in one trial before the search (trial 0); no budget counts it" in lines
    assert any(line.startswith("default:") and line.endswith("(trial 1)") for line in lines)
    note = "budget.trials is 6, and the search takes 9 for the default, rivals, top and samples: the last are not"
    assert any(line.startswith(f"note:        {note}") for line in lines)
    enough = cli("check", "sweep.yaml", "--set", "budget.trials=9")
    assert "note:" not in enough.out
    with_rate = cli("check", "sweep.yaml", "--set", "budget.trials=9", "--set", "parameters.lr=uniform(0.1, 1)").out
    assert "note:        what the supernet finds is trained with the default of lr: not searched\n" in with_rate
    document = cli("check", "sweep.yaml", "--json").json
    assert (document["searcher"], document["strategy"]) == ("one_shot", "darts")
    assert document["supernet"] == {"epochs": 30, "trials": 9}


def test_a_strategy_of_nni_is_told(cli: Any) -> None:
    pytest.importorskip("nni")
    cli.write(sweep_yaml=SWEEP.replace("searcher: random", "searcher: nni"), train_py=TRAIN)
    assert "searcher:    nni (regularized_evolution)\n" in cli("check", "sweep.yaml").out


def test_the_size_of_a_space() -> None:
    assert space_size(Space({"x": "uniform(0, 1)"})).configs == math.inf
    half = space_size(Space({"x": "int(0, 9)", "y": "int(0, 9)"}, ["x < y"]))
    assert (half.configs, half.bound) == (45, False)
    assert half.feasible == pytest.approx(0.45, abs=0.05)
    large = space_size(Space({"x": "int(0, 9999)", "y": "int(0, 9999)"}, ["x < y"]))
    assert (large.configs, large.bound) == (10**8, True)
    loose = space_size(Space({"x": [1, 2]}, ["x < 3"]))
    assert (loose.configs, loose.bound, loose.feasible) == (2, False, 1.0)


def test_one_finalist_is_compared_with_nothing(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP, train_py=TRAIN)
    done = cli("check", "sweep.yaml", "--set", "budget.trials=1")
    assert "decides:     nothing: with one finalist there is nothing to compare" in done.out
    assert "1 (1), 3 (1), 9 (1) epochs" in done.out


def test_many_rungs_are_shown_in_short(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP, train_py=TRAIN)
    done = cli("check", "sweep.yaml", "--set", "scheduler=median", "--set", "fidelity.max=500")
    assert "rungs:       1, 2, ... 499, 500 epochs\n" in done.out


def test_a_scheduler_that_lets_nobody_train_in_full_is_told(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP, train_py=TRAIN)
    words = ["--set", "scheduler={type: bohb, eta: 3}", "--set", "fidelity.max=10", "--set", "budget.trials=3"]
    done = cli("check", "sweep.yaml", *words)
    assert (done.code, done.err) == (0, ""), "Ray's own remarks are left out"
    assert "rungs:       1 (3), 3 (3), 9 (about 1), 10 (none) epochs" in done.out
    assert "note:        no trial of the search is expected to train in full, 10 epochs: add trials" in done.out
    assert cli("run", "sweep.yaml", "--inline", *words).code == 0
    trials = [one for one in cli("show", "bowl", "--json").json["trials"] if one["phase"] == "search"]
    assert sorted(len(trial["reports"]) for trial in trials) == [3, 3, 9]


# How many trials come how far


@pytest.mark.parametrize("kind", ["asha", "promotion_asha", "hyperband", "bohb"])
def test_where_rank_decides_the_scheduler_itself_is_asked(kind: str) -> None:
    expected = expected_trials(sweep_of(scheduler=kind, fidelity={"max": 9}), 30)
    assert expected is not None
    assert list(expected) == [1, 3, 9]
    assert list(expected.values()) == sorted(expected.values(), reverse=True)
    assert expected[1] == 30
    # Each rung lets about a third through; Ray's ASHA lets more go on at first, and HyperBand has brackets that begin
    # later.
    assert 30 / 9 / 2 <= expected[9] < 20
    assert expected[3] <= (12.5 if kind.endswith("asha") else 24)


def test_asha_is_expected_as_a_search_with_it_goes(cli: Any) -> None:
    cli.write(sweep_yaml=SWEEP.replace("target: -5.5", "target: -99"), train_py=TRAIN)
    words = ["--set", "parameters={x: 'uniform(0, 9)'}", "--set", "constraints=[]", "--set", "budget={trials: 60}"]
    expected = {rung["step"]: rung["trials"] for rung in cli("check", "sweep.yaml", "--json", *words).json["rungs"]}
    assert cli("run", "sweep.yaml", "--inline", "--set", "leaderboard={top: 1, seeds: 2}", *words).code == 0
    trials = [one for one in cli("show", "bowl", "--json").json["trials"] if one["phase"] == "search"]
    for step, count in expected.items():
        came = sum(len(trial["reports"]) >= step for trial in trials)
        assert came == pytest.approx(count, rel=0.35, abs=2)


def test_where_nothing_can_be_expected_nothing_is_said() -> None:
    assert expected_trials(sweep_of(), 30) is None, "no fidelity"
    assert expected_trials(sweep_of(scheduler="median", fidelity={"max": 9}), 30) is None
    assert expected_trials(sweep_of(scheduler="asha", fidelity={"max": 9}), 10**6) is None
    assert expected_trials(sweep_of(scheduler="none", fidelity={"max": 9}), 30) == {9: 30.0}
    assert expected_trials(sweep_of(scheduler="pbt", fidelity={"max": 9}), 30) == {9: 30.0}
