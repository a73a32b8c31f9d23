"""Categorical: distribution, what counts as the same value, and every message."""

import enum
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.spaces import Categorical, SpaceError


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize("seed", range(3))
def test_every_value_is_equally_likely(seed: int) -> None:
    parameter = Categorical(["a", True, None, 1, 0.5])
    rng = np.random.default_rng(seed)
    counts = Counter(repr(parameter.sample(rng)) for _ in range(4000))
    assert set(counts) == {repr(value) for value in parameter.values}
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_one_and_true_are_two_values_and_one_and_one_point_zero_are_one() -> None:
    parameter = Categorical([1, True, 0, False, "1", None])
    assert parameter.cardinality == 6
    assert parameter.check(True) is True
    assert type(parameter.check(1.0)) is int
    assert parameter.check("1") == "1"


def test_the_default_may_be_none_and_is_the_first_value_unless_given() -> None:
    assert Categorical(["a", None], default=None).default_value is None
    assert Categorical(["a", None]).default_value == "a"
    assert Categorical(["a", None], default=None).to_dict() == {"values": ["a", None], "default": None}


def test_values_become_plain_ones() -> None:
    given: Any = [np.int64(1), np.float32(0.5), np.bool_(True), np.str_("a"), Colour.RED, -0.0]
    values = Categorical(given).values
    assert values == (1, 0.5, True, "a", "red", 0.0)
    assert [type(value) for value in values] == [int, float, bool, str, str, float]
    assert math.copysign(1, float(values[-1] or 0)) == 1


def test_a_range_is_a_list_of_values() -> None:
    assert Categorical(range(3)).values == (0, 1, 2)


def test_compared_as_configs_are() -> None:
    assert Categorical([1, 2]) == Categorical((1, 2))
    assert Categorical([1, 2]) != Categorical([True, 2])
    assert Categorical([1, 2]) != Categorical([1.0, 2])
    assert Categorical([1, 2]) != Categorical([2, 1])
    assert len({Categorical([1, 2]), Categorical([1, 2]), Categorical([True, 2])}) == 2


def test_the_callers_when_is_copied() -> None:
    when = {"a": [1, 2]}
    parameter = Categorical([1, 2], when=when)
    when["a"].append(3)
    assert parameter.conditions[0].values == (1, 2)


def test_describe() -> None:
    assert Categorical(["a", True, None, 1]).describe() == 'choice "a", true, null, 1'


BAD: list[tuple[dict[str, Any], str]] = [
    ({"values": []}, "values must be a list with at least one entry, got []"),
    ({"values": "abc"}, "values must be a list with at least one entry, got 'abc'"),
    ({"values": b"abc"}, "values must be a list with at least one entry, got b'abc'"),
    ({"values": {}}, "values must be a list with at least one entry, got {}"),
    ({"values": {"a"}}, "values must be a list with at least one entry, got {'a'}"),
    ({"values": None}, "values must be a list with at least one entry, got None"),
    ({"values": np.array([1, 2])}, "values must be a list with at least one entry, got array([1, 2])"),
    ({"values": ["a", "b", "a"]}, "values has 'a' twice"),
    ({"values": [1, 1.0]}, "values has 1.0 twice"),
    ({"values": [None, None]}, "values has None twice"),
    ({"values": [[1]]}, "[1] is not a plain value: use text, numbers, true/false or null"),
    ({"values": [{}]}, "{} is not a plain value: use text, numbers, true/false or null"),
    ({"values": [1j]}, "1j is not a plain value: use text, numbers, true/false or null"),
    ({"values": [b"x"]}, "b'x' is not a plain value: use text, numbers, true/false or null"),
    ({"values": [math.nan]}, "nan is not a finite number"),
    ({"values": [-math.inf]}, "-inf is not a finite number"),
    (
        {"values": [2**64]},
        "18446744073709551616 is too large: whole numbers have 64 bits at most; write it as text",
    ),
    (
        {"values": [10**5000]},
        "<int> is too large: whole numbers have 64 bits at most; write it as text",
    ),
    (
        {"values": ["adam", "sgd"], "default": "adm"},
        "default: 'adm' is not one of: \"adam\", \"sgd\" (did you mean 'adam'?)",
    ),
    ({"values": [1, 2], "default": True}, "default: True is not one of: 1, 2"),
    ({"values": ["1", "2"], "default": 1}, 'default: 1 is not one of: "1", "2" (did you mean \'1\'?)'),
    (
        {"values": [1, 2], "default": [1]},
        "default: [1] is not a plain value: use text, numbers, true/false or null",
    ),
    ({"values": [1, 2], "help": {}}, "help: expected text, got {}: put it in quotes"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_every_mistake_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Categorical(**fields)
    assert str(caught.value) == message
