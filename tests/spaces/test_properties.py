"""Properties that every space must have."""

import json
import math
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.search.yaml_reader import read_yaml
from assay.spaces import Condition, Config, Encoding, Expression, Float, Integer, Parameter, Space, SpaceError, flatten

from .agreement import nearly_equal
from .strategies import EXAMPLES, alike, choices, integers, plain_parameters, seeds, spaces, stepped


def simple_truth(expression: Expression, config: Config, unknown: bool = False) -> bool:
    """``a <= 3 and b >= 0.5``, as Python sees it once the parameters that are there are put in.

    Args:
        unknown: what holds when only the parameters that are not there could tell.
    """
    join = "or" if " or " in expression.text else "and"
    answers = []
    for term in expression.text.split(f" {join} "):
        name, sign, value = term.split()
        there = name in config
        answers.append(
            (config[name] <= float(value) if sign == "<=" else config[name] >= float(value)) if there else None
        )
    decided = join == "or"
    if decided in answers:
        return decided
    return unknown if None in answers else not decided


Conditions = dict[str, list[Condition | Expression]]


def conditions_of(space: Space) -> Conditions:
    """The conditions of each parameter; a parameter parses its own whenever it is asked."""
    return {name: list(space[name].conditions) for name in space}


def expected_active(conditions: Conditions, config: Config) -> set[str]:
    """Which parameters belong to ``config``, worked out from the conditions alone."""
    known: dict[str, bool] = {}

    def is_active(name: str) -> bool:
        if name not in known:
            known[name] = all(holds(condition) for condition in conditions[name])
        return known[name]

    def holds(condition: Condition | Expression) -> bool:
        if isinstance(condition, Condition):
            return is_active(condition.parent) and alike(config[condition.parent]) in map(alike, condition.values)
        return simple_truth(condition, config)

    return {name for name in conditions if is_active(name)}


@EXAMPLES
@given(spaces(), seeds)
def test_a_sample_validates_and_equals_itself(space: Space, seed: int) -> None:
    for config in drawn(space, seed, 1):
        assert space.validate(config.nested()) == config
        assert space.validate(config) == config
        assert space.validate(flatten(config.nested())) == config
        assert space.validate(json.loads(json.dumps(config.nested()))) == config


@settings(max_examples=250, deadline=None, derandomize=True)
@given(spaces(), seeds)
def test_nothing_invalid_is_ever_drawn(space: Space, seed: int) -> None:
    """100,000 draws in all: valid, the right parameters active, constraints met, none made in another order."""
    try:
        configs = space.sample_many(np.random.default_rng(seed), 400)
    except SpaceError as error:
        assert "no config met all constraints in 20,000 random draws" in str(error)
        return
    assert len(configs) == 400
    conditions = conditions_of(space)
    for config in configs:
        assert list(config) == sorted(expected_active(conditions, config))
        assert all(alike(space[name].check(value)) == alike(value) for name, value in config.items())
        assert all(simple_truth(one, config, unknown=True) for one in space.constraints)
    assert [space.validate(config) for config in configs[:20]] == configs[:20]
    assert space.sample_many(np.random.default_rng(seed), 400) == configs


@EXAMPLES
@given(spaces(), seeds)
def test_without_constraints_many_at_once_are_the_same_as_one_by_one(space: Space, seed: int) -> None:
    free = space.with_constraints([])
    rng = np.random.default_rng(seed)
    assert free.sample_many(np.random.default_rng(seed), 5) == [free.sample(rng) for _ in range(5)]


@EXAMPLES
@given(spaces(), seeds, st.booleans())
def test_a_config_survives_its_vector(space: Space, seed: int, one_hot: bool) -> None:
    encoding = Encoding(space, one_hot)
    for config in drawn(space, seed, 5):
        vector = encoding.encode(config)
        assert vector.shape == (len(encoding.columns),)
        inactive = [name not in config for name, _ in encoding.columns]
        assert np.isnan(vector).tolist() == inactive
        assert ((vector[~np.isnan(vector)] >= 0) & (vector[~np.isnan(vector)] <= 1)).all()
        try:
            again = encoding.decode(vector)
        except (
            SpaceError
        ):  # a rounding error of a real number across a condition or constraint that it is at the edge of
            assert at_an_edge(space, config)
            continue
        assert nearly_equal(space, again, config) or at_an_edge(space, config)


