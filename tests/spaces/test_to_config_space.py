"""ConfigSpace draws what a space declares, with conditions and constraints, and gives the space back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.spaces import Config, Space, SpaceError
from assay.spaces.from_config_space import from_config_space
from assay.spaces.to_config_space import from_configuration, to_config_space

from .agreement import DRAWS, EVERY, TREE, disagreements

REFUSED = {
    "shift": "ConfigSpace's normal needs bounds: add min and max",
    "scale": "takes the sigma of a normal on a log scale for a difference of values",
    "guess": "has no prior of this form: give the parameter a step, or mean and std",
    "kind": "takes True for another value equal to it: write one of them as text",
}
FLAT = Space({name: parameter for name, parameter in EVERY.items() if name not in REFUSED})
LOGIC = Space(
    {
        "a": {"min": 1, "max": 9},
        "b": {"min": 0.0, "max": 10.0, "default": 6.0},
        "k": ["x", "y", "z"],
        "c": {"min": 0.0, "max": 1.0, "when": "b > 5 or k == 'x'"},
        "o": {"values": [1, 5, 9], "ordered": True},
        "big": {"min": 1, "max": 5000},
        "t": {"values": [True, False], "when": "not (b >= 3 and k != 'z') and 100 < big <= 4000"},
        "u": {"values": [1, 2.5], "when": "t"},
    },
    [
        "a <= b",
        "k != 'y' or o < 9",
        "30 < big and a != 2",
        "not (c > 0.9 and a == 3)",
        "o in [1, 9] or b > 2",
        "u == 1 or k not in ['x', 'z']",
    ],
)


def drawn(space: Space, count: int) -> list[Config]:
    return [from_configuration(space, one) for one in to_config_space(space, seed=1).sample_configuration(count)]


@pytest.mark.parametrize("space", [FLAT, TREE], ids=["every kind", "conditions"])
def test_draws_follow_what_is_declared(space: Space) -> None:
    assert disagreements(space, drawn(space, DRAWS)) == []


def test_constraints_and_expressions_hold_and_change_nothing_else() -> None:
    theirs, ours = drawn(LOGIC, DRAWS), LOGIC.sample_many(np.random.default_rng(0), DRAWS)
    assert all(LOGIC.validate(config) == config for config in theirs)
    for name, parameter in LOGIC.items():
        there, here = ([parameter.unit(one[name]) for one in draws if name in one] for draws in (theirs, ours))
        assert stats.ks_2samp(there, here).pvalue > 1e-3
        assert abs(len(there) - len(here)) < 4 * DRAWS**0.5


@pytest.mark.parametrize("space", [FLAT, TREE, LOGIC], ids=["every kind", "conditions", "logic"])
@pytest.mark.parametrize("form", ["object", "dict", "json", "yaml"])
def test_a_space_comes_back(space: Space, form: str, tmp_path: Path) -> None:
    made: Any = to_config_space(space)
    if form == "dict":
        made = json.loads(json.dumps(made.to_serialized_dict()))
    elif form != "object":
        path = tmp_path / f"space.{form}"
        made.to_json(path) if form == "json" else made.to_yaml(path)
        made = path
    back = from_config_space(made)
    plain = {name: parameter for name, parameter in space.items() if not isinstance(parameter.when, str)}
    assert {name: back[name] for name in plain} == plain
    for config in space.sample_many(np.random.default_rng(1), 50):
        assert back.validate(config) == config
    for config in back.sample_many(np.random.default_rng(1), 50):
        assert space.validate(config) == config


@pytest.mark.parametrize(("name", "cure"), REFUSED.items())
def test_what_configspace_has_no_word_for_is_refused(name: str, cure: str) -> None:
    with pytest.raises(SpaceError, match=f"{name}: .*{cure}"):
        to_config_space(Space({name: EVERY[name]}))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"min": 1e-15, "max": 1e-3, "log": True}, "a: ConfigSpace rounds 1e-15 to 13 decimals: use another unit"),
        ({"min": 1, "max": 5000, "log": True}, "a: ConfigSpace rounds in another way, and 5,000 values are too many"),
    ],
)
def test_numbers_beyond_its_means_are_refused(raw: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        to_config_space(Space({"a": raw}))


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("a * 2 > 3", r"c.when: ConfigSpace has no word for a \* 2 > 3: it compares a parameter with values"),
        ("a > b", "c.when: ConfigSpace has no condition that compares a with b: compare it with values"),
        ("a > 20", r"c.when: ConfigSpace compares a with values that it can have: 20\.?0? is outside \[0, 10\]"),
    ],
)
def test_conditions_beyond_its_means_are_refused(when: str, message: str) -> None:
    real = {"min": 0.0, "max": 10.0}
    space = Space({"a": real, "b": real, "c": real | {"when": when}})
    with pytest.raises(SpaceError, match=message):
        to_config_space(space)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ("a * b <= 4", r"constraints.0: ConfigSpace has no word for a \* b <= 4"),
        ("a < b < c", "constraints.0: a < b < c compares more than two parameters: join two comparisons with `and`"),
        ("big != 7", "constraints.0: big has too many values to tell 7 from"),
        ("big not in [7]", "constraints.0: big has too many values to list those that are meant"),
        ("k in ['x', 'y']", "constraints.0: no value of k breaks this: take it out"),
    ],
)
def test_constraints_beyond_its_means_are_refused(constraint: str, message: str) -> None:
    real = {"min": 0.0, "max": 10.0}
    with pytest.raises(SpaceError, match=message):
        to_config_space(
            Space({"a": real, "b": real, "c": real, "k": ["x", "y"], "big": {"min": 1, "max": 5000}}, [constraint])
        )
