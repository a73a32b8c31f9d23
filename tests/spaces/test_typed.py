"""Spaces from Pydantic models, dataclasses and functions: ranges, choices, conditions, and what is no parameter."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import numpy as np
import pytest
from annotated_types import Ge, Interval, Le, MultipleOf
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from assay.spaces import Categorical, Constant, Float, Integer, Space, SpaceError
from assay.spaces.typed import space_of
from assay.spaces.typed_config import typed_config


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Layer(enum.Enum):
    """Values that no config can hold: their names stand for them."""

    DENSE = (1, 2)
    CONV = (3, 4)


Rate = NewType("Rate", float)


def of(annotation: Any, default: Any = ..., **options: Any) -> Any:
    """The parameter of a field ``x`` of a dataclass."""
    field = dataclasses.field(**({} if default is ... else {"default": default}), **options)
    return space_of(dataclasses.make_dataclass("Made", [("x", annotation, field)]))["x"]


def refused(source: Any) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        space_of(source)
    return [str(problem) for problem in caught.value.problems]


def refusal(annotation: Any, default: Any = ...) -> str:
    with pytest.raises(SpaceError) as caught:
        of(annotation, default)
    [problem] = caught.value.problems
    assert problem.where[0] == "x"
    return problem.message


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (Annotated[float, Float(1e-5, 1e-1, log=True)], 1e-3, Float(1e-5, 1e-1, log=True, default=1e-3)),
        (Annotated[float, Float(0.1, 1.0, default=0.5)], ..., Float(0.1, 1.0, default=0.5)),
        (Annotated[float, Float(0.1, 1.0, default=0.5)], 0.5, Float(0.1, 1.0, default=0.5)),
        (Annotated[float, "loguniform(1e-5, 1e-1)"], ..., Float(1e-5, 1e-1, log=True)),
        (Annotated[float, "normal(0, 1)"], 0.5, Float(mean=0, std=1, default=0.5)),
        (Annotated[int, "int(1, 4)"], 2, Integer(1, 4, default=2)),
        (Annotated[int, [16, 32, 64]], 32, Categorical([16, 32, 64], default=32)),
        (Annotated[str, ["a", "b"]], ..., Categorical(["a", "b"])),
        (Annotated[float, "seconds, for people", Float(0.0, 1.0)], ..., Float(0.0, 1.0)),
        (Annotated[float, Ge(0), Le(1)], 0.5, Float(0.0, 1.0, default=0.5)),
        (Annotated[Rate, Ge(0), Le(1)], ..., Float(0.0, 1.0)),
        (Annotated[float, Interval(ge=0, le=1)], ..., Float(0.0, 1.0)),
        (Annotated[float, Interval(ge=0.0, le=1.0), MultipleOf(0.25)], ..., Float(0.0, 1.0, step=0.25)),
        (Annotated[float, Field(ge=0.1, le=1.0, multiple_of=0.25)], ..., Float(0.25, 1.0, step=0.25)),
        (Annotated[int, Field(ge=1, le=4)], ..., Integer(1, 4)),
        (Annotated[int, Field(gt=0, lt=5, description="How many.")], ..., Integer(1, 4, help="How many.")),
        (Annotated[int, Field(ge=0.5, lt=4.5)], ..., Integer(1, 4)),
        (Annotated[int, Field(gt=15, le=100, multiple_of=16)], ..., Integer(16, 96, step=16)),
        (Annotated[int, Field(ge=3, le=3)], ..., Constant(3)),
        (Annotated[int, Field(ge=1)], 10, Constant(10)),
        (Annotated[float, Field(gt=0)], 0.5, Constant(0.5)),
        (Annotated[float, Field(gt=0, le=1), "uniform(0.1, 1)"], ..., Float(0.1, 1.0)),
        (bool, ..., Categorical([False, True])),
        (bool, True, Categorical([False, True], default=True)),
        (Literal["a", "b"], "b", Categorical(["a", "b"], default="b")),
        (Literal["a"], "a", Constant("a")),
        (Literal["a"] | Literal[3, None], ..., Categorical(["a", 3, None])),
        (bool | Literal["auto"], "auto", Categorical([False, True, "auto"], default="auto")),
        (Literal["a", "b"] | None, None, Categorical(["a", "b", None], default=None)),
        (Color, Color.BLUE, Categorical(["red", "blue"], default="blue")),
        (Layer, Layer.CONV, Categorical(["DENSE", "CONV"], default="CONV")),
        (Literal[Color.RED, "none"], ..., Categorical(["red", "none"])),
        (int, 3, Constant(3)),
        (str, "x", Constant("x")),
        (float | None, None, Constant(None)),
        (Any, 3, Constant(3)),
        (Annotated[float | None, Float(0, 1, when={"y": 1})], None, None),
    ],
)
def test_a_field(annotation: Any, default: Any, expected: Any) -> None:
    if expected is None:  # None is what the field holds while it is not active
        made = dataclasses.make_dataclass("Made", [("x", annotation, default), ("y", Literal[1, 2], 2)])
        assert space_of(made)["x"] == Float(0, 1, when={"y": 1})
    else:
        assert of(annotation, default) == expected


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (float, ..., "has neither a range nor a default: write Annotated[float, Float(1e-5, 1e-1, log=True)] or"),
        (str, ..., "has neither a range nor a default: write Annotated[str, "),
        (Annotated[int, Ge(1)], ..., "has neither a range nor a default, and bounds on one side alone are none: write"),
        (Annotated[float, Field(gt=0, le=1)], 0.5, "a range includes its bounds, gt=0 does not: write ge with the"),
        (Annotated[float, Field(gt=0, lt=1)], 0.5, "a range includes its bounds, gt=0 and lt=1 does not: write ge"),
        (Annotated[int, Field(gt=1, lt=2)], ..., "no int meets gt=1, lt=2: widen them"),
        (Annotated[int, Field(ge=1, le=4, multiple_of=0.5)], ..., "multiple_of=0.5 makes no range of int: change it"),
        (Annotated[float, Field(ge=0, le=float("inf"))], ..., "le=inf makes no range of float: change it"),
        (Annotated[float, Float(0, 1), "int(1, 2)"], ..., "has 2 ranges: keep one"),
        (Annotated[int, Float(0, 1)], ..., "is an int, but float 0 .. 1 gives real numbers: use int(...) or Integer"),
        (Annotated[float, Float(0.1, 2.0), Le(1)], ..., "float 0.1 .. 2 goes beyond le=1: change one of them"),
        (Annotated[float, "normal(0, 1)", Ge(0)], ..., "float -inf .. inf, normal(0, 1) goes beyond ge=0: change"),
        (Annotated[float, Float(0, 1)], 3.0, "3 is outside [0, 1]"),
        (Annotated[float, Float(0, 1)], None, "None is not in float 0 .. 1: give another, or add `when` to the range"),
        (Annotated[float, Float(0, 1, default=0.5)], 0.2, "has the defaults 0.5 and 0.2: keep one"),
        (Annotated[float, Constant(0.1)], 0.2, "0.2 is not the constant 0.1"),
        (Annotated[int | None, Ge(1), Le(3)], None, "is a range or None, which is no range: give None a parameter"),
        (Annotated[float, "logunifrom(1, 2)"], ..., "logunifrom(...) is not a range (did you mean 'loguniform'?)"),
        (Literal["a", "b"], "c", '\'c\' is not one of: "a", "b"'),
    ],
)
def test_a_field_that_is_no_parameter(annotation: Any, default: Any, message: str) -> None:
    assert refusal(annotation, default).startswith(message)


class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    lr: Annotated[float, "loguniform(1e-5, 1e-2)"] = 1e-3
    decay: Annotated[float, Float(0.0, 0.1)] = 0.01


class Sgd(BaseModel):
    kind: Literal["sgd", "nesterov"] = "sgd"
    rate: Annotated[float, "loguniform(1e-3, 1.0)"] = 0.1
    decay: Annotated[float, Float(0.0, 0.1)] = 0.01
    adaptive: bool = False
    power: Annotated[float, Float(0.1, 0.9, when="adaptive == True")] = 0.5


class Off(BaseModel):
    kind: Literal["off"] = "off"


class Net(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)
    depth: int = Field(2, ge=1, le=4)
    """How many layers."""
    width: int = Field(64, ge=16, le=256, alias="W", description="Units of a layer.")
    skip: Annotated[bool, Categorical([False, True], when="depth > 2")] = False


class Settings(BaseModel):
    net: Net = Net(W=32)
    optimizer: Adam | Sgd | Off = Field(Sgd(kind="nesterov", rate=0.5), discriminator="kind")
    color: Color = Color.BLUE
    sizes: list[int] = [1, 2]
    folder: Path = Path("x")
    made: int = Field(default_factory=lambda: 3)
    epochs: int = 10


def test_nested_classes_and_a_union() -> None:
    space = space_of(Settings)
    assert list(space) == [
        "net.depth", "net.width", "net.skip", "optimizer.kind", "optimizer.lr", "optimizer.decay", "optimizer.rate",
        "optimizer.adaptive", "optimizer.power", "color", "epochs",
    ]  # fmt: skip
    assert space["net.width"] == Integer(16, 256, default=32, help="Units of a layer.")
    assert space["net.depth"].help == "How many layers."
    assert space["net.skip"].when == "net.depth > 2"
    assert space["optimizer.kind"] == Categorical(["adam", "sgd", "nesterov", "off"], default="nesterov")
    assert space["optimizer.lr"].when == {"optimizer.kind": "adam"}
    assert space["optimizer.rate"].when == {"optimizer.kind": ("sgd", "nesterov")}
    assert space["optimizer.rate"].default_value == 0.5
    assert space["optimizer.decay"].when == {"optimizer.kind": ("adam", "sgd", "nesterov")}
    assert space["optimizer.power"].when == {"optimizer.adaptive": True}
    assert Space.of(Settings, ["net.depth * net.width <= 100"]).feasible({"net.depth": 1, "net.width": 32})


def test_a_condition_of_a_member_on_what_stands_outside() -> None:
    class Deep(BaseModel):
        kind: Literal["deep"] = "deep"
        a: Annotated[float, Float(0, 1, when={"outer": 2})] = 0.5
        b: Annotated[float, Float(0, 1, when="outer >= 2")] = 0.5

    class Both(BaseModel):
        outer: Annotated[int, "int(1, 3)"] = 1
        inner: Annotated[Deep | Off, Field(discriminator="kind")] = Off()

    space = space_of(Both)
    for config in space.sample_many(np.random.default_rng(0), 40):
        assert ("inner.a" in config) == (config["inner.kind"] == "deep" and config["outer"] == 2)
        assert ("inner.b" in config) == (config["inner.kind"] == "deep" and config["outer"] >= 2)


@dataclasses.dataclass
class Inner:
    rate: Annotated[float, Float(0.1, 1.0)] = 0.5
    """How fast."""
    flag: bool = dataclasses.field(default=False, metadata={"help": "On or off."})
    hidden: int = dataclasses.field(default=0, init=False)


@dataclasses.dataclass(kw_only=True)
class Outer(Inner):
    inner: Inner = dataclasses.field(default_factory=lambda: Inner(rate=0.7))
    need: Annotated[int, "int(1, 3)"]


def test_dataclasses() -> None:
    assert {name: (parameter.default_value, parameter.help) for name, parameter in space_of(Outer).items()} == {
        "rate": (0.5, "How fast."),
        "flag": (False, "On or off."),
        "inner.rate": (0.7, "How fast."),
        "inner.flag": (False, "On or off."),
        "need": (2, ""),
    }


def test_a_dataclass_of_pydantic() -> None:
    @pydantic_dataclass
    class Checked:
        rate: float = Field(0.5, ge=0.1, le=1.0, alias="R")

    assert space_of(Checked) == Space({"rate": Float(0.1, 1.0, default=0.5)})
    assert typed_config(Checked, {"rate": 0.25}).rate == 0.25


def test_a_function() -> None:
    def train(trial: Any, lr: Annotated[float, "loguniform(1e-5, 1e-1)"] = 1e-3, *, layers: int = 3) -> None: ...

    assert space_of(train) == Space({"lr": Float(1e-5, 1e-1, log=True, default=1e-3), "layers": 3})
    assert typed_config(train, {"lr": 0.1, "layers": 3}) == {"lr": 0.1, "layers": 3}


def test_fields_of_a_function_named_like_the_trial() -> None:
    def train(config: Annotated[float, Float(0, 1)], trial: object) -> None: ...

    assert list(space_of(train)) == ["config"]


class Wrong(BaseModel):
    lr: float
    net: Net | None = None
    both: Net | int = 3
    either: Net | Settings = Net()
    clash: Adam | Off = Off()
    fine: int = 3


def test_all_mistakes_at_once() -> None:
    assert [text.partition(":")[0] for text in refused(Wrong)] == ["lr", "net", "both", "either"]
    assert "is a group of parameters or None, and a name cannot be both a value and a group" in refused(Wrong)[1]
    assert "Net | Settings has no field that tells them apart: give each class one such as kind" in refused(Wrong)[3]


def test_a_union_whose_members_disagree() -> None:
    class Other(BaseModel):
        kind: Literal["other"] = "other"
        lr: Annotated[float, Float(0.1, 1.0)] = 0.5

    class Disagreeing(BaseModel):
        optimizer: Adam | Other = Adam()

    assert refused(Disagreeing) == [
        "optimizer.lr: is not the same in Adam and Other: rename one, or give both the same range"
    ]


@dataclasses.dataclass
class Endless:
    again: Endless
    lr: Annotated[float, Float(0, 1)] = 0.5


@dataclasses.dataclass
class Unknown:
    lr: NowhereToBeFound = 3  # type: ignore[name-defined]  # noqa: F821


def test_classes_that_cannot_be_read() -> None:
    assert refused(Endless) == [
        "again: holds its own class again: a space has an end; give the inner one another class"
    ]
    assert "an annotation of Unknown cannot be resolved (name 'NowhereToBeFound' is not defined)" in refused(Unknown)[0]
    assert refused(3) == ["expected a Pydantic model, a dataclass or a function, got 3"]
    assert "no parameters" in refused(dataclasses.make_dataclass("Empty", []))[0]


def test_a_default_that_cannot_be_made() -> None:
    def fails() -> Inner:
        raise OSError("no\nfile")

    made = dataclasses.make_dataclass("Made", [("inner", Inner, dataclasses.field(default_factory=fails))])
    assert refused(made) == ["inner: its default cannot be made: OSError: no file"]


@given(st.integers(-50, 50), st.integers(-50, 50), st.booleans(), st.booleans(), st.sampled_from([None, 1, 2, 3, 7]))
def test_bounds_of_whole_numbers_are_exact(low: int, high: int, above: bool, below: bool, step: int | None) -> None:
    bounds: dict[str, Any] = {"gt" if above else "ge": low, "lt" if below else "le": high, "multiple_of": step}
    fitting = [
        value
        for value in range(-60, 60)
        if (value > low or (value == low and not above))
        and (value < high or (value == high and not below))
        and (step is None or value % step == 0)
    ]
    if fitting:
        assert list(of(Annotated[int, Field(**bounds)]).choices) == fitting
    else:
        assert "widen them" in refusal(Annotated[int, Field(**bounds)])