@EXAMPLES
@given(plain_parameters, st.floats(0, 1))
def test_the_share_of_a_value_is_the_inverse_of_the_value_at_a_share(parameter: Parameter, share: float) -> None:
    value = parameter.quantile(share)
    middle = parameter.unit(value)
    assert 0 <= middle <= 1
    again = parameter.quantile(middle)
    if parameter.cardinality == math.inf:
        assert again == pytest.approx(value, rel=1e-6, abs=1e-6 * spread(parameter))
    elif parameter.cardinality < 1e9:  # beyond that floats cannot tell the shares of neighbours apart
        assert alike(again) == alike(value)


@EXAMPLES
@given(st.one_of(stepped(), integers(), choices()).filter(lambda one: one.cardinality <= 1000))
def test_the_shares_of_all_values_cover_everything_once(parameter: Parameter) -> None:
    spans = [parameter.span(value) for value in parameter.choices]
    edge = 0.0
    for start, end in spans:
        assert start == pytest.approx(edge, abs=1e-9)
        assert end > start
        edge = end
    assert edge == pytest.approx(1.0, abs=1e-9)


@EXAMPLES
@given(spaces(), seeds)
def test_a_space_survives_a_file(space: Space, seed: int) -> None:
    content = {"parameters": space.to_dict(), "constraints": [one.text for one in space.constraints]}
    text = yaml.safe_dump(content, sort_keys=False)
    read = read_yaml(text).value
    again = Space(read["parameters"], read["constraints"])
    assert again == space
    assert drawn(again, seed, 3) == drawn(space, seed, 3)


@EXAMPLES
@given(spaces(), seeds)
def test_neighbours_are_valid_and_one_step_away(space: Space, seed: int) -> None:
    for config in drawn(space, seed, 2):
        found = space.neighbours(config)
        assert len(set(found)) == len(found) and config not in found
        for other in found:
            assert space.validate(other) == other
            changed = [name for name in other if name in config and alike(other[name]) != alike(config[name])]
            # What else differs follows from one of them.
            assert other in [completed(space, {**config, name: other[name]}) for name in changed]


@EXAMPLES
@given(spaces(small=True))
def test_the_size_is_the_number_of_configs(space: Space) -> None:
    listed = list(space.configs())
    assert len(set(listed)) == len(listed) == space.size()
    assert all(space.validate(config) == config for config in listed[:50])
    if 0 < len(listed) <= 20:
        assert set(drawn(space, 0, 3)) <= set(listed)


def defaults(space: Space) -> list[Config]:
    """The default config; none when no config with the declared defaults is feasible."""
    try:
        return [space.default()]
    except SpaceError:
        return []


def drawn(space: Space, seed: int, count: int) -> list[Config]:
    """A few configs; none when hardly any is feasible."""
    try:
        return space.sample_many(np.random.default_rng(seed), count)
    except SpaceError:
        return []


def completed(space: Space, values: dict[str, Any]) -> Config:
    return space.fill(lambda name: values.get(name, space[name].default_value))


def at_an_edge(space: Space, config: Config) -> bool:
    """Whether a real number is read by an expression: then a rounding error may turn it."""
    expressions = [*space.constraints, *(c for p in space.values() for c in p.conditions if isinstance(c, Expression))]
    return any(space[name].cardinality == math.inf for one in expressions for name in one.parents)


def spread(parameter: Parameter) -> float:
    """Between the 1st and the 99th percentile."""
    return float(parameter.quantile(0.99)) - float(parameter.quantile(0.01))  # type: ignore[arg-type]


@EXAMPLES
@given(spaces(), seeds)
def test_active_parameters_are_present_and_inactive_ones_absent(space: Space, seed: int) -> None:
    for config in [*drawn(space, seed, 1), *defaults(space)]:
        assert set(config) == expected_active(conditions_of(space), config)


@EXAMPLES
@given(spaces(), seeds)
def test_the_same_seed_gives_the_same_samples(space: Space, seed: int) -> None:
    first, second = np.random.default_rng(seed), np.random.default_rng(seed)
    free = space.with_constraints([])
    assert [free.sample(first) for _ in range(3)] == [free.sample(second) for _ in range(3)]


