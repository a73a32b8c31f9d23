"""What all parameters share: conditions, value equality, travel between processes."""

import copy
import pickle
from typing import Any

import pytest

from assay.spaces import Categorical, Condition, Constant, Float, Integer, Parameter

KINDS: list[Parameter] = [
    Float(0.1, 0.9, True, None, 0.5, {"a": 1}, "help"),
    Float(0, 1, step=0.1),
    Integer(1, 9, True, 2, 3, {"a": [1, "x"]}, "help"),
    Categorical(["a", None], None, {"a": True}, "help"),
    Categorical([1, 2]),
    Constant(1, {"a": None, "b.c": [1, 2]}, "help"),
]


@pytest.mark.parametrize("parameter", KINDS, ids=repr)
def test_copies_and_pickles_are_equal(parameter: Parameter) -> None:
    for again in (pickle.loads(pickle.dumps(parameter)), copy.deepcopy(parameter)):
        assert again == parameter
        assert hash(again) == hash(parameter)
        assert again.default_value == parameter.default_value


def test_kinds_never_equal_each_other() -> None:
    assert len(set(KINDS)) == len(KINDS)
    assert Float(1, 9) != Integer(1, 9)
    assert Float(1, 9) != "Float(1, 9)"


def test_conditions_are_plain_and_have_one_form() -> None:
    assert Constant(1).conditions == ()
    assert Constant(1, {"a": 1, "b": ["x", None]}).conditions == (Condition("a", (1,)), Condition("b", ("x", None)))
    assert Constant(1, {"a": [1]}) == Constant(1, {"a": 1}) == Constant(1, {"a": (1,)})
    assert Constant(1, {"a": 1, "b": 2}) == Constant(1, {"b": 2, "a": 1})
    assert Constant(1, {"a": [1, 2]}).to_dict()["when"] == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("values", "config", "holds"),
    [
        ((1,), {"a": 1}, True),
        ((1,), {"a": 1.0}, True),
        ((1,), {"a": True}, False),
        ((True,), {"a": 1}, False),
        ((False,), {"a": 0}, False),
        ((None,), {"a": None}, True),
        ((None,), {}, False),
        ((1, "x"), {"a": "x"}, True),
        ((1, "x"), {"b": "x"}, False),
    ],
)
def test_when_a_condition_holds(values: tuple[Any, ...], config: dict[str, Any], holds: bool) -> None:
    assert Condition("a", values).holds(config) is holds
