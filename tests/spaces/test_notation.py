"""How people write a parameter: every form, and every message."""

import math
from typing import Any

import numpy as np
import pytest

from assay.spaces import Categorical, Constant, Float, Integer, Parameter, Prior, Space, SpaceError, parse_parameter

FORMS: list[tuple[Any, Parameter]] = [
    (0.1, Constant(0.1)),
    (True, Constant(True)),
    ("sgd", Constant("sgd")),
    ("1e-5", Constant("1e-5")),
    ("", Constant("")),
    ("a (b) c", Constant("a (b) c")),
    (np.float32(0.5), Constant(0.5)),
    ([1, 2], Categorical([1, 2])),
    (("a", None), Categorical(["a", None])),
    (["int(1, 2)", "b"], Categorical(["int(1, 2)", "b"])),
    ("uniform(0, 1)", Float(0, 1)),
    ("loguniform(1e-5, 1e-1)", Float(1e-5, 1e-1, log=True)),
    ("int(0, 1)", Integer(0, 1)),
    (" logint ( 1,\n +64 ) ", Integer(1, 64, log=True)),
    ("int(-3, 6)", Integer(-3, 6)),
    ({"min": 1, "max": 6}, Integer(1, 6)),
    ({"min": np.int64(1), "max": np.int64(6)}, Integer(1, 6)),
    ({"min": 1, "max": 6.0}, Float(1, 6)),
    ({"min": 1, "max": 6, "type": "float"}, Float(1, 6)),
    ({"min": 1.0, "max": 6.0, "type": "int"}, Integer(1, 6)),
    ({"min": 0, "max": 1, "type": "int"}, Integer(0, 1)),
    ({"min": 0, "max": 1, "step": 0.1}, Float(0, 1, step=0.1)),
    ({"min": 32, "max": 128, "step": 32, "log": True}, Integer(32, 128, True, 32)),
    ({"min": 0.0, "max": 1.0, "step": None, "default": None}, Float(0, 1)),
    ({"min": 0.0, "max": 1.0, "when": None, "help": None}, Float(0, 1)),
    ({"min": 0.0, "max": 1.0, "when": {"a": (1, 2)}}, Float(0, 1, when={"a": [1, 2]})),
    ({"values": [1, 2], "default": 2}, Categorical([1, 2], 2)),
    ({"values": [1, None], "default": None}, Categorical([1, None], None)),
    ({"value": "int(1, 2)", "help": "text"}, Constant("int(1, 2)", help="text")),
    ({"value": None}, Constant(None)),
    ("normal(0, 1.5)", Float(mean=0, std=1.5)),
    ("lognormal(-7, 1)", Float(mean=-7, std=1, log=True)),
    ({"mean": 0, "std": 1, "min": -2}, Float(-2, mean=0, std=1)),
    ({"mean": -7, "std": 1, "log": True, "max": 0.1}, Float(max=0.1, log=True, mean=-7, std=1)),
    ({"min": 1e-5, "max": 0.1, "log": True, "prior": {"center": 1e-3}}, Float(1e-5, 0.1, True, prior=Prior(1e-3))),
    ({"min": 1, "max": 64, "prior": {"center": 8, "confidence": "high"}}, Integer(1, 64, prior=Prior(8, "high"))),
    ({"values": ["a", "b"], "weights": [1, 2.5]}, Categorical(["a", "b"], weights=[1, 2.5])),
    ({"values": [1, 2], "weights": [3, 3], "ordered": True}, Categorical([1, 2], ordered=True)),
    ({"min": 0.0, "max": 1.0, "when": "n >= 3"}, Float(0, 1, when="n >= 3")),
    ({"min": 0.0, "max": 1.0, "when": "n in [1, 2] and o == 'a'"}, Float(0, 1, when={"n": [1, 2], "o": "a"})),
    (Float(0, 1), Float(0, 1)),
]


@pytest.mark.parametrize(("raw", "parameter"), FORMS, ids=[repr(raw)[:60] for raw, _ in FORMS])
def test_every_form(raw: Any, parameter: Parameter) -> None:
    assert parse_parameter(raw) == parameter
    assert parse_parameter(parameter.to_dict()) == parameter


FORM = (
    "cannot be read: expected name(min, max), such as loguniform(1e-5, 1e-1) or int(1, 6); "
    "if the text itself is meant, write {value: "
)
MEANT = "if the text itself is meant, write {value: "
RANGES = f"use 'uniform', 'loguniform', 'int', 'logint', 'normal' or 'lognormal'; {MEANT}"
UNKNOWN_RANGE_KEY = ": use 'type', 'min', 'max', 'log', 'step', 'mean', 'std', 'prior', 'default', 'when' or 'help'"