@EXAMPLES
@given(spaces())
def test_the_default_is_valid_and_holds_the_declared_defaults(space: Space) -> None:
    for config in defaults(space):
        assert space.validate(config.nested()) == config
        plain = space.with_constraints([]).default()
        assert all(alike(value) == alike(space[name].default_value) for name, value in plain.items())
        assert config == plain or not space.feasible(plain)


@EXAMPLES
@given(spaces(), seeds)
def test_a_space_survives_its_mapping_form(space: Space, seed: int) -> None:
    again = Space(json.loads(json.dumps(space.to_dict())), [one.text for one in space.constraints])
    assert again == space
    assert list(again) == list(space)
    assert {name: hash(parameter) for name, parameter in again.items()} == {
        name: hash(parameter) for name, parameter in space.items()
    }
    assert drawn(again, seed, 1) == drawn(space, seed, 1)


@EXAMPLES
@given(spaces())
def test_parents_come_before_their_children(space: Space) -> None:
    order = space.resolution_order
    assert sorted(order) == sorted(space)
    for name, parameter in space.items():
        assert all(order.index(parent) < order.index(name) for c in parameter.conditions for parent in c.parents)


@EXAMPLES
@given(plain_parameters, seeds)
def test_samples_lie_in_the_range_and_both_ends_are_allowed(parameter: Parameter, seed: int) -> None:
    value = parameter.sample(np.random.default_rng(seed))
    assert alike(parameter.check(value)) == alike(value)
    if isinstance(parameter, (Float, Integer)):
        assert parameter.min <= value <= parameter.max  # type: ignore[operator]
        for end in (end for end in (parameter.min, parameter.max) if math.isfinite(end)):
            assert parameter.check(end) == parameter.round_to_grid(end) == end
        gap = (parameter.step or 0) / 2
        below = math.nextafter(parameter.min - gap, -math.inf)
        above = math.nextafter(parameter.max + gap, math.inf)
        for beyond in (below, above):
            if not math.isfinite(beyond):
                continue
            with pytest.raises(SpaceError):
                parameter.check(beyond)


@EXAMPLES
@given(stepped())
def test_grid_values_are_exact_decimals(parameter: Float) -> None:
    assert parameter.step is not None
    low, step = Decimal(repr(parameter.min)), Decimal(repr(parameter.step))
    for index in range(int(parameter.cardinality)):
        exact = float(low + index * step)
        assert parameter.check(exact) == exact
        assert parameter.check(parameter.min + index * parameter.step) == exact
    assert parameter.check(exact) == parameter.max


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 3)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["int(1, 9)", "uniform(0, 1)", "loguniform(0, 1)", "int(1, 9", "a", 10**400])
    | st.sampled_from([b"x", 1j, np.float32(0.1), np.int64(2), np.bool_(True), np.array([1, 2]), object()])
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [*"abx", "min", "max", "log", "step", "type", "default", "when", "help", "values", "value", None, 1]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(anything, anything)
def test_whatever_is_written_gives_a_space_or_a_space_error(raw: Any, values: Any) -> None:
    for parameters in (raw, {"a": raw}, {"a": [1, 2], "b": raw}, {"a": [1, 2], "b": {"value": 3, "when": raw}}):
        try:
            space = Space(parameters)
        except SpaceError as error:
            assert error.problems and str(error)
            continue
        assert Space(json.loads(json.dumps(space.to_dict()))) == space
        assert space.validate(space.sample(np.random.default_rng(0)).nested())
        try:
            space.validate(values)
        except SpaceError as error:
            assert error.problems and str(error)


def test_config_ids_are_equal_in_another_process() -> None:
    program = (
        "import numpy as np; from assay.spaces import *;"
        "space = Space({'b.x': 'loguniform(1e-5, 1e-1)', 'a': ['é', 'y', None, True], 'n': 'int(1, 9)',"
        " 'c': {'min': 0.0, 'max': 1.0, 'step': 0.05, 'when': {'a': ['é', 'y']}}});"
        "rng = np.random.default_rng(7);"
        "print(*(space.sample(rng).config_id for _ in range(20)))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    ids = printed.pop().split()
    assert len(set(ids)) > 10
    assert all(len(config_id) == 12 and int(config_id, 16) >= 0 for config_id in ids)
