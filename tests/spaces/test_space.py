"""Properties that every space must have, and every message for a space or a config that is wrong."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from assay.spaces import (
    Categorical,
    Config,
    Space,
    SpaceError,
)


def range_of(**options: Any) -> dict[str, Any]:
    return {"min": 0.0, "max": 1.0, **options}


WHEN = "expected a mapping such as {optimizer: sgd}, or an expression such as layers >= 3"
BAD_SPACES: list[tuple[Any, list[str]]] = [
    (None, ["expected a mapping from names to parameters, got None"]),
    ([1], ["expected a mapping from names to parameters, got [1]"]),
    ({}, ["no parameters: nothing to search"]),
    ({"a-b": 1}, ["a-b: 'a-b' is not a name: use letters, digits and _, dots for nesting"]),
    ({"aé": 1}, ["aé: 'aé' is not a name: use letters, digits and _, dots for nesting"]),
    ({"a..b": 1}, ["a..b: 'a..b' is not a name: use letters, digits and _, dots for nesting"]),
    ({"": 1}, ["'' is not a name: use letters, digits and _, dots for nesting"]),
    ({"a\n": 1}, ["'a\\n': 'a\\n' is not a name: use letters, digits and _, dots for nesting"]),
    ({None: 1}, ["None: None is not a name: use letters, digits and _, dots for nesting"]),
    ({3: 1}, ["3: 3 is not a name: use letters, digits and _, dots for nesting"]),
    ({(1, 2): 1}, ["(1, 2): (1, 2) is not a name: use letters, digits and _, dots for nesting"]),
    ({"a": 1, "a.b": 1}, ["a: 'a' is both a value and the group of 'a.*': rename one"]),
    ({"a.b": 1, "a.b.c.d": 1}, ["a.b: 'a.b' is both a value and the group of 'a.b.*': rename one"]),
    ({"a": range_of(step=0.5, when={"a": 0.5})}, ["a.when: conditions form a circle: a -> a"]),
    (
        {
            "c": range_of(step=0.5, when={"a": 0.5}),
            "a": range_of(step=0.5, when={"b": 0.5}),
            "b": range_of(step=0.5, when={"a": 0.5}),
            "top": range_of(),
        },
        ["a.when: conditions form a circle: a -> b -> a"],
    ),
    (
        {"optimizer": ["adam", "sgd"], "m": range_of(when={"optimiser": "sgd"})},
        ["m.when.optimiser: unknown parameter 'optimiser' (did you mean 'optimizer'?)"],
    ),
    (
        {"optimizer": ["adam", "sgd"], "m": range_of(when={"optimizer": ["sgd", "sdg", 1]})},
        [
            "m.when.optimizer: optimizer can never be 'sdg': "
            "'sdg' is not one of: \"adam\", \"sgd\" (did you mean 'sgd'?)",
            'm.when.optimizer: optimizer can never be 1: 1 is not one of: "adam", "sgd"',
        ],
    ),
    (
        {"flag": [True, False], "m": range_of(when={"flag": 1})},
        ["m.when.flag: flag can never be 1: 1 is not one of: true, false"],
    ),
    ({"n": "int(1, 3)", "m": range_of(when={"n": 4})}, ["m.when.n: n can never be 4: 4 is outside [1, 3]"]),
    (
        {"n": "int(1, 3)", "m": range_of(when={"n": "2"})},
        ["m.when.n: n can never be '2': value must be a number, got '2': write 2.0"],
    ),
    (
        {"x": range_of(step=0.5), "m": range_of(when={"x": True})},
        ["m.when.x: x can never be True: value must be a number, got True"],
    ),
    (
        {"x": "loguniform(1e-3, 1)", "m": range_of(when={"x": [0.1, 0.2]})},
        ["m.when.x: x is continuous and almost never equal to one value: give it a step, or make it a list of choices"],
    ),
    ({"k": 3, "m": range_of(when={"k": 4})}, ["m.when.k: k can never be 4: 4 is not the constant 3"]),
    ({"m": range_of(when={})}, [f"m.when: {WHEN}, got {{}}"]),
    ({"m": range_of(when=["a"])}, [f"m.when: {WHEN}, got ['a']"]),
    ({"m": range_of(when="n = 3")}, ["m.when: 'n = 3' cannot be read: write == to compare"]),
    ({"m": range_of(when={"m": []})}, ["m.when: 'm' needs a value or a list of values, got []"]),
    ({"m": range_of(when={"m": ()})}, ["m.when: 'm' needs a value or a list of values, got ()"]),
    ({"m": range_of(when={"m": {}})}, ["m.when: 'm' needs a value or a list of values, got {}"]),
    ({"m": range_of(when={None: 1})}, ["m.when: None is not the name of a parameter"]),
    (
        {"m": range_of(when={"m": [[1]]})},
        ["m.when.m: [1] is not a plain value: use text, numbers, true/false or null"],
    ),
    ({"m": range_of(when={"m": math.nan})}, ["m.when.m: nan is not a finite number"]),
    (
        {"a": {"low": 1, "high": 2}, "b": range_of(when={"a": 1, "c": 2}), "d-": [], None: math.nan},
        [
            "a.low: unknown key 'low' (did you mean 'min'?)",
            "a.high: unknown key 'high' (did you mean 'max'?)",
            "d-: values must be a list with at least one entry, got []",
            "None: nan is not a finite number",
            "d-: 'd-' is not a name: use letters, digits and _, dots for nesting",
            "None: None is not a name: use letters, digits and _, dots for nesting",
            "b.when.c: unknown parameter 'c'",
        ],
    ),
]


@pytest.mark.parametrize(("raw", "lines"), BAD_SPACES, ids=[lines[0][:60] for _, lines in BAD_SPACES])
def test_every_problem_of_a_space_is_named(raw: Any, lines: list[str]) -> None:
    with pytest.raises(SpaceError) as caught:
        Space(raw)
    assert str(caught.value).splitlines() == lines
    assert [str(problem) for problem in caught.value.problems] == lines


def house() -> Space:
    return Space(
        {
            "optimizer": ["adam", "sgd"],
            "optim.momentum": {"min": 0.0, "max": 0.9, "step": 0.1, "when": {"optimizer": "sgd"}},
            "optim.nesterov": {"values": [True, False], "when": {"optim.momentum": [0.1 + 0.2, 0.6]}},
            "layers": "int(1, 6)",
        }
    )


BAD_VALUES: list[tuple[Any, list[str]]] = [
    (None, ["expected a mapping from names to values, got None"]),
    ("x", ["expected a mapping from names to values, got 'x'"]),
    ({None: 1}, ["None is not the name of a parameter: names are text"]),
    ({"optimizer": "adam"}, ["layers: missing: expected int 1 .. 6"]),
    ({"optimizer": "adam", "layers": 7}, ["layers: 7 is outside [1, 6]"]),
    ({"optimizer": "adam", "layers": 2.5}, ["layers: value must be a whole number, got 2.5"]),
    ({"optimizer": "adam", "layers": True}, ["layers: value must be a number, got True"]),
    ({"optimizer": "adam", "layers": "3"}, ["layers: value must be a number, got '3': write 3.0"]),
    ({"optimizer": "adam", "layers": None}, ["layers: value must be a number, got None"]),
    ({"optimizer": "adam", "layers": {}}, ["layers: value must be a number, got {}"]),
    (
        {"optimizer": "adam", "layers": {"x": 1}},
        ["layers.x: unknown parameter (did you mean 'layers'?)", "layers: missing: expected int 1 .. 6"],
    ),
    (
        {"optimizer": "adam", "layer": 3},
        ["layer: unknown parameter (did you mean 'layers'?)", "layers: missing: expected int 1 .. 6"],
    ),
    (
        {"optimizer": "adam", "layers": 3, "optim": {"momentum": 0.5}},
        ["optim.momentum: not active here (when: {'optimizer': 'sgd'})"],
    ),
    ({"optimizer": "adam", "layers": 3, "optim": 1}, ["optim: expected a mapping for 'optim.*', got 1"]),
    ({"optimizer": "adam", "layers": 3, "other": {}}, ["other: unknown parameter"]),
    (
        {"optimizer": "sgd", "layers": 3, "optim": {"momentum": 0.5}, "optim.momentum": 0.5},
        ["optim.momentum: given twice, flat and nested: keep one"],
    ),
    (
        {"optimizer": "sgd", "layers": 3, "optim.momentum": 0.55},
        ["optim.momentum: 0.55 is not on the grid of step 0.1: the nearest is 0.6"],
    ),
    # What depends on a wrong value is neither active nor inactive: one mistake, one line.
    (
        {"optimizer": "sdg", "layers": 3, "optim": {"momentum": 0.3, "nesterov": True}},
        ["optimizer: 'sdg' is not one of: \"adam\", \"sgd\" (did you mean 'sgd'?)"],
    ),
    (
        {"optimizer": "sgd", "optim": {"momentum": 2}, "layers": 0, "x": 1},
        [
            "x: unknown parameter",
            "layers: 0 is outside [1, 6]",
            "optim.momentum: 2 is outside [0, 0.9]",
        ],
    ),
]


@pytest.mark.parametrize(("values", "lines"), BAD_VALUES, ids=[lines[0][:60] for _, lines in BAD_VALUES])
def test_every_problem_of_a_config_is_named(values: Any, lines: list[str]) -> None:
    with pytest.raises(SpaceError) as caught:
        house().validate(values)
    assert str(caught.value).splitlines() == lines


def test_an_empty_group_says_that_none_of_its_members_is_active() -> None:
    config = house().validate({"optimizer": "adam", "layers": 3, "optim": {}})
    assert config == Config({"optimizer": "adam", "layers": 3})


def test_a_condition_meets_the_grid_point_that_its_value_stands_for() -> None:
    space = house()
    assert space["optim.nesterov"].conditions[0].values == (0.3, 0.6)
    config = {"optimizer": "sgd", "layers": 3, "optim.momentum": 0.3, "optim.nesterov": True}
    assert dict(space.validate(config)) == config


def test_conditions_on_constants_and_on_booleans() -> None:
    space = Space(
        {
            "kind": "mlp",
            "big": [True, False],
            "one": {"value": 1, "when": {"kind": "mlp"}},
            "two": {"value": 2, "when": {"big": False}},
        }
    )
    assert dict(space.default()) == {"kind": "mlp", "big": True, "one": 1}
    assert dict(space.validate({"kind": "mlp", "big": False, "one": 1, "two": 2}))["two"] == 2


def test_a_child_of_an_inactive_parent_is_inactive() -> None:
    space = Space(
        {
            "c": {"values": [1, 2], "when": {"b": 1}},
            "b": {"values": [1, 2], "when": {"a": "on"}},
            "a": ["off", "on"],
        }
    )
    assert space.resolution_order == ["a", "b", "c"]
    assert dict(space.default()) == {"a": "off"}
    assert dict(space.validate({"a": "on", "b": 1, "c": 2})) == {"a": "on", "b": 1, "c": 2}


def test_all_conditions_must_hold() -> None:
    space = Space({"a": [1, 2], "b": [1, 2], "c": {"value": 0, "when": {"a": 1, "b": 2}}})
    present = {(a, b): space.active("c", {"a": a, "b": b}) for a in (1, 2) for b in (1, 2)}
    assert present == {(1, 1): False, (1, 2): True, (2, 1): False, (2, 2): False}


def test_a_long_chain_of_conditions_is_resolved_quickly() -> None:
    names = [f"p{index:04}" for index in range(400)]
    raw: dict[str, Any] = {"p0000": [1, 2]}
    for parent, name in itertools.pairwise(names):
        raw[name] = {"values": [1, 2], "when": {parent: 1}}
    space = Space(dict(reversed(raw.items())))
    assert space.resolution_order == names
    assert len(space.default()) == 400


def test_spaces_differ_where_their_configs_would() -> None:
    assert Space({"a": 1}) != Space({"a": 1.0})
    assert Space({"a": 1}) != Space({"a": True})
    assert Space({"a": [1, 2]}) != Space({"a": [True, 2]})
    assert Space({"a": [1, 2]}) == Space({"a": Categorical((1, 2))})


def test_searched_leaves_out_what_has_one_value() -> None:
    space = Space({"a": 1, "b": [1], "c": [1, 2], "d": "uniform(0, 1)", "e": "int(1, 2)"})
    assert space.searched == ["c", "d", "e"]


def test_numpy_values_are_taken_as_plain_ones() -> None:
    space = Space({"n": "int(1, 6)", "x": "uniform(0, 1)", "c": ["a", True]})
    config = space.validate({"n": np.int64(3), "x": np.float32(0.5), "c": np.bool_(True)})
    assert [type(value) for value in config.values()] == [bool, int, float]


def test_repr_shows_a_space_that_can_be_written() -> None:
    assert repr(Space({"a": [1, None]})) == "Space({'a': {'values': [1, None]}})"
