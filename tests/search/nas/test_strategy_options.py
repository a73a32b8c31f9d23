"""What a sweep may say of NNI's strategies, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from assay.search import Sweep
from assay.search.nas.strategy_options import NNIOptions
from assay.spaces import Objective, Space, SpaceError, SweepError

RAW: dict[str, Any] = {
    "name": "x",
    "objectives": [{"metric": "loss", "goal": "minimize"}],
    "parameters": {"lr": "uniform(0, 1)"},
    "budget": {"trials": 1},
}


def refused(**searcher: Any) -> list[str]:
    with pytest.raises(SweepError) as caught:
        Sweep.make(RAW | {"searcher": {"type": "nni", **searcher}})
    return str(caught.value).splitlines()


def test_options_survive_their_json_form() -> None:
    for strategy in ("random", "grid", "regularized_evolution", "policy_rl"):
        options = NNIOptions(strategy=strategy)
        assert NNIOptions.model_validate(options.model_dump()) == options
    assert Sweep.make(RAW | {"searcher": "nni"}).searcher == NNIOptions()


@pytest.mark.parametrize(
    ("searcher", "expected"),
    [
        (
            {"strategy": "tpe"},
            "searcher.strategy: NNI's TPE minimizes what the others maximize, and replaces repeats by the next points "
            "of a grid: write searcher: tpe, which is Optuna's",
        ),
        (
            {"strategy": "randm"},
            "searcher.strategy: expected 'random', 'grid', 'regularized_evolution' or 'policy_rl', got 'randm' "
            "(did you mean 'random'?)",
        ),
        (
            {"strategy": "grid", "population": 9, "sample": 3},
            "searcher.population: is an option of strategy regularized_evolution, not of grid: remove it\n"
            "searcher.sample: is an option of strategy regularized_evolution, not of grid: remove it",
        ),
        (
            {"shuffle": False},
            "searcher.shuffle: is an option of strategy grid, not of regularized_evolution: remove it",
        ),
        ({"population": 3, "sample": 4}, "searcher.sample: sample 4 is above population 3: lower it"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(searcher: dict[str, Any], expected: str) -> None:
    assert refused(**searcher) == expected.splitlines()


@pytest.mark.parametrize("strategy", ["grid", "policy_rl"])
def test_what_has_to_be_listed_is_refused_by_name(strategy: str) -> None:
    space = Space({"a": [1, 2], "lr": "uniform(0, 1)", "seed": {"min": 0, "max": 10_000}})
    with pytest.raises(SpaceError) as caught:
        NNIOptions(strategy=strategy).build(space, Objective("loss", "minimize"), 0)
    cure = "add a step, or use another strategy"
    assert str(caught.value).splitlines() == [
        f"lr: is continuous, and strategy {strategy} needs a list of at most 1,000: {cure}",
        f"seed: has 10,001 values, and strategy {strategy} needs a list of at most 1,000: {cure}",
    ]
    NNIOptions(strategy="random").check_space(space)
