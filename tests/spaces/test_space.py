"""Properties that every space must have, and every message for a space or a config that is wrong."""

import itertools
import json
import math
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import (
    Categorical,
    Config,
    Constant,
    Float,
    Integer,
    Parameter,
    Space,
    SpaceError,
    flatten,
)

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True)

words = st.text(alphabet="abcé_ .(1", max_size=5)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9) | words


def alike(value: object) -> tuple[bool, object]:
    """Equal for values that a parameter takes for the same: 1 and 1.0, but not True."""
    return isinstance(value, bool), value


@st.composite
def continuous(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    bound = st.floats(1e-300, 1e300) if log else st.floats(-1e300, 1e300)
    low, high = sorted(draw(st.lists(bound, min_size=2, max_size=2, unique=True)))
    return Float(low, high, log, default=draw(st.none() | st.floats(low, high)))


@st.composite
def stepped(draw: st.DrawFn) -> Float:
    log, places = draw(st.booleans()), draw(st.integers(0, 12))
    low, step = draw(st.integers(1 if log else -(10**3), 10**3)), draw(st.integers(1, 500))
    points = [float(Decimal(low + k * step).scaleb(-places)) for k in range(draw(st.integers(2, 40)))]
    size = float(Decimal(step).scaleb(-places))
    return Float(points[0], points[-1], log, size, draw(st.none() | st.sampled_from(points)))


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    log, step = draw(st.booleans()), draw(st.integers(1, 99))
    low = draw(st.integers(1 if log else -(2**53), 2**52))
    steps = draw(st.integers(1, min(40, (2**53 - low) // step)) | st.integers(1, (2**53 - low) // step))
    default = draw(st.none() | st.integers(0, steps))
    return Integer(low, low + steps * step, log, step, None if default is None else low + default * step)


@st.composite
def choices(draw: st.DrawFn) -> Categorical:
    values = draw(st.lists(scalars, min_size=1, max_size=5, unique_by=alike))
    if draw(st.booleans()):
        return Categorical(values, draw(st.sampled_from(values)))
    return Categorical(values)


plain_parameters = st.one_of(continuous(), stepped(), integers(), choices(), st.builds(Constant, scalars))


@st.composite
def conditions(draw: st.DrawFn, earlier: dict[str, Parameter]) -> dict[str, Any]:
    """Values that each parent can have: one, or several."""
    when: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(earlier)), min_size=1, max_size=2, unique=True)):
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        values = [earlier[name].default_value, *(earlier[name].sample(rng) for _ in range(2))]
        when[name] = values[0] if draw(st.booleans()) else values[: draw(st.integers(1, 3))]
    return when


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Any space: children may stand before their parents, chains of conditions have any depth."""
    parameters: dict[str, Parameter] = {}
    for index in range(draw(st.integers(1, 8))):
        name = f"{draw(st.sampled_from(['', 'optim.', 'optim.deep.', 'model.']))}p{index}"
        parameter = draw(plain_parameters)
        parents = {known: earlier for known, earlier in parameters.items() if earlier.cardinality < math.inf}
        if parents and draw(st.booleans()):
            options = parameter.to_dict() | {"when": draw(conditions(parents))}
            parameter = Space({name: parameter, **parameters, "child": options})["child"]
        parameters[name] = parameter
    return Space({name: parameters[name] for name in draw(st.permutations(sorted(parameters)))})


seeds = st.integers(0, 2**32)


def expected_active(space: Space, config: Config) -> set[str]:
    """Which parameters belong to ``config``, worked out from the conditions alone."""
    known: dict[str, bool] = {}

    def is_active(name: str) -> bool:
        if name not in known:
            known[name] = all(
                is_active(condition.parent) and alike(config[condition.parent]) in map(alike, condition.values)
                for condition in space[name].conditions
            )
        return known[name]

    return {name for name in space if is_active(name)}


@EXAMPLES
@given(spaces(), seeds)
def test_a_sample_validates_and_equals_itself(space: Space, seed: int) -> None:
    config = space.sample(np.random.default_rng(seed))
    assert space.validate(config.nested()) == config
    assert space.validate(config) == config
    assert space.validate(flatten(config.nested())) == config
    assert space.validate(json.loads(json.dumps(config.nested()))) == config


@EXAMPLES
@given(spaces(), seeds)
def test_active_parameters_are_present_and_inactive_ones_absent(space: Space, seed: int) -> None:
    for config in (space.sample(np.random.default_rng(seed)), space.default()):
        assert set(config) == expected_active(space, config)


@EXAMPLES
@given(spaces(), seeds)
def test_the_same_seed_gives_the_same_samples(space: Space, seed: int) -> None:
    first, second = np.random.default_rng(seed), np.random.default_rng(seed)
    assert [space.sample(first) for _ in range(3)] == [space.sample(second) for _ in range(3)]


@EXAMPLES
@given(spaces())
def test_the_default_is_valid_and_holds_the_declared_defaults(space: Space) -> None:
    config = space.default()
    assert space.validate(config.nested()) == config
    assert all(alike(value) == alike(space[name].default_value) for name, value in config.items())


@EXAMPLES
@given(spaces(), seeds)
def test_a_space_survives_its_mapping_form(space: Space, seed: int) -> None:
    again = Space(json.loads(json.dumps(space.to_dict())))
    assert again == space
    assert list(again) == list(space)
    assert {name: hash(parameter) for name, parameter in again.items()} == {
        name: hash(parameter) for name, parameter in space.items()
    }
    assert again.sample(np.random.default_rng(seed)) == space.sample(np.random.default_rng(seed))


@EXAMPLES
@given(spaces())
def test_parents_come_before_their_children(space: Space) -> None:
    order = space.resolution_order
    assert sorted(order) == sorted(space)
    for name, parameter in space.items():
        assert all(order.index(c.parent) < order.index(name) for c in parameter.conditions)


@EXAMPLES
@given(plain_parameters, seeds)
def test_samples_lie_in_the_range_and_both_ends_are_allowed(parameter: Parameter, seed: int) -> None:
    value = parameter.sample(np.random.default_rng(seed))
    assert alike(parameter.check(value)) == alike(value)
    if isinstance(parameter, (Float, Integer)):
        assert parameter.min <= value <= parameter.max  # type: ignore[operator]
        for end in (parameter.min, parameter.max):
            assert parameter.check(end) == parameter.round_to_grid(end) == end
        gap = (parameter.step or 0) / 2
        below = math.nextafter(parameter.min - gap, -math.inf)
        above = math.nextafter(parameter.max + gap, math.inf)
        for beyond in (below, above):
            with pytest.raises(SpaceError):
                parameter.check(beyond)


@EXAMPLES
@given(stepped())
def test_grid_values_are_exact_decimals(parameter: Float) -> None:
    assert parameter.step is not None
    low, step = Decimal(repr(parameter.min)), Decimal(repr(parameter.step))
    for index in range(int(parameter.cardinality)):
        exact = float(low + index * step)
        assert parameter.check(exact) == exact
        assert parameter.check(parameter.min + index * parameter.step) == exact
    assert parameter.check(exact) == parameter.max


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 3)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["int(1, 9)", "uniform(0, 1)", "loguniform(0, 1)", "int(1, 9", "a", 10**400])
    | st.sampled_from([b"x", 1j, np.float32(0.1), np.int64(2), np.bool_(True), np.array([1, 2]), object()])
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*"abx", "min", "max", "log", "step", "type", "default", "when", "help", "values", "value", None, 1]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(anything, anything)
def test_whatever_is_written_gives_a_space_or_a_space_error(raw: Any, values: Any) -> None:
    for parameters in (raw, {"a": raw}, {"a": [1, 2], "b": raw}, {"a": [1, 2], "b": {"value": 3, "when": raw}}):
        try:
            space = Space(parameters)
        except SpaceError as error:
            assert error.problems and str(error)
            continue
        assert Space(json.loads(json.dumps(space.to_dict()))) == space
        assert space.validate(space.sample(np.random.default_rng(0)).nested())
        try:
            space.validate(values)
        except SpaceError as error:
            assert error.problems and str(error)


def test_config_ids_are_equal_in_another_process() -> None:
    program = (
        "import numpy as np; from assay.spaces import *;"
        "space = Space({'b.x': 'loguniform(1e-5, 1e-1)', 'a': ['é', 'y', None, True], 'n': 'int(1, 9)',"
        " 'c': {'min': 0.0, 'max': 1.0, 'step': 0.05, 'when': {'a': ['é', 'y']}}});"
        "rng = np.random.default_rng(7);"
        "print(*(space.sample(rng).config_id for _ in range(20)))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    ids = printed.pop().split()
    assert len(set(ids)) > 10
    assert all(len(config_id) == 12 and int(config_id, 16) >= 0 for config_id in ids)


def range_of(**options: Any) -> dict[str, Any]:
    return {"min": 0.0, "max": 1.0, **options}


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
    (
        {"optimizer": ["sgd"], "m": range_of(when="optimizer == 'sgd'")},
        [
            "m.when: \"optimizer == 'sgd'\" is an expression; write a mapping from a parameter to the values "
            "that activate this one, e.g. {optimizer: sgd} or {optimizer: [sgd, rmsprop]}"
        ],
    ),
    ({"m": range_of(when={})}, ["m.when: expected a mapping such as {optimizer: sgd}, got {}"]),
    ({"m": range_of(when=["a"])}, ["m.when: expected a mapping such as {optimizer: sgd}, got ['a']"]),
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