BAD: list[tuple[Any, list[str]]] = [
    ("loguniform(1e-5)", ["x: loguniform(1e-5) needs two bounds, got 1: write loguniform(min, max)"]),
    ("int(1, 2, 3)", ["x: int(1, 2, 3) needs two bounds, got 3: write int(min, max)"]),
    ("uniform()", ["x: uniform() needs two bounds, got 0: write uniform(min, max)"]),
    ("unifrom(1, 2)", [f"x: unifrom(...) is not a range (did you mean 'uniform'?): {RANGES}'unifrom(1, 2)'}}"]),
    ("choice(1, 2)", [f"x: choice(...) is not a range: write a list, such as [a, b]; {MEANT}'choice(1, 2)'}}"]),
    ("int(1, 2", [f"x: 'int(1, 2' {FORM}'int(1, 2'}}"]),
    ("int(1, 10**9)", [f"x: 'int(1, 10**9)' {FORM}'int(1, 10**9)'}}"]),
    ("int(low=1, high=2)", [f"x: 'int(low=1, high=2)' {FORM}'int(low=1, high=2)'}}"]),
    ("int(*[1], 2)", [f"x: 'int(*[1], 2)' {FORM}'int(*[1], 2)'}}"]),
    ("int({[]: 1}, 2)", [f"x: 'int({{[]: 1}}, 2)' {FORM}'int({{[]: 1}}, 2)'}}"]),
    ("f(x) is (y)", [f"x: 'f(x) is (y)' {FORM}'f(x) is (y)'}}"]),
    ("print(open('x'))", [f"x: \"print(open('x'))\" {FORM}\"print(open('x'))\"}}"]),
    ("int('a', 2)", ["x: min must be a number, got 'a'"]),
    ("int(0.5, 2)", ["x: min must be a whole number, got 0.5"]),
    ("uniform(2, 1)", ["x: min 2 must be below max 1"]),
    ("uniform(0, 1e400)", ["x: max must be finite, got inf"]),
    ("loguniform(0, 1)", ["x: log: true needs min > 0, got 0"]),
    ("logint(0, 9)", ["x: log: true needs min >= 1, got 0"]),
    ({}, ["x: min and max missing: write {min: ..., max: ...}, {values: [...]} or a list"]),
    ({"min": 1}, ["x: max missing: write {min: ..., max: ...}, {values: [...]} or a list"]),
    ({"max": 1}, ["x: min missing: write {min: ..., max: ...}, {values: [...]} or a list"]),
    (
        {"min": 0, "max": 1},
        ["x: min: 0, max: 1 is ambiguous: write 0.0 and 1.0, or add type: int / type: float"],
    ),
    ({"min": False, "max": True}, ["x: min must be a number, got False"]),
    (
        {"min": 1, "max": 9, "type": "integer"},
        ["x.type: 'integer' is not a type (did you mean 'int'?): use int or float"],
    ),
    ({"min": 1, "max": 9, "type": np.array([1, 2])}, ["x.type: array([1, 2]) is not a type: use int or float"]),
    ({"min": 1, "max": 9, "type": ""}, ["x.type: '' is not a type: use int or float"]),
    ({"min": 1, "max": 9, "log": "yes"}, ["x.log: expected true or false, got 'yes'"]),
    ({"min": 1, "max": 9, "step": {}}, ["x: step must be a number, got {}"]),
    ({"min": 1, "max": 9, "step": False}, ["x: step must be a number, got False"]),
    ({"min": 1, "max": 9, "step": 0}, ["x: step must be above 0, got 0"]),
    ({"min": 1, "max": 9, "default": 2.5}, ["x.default: value must be a whole number, got 2.5"]),
    ({"min": 1, "max": 9, "help": 5}, ["x.help: expected text, got 5: put it in quotes"]),
    ({"low": 1, "max": 9}, ["x.low: unknown key 'low' (did you mean 'min'?)"]),
    (
        {"lower": 1, "upper": 9},
        [
            "x.lower: unknown key 'lower' (did you mean 'min'?)",
            "x.upper: unknown key 'upper' (did you mean 'max'?)",
        ],
    ),
    ({"choices": [1, 2]}, ["x.choices: unknown key 'choices' (did you mean 'values'?)"]),
    ({"min": 1, "max": 9, "zzz": 1}, [f"x.zzz: unknown key 'zzz'{UNKNOWN_RANGE_KEY}"]),
    ({"min": 1, "max": 9, None: 1}, [f"x.None: unknown key None{UNKNOWN_RANGE_KEY}"]),
    ({"min": 1, "max": 9, 1: 1}, [f"x.1: unknown key 1{UNKNOWN_RANGE_KEY}"]),
    (
        {"values": [1, 2], "min": 1},
        ["x.min: unknown key 'min': use 'values', 'weights', 'ordered', 'default', 'when' or 'help'"],
    ),
    ({"type": "categorical", "values": [1, 2]}, ["x.type: values alone says what it is: remove type"]),
    ({"type": "choice", "values": [1, 2]}, ["x.type: values alone says what it is: remove type"]),
    ({"type": "constant", "value": 1}, ["x.type: value alone says what it is: remove type"]),
    ({"value": 1, "default": 1}, ["x.default: unknown key 'default': use 'value', 'when' or 'help'"]),
    ({"min": 1.0, "max": 9.0, "stepp": 2}, ["x.stepp: unknown key 'stepp' (did you mean 'step'?)"]),
    (
        {"min": 1.0, "max": 9.0, "prior": 3},
        ["x.prior: expected {center: 1e-3, confidence: low, medium or high}, got 3"],
    ),
    ({"min": 1.0, "max": 9.0, "prior": {"center": 10}}, ["x.prior.center: 10 is outside [1, 9]"]),
    (
        {"min": 1.0, "max": 9.0, "prior": {"center": 2, "confidence": "hi"}},
        ["x.prior.confidence: 'hi' is not a confidence (did you mean 'high'?): use 'low', 'medium' or 'high'"],
    ),
    ({"std": 1.0}, ["x.std: a normal needs mean and std: mean is missing"]),
    ({"mean": 0.0, "std": 0.0}, ["x.std: std must be above 0, got 0"]),
    ({"mean": 0.0, "std": 1.0, "step": 0.5}, ["x.step: a normal has no step: leave it out, or mean and std"]),
    (
        {"mean": 0.0, "std": 1.0, "type": "int"},
        ["x.type: a normal is of real numbers: leave type out, or mean and std"],
    ),
    (
        {"mean": 0.0, "std": 1.0, "min": 9.0},
        ["x.mean: hardly any of normal(0, 1) lies between min and max: change the bounds, mean or std"],
    ),
    ("normal(1)", ["x: normal(1) needs mean and std, got 1: write normal(mean, std)"]),
    (
        {"values": [1, 2], "weights": [1]},
        ["x.weights: expected one number for each of the 2 values, got [1]"],
    ),
    (
        {"values": [1, 2], "weights": [1, 0]},
        ["x.weights: a weight must be above 0, got 0.0: leave out what is never drawn"],
    ),
    ({"values": [1, 2], "ordered": 1}, ["x.ordered: expected true or false, got 1"]),
    ([], ["x: values must be a list with at least one entry, got []"]),
    ({"values": 3}, ["x: values must be a list with at least one entry, got 3"]),
    (["a", "a"], ["x: values has 'a' twice"]),
    (math.nan, ["x: nan is not a finite number"]),
    ({1, 2}, ["x: {1, 2} is not a plain value: use text, numbers, true/false or null"]),
    (np.array([1, 2]), ["x: array([1, 2]) is not a plain value: use text, numbers, true/false or null"]),
]


