"""Spaces of every kind, for property tests."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from assay.spaces import Categorical, Constant, Float, Integer, Parameter, Prior, Space, SpaceError

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)

words = st.text(alphabet="abcé_ .(1", max_size=5)
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1e9, 1e9) | words


def alike(value: object) -> tuple[bool, object]:
    """Equal for values that a parameter takes for the same: 1 and 1.0, but not True."""
    return isinstance(value, bool), value


@st.composite
def continuous(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    bound = st.floats(1e-300, 1e300) if log else st.floats(-1e300, 1e300)
    low, high = sorted(draw(st.lists(bound, min_size=2, max_size=2, unique=True)))
    inside = st.floats(low, high)
    return Float(low, high, log, default=draw(st.none() | inside), prior=draw(st.none() | priors(inside)))


def priors(centers: st.SearchStrategy[Any]) -> st.SearchStrategy[Prior]:
    return st.builds(Prior, centers, st.sampled_from(["low", "medium", "high"]))


@st.composite
def normals(draw: st.DrawFn) -> Float:
    """With or without bounds, which leave at least a part of it."""
    log, mean, std = draw(st.booleans()), draw(st.floats(-20, 20)), draw(st.floats(0.01, 3))
    ends = [draw(st.none() | st.floats(0.1, 3)) for _ in range(2)]
    low, high = (None if end is None else mean + sign * end * std for sign, end in zip((-1, 1), ends, strict=True))
    bounds = {"min": low, "max": high}
    given = {name: math.exp(end) if log else end for name, end in bounds.items() if end is not None}
    return Float(**given, log=log, mean=mean, std=std)


@st.composite
def stepped(draw: st.DrawFn) -> Float:
    log, places = draw(st.booleans()), draw(st.integers(0, 12))
    low, step = draw(st.integers(1 if log else -(10**3), 10**3)), draw(st.integers(1, 500))
    points = [float(Decimal(low + k * step).scaleb(-places)) for k in range(draw(st.integers(2, 40)))]
    size = float(Decimal(step).scaleb(-places))
    at = st.sampled_from(points)
    return Float(points[0], points[-1], log, size, draw(st.none() | at), prior=draw(st.none() | priors(at)))


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    log, step = draw(st.booleans()), draw(st.integers(1, 99))
    low = draw(st.integers(1 if log else -(2**53), 2**52))
    steps = draw(st.integers(1, min(40, (2**53 - low) // step)) | st.integers(1, (2**53 - low) // step))
    default = draw(st.none() | st.integers(0, steps))
    prior = draw(st.none() | priors(st.integers(0, steps).map(lambda at: low + at * step)))
    return Integer(low, low + steps * step, log, step, None if default is None else low + default * step, prior=prior)


@st.composite
def choices(draw: st.DrawFn) -> Categorical:
    values = draw(st.lists(scalars, min_size=1, max_size=5, unique_by=alike))
    weights = draw(st.none() | st.lists(st.floats(0.1, 10), min_size=len(values), max_size=len(values)))
    default = {"default": draw(st.sampled_from(values))} if draw(st.booleans()) else {}
    return Categorical(values, weights=weights, ordered=draw(st.booleans()), **default)


plain_parameters = st.one_of(continuous(), normals(), stepped(), integers(), choices(), st.builds(Constant, scalars))


short_parameters = st.one_of(
    st.builds(Categorical, st.lists(scalars, min_size=1, max_size=4, unique_by=alike)),
    st.builds(lambda low, steps: Integer(low, low + steps), st.integers(-3, 3), st.integers(1, 3)),
    st.builds(lambda steps: Float(0.5, 0.5 + steps / 4, step=0.25), st.integers(1, 3)),
    st.builds(Constant, scalars),
)


@st.composite
def conditions(draw: st.DrawFn, earlier: dict[str, Parameter]) -> dict[str, Any]:
    """Values that each parent can have: one, or several."""
    when: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(sorted(earlier)), min_size=1, max_size=2, unique=True)):
        rng = np.random.default_rng(draw(st.integers(0, 99)))
        values = [earlier[name].default_value, *(earlier[name].sample(rng) for _ in range(2))]
        when[name] = values[0] if draw(st.booleans()) else values[: draw(st.integers(1, 3))]
    return when


@st.composite
def expressions(draw: st.DrawFn, earlier: dict[str, Parameter]) -> str:
    """A statement about numbers among ``earlier`` that can be true: it compares with a value that they take."""
    terms = []
    for name in draw(st.lists(st.sampled_from(sorted(earlier)), min_size=1, max_size=2, unique=True)):
        value = earlier[name].sample(np.random.default_rng(draw(st.integers(0, 99))))
        terms.append(f"{name} {draw(st.sampled_from(['<=', '>=']))} {value!r}")
    return draw(st.sampled_from([" and ", " or "])).join(terms)


@st.composite
def spaces(draw: st.DrawFn, small: bool = False) -> Space:
    """Any space: children may stand before their parents, chains of conditions have any depth.

    Args:
        small: with at most 256 configs.
    """
    parameters: dict[str, Parameter] = {}
    for index in range(draw(st.integers(1, 4 if small else 8))):
        name = f"{draw(st.sampled_from(['', 'optim.', 'optim.deep.', 'model.']))}p{index}"
        parameter = draw(short_parameters if small else plain_parameters)
        parents = {known: earlier for known, earlier in parameters.items() if earlier.cardinality < 10_000}
        numbers = {known: one for known, one in parameters.items() if isinstance(one, (Float, Integer))}
        kind = draw(st.sampled_from(["none", "mapping", "expression"]))
        if kind == "mapping" and parents:
            parameter = conditional(parameter, parameters, draw(conditions(parents)))
        elif kind == "expression" and numbers:
            parameter = conditional(parameter, parameters, draw(expressions(numbers)))
        parameters[name] = parameter
    space = Space({name: parameters[name] for name in draw(st.permutations(sorted(parameters)))})
    numbers = {name: one for name, one in parameters.items() if isinstance(one, (Float, Integer))}
    if numbers and draw(st.booleans()):
        return space.with_constraints([draw(expressions(numbers))])
    return space


def conditional(parameter: Parameter, known: dict[str, Parameter], when: Any) -> Parameter:
    """``parameter`` under a condition; as it was where that could never hold."""
    try:
        return Space({**known, "child": parameter.to_dict() | {"when": when}})["child"]
    except SpaceError:
        return parameter


seeds = st.integers(0, 2**32)
