"""Float: distribution, grid, ends, and every message."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy import stats

from assay.spaces import Float, SpaceError

DRAWS = 4000


def draw(parameter: Float, seed: int = 0) -> list[float]:
    rng = np.random.default_rng(seed)
    return [parameter.sample(rng) for _ in range(DRAWS)]


def fits(values: list[Any], shares: dict[Any, float]) -> bool:
    """Chi-square test of counts against shares, at a level that a right sampler meets."""
    counts = Counter(values)
    assert set(counts) <= set(shares)
    total = sum(shares.values())
    expected = [share / total * len(values) for share in shares.values()]
    return float(stats.chisquare([counts[value] for value in shares], expected).pvalue) > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_uniform(seed: int) -> None:
    values = draw(Float(-2.0, 6.0), seed)
    assert stats.kstest(values, stats.uniform(-2.0, 8.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_loguniform(seed: int) -> None:
    values = draw(Float(1e-5, 1e-1, log=True), seed)
    assert stats.kstest(values, stats.loguniform(1e-5, 1e-1).cdf).pvalue > 1e-3


def test_loguniform_over_all_magnitudes() -> None:
    values = draw(Float(1e-300, 1e300, log=True))
    assert stats.kstest(np.log10(values), stats.uniform(-300, 600).cdf).pvalue > 1e-3


def test_every_grid_point_is_equally_likely() -> None:
    grid = [round(0.05 * index, 2) for index in range(13)]
    assert fits(draw(Float(0.0, 0.6, step=0.05)), dict.fromkeys(grid, 1.0))


def test_a_log_draw_is_rounded_to_the_grid() -> None:
    ends = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55]
    shares = {
        point: math.log(high / low) for point, low, high in zip([0.1, 0.2, 0.3, 0.4, 0.5], ends, ends[1:], strict=False)
    }
    assert fits(draw(Float(0.1, 0.5, log=True, step=0.1)), shares)


def test_grid_values_are_what_people_write() -> None:
    grid = Float(0.0, 0.6, step=0.05)
    assert grid.check(3 * 0.05) == 0.15
    assert repr(grid.round_to_grid(0.149)) == "0.15"
    assert grid.check(12 * 0.05) == 0.6
    assert Float(0.1, 0.3, step=0.2).cardinality == 2
    assert Float(0.0, 0.3, step=0.1).check(0.1 + 0.2) == 0.3


def test_max_is_on_the_grid_of_a_step_without_decimal_form() -> None:
    thirds = Float(0, 1, step=1 / 3)
    assert [thirds.check(value) for value in (0, 1 / 3, 2 / 3, 1)] == [0, 1 / 3, 2 / 3, 1]
    assert set(draw(thirds)) == {0, 1 / 3, 2 / 3, 1}


@pytest.mark.parametrize(
    "grid",
    [
        Float(0.0, 1.0, step=1e-9),
        Float(1e9, 1e9 + 1, step=1e-3),
        Float(0.0, 1.0, step=4e-15),
        Float(-1e300, 1e300, step=1e299),
        Float(1e-300, 1e-299, step=1e-300),
        Float(1e16, 1e16 + 6400, step=64),
    ],
    ids=lambda grid: grid.describe(),
)
def test_fine_and_huge_grids_hold_their_own_samples(grid: Float) -> None:
    for value in draw(grid)[:200]:
        assert grid.check(value) == grid.round_to_grid(value) == value


@pytest.mark.parametrize(
    ("parameter", "middle"),
    [
        (Float(0, 1), 0.5),
        (Float(1e-5, 1e-1, log=True), 1e-3),
        (Float(0.0, 0.6, step=0.05), 0.3),
        (Float(-1e300, 1e300), 0.0),
        (Float(1e-300, 1e300, log=True), 1.0),
        (Float(5e-324, 1e-323), 5e-324),
        (Float(0, 1, default=0.2), 0.2),
    ],
)
def test_without_a_default_the_middle(parameter: Float, middle: float) -> None:
    assert parameter.default_value == pytest.approx(middle, rel=1e-12)


def test_values_are_plain_floats_and_zero_has_no_sign() -> None:
    parameter = Float(np.float32(-0.5), np.int64(1), step=np.float64(0.5), default=np.float16(0.5))  # type: ignore[arg-type]
    fields = [parameter.min, parameter.max, parameter.step, parameter.default, parameter.check(1)]
    assert [type(value) for value in fields] == [float] * 5
    assert math.copysign(1, parameter.check(-0.0)) == 1
    assert math.copysign(1, Float(-0.0, 1).min) == 1
    assert Float(-0.0, 1) == Float(0, 1)


def test_describe_and_cardinality() -> None:
    assert Float(1e-5, 0.1, log=True).describe() == "float 1e-05 .. 0.1, log"
    assert Float(0, 1, step=0.25).describe() == "float 0 .. 1, step 0.25"
    assert Float(0, 1, step=0.25).cardinality == 5
    assert Float(0, 1).cardinality == math.inf


def test_frozen_and_compared_by_value() -> None:
    parameter = Float(0, 1, when={"a": [1]})
    with pytest.raises(AttributeError):
        parameter.min = 0.5  # type: ignore[misc]
    assert parameter == Float(0.0, 1.0, when={"a": 1})
    assert len({parameter, Float(0.0, 1.0, when={"a": 1}), Float(0, 1)}) == 2
    assert Float(0, 1, when={"a": 1}) != Float(0, 1, when={"a": True})


BAD: list[tuple[dict[str, Any], str]] = [
    ({"min": 2, "max": 1}, "min 2 must be below max 1"),
    ({"min": 1, "max": 1}, "min 1 must be below max 1"),
    ({"min": 1 + 1e-7, "max": 1 + 1e-10}, "min 1.0000001 must be below max 1.0000000001"),
    ({"min": "1e-5", "max": 1}, "min must be a number, got '1e-5': write 1e-05"),
    ({"min": "low", "max": 1}, "min must be a number, got 'low'"),
    ({"min": "nan", "max": 1}, "min must be a number, got 'nan'"),
    ({"min": None, "max": 1}, "min is missing: write min and max, or mean and std"),
    ({"min": True, "max": 2}, "min must be a number, got True"),
    ({"min": 0, "max": [1]}, "max must be a number, got [1]"),
    ({"min": 0, "max": math.inf}, "max must be finite, got inf"),
    ({"min": 0, "max": math.nan}, "max must be finite, got nan"),
    ({"min": 0, "max": 10**400}, f"max must be finite, got 1{'0' * 196}..."),
    ({"min": 0, "max": 10**5000}, "max must be finite, got <int>"),
    ({"min": 0, "max": 1j}, "max must be a number, got 1j"),
    ({"min": -1.7e308, "max": 1.7e308}, "the range -1.7e+308 .. 1.7e+308 is too wide: use smaller bounds"),
    ({"min": 0, "max": 1, "log": True}, "log: true needs min > 0, got 0"),
    ({"min": 1, "max": 2, "log": "no"}, "log: expected true or false, got 'no'"),
    ({"min": 1, "max": 2, "log": 1}, "log: expected true or false, got 1"),
    ({"min": 0, "max": 1, "step": 0}, "step must be above 0, got 0"),
    ({"min": 0, "max": 1, "step": -0.1}, "step must be above 0, got -0.1"),
    ({"min": 0, "max": 1, "step": False}, "step must be a number, got False"),
    ({"min": 0, "max": 1, "step": 1e-300}, "step 1e-300 is too small for numbers up to 1: leave it out"),
    ({"min": 1e16, "max": 2e16, "step": 0.5}, "step 0.5 is too small for numbers up to 2e+16: leave it out"),
    (
        {"min": 0, "max": 1.1, "step": 0.3},
        "max 1.1 is not min 0 plus whole steps of 0.3: write max 1.2 or max 0.9",
    ),
    ({"min": 1, "max": 6, "step": 10}, "max 6 is not min 1 plus whole steps of 10: write max 11"),
    ({"min": 0, "max": 1, "default": 2}, "default: 2 is outside [0, 1]"),
    ({"min": 0, "max": 1, "default": 1.0000001}, "default: 1.0000001 is outside [0, 1]"),
    (
        {"min": 0, "max": 1, "step": 0.25, "default": 0.3},
        "default: 0.3 is not on the grid of step 0.25: the nearest is 0.25",
    ),
    ({"min": 0, "max": 1, "default": "x"}, "default: value must be a number, got 'x'"),
    ({"min": 0, "max": 1, "help": 3}, "help: expected text, got 3: put it in quotes"),
    ({"min": 0, "max": 1, "when": {"a": []}}, "when: 'a' needs a value or a list of values, got []"),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[message[:60] for _, message in BAD])
def test_every_mistake_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Float(**fields)
    assert str(caught.value) == message
