"""Constant: what it takes, and every message."""

import math
from typing import Any

import numpy as np
import pytest

from assay.spaces import Constant, SpaceError


@pytest.mark.parametrize("value", [None, True, False, 0, 1, -(2**64) + 1, 2**64 - 1, 1e300, 1e-300, "", "1e-5", "é"])
def test_every_plain_value(value: Any) -> None:
    constant = Constant(value)
    assert constant.value == constant.default_value == constant.check(value) == value
    assert type(constant.value) is type(value)
    assert constant.sample(np.random.default_rng(0)) == value
    assert constant.cardinality == 1
    assert constant.to_dict() == {"value": value}


def test_numpy_values_become_plain_ones() -> None:
    assert type(Constant(np.float32(0.5)).value) is float  # type: ignore[arg-type]
    assert Constant(np.bool_(True)).value is True  # type: ignore[arg-type]


def test_compared_as_configs_are() -> None:
    assert Constant(1) != Constant(True)
    assert Constant(1) != Constant(1.0)
    assert Constant(0.0) == Constant(-0.0)
    assert len({Constant(1), Constant(1), Constant(True), Constant("1")}) == 3


def test_check_gives_the_constant_back() -> None:
    assert type(Constant(3).check(3.0)) is int


def test_describe() -> None:
    assert Constant("a").describe() == 'constant "a"'
    assert Constant(None, help="why").to_dict() == {"value": None, "help": "why"}


BAD_VALUES: list[tuple[Any, str]] = [
    ([1], "[1] is not a plain value: use text, numbers, true/false or null"),
    ({1: 2}, "{1: 2} is not a plain value: use text, numbers, true/false or null"),
    (np.array([1]), "array([1]) is not a plain value: use text, numbers, true/false or null"),
    (math.nan, "nan is not a finite number"),
    (np.float64("inf"), "inf is not a finite number"),
    (10**5000, "<int> is too large: whole numbers have 64 bits at most; write it as text"),
]


@pytest.mark.parametrize(("value", "message"), BAD_VALUES, ids=[message[:40] for _, message in BAD_VALUES])
def test_every_bad_value_is_named(value: Any, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Constant(value)
    assert str(caught.value) == message
    with pytest.raises(SpaceError) as caught:
        Constant(3).check(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(("value", "other"), [(1, True), (1, 2), ("1", 1), (None, 0), (False, 0)])
def test_every_other_value_is_refused(value: Any, other: Any) -> None:
    with pytest.raises(SpaceError) as caught:
        Constant(value).check(other)
    assert str(caught.value) == f"{other!r} is not the constant {value!r}"
