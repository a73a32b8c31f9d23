"""Config: frozen, hashable, one identity in every process; nested and flat are two faces of it."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import Config, SpaceError, flatten

EXAMPLES = settings(max_examples=150, deadline=None, derandomize=True)

scalars = st.none() | st.booleans() | st.integers(-(2**64) + 1, 2**64 - 1)
scalars |= st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
leaves = st.sampled_from(["", "a.", "a.b.", "c."])


@st.composite
def values(draw: st.DrawFn) -> dict[str, Any]:
    count = draw(st.integers(0, 6))
    return {f"{draw(leaves)}x{index}": draw(scalars) for index in range(count)}


@EXAMPLES
@given(values())
def test_flatten_is_the_inverse_of_nested(flat: dict[str, Any]) -> None:
    config = Config(flat)
    assert flatten(config.nested()) == dict(config) == flat
    assert Config(flatten(config.nested())) == config


@EXAMPLES
@given(values(), st.randoms(use_true_random=False))
def test_the_order_of_names_does_not_matter(flat: dict[str, Any], random: Any) -> None:
    names = list(flat)
    random.shuffle(names)
    again = Config({name: flat[name] for name in names})
    assert again == Config(flat)
    assert hash(again) == hash(Config(flat))
    assert again.config_id == Config(flat).config_id
    assert list(again) == sorted(flat)


@EXAMPLES
@given(values())
def test_copies_and_pickles_are_equal(flat: dict[str, Any]) -> None:
    config = Config(flat)
    for again in (copy.deepcopy(config), pickle.loads(pickle.dumps(config)), Config(config)):
        assert again == config
        assert again.config_id == config.config_id


def test_the_identity_is_pinned() -> None:
    assert Config({}).config_id == "44136fa355b3"
    assert Config({"lr": 0.1, "optim.name": "é", "n": 3, "on": True, "off": None}).config_id == "d869d514c716"


def test_frozen() -> None:
    given = {"a": 1}
    config: Any = Config(given)
    given["a"] = 2
    assert config["a"] == 1
    with pytest.raises(TypeError):
        config["a"] = 2
    with pytest.raises(TypeError):
        del config["a"]
    with pytest.raises(AttributeError):
        config.a = 2
    config.nested()["a"] = 2
    assert config["a"] == 1


def test_one_and_true_and_one_point_zero_and_text_all_differ() -> None:
    configs = {Config({"a": value}) for value in (1, 1.0, True, "1", 0, 0.0, False, None, "")}
    assert len(configs) == 9
    assert len({config.config_id for config in configs}) == 9
    assert Config({"a": 1}) != {"a": 1}


def test_zero_has_no_sign() -> None:
    assert Config({"a": -0.0}) == Config({"a": 0.0})
    assert math.copysign(1, Config({"a": -0.0})["a"]) == 1  # type: ignore[arg-type]


def test_numpy_values_become_plain_ones() -> None:
    numpy_values: Any = {"a": np.int64(1), "b": np.float64(0.5), "c": np.bool_(True), "d": np.str_("x")}
    config = Config(numpy_values)
    assert config == Config({"a": 1, "b": 0.5, "c": True, "d": "x"})
    assert [type(value) for value in config.values()] == [int, float, bool, str]


def test_repr() -> None:
    assert repr(Config({"b": 1, "a": "x"})) == "Config({'a': 'x', 'b': 1})"


def endless() -> dict[str, Any]:
    tree: dict[str, Any] = {}
    tree["a"] = tree
    return tree


BAD: list[tuple[Any, list[str]]] = [
    ({"a": math.nan}, ["a: nan is not a finite number"]),
    (
        {"a": math.inf, "b": [1]},
        ["a: inf is not a finite number", "b: [1] is not a plain value: use text, numbers, true/false or null"],
    ),
    ({"a": 10**5000}, ["a: <int> is too large: whole numbers have 64 bits at most; write it as text"]),
    ({None: 1, "a": 1}, ["None: None is not the name of a parameter: names are text"]),
    ({"a": 1, "a.b": 2}, ["a: 'a' is both a value and the group of 'a.*': rename one"]),
    ([1], ["expected a mapping from names to values, got [1]"]),
    ("a", ["expected a mapping from names to values, got 'a'"]),
]


@pytest.mark.parametrize(("raw", "lines"), BAD, ids=[lines[0][:40] for _, lines in BAD])
def test_every_mistake_is_named(raw: Any, lines: list[str]) -> None:
    with pytest.raises(SpaceError) as caught:
        Config(raw)
    assert str(caught.value).splitlines() == lines


BAD_TREES: list[tuple[Any, str]] = [
    ({"a": {1: 2}}, "1 is not the name of a parameter: names are text"),
    ({"a": {"b": 1}, "a.b": 2}, "a.b: given twice, flat and nested: keep one"),
    (endless(), "nested more than 100 deep: give a plain mapping from names to values"),
]


@pytest.mark.parametrize(("tree", "message"), BAD_TREES, ids=[message[:40] for _, message in BAD_TREES])
def test_every_tree_that_cannot_be_flattened(tree: Any, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        flatten(tree)
    assert str(caught.value) == message


def test_flatten_merges_groups_given_in_both_ways() -> None:
    assert flatten({"a": {"b": 1}, "a.c": 2, "d": {}}) == {"a.b": 1, "a.c": 2, "d": {}}
