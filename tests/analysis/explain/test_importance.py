"""Importance finds what acts when the trials allow it, and says so when they do not."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from assay.analysis.explain.importance import METHODS, ImportanceReport, importance
from assay.spaces import UsageError

from .searches import TRUTH, additive, results_of, searched, sweep_of, trial_of, uniform


def names(report: ImportanceReport) -> list[str]:
    return [one.name for one in report.parameters]


def test_the_truth_is_found_from_random_trials_in_time() -> None:
    results = searched(sweep_of(uniform(len(TRUTH))), additive, 300)
    began = time.process_time()
    report = importance(results)
    assert time.process_time() - began < 20
    assert names(report)[:3] == ["x0", "x1", "x2"]
    assert report.parameters[0].low > report.parameters[1].high
    assert (report.interactions[0].first, report.interactions[0].second) == ("x0", "x1")
    assert report.r2 > 0.8
    assert not report.warnings
    assert report.rest is not None
    total = sum(one.share for one in report.parameters) + report.rest
    assert 0.8 < total < 1


def test_trials_that_a_searcher_chose_are_warned_of() -> None:
    sweep = sweep_of(uniform(3), searcher="tpe")
    rng = np.random.default_rng(0)
    configs = sweep.parameters.sample_many(rng, 60)
    report = importance(
        results_of(sweep, [trial_of(sweep, at, one, [one["x0"]]) for at, one in enumerate(configs)]), resamples=3
    )
    assert report.sampling == "all"
    assert "adaptive sampling makes every importance unreliable" in report.warnings[0]
    assert any(line.startswith("WARNING: the searcher chose these configs") for line in report.lines())


@pytest.mark.parametrize("method", METHODS)
def test_each_method_finds_the_only_parameter_that_acts(method: str) -> None:
    results = searched(sweep_of(uniform(3)), lambda config: -((config["x1"] - 0.7) ** 2), 80)
    report = importance(results, method, resamples=10)
    assert names(report)[0] == "x1"
    assert report.parameters[0].share > 3 * report.parameters[1].share
    for one in report.parameters:
        assert one.low <= one.share <= one.high
        assert (one.mdi is not None) == (method == "forest")
    assert (report.rest is not None) == bool(report.interactions) == (method == "fanova")
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert document["parameters"][0]["name"] == "x1"
    assert document["method"] == method


def test_the_same_seed_gives_the_same_report() -> None:
    results = searched(sweep_of(uniform(2)), lambda config: config["x0"], 40)
    first, second, other = (importance(results, resamples=4, seed=seed).to_dict() for seed in (1, 1, 2))
    assert first == second != other


def test_noise_is_told_from_knowledge() -> None:
    rng = np.random.default_rng(0)
    report = importance(searched(sweep_of(uniform(3)), lambda config: float(rng.normal()), 60), resamples=10)
    assert report.r2 < 0.5
    assert any("what acts on the score is not known" in text for text in report.warnings)
    assert report.to_dict()["r2"] == report.r2


def test_a_parameter_that_is_not_always_active_counts_for_what_it_does() -> None:
    parameters: dict[str, Any] = {
        "kind": ["a", "b"],
        "inner": {"min": 0.0, "max": 1.0, "when": {"kind": "a"}},
        "idle": {"min": 0.0, "max": 1.0, "when": {"kind": "b"}},
    }

    def score(config: Mapping[str, Any]) -> float:
        return float(config.get("inner", 0.5))

    report = importance(searched(sweep_of(parameters), score, 120), resamples=5)
    found = {one.name: one for one in report.parameters}
    assert names(report)[0] == "inner"
    assert found["idle"].share < 0.05
    assert 0.3 < found["inner"].active < 0.7
    assert any("not always active: inner, idle" in text for text in report.notes)
    assert report.interactions[0].share > 0.1  # it acts for one kind alone
    assert any("active in" in line for line in report.lines())


def test_ped_anova_needs_to_know_what_is_good() -> None:
    sweep = sweep_of(uniform(1))
    trials = [
        trial_of(sweep, at, one, [{"score": 1.0, "size": one["x0"]}])
        for at, one in enumerate(sweep.parameters.sample_many(np.random.default_rng(0), 20))
    ]
    results = results_of(sweep, trials)
    assert importance(results, metric="size", resamples=2).metric == "size"
    with pytest.raises(UsageError, match="no objective says whether larger or smaller is: take method fanova"):
        importance(results, "ped_anova", metric="size")


def test_another_method_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError, match=r"'fanova', 'ped_anova' or 'forest', got 'anova' \(did you mean"):
        importance(searched(sweep_of(uniform(1)), lambda config: config["x0"], 20), "anova")


def test_results_have_it() -> None:
    results = searched(sweep_of(uniform(1)), lambda config: config["x0"], 20)
    assert results.importance("ped_anova").method == "ped_anova"
