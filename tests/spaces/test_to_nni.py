"""NNI's own random tuner draws what a space declares, and the space comes back from its JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from assay.spaces import Space, SpaceError
from assay.spaces.from_nni_space import from_nni_space
from assay.spaces.to_nni import from_nni, to_nni

from .agreement import DRAWS, EVERY, disagreements

REFUSED = {
    "bounded": "NNI's normals have no bounds",
    "guess": "NNI has no prior",
    "near": "NNI has no prior",
    "kind": "write a word such as 'none' instead of null",
    "rare": "NNI's choices are equally likely: leave weights out",
    "sizes": "NNI's choices are equally likely: leave weights out",
}
FLAT = Space({name: parameter for name, parameter in EVERY.items() if name not in REFUSED})
NESTED = Space(
    {
        "optimizer": ["adam", "sgd", "rmsprop"],
        "optim.momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": ["sgd", "rmsprop"]}},
        "nesterov": {"values": [True, False], "when": {"optimizer": "sgd"}},
        "layers": {"min": 1, "max": 3},
        "drop": {"min": 0.0, "max": 0.5, "step": 0.1, "when": "layers >= 2"},
        "units": {"value": 64, "when": {"layers": 3}},
    }
)


def drawn(search_space: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """What NNI's random tuner gives to trials; its deduplication is left out."""
    from nni.algorithms.hpo.random_tuner import suggest
    from nni.common.hpo_utils import deformat_parameters, format_search_space

    space, rng = format_search_space(json.loads(json.dumps(search_space))), np.random.default_rng(3)
    return [deformat_parameters(suggest(rng, space), space) for _ in range(count)]


@pytest.mark.parametrize("space", [FLAT, NESTED], ids=["every kind", "conditions"])
def test_draws_follow_what_is_declared(space: Space) -> None:
    configs = [from_nni(space, parameters) for parameters in drawn(to_nni(space), DRAWS)]
    assert disagreements(space, configs) == []


@pytest.mark.parametrize("space", [FLAT, NESTED], ids=["every kind", "conditions"])
def test_the_json_goes_there_and_back(space: Space) -> None:
    there = json.loads(json.dumps(to_nni(space)))
    back = from_nni_space(there)
    assert to_nni(back) == there
    assert disagreements(back, [back.validate(one) for one in back.sample_many(np.random.default_rng(0), DRAWS)]) == []


def test_nni_accepts_the_file() -> None:
    from nni.common.hpo_utils import validate_search_space

    assert validate_search_space(to_nni(FLAT), raise_exception=True)
    assert validate_search_space(to_nni(NESTED), raise_exception=True)


@pytest.mark.parametrize(("name", "cure"), REFUSED.items())
def test_what_nni_has_no_word_for_is_refused(name: str, cure: str) -> None:
    with pytest.raises(SpaceError, match=f"{name}: .*{cure}"):
        to_nni(Space({name: EVERY[name]}))


@pytest.mark.parametrize(
    ("raw", "cure"),
    [
        ({"min": 1, "max": 9, "step": 2, "log": True}, "make min and max multiples of the step, or leave log out"),
        ({"min": 0.05, "max": 500.05, "step": 0.1}, "too many for a choice: make min a multiple of the step"),
    ],
)
def test_a_grid_off_the_multiples_of_its_step_is_refused(raw: dict[str, Any], cure: str) -> None:
    with pytest.raises(SpaceError, match=cure):
        to_nni(Space({"a": raw}))


def test_conditions_that_cannot_be_nested_once_are_refused() -> None:
    real = {"min": 0.0, "max": 1.0}
    space = Space(
        {
            "a": ["x", "y"],
            "b": {"values": [1, 2], "when": {"a": "x"}},
            "deeper": real | {"when": {"b": 1}},
            "c": [1, 2],
            "both": real | {"when": {"a": "x", "c": 1}},
            "either": real | {"when": "a == 'x' or c == 1"},
        }
    )
    with pytest.raises(SpaceError) as caught:
        to_nni(space)
    deeper, both, either = str(caught.value).splitlines()
    assert "deeper.when: NNI's tuners fail on choices that are nested twice" in deeper
    assert "both.when: NNI's nested choices know one parent" in both
    assert "either.when: NNI's nested choices know one parent" in either
    with pytest.raises(SpaceError, match=r"constraints.0: NNI has no constraints such as c > 1"):
        to_nni(Space({"c": [1, 2]}, ["c > 1"]))


def test_parameters_that_do_not_fit_are_told() -> None:
    with pytest.raises(SpaceError, match="layers: NNI gave no value"):
        from_nni(NESTED, {"optimizer": {"_name": "adam"}})
