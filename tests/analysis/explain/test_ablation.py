"""The way from the default to the best goes one change at a time, over configs that are allowed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.analysis import Results
from assay.analysis.explain.ablation import ablation
from assay.analysis.explain.ablation_runs import ablation_name, ablation_sweep
from assay.search import Phase, Trial
from assay.spaces import UsageError

from .searches import results_of, searched, sweep_of, trial_of, uniform

BRANCHES: dict[str, Any] = {
    "kind": {"values": ["a", "b"], "default": "a"},
    "rate": {"min": 0.0, "max": 1.0, "default": 0.5},
    "inner": {"min": 0.0, "max": 1.0, "default": 0.5, "when": {"kind": "a"}},
    "outer": {"min": 0.0, "max": 1.0, "default": 0.5, "when": {"kind": "b"}},
    "deep": {"min": 0.0, "max": 1.0, "default": 0.5, "when": "outer > 0.3"},
}


def score(config: Mapping[str, Any]) -> float:
    return 3 * (config["kind"] == "b") + 2 * config["rate"] + config.get("outer", 0) / 10 + config.get("inner", 0) / 10


def test_the_most_helpful_change_comes_first_with_what_it_activates() -> None:
    report = ablation(searched(sweep_of(BRANCHES), score, 80), resamples=10)
    assert [list(step.changed) for step in report.steps] == [["kind"], ["rate"]]
    first, second = report.steps
    assert first.changed == {"kind": "b"}
    assert set(first.followed) == {"inner", "outer"} | ({"deep"} & report.configs[-1].keys())
    assert first.followed["inner"] is None
    assert first.predicted.mean > second.predicted.mean > 0
    assert first.predicted.low <= first.predicted.mean <= first.predicted.high
    assert report.predicted.mean == pytest.approx(first.predicted.mean + second.predicted.mean)
    assert report.measured is None
    assert report.lines()[1].startswith("  kind -> b") and "inner off" in report.lines()[1]
    json.dumps(report.to_dict(), allow_nan=False)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), goal=st.sampled_from(["maximize", "minimize"]))
def test_the_way_is_allowed_and_ends_at_the_best(seed: int, goal: str) -> None:
    sweep = sweep_of(
        BRANCHES,
        objectives=[{"metric": "score", "goal": goal}],
        constraints=[{"require": "kind == 'a' or rate > 0.2"}],
    )
    results = searched(sweep, lambda config: score(config) + 1, 25, seed)
    if results.best_trial.config == sweep.parameters.default():
        return
    report = ablation(results, resamples=3)
    assert report.configs[0] == sweep.parameters.default()
    assert report.configs[-1] == results.best_trial.config
    assert len(set(report.configs)) == len(report.configs)
    for config in report.configs:
        assert sweep.parameters.validate(config) == config
    for before, step in zip(report.configs, report.steps, strict=False):
        changed = {name for name in before if name in step.config and before[name] != step.config[name]}
        assert set(step.changed) == changed
        assert set(step.followed) == before.keys() ^ step.config.keys()


def test_where_constraints_allow_no_single_change_two_are_made_at_once() -> None:
    parameters = {name: {"min": 0.0, "max": 1.0, "default": 0.1} for name in ("p", "q")}
    sweep = sweep_of(parameters, constraints=[{"require": "abs(p - q) < 0.2"}])
    report = ablation(searched(sweep, lambda config: config["p"] + config["q"], 60), resamples=3)
    assert [set(step.changed) for step in report.steps] == [{"p", "q"}]


def test_the_default_as_the_best_has_no_way() -> None:
    results = searched(sweep_of(uniform(1)), lambda config: -abs(config["x0"] - 0.5), 20)
    with pytest.raises(UsageError, match="the default config is the best of 'demo'"):
        results.ablation()


def test_the_sweep_that_verifies_it_has_the_configs_as_rivals() -> None:
    first = sweep_of(BRANCHES, fidelity={"unit": "epoch", "max": 3}, scheduler="asha", seed=7, searcher="tpe")
    results = searched(first, score, 40)
    whole = [replace(trial, reports=trial.reports) for trial in results.trials]
    report = ablation(results_of(first, whole), resamples=3)
    sweep = ablation_sweep(first, report, seeds=4)
    assert sweep.given == report.configs
    assert (sweep.name, sweep.seed, sweep.budget.trials) == ("demo-ablation", 7, len(report.configs))
    assert (sweep.scheduler.type, sweep.leaderboard.seeds, sweep.leaderboard.top) == ("none", 4, 1)
    assert sweep.fidelity == first.fidelity
    assert ablation_sweep(first, report, name="other").name == "other"
    assert len(ablation_name("x" * 63)) == 63


def test_runs_are_compared_in_pairs() -> None:
    results = searched(sweep_of(BRANCHES), score, 60)
    report = ablation(results, resamples=3)
    runs: list[Trial] = []
    for at, config in enumerate(report.configs):
        splits = (1, 2, 3) if at < 2 else (2,)
        for split in splits:
            number = len(runs)
            made = trial_of(results.sweep, number, config, [float(10 * at + split + (split == 3) * at)], split=split)
            runs.append(replace(made, phase=Phase.REPLICATE, parent=at))
    verified: Results = results_of(results.sweep, runs)
    found = ablation(results, verified, resamples=3)
    assert found.steps[0].measured is not None
    assert found.steps[0].measured.mean == pytest.approx(10 + 1 / 3)
    assert found.steps[0].runs == 3
    assert found.steps[0].measured.low < found.steps[0].measured.mean < found.steps[0].measured.high
    assert (found.steps[1].measured, found.steps[1].runs) == (None, 1)
    assert found.verified_by == "demo"
    assert "1 steps have fewer than two pairs of runs" in "\n".join(found.notes)
    assert "measured +10.33" in "\n".join(found.lines())
