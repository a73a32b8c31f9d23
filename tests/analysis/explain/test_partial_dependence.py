"""Curves follow the truth where there are trials, and say where there are none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from assay.analysis.explain.partial_dependence import partial_dependence
from assay.spaces import NoResultError, UsageError

from .searches import results_of, searched, sweep_of, trial_of, uniform


def test_a_curve_follows_the_truth_within_its_band() -> None:
    results = searched(sweep_of(uniform(2)), lambda config: (config["x0"] - 0.5) ** 2 * 8 + config["x1"], 150)
    found = partial_dependence(results, "x0", resamples=15)
    inner = found.points[2:-2]
    assert len(found.points) == 21
    for point in inner:
        truth = (point.values[0] - 0.5) ** 2 * 8 + 0.5
        assert point.low - 0.25 <= truth <= point.high + 0.25
        assert point.low <= point.mean <= point.high
        assert point.supported
    assert min(inner, key=lambda point: point.mean).values[0] == pytest.approx(0.5, abs=0.15)
    assert np.mean([point.near for point in found.points]) == pytest.approx(0.1, abs=0.03)


def test_where_no_trial_was_there_is_no_support() -> None:
    sweep = sweep_of(uniform(1))
    near = [config for config in sweep.parameters.sample_many(np.random.default_rng(0), 80) if config["x0"] < 0.5]
    found = partial_dependence(
        results_of(sweep, [trial_of(sweep, at, one, [one["x0"]]) for at, one in enumerate(near)]), "x0", resamples=5
    )
    for point in found.points:
        assert point.supported == (point.values[0] <= 0.5)
    assert found.points[-1].mean == pytest.approx(found.points[-4].mean)  # it goes on with what it saw last
    assert "no support" in found.lines()[len(found.points)]


def test_choices_have_a_point_each_and_two_parameters_a_surface() -> None:
    sweep = sweep_of({"kind": ["a", "b", "c"], "x": "uniform(0, 1)"})
    results = searched(sweep, lambda config: config["x"] if config["kind"] == "b" else 0.0, 120)
    one = partial_dependence(results, "kind", resamples=4)
    assert [point.values for point in one.points] == [("a",), ("b",), ("c",)]
    assert max(one.points, key=lambda point: point.mean).values == ("b",)
    assert sum(point.near for point in one.points) == pytest.approx(1)
    both = partial_dependence(results, "kind", "x", resamples=4)
    assert len(both.points) == 33
    values = {point.values: point.mean for point in both.points}
    assert values["b", 1.0] - values["b", 0.0] > 0.6
    assert abs(values["a", 1.0] - values["a", 0.0]) < 0.3
    document = json.loads(json.dumps(both.to_dict(), allow_nan=False))
    assert document["parameters"] == ["kind", "x"]


def test_only_trials_count_in_which_the_parameter_is_active() -> None:
    parameters: dict[str, Any] = {"kind": ["a", "b"], "inner": {"min": 0.0, "max": 1.0, "when": {"kind": "a"}}}
    results = searched(sweep_of(parameters), lambda config: config.get("inner", 5.0), 100)
    found = partial_dependence(results, "inner", resamples=4)
    assert 30 < found.trials < 70
    assert found.points[0].mean < 0.2 < 0.8 < found.points[-1].mean < 1.1  # nothing of the 5 elsewhere
    assert "inner: active in" in "\n".join(found.notes)
    with pytest.raises(NoResultError, match="active in 0 trials, 10 are the fewest"):
        kept = [trial for trial in results.trials if "inner" not in trial.config or trial.number == 0]
        changed = [trial_of(results.sweep, t.number, t.config, [float(t.number)]) for t in kept]
        partial_dependence(results_of(results.sweep, changed), "inner")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "give one parameter or two"),
        (("x0", "x0"), "two different ones"),
        (("fixd",), r"no parameter 'fixd' \(did you mean 'fixed'\?\)"),
        (("fixed",), "'fixed' has one value: choose of x0, x1"),
    ],
)
def test_names_that_say_nothing_are_refused(names: tuple[str, ...], words: str) -> None:
    results = searched(sweep_of({**uniform(2), "fixed": 3}), lambda config: config["x0"], 20)
    with pytest.raises(UsageError, match=words):
        results.partial_dependence(*names)