@pytest.mark.parametrize(("raw", "lines"), BAD, ids=[f"{index}-{repr(raw)[:40]}" for index, (raw, _) in enumerate(BAD)])
def test_every_mistake_is_named(raw: Any, lines: list[str]) -> None:
    with pytest.raises(SpaceError) as caught:
        Space({"x": raw})
    assert str(caught.value).splitlines() == lines


@pytest.mark.parametrize(
    ("raw", "inner"),
    [
        ({"lr": "uniform(0, 1)"}, "lr"),
        ({"min_lr": "uniform(0, 1)"}, "min_lr"),  # near to `min`, but that has no range
        ({"low": {"min": 1, "max": 2}}, "low"),
        ({"lr": 0.1, "momentum": 0.9}, "lr"),
        ({"lr": 0.1, "inner": {"x": [1, 2]}}, "inner"),
    ],
)
def test_a_nested_group_is_told_to_be_written_with_dots(raw: Any, inner: str) -> None:
    with pytest.raises(SpaceError) as caught:
        parse_parameter(raw, "optim")
    [problem] = caught.value.problems
    assert problem.where == ()
    assert problem.message.startswith(f"a group is written with dots: write optim.{inner}: ...; a parameter has min")


@pytest.mark.parametrize(
    "text",
    [f"int({'-' * 5000}1, 2)", f"int({'(' * 500}1, 2)", f"int(1, {'9' * 5000})", "int(\0, 2)", "int(1 if 2 else 3, 4)"],
    ids=["signs", "brackets", "digits", "zero byte", "expression"],
)
def test_hostile_text_is_only_refused(text: str) -> None:
    with pytest.raises(SpaceError) as caught:
        parse_parameter(text)
    assert len(str(caught.value)) < 800
