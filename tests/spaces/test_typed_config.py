"""Configs as instances of the user's own classes."""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.spaces import Config, Float, Space, SpaceError
from assay.spaces.typed import misfits, space_of
from assay.spaces.typed_config import typed_config


class Act(enum.Enum):
    RELU = (1, 2)
    GELU = (3, 4)


class Color(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Adam(BaseModel):
    kind: Literal["adam"] = "adam"
    lr: Annotated[float, "loguniform(1e-5, 1e-2)"] = 1e-3


class Sgd(BaseModel):
    kind: Literal["sgd"] = "sgd"
    rate: Annotated[float, "loguniform(1e-3, 1.0)"] = 0.1


class Settings(BaseModel):
    optimizer: Adam | Sgd = Field(Adam(), discriminator="kind")
    act: Act = Act.GELU
    color: Color = Color.RED
    width: int = Field(64, ge=16, le=256, alias="W")
    share: float = Field(0.5, ge=0, le=1)
    sizes: tuple[int, ...] = (1, 2)

    @model_validator(mode="after")
    def _narrow(self) -> Settings:
        if self.share > 0.9 and self.width > 128:
            raise ValueError("too wide for this share")
        return self


@dataclasses.dataclass(frozen=True)
class Inner:
    rate: Annotated[float, Float(0.1, 1.0)] = 0.5
    act: Act = Act.RELU
    extra: Annotated[float | None, Float(0.0, 1.0, when={"act": "GELU"})] = None


@dataclasses.dataclass(frozen=True)
class Other:
    kind: Literal["other", "more"]


@dataclasses.dataclass(frozen=True)
class Third:
    kind: Literal["third"]
    depth: Annotated[int, "int(1, 3)"]


@dataclasses.dataclass(frozen=True)
class Plain:
    inner: Inner
    part: Other | Third
    count: Annotated[int, "int(1, 3)"]
    word: Literal["a", "b"] = "a"
    tail: Inner = dataclasses.field(default_factory=lambda: Inner(rate=0.7, act=Act.GELU))

    def __post_init__(self) -> None:
        if self.count == 3 and self.word == "b":
            raise ValueError("3 b\nis too many")


def refused(source: Any, config: Any) -> list[str]:
    with pytest.raises(SpaceError) as caught:
        typed_config(source, config)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("source", [Settings, Plain])
def test_every_config_of_its_space_makes_an_instance_that_says_the_same(source: Any) -> None:
    space = space_of(source)
    for config in [space.default(), *space.sample_many(np.random.default_rng(0), 50)]:
        if config.get("share", 0) > 0.9 or (config.get("count"), config.get("word")) == (3, "b"):
            continue  # what the classes themselves refuse
        instance = typed_config(source, config)
        assert isinstance(instance, source)
        for name, value in config.items():
            held = instance
            for part in name.split("."):
                held = getattr(held, part)
            if isinstance(held, Act):
                held = held.name
            assert json.dumps(held) == json.dumps(value), name
        assert typed_config(source, config.nested()) == typed_config(source, dict(config)) == instance


def test_the_default_config_is_the_default_instance() -> None:
    assert typed_config(Settings, space_of(Settings).default()) == Settings()


def test_nested_objects_and_enums_are_made_again() -> None:
    made = typed_config(Settings, {"optimizer.kind": "sgd", "optimizer.rate": 0.2, "act": "RELU", "color": "blue"})
    assert made == Settings(optimizer=Sgd(rate=0.2), act=Act.RELU, color=Color.BLUE)
    given = {"inner": {"act": "GELU", "extra": 0.1}, "part": {"kind": "third", "depth": 2}, "count": 1}
    assert typed_config(Plain, given) == Plain(Inner(act=Act.GELU, extra=0.1), Third("third", 2), 1)


def test_what_is_left_out_is_as_the_class_or_its_default_says() -> None:
    made = typed_config(Plain, {"part.kind": "other", "count": 2, "tail.act": "RELU"})
    assert (made.inner, made.tail) == (Inner(), Inner(rate=0.7, act=Act.RELU))
    assert typed_config(Settings, {}) == Settings()


def test_whole_numbers_become_real_ones_where_the_class_says_so() -> None:
    made = typed_config(Inner, Config({"rate": 1}))
    assert type(made.rate) is float


def test_mistakes_of_a_dataclass() -> None:
    assert refused(Plain, {"inner": 3, "part": {"kind": "fourth"}, "word": "c", "wrod": 1}) == [
        "wrod: Plain has no field 'wrod' (did you mean 'word'?): add it there, or remove the parameter",
        "inner: expected a group of parameters, got 3",
        "part.kind: is 'fourth': expected 'other', 'more' or 'third'",
        "count: Plain needs it and no active parameter gives it",
        "word: 'c' is not 'a' or 'b'",
    ]
    assert refused(Plain, {"inner.rate": "x", "part.kind": "third", "count": 0.5}) == [
        "inner.rate: expected float, got 'x'",
        "part.depth: Third needs it and no active parameter gives it",
        "count: expected int, got 0.5",
    ]
    assert refused(Plain, {"part.kind": "more", "count": 3, "word": "b"}) == [
        "Plain refuses these values: 3 b is too many"
    ]
    assert refused(Plain, {"part": {}, "count": 3}) == ["part.kind: is missing: expected 'other', 'more' or 'third'"]


def test_mistakes_of_a_model() -> None:
    assert refused(Settings, {"W": 64, "width": 8, "optimizer": {"kind": "adam", "lr": "x"}, "sizes": 3}) == [
        "W: Settings has no field 'W': add it there, or remove the parameter",
        "optimizer.lr: Adam refuses it: input should be a valid number, unable to parse string as a number, got 'x'",
        "width: Settings refuses it: input should be greater than or equal to 16, got 8",
        "sizes: Settings refuses it: input should be a valid tuple, got 3",
    ]
    assert refused(Settings, {"share": 0.95, "width": 200}) == ["Settings refuses it: too wide for this share"]


def test_a_model_that_takes_more() -> None:
    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        lr: float = 0.1

    made = typed_config(Open, {"lr": 0.2, "group.depth": 3})
    assert (made.lr, made.group) == (0.2, {"depth": 3})
    assert misfits(Open, Space({"lr": 0.1, "group.depth": [1, 2]})) == []


def test_arguments_of_a_function() -> None:
    def train(trial: Any, inner: Inner, count: int = 3, **more: Any) -> None: ...

    made = typed_config(train, {"inner.rate": 0.2, "more": 1})
    assert made == {"inner": Inner(rate=0.2), "more": 1}


def test_what_does_not_fit_is_found_before_anything_runs() -> None:
    assert misfits(Plain, space_of(Plain)) == misfits(Settings, space_of(Settings)) == []
    always = Space({"part.kind": "more", "count": 3, "word": "b"})
    assert list(map(str, misfits(Plain, always))) == ["Plain refuses these values: 3 b is too many"]
    space = Space(
        {"lr": 0.1, "width": [8, 16], "optimizer.kind": ["sgd", "adam"], "optimizer.lr": 0.1, "share": "uniform(0, 2)"}
    )
    found = [str(problem) for problem in misfits(Settings, space)]
    assert found[0] == "lr: Settings has no field 'lr': add it there, or remove the parameter"
    assert found[1:3] == [
        "optimizer.lr: Sgd has no field 'lr': add it there, or remove the parameter",
        "width: Settings refuses it: input should be greater than or equal to 16, got 8",
    ]
    assert found[3].startswith("share: Settings refuses it: input should be less than or equal to 1, got 1.")
    assert len(found) == 4


def test_a_field_that_only_sometimes_has_a_value_needs_a_default() -> None:
    space = Space({"deep": [True, False], "depth": {"values": [1, 2], "when": {"deep": True}}})
    made = dataclasses.make_dataclass("Made", [("depth", int), ("deep", bool, False)])
    assert list(map(str, misfits(made, space))) == ["depth: Made needs it and no active parameter gives it"]


def test_what_is_hardly_ever_active_is_found_too() -> None:
    space = Space({"n": {"min": 1, "max": 10**6, "type": "int"}, "rare": {"value": 1, "when": {"n": 77}}})
    made = dataclasses.make_dataclass("Made", [("n", int)])
    assert list(map(str, misfits(made, space))) == ["rare: Made has no field for it: add one, or remove it"]
