"""Integer: distribution, grid, ends, and every message."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.spaces import Integer, SpaceError

DRAWS = 4000


def fits(parameter: Integer, shares: dict[int, float], seed: int = 0) -> bool:
    """Chi-square test of drawn counts against shares, at a level that a right sampler meets."""
    rng = np.random.default_rng(seed)
    counts = Counter(parameter.sample(rng) for _ in range(DRAWS))
    assert set(counts) <= set(shares)
    total = sum(shares.values())
    expected = [share / total * DRAWS for share in shares.values()]
    return float(stats.chisquare([counts[value] for value in shares], expected).pvalue) > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_every_number_is_equally_likely(seed: int) -> None:
    assert fits(Integer(-3, 6), dict.fromkeys(range(-3, 7), 1.0), seed)


def test_every_step_is_equally_likely() -> None:
    assert fits(Integer(32, 256, step=32), dict.fromkeys(range(32, 257, 32), 1.0))


@pytest.mark.parametrize("seed", range(3))
def test_log_shares_include_both_ends(seed: int) -> None:
    shares = {number: math.log((number + 0.5) / (number - 0.5)) for number in range(1, 13)}
    assert fits(Integer(1, 12, log=True), shares, seed)


def test_log_over_a_wide_range() -> None:
    rng = np.random.default_rng(0)
    parameter = Integer(1000, 2**53, log=True)
    values = [parameter.sample(rng) for _ in range(DRAWS)]
    assert min(values) >= 1000
    assert max(values) <= 2**53
    assert stats.kstest(values, stats.loguniform(1000, 2**53).cdf).pvalue > 1e-3


def test_a_log_draw_is_rounded_to_the_grid() -> None:
    shares = {
        point: math.log(high / low)
        for point, low, high in zip([2, 5, 8], [0.5, 3.5, 6.5], [3.5, 6.5, 9.5], strict=True)
    }
    assert fits(Integer(2, 8, log=True, step=3), shares)


@pytest.mark.parametrize("value", [-(2**53), -(2**53) + 1, -1, 0, 2**53 - 1, 2**53])
def test_the_widest_range_is_exact(value: int) -> None:
    widest = Integer(-(2**53), 2**53)
    assert widest.check(value) == value
    assert Integer(-(2**53), 2**53 - 1).round_to_grid(1e300) == 2**53 - 1
    assert -(2**53) <= widest.sample(np.random.default_rng(value + 2**53)) <= 2**53


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [
        (Integer(1, 9), 5),
        (Integer(1, 100, log=True), 10),
        (Integer(32, 1024, step=32), 544),
        (Integer(1, 9, default=2), 2),
        (Integer(0, 1), 0),
    ],
)
def test_without_a_default_the_middle(parameter: Integer, middle: int) -> None:
    assert parameter.default_value == middle
    assert type(parameter.default_value) is int


def test_whole_floats_and_numpy_numbers_become_plain_ints() -> None:
    parameter = Integer(1.0, np.int64(9), step=np.uint8(2), default=np.float32(3.0))  # type: ignore[arg-type]
    values = [parameter.min, parameter.max, parameter.step, parameter.default, parameter.check(np.int32(5))]
    assert values == [1, 9, 2, 3, 5]
    assert {type(value) for value in values} == {int}
    assert type(parameter.sample(np.random.default_rng(0))) is int


def test_a_grid_that_a_float_cannot_tell_from_a_wrong_one() -> None:
    assert Integer(1, 10**7, step=3).cardinality == 3333334
    with pytest.raises(SpaceError, match="write max 20000000 or max 10000000"):
        Integer(0, 10**7 + 1, step=10**7)


def test_describe_and_cardinality() -> None:
    assert Integer(1, 8, log=True).describe() == "int 1 .. 8, log"
    assert Integer(2, 8, step=2).describe() == "int 2 .. 8, step 2"
    assert Integer(2, 8, step=2).cardinality == 4


def test_compared_by_value() -> None:
    assert Integer(1, 9) == Integer(1.0, 9)  # type: ignore[arg-type]
    assert Integer(1, 9) != Integer(1, 9, step=2)
    assert len({Integer(1, 9), Integer(1, 9, step=1), Integer(1, 9, log=True)}) == 2


BAD: list[tuple[dict[str, Any], str]] = [
    ({"min": 6, "max": 1}, "min 6 must be below max 1"),
    ({"min": 1, "max": 1}, "min 1 must be below max 1"),
    ({"min": 0.5, "max": 2}, "min must be a whole number, got 0.5"),
    ({"min": "1", "max": 2}, "min must be a number, got '1': write 1.0"),
    ({"min": True, "max": 2}, "min must be a number, got True"),
    ({"min": None, "max": 2}, "min must be a number, got None"),
    ({"min": 1, "max": math.inf}, "max must be finite, got inf"),
    ({"min": 1, "max": 10**5000}, "max must be finite, got <int>"),
    (
        {"min": 1, "max": 2**53 + 1},
        "max 9007199254740993 is too large: whole numbers end at 2**53; use a float",
    ),
    (
        {"min": -(2**60), "max": 1},
        "min -1152921504606846976 is too large: whole numbers end at 2**53; use a float",
    ),
    ({"min": 0, "max": 9, "log": True}, "log: true needs min >= 1, got 0"),
    ({"min": 1, "max": 9, "log": "yes"}, "log: expected true or false, got 'yes'"),
    ({"min": 1, "max": 9, "step": 0}, "step must be above 0, got 0"),
    ({"min": 1, "max": 9, "step": -1}, "step must be above 0, got -1"),
    ({"min": 1, "max": 9, "step": 1.5}, "step must be a whole number, got 1.5"),
    ({"min": 1, "max": 9, "step": None}, "step must be a number, got None"),
    ({"min": 1, "max": 6, "step": 2}, "max 6 is not min 1 plus whole steps of 2: write max 7 or max 5"),
    ({"min": 1, "max": 6, "step": 10}, "max 6 is not min 1 plus whole steps of 10: write max 11"),
    ({"min": 1, "max": 9, "default": 10}, "default: 10 is outside [1, 9]"),
    ({"min": 1, "max": 9, "default": 2.5}, "default: value must be a whole number, got 2.5"),
    (
        {"min": 1, "max": 9, "step": 4, "default": 4},
        "default: 4 is not on the grid of step 4: the nearest is 5",
    ),
    ({"min": 1, "max": 9, "help": ["x"]}, "help: expected text, got ['x']: put it in quotes"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_every_mistake_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Integer(**fields)
    assert str(caught.value) == message
