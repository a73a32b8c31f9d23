"""Numbers as people read them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from assay.analysis import EnsembleReport, Interval, Row, text
from assay.spaces import Config


def row(**fields: Any) -> Row:
    return Row(**({"rank": 2, "trial": 5, "config": Config({}), "default": False, "search_score": 0.5} | fields))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.97314, "0.9731"),
        (0.0, "0.0000"),
        (-0.5, "-0.5000"),
        (1e-3, "0.0010"),
        (0.000512, "0.000512"),
        (1.5e-7, "1.5e-07"),
        (-2e-9, "-2e-09"),
        (99999.0, "99999.0000"),
        (123456.0, "1.23e+05"),
        (1e300, "1e+300"),
        (None, "–"),
        (math.nan, "–"),
        (-math.inf, "–"),
    ],
)
def test_number(value: float | None, expected: str) -> None:
    assert text.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.01234, "+0.0123"), (-0.5, "-0.5000"), (0.0, "+0.0000"), (None, "–"), (math.nan, "–")]
)
def test_signed(value: float | None, expected: str) -> None:
    assert text.signed(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Interval(0.9, 0.88, 0.92, 5), "0.9000 ± 0.0200"),
        (Interval(0.9, 0.9, 0.9, 5), "0.9000 ± 0.0000"),
        (Interval(0.9, -math.inf, math.inf, 1), "0.9000 ± –"),
        (Interval(0.9, 0.7, 1.0, 5), "0.9000 [0.7000, 1.0000]"),
        (Interval(3658.0, 3658.0, 3658.0, 5), "3658"),
        (Interval(1234567.0, 1234567.0, 1234567.0, 5), "1234567"),
        (Interval(3658.0, 3650.0, 3666.0, 5), "3658.0000 ± 8.0000"),
        (Interval(1.0, 1.0, 1.0, 5), "1.0000 ± 0.0000"),
        (Interval(0.3, 0.3 - 0.1, 0.3 + 0.1, 5), "0.3000 ± 0.1000"),
        (None, "–"),
    ],
)
def test_interval(value: Interval | None, expected: str) -> None:
    assert text.interval(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3658.0, "3658"), (1e300, "1e+300"), (0.5, "0.5000"), (1.0, "1.0000"), (math.nan, "–")]
)
def test_exact(value: float, expected: str) -> None:
    assert text.exact(value) == expected


@pytest.mark.parametrize(
    ("rank", "p_value", "expected"),
    [
        (1, 1.0, "best"),
        (2, 1.0, "1.000"),
        (2, 0.0123, "0.012"),
        (2, 0.0009, "<0.001"),
        (2, 0.0, "<0.001"),
        (None, None, "–"),
    ],
)
def test_p_value(rank: int | None, p_value: float | None, expected: str) -> None:
    assert text.p_value(row(rank=rank, p_value=p_value)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (59.6, "1 m 00 s"),
        (200, "3 m 20 s"),
        (3599.7, "1 h 00 m"),
        (7500, "2 h 05 m"),
        (360000, "100 h 00 m"),
        (math.nan, "–"),
    ],
)
def test_seconds(value: float, expected: str) -> None:
    assert text.seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.000123456, "0.0001235"),
        (1e-05, "1e-05"),
        (0.1, "0.1"),
        (1.0, "1"),
        (64, "64"),
        (True, "True"),
        (None, "None"),
        ("relu", "relu"),
    ],
)
def test_parameter(value: Any, expected: str) -> None:
    assert text.parameter(value) == expected


def test_networks_differ_as_a_whole() -> None:
    """Also where what a table has room for is the same of all; and the parameters of a network are no columns."""
    layers = [Config({"lr": 0.1, "architecture.op": op}) for op in ("one", "other")]
    rows = [row(config=one, network=f"a {one['architecture.op']} z", network_short="a … z") for one in layers]
    assert text.differing(rows) == ["architecture"]
    assert text.differing([rows[0], rows[0]]) == ["architecture"]  # which one it was, though all have it


def test_differing_and_config_line() -> None:
    configs = [{"a": 1, "b": 2, "c": "absent"}, {"a": 1, "b": 2.0}]
    rows = [row(config=Config(config)) for config in configs]
    assert text.differing(rows) == ["b", "c"]
    assert text.differing(rows[:1]) == text.differing([]) == []
    assert text.config_line(configs[0], ["b", "missing", "a"]) == "b=2 a=1"


def ensemble(**fields: Any) -> EnsembleReport:
    given: dict[str, Any] = {
        "weights": {3: 0.25, 1: 0.75},
        "metric": "accuracy",
        "score": 0.9,
        "single_score": 0.88,
        "single": 1,
        "gain": 0.02,
        "gain_interval": (0.01, 0.03),
        "selection_score": 0.95,
        "candidates": 9,
        "examples": 100,
    }
    return EnsembleReport(**(given | fields))


def test_ensemble_lines() -> None:
    first, second, third = text.ensemble_lines(ensemble())
    assert first == "members: 75 % trial 1, 25 % trial 3"
    assert second == "accuracy, cross-fitted: 0.9000 (greedy); best single model chosen the same way: 0.8800"
    assert third == "gain per example (accuracy): +0.0200 [+0.0100, +0.0300]"
    assert text.ensemble_lines(ensemble(weights={4: 1.0})) == ["no mixture of the 9 candidates beats trial 4 alone"]
    refused = text.ensemble_lines(ensemble(gain=None, gain_interval=None))
    assert len(refused) == 3
    assert refused[-1] == "refused: not distinguishable from the best single model: use trial 1 alone"


@pytest.mark.parametrize(
    ("bounds", "verdict"),
    [
        ((0.01, 0.02), "+0.0200]"),
        ((-0.01, 0.02), "(not distinguishable from zero)"),
        ((0.0, 0.0), "(not distinguishable from zero)"),
        ((-0.02, -0.01), "(worse)"),
    ],
)
def test_verdict_on_the_gain(bounds: tuple[float, float], verdict: str) -> None:
    lines = text.ensemble_lines(ensemble(gain_interval=bounds))
    assert lines[2].endswith(verdict)
    assert (lines[-1] == lines[2]) == (bounds[0] > 0)
