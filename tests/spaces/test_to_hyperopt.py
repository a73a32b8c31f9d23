"""Hyperopt's random search draws what a space declares; its TPE knows which parameters are active."""

from __future__ import annotations

from typing import Any

import hyperopt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import Config, Constant, Space, SpaceError
from assay.spaces.to_hyperopt import decode_flat, encode_flat, flat_hyperopt, from_hyperopt, to_hyperopt

from .agreement import DRAWS, EVERY, TREE, disagreements, nearly_equal


def drawn(nodes: Any, count: int) -> list[dict[str, Any]]:
    """What ``rand`` proposes: label -> value, without those that are not active."""
    domain = hyperopt.Domain(lambda point: 0.0, nodes)
    documents = hyperopt.rand.suggest(list(range(count)), domain, hyperopt.Trials(), 7)
    return [{name: values[0] for name, values in one["misc"]["vals"].items() if values} for one in documents]


def searched(space: Space, config: Config) -> set[str]:
    return {name for name in config if not isinstance(space[name], Constant)}


@pytest.mark.parametrize("space", [EVERY, TREE], ids=["every kind", "conditions"])
def test_draws_follow_what_is_declared(space: Space) -> None:
    points = drawn(to_hyperopt(space), DRAWS)
    configs = [from_hyperopt(space, point) for point in points]
    assert disagreements(space, configs) == []
    assert [set(point) for point in points] == [searched(space, config) for config in configs]


def test_flat_nodes_are_all_drawn_and_decoded_by_activity() -> None:
    points = drawn(flat_hyperopt(TREE), DRAWS)
    assert all(set(point) == {name for name in TREE if not isinstance(TREE[name], Constant)} for point in points)
    assert disagreements(TREE, [decode_flat(TREE, point) for point in points]) == []


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.sampled_from([EVERY, TREE]))
def test_flat_coordinates_go_there_and_back(seed: int, space: Space) -> None:
    config = space.sample(np.random.default_rng(seed))
    point = encode_flat(space, config)
    assert set(point) == searched(space, config)
    assert nearly_equal(space, decode_flat(space, point), config)


@pytest.mark.parametrize("algorithm", ["tpe", "anneal"])
@pytest.mark.parametrize("space", [EVERY, TREE], ids=["every kind", "conditions"])
def test_fmin_is_given_the_active_parameters(space: Space, algorithm: str) -> None:
    points: list[dict[str, Any]] = []

    def objective(point: dict[str, Any]) -> float:
        points.append(point)
        config = from_hyperopt(space, point)
        return 0.0 if config.get("deep", "skip") == "skip" else 1.0 + len(config)

    options: dict[str, Any] = {"show_progressbar": False, "verbose": False, "rstate": np.random.default_rng(0)}
    best = hyperopt.fmin(objective, to_hyperopt(space), getattr(hyperopt, algorithm).suggest, 40, **options)
    for point in points:
        active = {name for name, value in point.items() if value is not None}
        assert active == searched(space, from_hyperopt(space, point))
    config = from_hyperopt(space, best)
    assert space.validate(config) == config
    assert config.get("deep", "skip") == "skip"


@pytest.mark.parametrize("order", [["a", "b"], ["b", "a"]])
def test_own_and_outer_conditions_on_the_same_parameter_hold_together(order: list[str]) -> None:
    own = {"a": [2, 3], "b": "x"}
    space = Space(
        {
            "a": [1, 2, 3],
            "b": {"values": ["x", "y"], "when": {"a": [1, 2]}},
            "c": {"min": 0.0, "max": 1.0, "when": {name: own[name] for name in order}},
        }
    )
    points = drawn(to_hyperopt(space), 100)
    assert [set(point) for point in points] == [searched(space, from_hyperopt(space, point)) for point in points]
    assert {from_hyperopt(space, point)["a"] for point in points if "c" in point} == {2}


def test_conditions_that_are_no_switches_are_refused() -> None:
    real = {"min": 0.0, "max": 1.0}
    space = Space({"a": real, "b": [1, 2], "c": {"values": [1, 2], "when": "a > 0.5"}, "d": real | {"when": "b > a"}})
    with pytest.raises(SpaceError, match=r"c.when: Hyperopt switches on values of single parameters.*\nd.when: "):
        to_hyperopt(space)
    assert set(drawn(flat_hyperopt(space), 1)[0]) == set(space)


def test_constraints_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"constraints.0: Hyperopt has no constraints such as a > 1: remove it"):
        to_hyperopt(Space({"a": {"min": 1, "max": 9}}, ["a > 1"]))


@pytest.mark.parametrize("point", [{}, {"a": None}, {"a": []}, {"a": "x"}, {"a": True}, {"a": [1, 2]}])
def test_a_coordinate_that_is_missing_or_odd_is_told(point: dict[str, Any]) -> None:
    with pytest.raises(SpaceError, match="a: is active; expected a coordinate of Hyperopt, got "):
        from_hyperopt(Space({"a": ["x", "y"]}), point)
