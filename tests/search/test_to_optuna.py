"""A space in Optuna's terms: what Optuna proposes is valid, and every config has a place in Optuna."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import Config, Space
from assay.spaces.to_optuna import suggest_config, to_optuna

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True)

ODD = [
    {"min": 0.0, "max": 1.0, "step": 1 / 3},
    {"min": 0.0, "max": 1.0, "step": 0.3333333},
    {"min": -0.3, "max": 0.3, "step": 0.1},
    {"min": 0.1, "max": 0.7, "step": 0.05},
    {"min": 0.01, "max": 1.0, "step": 0.01, "log": True},
    {"min": 32, "max": 1024, "step": 32, "log": True},
    {"min": 3, "max": 24, "step": 7},
    {"min": 1e-300, "max": 1e300, "log": True},
    {"min": -1e300, "max": 1e300},
    {"min": 1e-9, "max": 1.1e-9},
    {"type": "int", "min": -(2**53), "max": 2**53},
    {"min": 1, "max": 2**53, "log": True},
    {"values": [True, 1, "1", None, 1.5, "true"]},
    {"values": ["only"]},
]


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Any]:
    log, count = draw(st.booleans()), draw(st.integers(1, 60))
    if draw(st.booleans()):
        low, step = draw(st.integers(1 if log else -90, 90)), draw(st.integers(1, 40))
        return {"type": "int", "min": low, "max": low + count * step, "step": step, "log": log}
    places = draw(st.integers(0, 6))
    low, step = draw(st.integers(1 if log else -90, 90)), draw(st.integers(1, 40))
    ends = {"min": float(f"{low}e-{places}"), "max": float(f"{low + count * step}e-{places}")}
    return {"type": "float", **ends, "log": log} | ({"step": float(f"{step}e-{places}")} if draw(st.booleans()) else {})


def ask(space: Space, seed: int, count: int = 8) -> list[tuple[Config, dict[str, Any]]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trials = [study.ask() for _ in range(count)]
    return [(suggest_config(space, trial), trial.params) for trial in trials]


def round_trip(space: Space, config: Config) -> Config:
    """From a config to Optuna and back."""
    parameters, distributions = to_optuna(space, config)
    frozen = optuna.trial.create_trial(params=parameters, distributions=distributions, value=0.0)
    return suggest_config(space, optuna.trial.FixedTrial(frozen.params))  # type: ignore[arg-type]


@EXAMPLES
@given(ranges(), st.integers(0, 99))
def test_a_range_goes_there_and_back(raw: dict[str, Any], seed: int) -> None:
    space = Space({"a": raw})
    for config, _ in ask(space, seed):
        assert space.validate(config) == config
        assert round_trip(space, config) == config
    for config in (space.default(), space.sample(np.random.default_rng(seed))):
        assert round_trip(space, config) == config
    for end in (raw["min"], raw["max"]):
        if not (raw["log"] and raw.get("step")):
            config = space.validate({"a": end})
            assert round_trip(space, config) == config


@pytest.mark.parametrize("raw", ODD, ids=str)
def test_an_odd_parameter_goes_there_and_back(raw: dict[str, Any]) -> None:
    space = Space({"a": raw})
    ends = [raw["min"], raw["max"]] if "min" in raw else raw["values"]
    configs = [config for config, _ in ask(space, 0, 30)] + [space.validate({"a": end}) for end in ends]
    assert [space.validate(config) for config in configs] == configs
    assert [round_trip(space, config) for config in configs] == configs


def test_a_grid_is_drawn_evenly_with_both_ends() -> None:
    space = Space({"a": {"min": 0.0, "max": 0.3, "step": 0.1}})
    values, counts = np.unique([str(config["a"]) for config, _ in ask(space, 0, 800)], return_counts=True)
    assert values.tolist() == ["0.0", "0.1", "0.2", "0.3"]
    assert counts.min() > 150


def test_a_logarithmic_grid_is_drawn_on_the_logarithm() -> None:
    space = Space({"a": {"min": 32, "max": 1024, "step": 32, "log": True}})
    values = [int(str(config["a"])) for config, _ in ask(space, 0, 500)]
    assert 0.4 < np.mean(np.array(values) <= 181) < 0.6  # the geometric middle


def test_inactive_parameters_and_constants_are_not_asked() -> None:
    space = Space(
        {
            "kind": ["a", "b"],
            "x": {"min": 0.0, "max": 1.0, "when": {"kind": "a"}},
            "y": {"value": 3, "when": {"kind": "b"}},
        }
    )
    for config, parameters in ask(space, 0, 20):
        assert set(config) == ({"kind", "x"} if config["kind"] == "a" else {"kind", "y"})
        assert set(parameters) == set(config) - {"y"}
        assert to_optuna(space, config)[0].keys() == parameters.keys()


def test_true_and_one_are_told_apart() -> None:
    space = Space({"a": [1, True, 1.5]})
    assert [to_optuna(space, Config({"a": value}))[0] for value in (1, True, 1.5)] == [{"a": 0}, {"a": 1}, {"a": 2}]
