"""`assay importance`, `ablation` and `explain`: what they print, and their mistakes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assay.analysis.explain.ablation import ablation
from assay.analysis.explain.importance import importance
from assay.analysis.explain.partial_dependence import partial_dependence

from .cluster.tabular_task import TRAIN

SWEEP = """
name: lin
trainable: task.py:train
objectives: [{metric: accuracy, goal: maximize}]
parameters:
  lr: {min: 0.001, max: 1.0, log: true, default: 0.002}
  unused: {min: 0.0, max: 1.0}
searcher: random
fidelity: {unit: epoch, max: 3}
budget: {trials: 16}
leaderboard: {top: 1, seeds: 2}
"""


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals are not what is looked at here, and cost seconds."""
    for function in (importance, partial_dependence, ablation):
        monkeypatch.setitem(function.__kwdefaults__, "resamples", 2)


@pytest.fixture
def done(cli: Any) -> Any:
    """The command line in a folder with a finished sweep."""
    cli.write(task_py=TRAIN, sweep_yaml=SWEEP)
    assert cli("run", "sweep.yaml", "--inline").code == 0
    return cli


def document(cli: Any, *words: object) -> dict[str, Any]:
    found = cli(*words, "--json")
    assert found.code == 0, found.err
    read: dict[str, Any] = json.loads(found.out, parse_constant=pytest.fail)
    assert read["schema_version"] == 1
    return read


def test_importance_ablation_and_explanation_of_a_finished_sweep(done: Any) -> None:
    read = document(done, "importance", "lin")
    assert [one["name"] for one in read["parameters"]] == ["lr", "unused"]
    assert {"share", "low", "high", "active"} <= read["parameters"][0].keys()

    curve = done("importance", "lin", "-p", "lr")
    assert curve.code == 0
    assert "accuracy by lr" in curve.out.splitlines()[0]

    measured = document(done, "ablation", "lin", "--run", "--inline", "--seeds", 2)
    assert measured["verified_by"] == "lin-ablation"
    assert measured["steps"][0]["changed"].keys() == {"lr"}
    assert [step["runs"] for step in measured["steps"]] == [2] * len(measured["steps"])

    inputs = document(done, "explain", "lin", "--rows", 20)
    assert inputs["features"][0]["features"] == ["x0"]
    assert inputs["rows"] == 20
    assert "x0" in done("explain", "lin", 0, "--method", "captum_ablation").out

    assert "no parameter 'lrr' (did you mean 'lr'?)" in done.mistakes(2, "importance", "lin", "-p", "lrr")[0]
    assert "--method is for" in done.mistakes(2, "importance", "lin", "-p", "lr", "--method", "forest")[0]
    assert "got 'anova'" in done.mistakes(2, "importance", "lin", "--method", "anova")[0]
    assert "are for --run" in done.mistakes(2, "ablation", "lin", "--seeds", 3)[0]
    assert "has no trial 999" in done.mistakes(4, "explain", "lin", 999)[0]
