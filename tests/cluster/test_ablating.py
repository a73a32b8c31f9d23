"""An ablation is verified by a sweep of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.analysis import Results
from assay.analysis.explain.ablation import ablation
from assay.cluster import Where
from assay.cluster.ablating import run_ablation, verified_ablation
from assay.spaces import UsageError

SWEEP: dict[str, Any] = {
    "name": "bowl",
    "objectives": [{"metric": "score", "goal": "maximize"}],
    "parameters": {name: {"min": 0.0, "max": 1.0, "default": 0.1} for name in ("large", "small", "idle")},
    "searcher": "random",
    "budget": {"trials": 15},
    "leaderboard": {"top": 1, "seeds": 3},
}


def train(config: dict[str, Any], trial: assay.TrialHandle) -> dict[str, float]:
    return {"score": 10 * config["large"] + config["small"] + trial.split_id / 10 + trial.seed % 7 / 100}


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of predictions are not what is looked at here, and cost seconds."""
    monkeypatch.setitem(ablation.__kwdefaults__, "resamples", 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Where]:
    store = tmp_path_factory.mktemp("ablating") / "store"
    results = assay.run(SWEEP, train, store=store, inline=True, progress=False)
    return results, Where(store, inline=True)


def test_the_runs_measure_what_each_change_brings_and_are_not_made_twice(made: tuple[Results, Where]) -> None:
    results, where = made
    assert verified_ablation(results, where).verified_by is None
    report = run_ablation(results, where, seeds=2, function=train)
    assert report.verified_by == "bowl-ablation"
    best = results.best_config
    for step in report.steps:
        (name,) = step.changed
        factor = {"large": 10.0, "small": 1.0, "idle": 0.0}[name]
        assert step.measured is not None
        assert step.measured.mean == pytest.approx(factor * (best[name] - 0.1))
        assert step.runs == 2
    assert report.measured is not None
    assert report.measured.mean == pytest.approx(sum(step.measured.mean for step in report.steps if step.measured))
    assert verified_ablation(results, where) == report

    def never(config: dict[str, Any], trial: Any) -> dict[str, float]:
        raise AssertionError("trained again")

    assert run_ablation(results, where, seeds=2, function=never) == report


def test_another_sweep_of_the_name_is_left_alone(made: tuple[Results, Where]) -> None:
    results, where = made
    with pytest.raises(UsageError, match="'bowl' ran other configs than the way to trial"):
        run_ablation(results, where, name="bowl", function=train)


def test_a_function_from_python_has_to_be_given(made: tuple[Results, Where], tmp_path: Path) -> None:
    results, where = made
    wanted: Callable[[], Any] = lambda: run_ablation(results, where, name="other")  # noqa: E731
    with pytest.raises(UsageError, match="started with a Python function"):
        wanted()
    assert "other" not in where.recorded()
