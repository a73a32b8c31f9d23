"""Every type of NNI becomes a parameter with the same distribution, or is refused with the cure."""

from __future__ import annotations

from typing import Any

import pytest

from assay.spaces import Categorical, Constant, Float, Integer, Space, SpaceError
from assay.spaces.from_nni_space import from_nni_space

from .agreement import DRAWS, agrees
from .test_to_nni import drawn

KEPT: dict[str, tuple[str, list[Any], Any]] = {
    "choice": ("choice", ["a", 1, True], Categorical(["a", 1, True])),
    "repeated": ("choice", ["a", "b", "a"], Categorical(["a", "b"], weights=[2, 1])),
    "one": ("choice", ["a"], Constant("a")),
    "randint": ("randint", [2, 9], Integer(2, 8)),
    "uniform": ("uniform", [0, 2], Float(0, 2)),
    "loguniform": ("loguniform", [1e-4, 1], Float(1e-4, 1, log=True)),
    "normal": ("normal", [1, 2], Float(mean=1, std=2)),
    "lognormal": ("lognormal", [-1, 0.5], Float(mean=-1, std=0.5, log=True)),
    "even": ("quniform", [-0.5, 3.5, 1], Float(0, 3, step=1)),
    "halves": ("quniform", [0, 2, 1], Categorical([0.0, 1.0, 2.0], weights=[1, 2, 1], ordered=True)),
    "clipped": ("quniform", [0.3, 4.2, 1], None),
    "qloguniform": ("qloguniform", [1, 20, 2], None),
    "log_grid": ("qloguniform", [0.5, 8.5, 1], Float(1, 8, log=True, step=1)),
}


def test_every_type_keeps_its_distribution() -> None:
    search_space = {name: {"_type": kind, "_value": values} for name, (kind, values, _) in KEPT.items()}
    space, draws = from_nni_space(search_space), drawn(search_space, DRAWS)
    for name, (_, _, expected) in KEPT.items():
        assert expected is None or space[name] == expected
        assert agrees(space[name], [parameters[name] for parameters in draws]), space[name].describe()


def test_nested_choices_have_the_shape_of_nnis_parameters() -> None:
    kernel = {"_type": "choice", "_value": [1, 3]}
    layer = {
        "_type": "choice",
        "_value": [
            {"_name": "conv", "kernel": kernel, "stride": {"_type": "randint", "_value": [1, 3]}},
            {"_name": "pool", "kernel": kernel},
            {"_name": "none"},
        ],
    }
    space = from_nni_space({"layer": layer})
    assert space == Space(
        {
            "layer._name": ["conv", "pool", "none"],
            "layer.kernel": {"values": [1, 3], "when": {"layer._name": ["conv", "pool"]}},
            "layer.stride": {"min": 1, "max": 2, "when": {"layer._name": "conv"}},
        }
    )
    for parameters in drawn({"layer": layer}, 50):
        assert space.validate(parameters).nested() == parameters


def test_a_choice_nested_twice_is_read() -> None:
    inner = {"_type": "choice", "_value": [{"_name": "p", "x": {"_type": "uniform", "_value": [0, 1]}}, {"_name": "q"}]}
    space = from_nni_space({"a": {"_type": "choice", "_value": [{"_name": 1, "b": inner}, {"_name": 2}]}})
    assert space["a.b.x"].when == {"a.b._name": "p"}
    assert space["a.b._name"].when == {"a._name": 1}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (5, r"a: expected {_type: \.\.\., _value: \[\.\.\.\]}, got 5"),
        ({"_type": "qnormal", "_value": [0, 1, 0.5]}, r"a._value: has infinitely many values: leave q out"),
        ({"_type": "qlognormal", "_value": [0, 1, 0.5]}, r"a._value: has infinitely many values: leave q out"),
        ({"_type": "loguinform", "_value": [1, 2]}, r"a._type: 'loguinform' is not a type of NNI \(did you mean"),
        ({"_type": "layer_choice", "_value": [1, 2]}, r"a._type: 'layer_choice' is not a type of NNI"),
        ({"_type": "uniform", "_value": [1]}, r"a._value: uniform needs 2 numbers, got 1"),
        ({"_type": "uniform", "_value": [0, "1"]}, r"a._value: every entry must be a number, got '1'"),
        ({"_type": "uniform", "_value": 3}, r"a._value: expected a list, got 3"),
        ({"_type": "qloguniform", "_value": [0, 1, 1]}, r"a._value: expected 0 < low < high, got 0 and 1"),
        ({"_type": "quniform", "_value": [0, 10**7, 1]}, r"a._value: .* leave the rounding out"),
        ({"_type": "quniform", "_value": [0, 1, 0]}, r"a._value: q must be above 0"),
        ({"_type": "randint", "_value": [3, 3]}, r"a._value: there is no whole number from 3"),
        ({"_type": "choice", "_value": [[1], [2]]}, r"a: \[1\] is not a plain value"),
        (
            {"_type": "choice", "_value": [{"_name": "x"}, {"y": 1}]},
            r"a: every branch of a nested choice needs",
        ),
        ({"_type": "choice", "_value": [{"_name": "x"}, {"_name": "x"}]}, r"a: two branches have the same _name"),
        (
            {
                "_type": "choice",
                "_value": [
                    {"_name": "x", "k": {"_type": "randint", "_value": [0, 3]}},
                    {"_name": "y", "k": {"_type": "randint", "_value": [0, 4]}},
                ],
            },
            r"a.k: differs between the branches: rename it",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_kept_is_refused(raw: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        from_nni_space({"a": raw})


B = {"_type": "uniform", "_value": [0, 1]}
LAYER = {"_type": "choice", "_value": [{"_name": "x", "b": B}, {"_name": "y"}]}


@pytest.mark.parametrize(
    ("search_space", "where", "name"),
    [
        ({"a": LAYER, "a.b": B}, ("a.b",), "a.b"),
        ({"a.b": B, "a": LAYER}, ("a", "b"), "a.b"),
        ({"a": LAYER, "a.b": B | {"_value": [0, 2]}}, ("a.b",), "a.b"),
        ({"a": LAYER, "a._name": {"_type": "choice", "_value": ["x", "y"]}}, ("a._name",), "a._name"),
        # Under a._name in one branch, and under a.b._name in the other.
        (
            {"a": {"_type": "choice", "_value": [{"_name": "x", "b.b": B}, {"_name": "y", "b": LAYER}]}},
            ("a", "b", "b"),
            "a.b.b",
        ),
    ],
    ids=["nested first", "sibling first", "other range", "switch", "two switches"],
)
def test_a_name_beside_a_nested_choice_that_is_one_of_its_own_is_refused(
    search_space: Any, where: tuple[str, ...], name: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        from_nni_space(search_space)
    [problem] = caught.value.problems
    assert problem.where == where
    assert problem.message == f"{name} stands in a branch of a nested choice and also outside of it: rename one"


def test_mistakes_are_told_all_at_once() -> None:
    with pytest.raises(SpaceError) as caught:
        from_nni_space({"a": 1, "b": {"_type": "uniform", "_value": [0, 1]}, "c": 2})
    assert [problem.where for problem in caught.value.problems] == [("a",), ("c",)]
    with pytest.raises(SpaceError, match="expected a mapping from names to _type and _value, got 3"):
        from_nni_space(3)  # type: ignore[arg-type]
