"""Expressions mean what Python would, on what is there, and say clearly what they are not."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import Expression, Space, SpaceError
from assay.spaces.expression import FUNCTIONS

VALUES = {"a": 3, "b": 2.5, "c.d": -1, "flag": True, "word": "sgd", "none": None}


@st.composite
def numbers(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["a", "b", "c.d", "2", "0.5", "-1", "7"]))
    kind = draw(st.sampled_from(["binary", "minus", "call"]))
    left, right = draw(numbers(depth - 1)), draw(numbers(depth - 1))
    if kind == "minus":
        return f"(-{left})"
    if kind == "call":
        return draw(
            st.sampled_from([f"max({left}, {right})", f"min({left}, {right})", f"abs({left})", f"floor({left})"])
        )
    return f"({left} {draw(st.sampled_from(['+', '-', '*', '/', '//', '%']))} {right})"


@st.composite
def statements(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["compare", "chain", "in", "word", "flag", "and", "or", "not"]))
    if depth == 0 or kind == "compare":
        return f"{draw(numbers())} {draw(st.sampled_from(['<', '<=', '>', '>=', '==', '!=']))} {draw(numbers())}"
    if kind == "chain":
        return f"{draw(numbers())} < {draw(numbers())} <= {draw(numbers())}"
    if kind == "in":
        return f"{draw(numbers())} {draw(st.sampled_from(['in', 'not in']))} [1, 2.5, 3]"
    if kind in ("word", "flag"):
        return "word != 'adam'" if kind == "word" else "flag"
    if kind == "not":
        return f"not ({draw(statements(depth - 1))})"
    return f"({draw(statements(depth - 1))}) {kind} ({draw(statements(depth - 1))})"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(statements())
def test_a_statement_is_as_true_as_python_says(text: str) -> None:
    try:
        expression = Expression(text)
    except SpaceError as error:
        assert "it names no parameter" in str(error)
        return
    names = {"a": 3, "b": 2.5, "c": type("Group", (), {"d": -1}), "flag": True, "word": "sgd", **FUNCTIONS}
    try:
        expected = eval(text, {"__builtins__": {}}, names)  # the reference; the text is made above
    except ZeroDivisionError:
        return  # Python gives up; here the comparison is false
    assert expression.truth(VALUES) is expected


def truth(text: str, **values: Any) -> bool | None:
    return Expression(text).truth(values)


def test_what_is_not_there_is_neither_true_nor_false() -> None:
    assert truth("a > 1") is None
    assert truth("not a > 1") is None
    assert truth("a > 1 and b > 1", b=0) is False
    assert truth("a > 1 and b > 1", b=2) is None
    assert truth("a > 1 or b > 1", b=2) is True
    assert truth("a > 1 or b > 1", b=0) is None
    assert truth("a + b > 1", b=0) is None
    assert truth("flag") is None
    assert truth("b < 1 < a", b=3) is False  # decided before `a` is read
    assert not Expression("a > 1").holds({})


@pytest.mark.parametrize(
    "text",
    ["1 / a > 0", "a // 0 < 1", "1 % a == 1", "log(a) < 0", "sqrt(a - 1) >= 0", "exp(a + 10000) < 1", "a ** -1 > 0"],
)
def test_arithmetic_without_a_result_makes_a_comparison_false(text: str) -> None:
    assert truth(text, a=0) is False


def test_true_is_not_one() -> None:
    assert truth("a == 1", a=True) is False
    assert truth("a == true", a=True) is True
    assert truth("a in [1, 'x']", a=True) is False
    assert truth("a != null", a=None) is False


def test_powers_take_no_time() -> None:
    assert truth("a ** a ** a > 1", a=99999) is False  # out of range: no result


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("a == 3", {"a": (3,)}),
        ("a == -3 and b.c in ['x', null, true]", {"a": (-3,), "b.c": ("x", None, True)}),
        ("a == 3 or b == 2", None),
        ("a != 3", None),
        ("3 == a", None),
        ("a == b", None),
        ("a == 1 and a == 2", None),
        ("a in (1, 2)", {"a": (1, 2)}),
    ],
)
def test_what_a_mapping_says_as_well(text: str, mapping: Any) -> None:
    assert Expression(text).as_mapping() == mapping


def test_an_expression_travels() -> None:
    one = Expression(" a  >\n 1 ")
    assert pickle.loads(pickle.dumps(one)) == one == Expression("a > 1")
    assert one.text == "a > 1" and repr(one) == "Expression('a > 1')"
    assert len({one, Expression("a > 1"), Expression("a > 2")}) == 2


OUTSIDE = [
    ("a = 3", "write == to compare"),
    ("a && b", "write `and` instead of `&&`"),
    ("a || b", "write `or` instead of `||`"),
    ("a is b", "`is` is not part of the notation: write =="),
    ("a > 1 >", "write it like layers >= 3 and norm != 'none'"),
    ("a[0] > 1", "a[0] is not part of the notation"),
    ("(lambda: 1) > a", "lambda: 1 is not part of the notation"),
    ("a if b else c", "a if b else c is not part of the notation"),
    ("{a} > 1", "{a} is not part of the notation"),
    ("f'{a}' == 'x'", "f'{a}' is not part of the notation"),
    ("a @ b > 1", "a @ b is not part of the notation"),
    ("a & b", "a & b is not part of the notation"),
    ("[x for x in a]", "[x for x in a] is not part of the notation"),
    ("a in b", "after `in` stands a list of values such as ['sgd', 'adam'], got b"),
    ("a in 'sgd'", "after `in` stands a list of values such as ['sgd', 'adam'], got 'sgd'"),
    ("abs() > a", "abs needs one argument"),
    ("max(a) > 1", "max needs two arguments or more"),
    ("max(a, key=b) > 1", "max needs two arguments or more"),
    ("1 < 2", "it names no parameter"),
    ("(" * 300 + "a" + ")" * 300, "write it like layers >= 3 and norm != 'none'"),
]


@pytest.mark.parametrize(("text", "reason"), OUTSIDE, ids=[text[:30] for text, _ in OUTSIDE])
def test_what_is_outside_of_the_notation_is_refused(text: str, reason: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Expression(text)
    assert str(caught.value).endswith(f"cannot be read: {reason}")


@pytest.mark.parametrize("text", ["__import__('os').system('x') == a", "a.__class__() == 1", "open('x') == a"])
def test_nothing_is_ever_called(text: str) -> None:
    with pytest.raises(SpaceError, match="there is no function "):
        Expression(text)


@pytest.mark.parametrize("text", [None, 3, "", "  ", ["a > 1"], True])
def test_only_text_is_an_expression(text: Any) -> None:
    with pytest.raises(SpaceError, match=r"^expected an expression such as layers >= 3"):
        Expression(text)


def test_it_has_an_end() -> None:
    with pytest.raises(SpaceError, match=r"^an expression has 2000 characters at most, got 2402$"):
        Expression("a > 1" + " or a > 1" * 266 + " or")


# In a space


PARENTS: dict[str, Any] = {
    "n": "int(1, 6)",
    "x": "uniform(0, 1)",
    "o": ["adam", "sgd"],
    "f": [True, False],
    "m": [1, "two", None],
    "k": 4,
}


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("layer > 2", "unknown parameter 'layer'; if text is meant, write 'layer' in quotes"),
        ("nn > 2", "unknown parameter 'nn' (did you mean 'n'?)"),
        ("o == sgd", "unknown parameter 'sgd'; if text is meant, write 'sgd' in quotes"),
        ("n", "n is neither true nor false: compare it, as in n >= 3"),
        ("n + 1", "n + 1 is neither true nor false: compare it, as in n + 1 >= 3"),
        ("o", "o is neither true nor false: compare it, as in o >= 3"),
        ("o > 3", "o > 3: o (text) has no larger or smaller: use == or in"),
        ("f < n", "f < n: f (true or false) has no larger or smaller: use == or in"),
        ("o == n", "o == n compares o (text) with n (a number)"),
        ("n == '3' or f", "n == '3' compares n (a number) with '3' (text)"),
        ("n + o > 1", "n + o cannot be calculated: o (text) is not a number"),
        ("abs(f) > 1", "abs(f) cannot be calculated: f (true or false) is not a number"),
        ("m > 1", "m > 1: m (of several kinds) has no larger or smaller: use == or in"),
        ("n > 6", "n > 6 can never hold: nothing in the ranges makes it true"),
        ("n > 2 and n < 2", "n > 2 and n < 2 can never hold: nothing in the ranges makes it true"),
        ("k > 4 or k < n - 2 - 5", "k > 4 or k < n - 2 - 5 can never hold: nothing in the ranges makes it true"),
        ("o != 'sdg'", "o can never be 'sdg': 'sdg' is not one of: \"adam\", \"sgd\" (did you mean 'sgd'?)"),
        (
            "x == 0.5 or n > 2",
            "x is continuous and almost never equal to one value: give it a step, or make it a list of choices",
        ),
    ],
)
def test_a_condition_has_to_make_sense(when: str, problem: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Space({**PARENTS, "child": {"values": [1, 2], "when": when}})
    assert str(caught.value) == f"child.when: {problem}"
    with pytest.raises(SpaceError) as caught:
        Space(PARENTS, [when])
    assert str(caught.value) == f"constraints.0: {problem}"


@pytest.mark.parametrize(
    "when",
    [
        "x > 0.5",
        "f",
        "not f",
        "m == null",
        "m in [1, 'two']",
        "o == 'sgd' and f",
        "log2(n) % 1 == 0",
        "k == 4",
        "n * x < 2",
    ],
)
def test_conditions_that_make_sense(when: str) -> None:
    space = Space({**PARENTS, "child": {"values": [1, 2], "when": when}})
    assert Space(space.to_dict()) == space
    assert Space(PARENTS, [when]).feasible(Space(PARENTS, [when]).default())


def test_expressions_can_form_no_circle() -> None:
    with pytest.raises(SpaceError, match=r"^a\.when: conditions form a circle: a -> b -> a$"):
        Space(
            {
                "a": {"min": 1, "max": 3, "when": "b > 1"},
                "b": {"min": 1, "max": 3, "when": "a > 1 or c"},
                "c": [True, False],
            }
        )


def test_switches_spell_conditions_out() -> None:
    space = Space(
        {
            **PARENTS,
            "one": {"value": 1, "when": "n >= 5"},
            "two": {"value": 1, "when": {"o": "sgd", "n": [1, 2]}},
            "three": {"value": 1, "when": "n > 2 and f"},
            "four": {"value": 1, "when": "x > 0.5"},
        }
    )
    assert space.switches("n") == {}
    assert space.switches("one") == {"n": (5, 6)}
    assert space.switches("two") == {"o": ("sgd",), "n": (1, 2)}
    assert space.switches("three") is None and space.switches("four") is None
    assert math.isinf(space.size())
