"""Parameters as columns."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.analysis.page.columns import columns_of
from assay.spaces import Config, Space, SpaceError

SPACE = Space(
    {
        "optimizer": ["adam", "sgd"],
        "lr": {"min": 1e-5, "max": 0.1, "log": True},
        "momentum": {"min": 0.0, "max": 0.99, "when": {"optimizer": "sgd"}},
        "model.layers": {"type": "int", "min": 1, "max": 9},
        "on": [1, True, "1", None],
        "fixed": 3,
    }
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = SCALARS | st.text(max_size=6)


def of(configs: list[dict[str, Any]], space: Space = SPACE) -> dict[str, dict[str, Any]]:
    default = space.default()
    return {one["name"]: one for one in columns_of([Config(config) for config in configs], default, space)}


def test_numbers_have_the_ends_of_their_range() -> None:
    found = of([{"lr": 0.01, "model.layers": 2}, {"lr": 0.5, "model.layers": 3}])
    assert found["lr"]["kind"] == "float"
    assert (found["lr"]["low"], found["lr"]["high"], found["lr"]["log"]) == (
        1e-5,
        0.5,
        True,
    )  # widened to what was tried
    assert found["model.layers"]["kind"] == "integer"
    assert found["model.layers"]["keys"] == ["model", "layers"]
    assert (found["model.layers"]["values"], found["model.layers"]["default"]) == ([2, 3], 5)


def test_choices_are_told_apart_and_written_as_yaml() -> None:
    found = of([{"on": 1.0}, {"on": True}, {"on": "1"}, {"on": None}, {"on": 1}, {}])["on"]
    assert found["levels"] == ["1", "true", "'1'", "null", "1.0"]
    assert found["values"] == [4, 1, 2, 3, 0, None]
    assert found["keys"] == ["'on'"]  # a bare on is true to YAML 1.1


def test_a_parameter_that_is_not_active_has_no_value_and_a_condition() -> None:
    found = of([{"optimizer": "sgd", "momentum": 0.5}, {"optimizer": "adam"}])
    assert found["momentum"]["values"] == [0.5, None]
    assert found["momentum"]["when"] == "optimizer = sgd"
    assert (found["momentum"]["searched"], found["fixed"]["searched"]) == (True, False)


def test_names_beyond_the_space_have_columns() -> None:
    found = of([{"old": 0.5}, {"old": "text"}, {}])["old"]
    assert (found["kind"], found["levels"], found["values"]) == ("choice", ["0.5", "text"], [0, 1, None])


def test_an_unbounded_parameter_has_finite_ends() -> None:
    space = Space({"x": {"mean": 0.0, "std": 1.0}, "y": {"mean": 0.0, "std": 1.0, "log": True}})
    found = of([{"x": -2.0, "y": 3.0}, {"x": 1.5, "y": 0.5}], space)
    assert (found["x"]["low"], found["x"]["high"]) == (-2.0, 1.5)
    assert (found["y"]["low"], found["y"]["log"]) == (0.0, False)  # zero is a bound that no logarithm reaches


@given(st.lists(st.one_of(st.none(), st.tuples(VALUES)), min_size=1, max_size=8))
def test_every_value_can_be_read_back(given_values: list[tuple[Any] | None]) -> None:
    configs = [{} if one is None else {"free": one[0]} for one in given_values]
    try:
        known = [Config(config) for config in configs]
    except SpaceError:  # what a config refuses is no matter of the page
        return
    space = Space({"lr": [1]})
    found = {one["name"]: one for one in columns_of(known, space.default(), space)}.get("free")
    if found is None:
        assert not any(configs)
        return
    for config, value in zip(known, found["values"], strict=True):
        if "free" not in config:
            assert value is None
        elif found["kind"] == "choice":
            read = yaml.safe_load(found["levels"][value])
            assert (type(read), read) == (type(config["free"]), config["free"])
        else:
            assert (type(value), value) == (type(config["free"]), config["free"])
