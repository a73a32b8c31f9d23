"""Other tools' ways of rounding, as parameters with the very same distribution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import Categorical, Constant, Float, Integer, Parameter, SpaceError
from assay.spaces.scale import Scale
from assay.spaces.translate import choice, choice_at, choice_index, probabilities, rounded

from .agreement import EVERY

EXAMPLES = settings(max_examples=60, deadline=None, derandomize=True)
SHARES = (np.arange(20_000) + 0.5) / 20_000
FINITE = {name: parameter for name, parameter in EVERY.items() if parameter.cardinality < np.inf}


@EXAMPLES
@given(
    low=st.integers(-60, 60),
    width=st.integers(1, 150),
    q=st.sampled_from([1, 2, 5, 10]),
    log=st.booleans(),
    clip=st.booleans(),
)
def test_rounding_keeps_the_distribution(low: int, width: int, q: int, log: bool, clip: bool) -> None:
    low = abs(low) + 1 if log else low
    scale = Scale(low / 10, (low + width) / 10, log)
    parameter = rounded(scale, q / 10, clip=clip)
    drawn = np.round(scale.quantiles(SHARES) / (q / 10)) * (q / 10)
    drawn = np.clip(drawn, scale.low, scale.high) if clip else drawn
    values, counts = np.unique(np.round(drawn, 6), return_counts=True)
    found = dict(zip(values.tolist(), counts / len(drawn), strict=True))
    for value, share in zip(parameter.choices, probabilities(parameter), strict=True):
        assert found.pop(round(float(value), 6), 0.0) == pytest.approx(share, abs=2e-4)  # type: ignore[arg-type]
    assert all(share < 2e-4 for share in found.values())


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (rounded(Scale(-0.5, 4.5), 1, whole=True), Integer(0, 4)),
        (rounded(Scale(0.5, 32.5, log=True), 1, whole=True), Integer(1, 32, log=True)),
        (rounded(Scale(-0.5, 10**6 - 2 + 0.5), 1, whole=True), Integer(0, 10**6 - 2)),
        (rounded(Scale(0.05, 0.95), 0.1), Float(0.1, 0.9, step=0.1)),
        (rounded(Scale(0.0, 0.2), 0.1), Categorical([0.0, 0.1, 0.2], weights=[1, 2, 1], ordered=True)),
        (rounded(Scale(0.9, 1.1), 1), Constant(1.0)),
        (choice([1, True, 1, "a"]), Categorical([1, True, "a"], weights=[2, 1, 1])),
        (choice(["a", "b"], [1, 0]), Constant("a")),
    ],
)
def test_the_simplest_parameter_is_found(parameter: Parameter, expected: Parameter) -> None:
    assert parameter == expected


@pytest.mark.parametrize(("low", "high", "q"), [(0, 5000, 1), (0, 10**9, 1), (0, 1, 0), (0, 1, -1)])
def test_too_many_values_are_refused(low: float, high: float, q: float) -> None:
    with pytest.raises(SpaceError, match=r"leave the rounding out|q must be above 0"):
        rounded(Scale(low, high), q)


@pytest.mark.parametrize("name", FINITE)
def test_indices_and_probabilities_are_those_of_the_choices(name: str) -> None:
    parameter = FINITE[name]
    for index, value in enumerate(parameter.choices):
        assert choice_index(parameter, value) == index
        assert choice_at(parameter, index) == value
    drawn = [repr(parameter.quantile(share)) for share in SHARES[::10]]
    counts = [drawn.count(repr(value)) for value in parameter.choices]
    assert probabilities(parameter) == pytest.approx(np.array(counts) / len(drawn), abs=1e-3)
