"""Whether draws of another tool follow what a space declares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from assay.spaces import Config, Parameter, Space
from assay.spaces.translate import probabilities

DRAWS = 600
LEAST_P = 1e-3
_VALIDATED = 200

EVERY = Space(
    {
        "rate": "loguniform(1e-5, 1e-1)",
        "share": "uniform(-0.5, 2.0)",
        "shift": "normal(1.0, 2.0)",
        "scale": "lognormal(-2.0, 0.5)",
        "bounded": {"type": "float", "min": 0.0, "max": 3.0, "mean": 1.0, "std": 1.0},
        "guess": {"min": 1e-4, "max": 1.0, "log": True, "prior": {"center": 1e-2, "confidence": "high"}},
        "grid": {"min": 0.0, "max": 0.5, "step": 0.1},
        "thirds": {"min": 0.1, "max": 1.1, "step": 1 / 3},
        "log_grid": {"min": 0.1, "max": 1.0, "step": 0.1, "log": True},
        "units": {"min": 3, "max": 9},
        "even": {"min": 2, "max": 8, "step": 2},
        "odd": {"min": 1, "max": 9, "step": 2},
        "width": {"min": 1, "max": 12, "log": True},
        "wide": {"min": 4, "max": 16, "log": True, "step": 4},
        "near": {"min": 1, "max": 9, "prior": {"center": 4, "confidence": "low"}},
        "kind": {"values": ["a", 1, True, None, 2.5]},
        "rare": {"values": ["x", "y", "z"], "weights": [6, 3, 1]},
        "size": {"values": [16, 32, 64], "ordered": True},
        "sizes": {"values": [1, 10, 100], "ordered": True, "weights": [1, 2, 5]},
        "one": {"values": ["only"]},
        "epochs": 27,
    }
)
"""Every kind of distribution."""

TREE = Space(
    {
        "optimizer": {"values": ["adam", "sgd", "rmsprop"], "weights": [2, 3, 1]},
        "momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": ["sgd", "rmsprop"]}},
        "nesterov": {"values": [True, False], "when": {"optimizer": "sgd"}},
        "layers": {"min": 1, "max": 4},
        "drop": {"min": 0.0, "max": 0.5, "when": "layers >= 3"},
        "deep": {"values": ["skip", "dense"], "when": {"layers": [2, 3, 4], "nesterov": True}},
        "depth": {"value": 7, "when": {"deep": "skip"}},
        "optim.rate": "loguniform(1e-5, 1e-1)",
    }
)
"""Conditions of conditions, on several parents, and an expression."""


def disagreements(space: Space, configs: Sequence[Config]) -> list[str]:
    """The parameters whose active values do not follow their distribution, and configs that are not of the space."""
    found = [f"{dict(config)}" for config in configs[:_VALIDATED] if space.validate(config) != config]
    for name, parameter in space.items():
        draws = [config[name] for config in configs if name in config]
        if not agrees(parameter, draws):
            found.append(f"{name}: {parameter.describe()}")
    return found


def agrees(parameter: Parameter, draws: Sequence[Any]) -> bool:
    """Kolmogorov-Smirnov for real numbers, chi-square for finitely many values."""
    assert len(draws) >= 20
    if parameter.cardinality == np.inf:
        shares = [parameter.unit(parameter.check(value)) for value in draws]
        return bool(stats.kstest(shares, "uniform", method="asymp").pvalue > LEAST_P)
    seen = _counts(parameter, draws)
    expected = probabilities(parameter) * len(draws)
    return len(seen) == 1 or bool(stats.chisquare(seen, expected).pvalue > LEAST_P)


def _counts(parameter: Parameter, draws: Iterable[Any]) -> list[int]:
    counts = dict.fromkeys([_key(value) for value in parameter.choices], 0)
    for value in draws:
        counts[_key(value)] += 1
    return list(counts.values())


def _key(value: Any) -> tuple[bool, Any]:
    """Rounding errors, such as 0.6000000000000001, do not count; ``True`` is not 1."""
    return isinstance(value, bool), float(f"{value:.9g}") if isinstance(value, float) else value


def nearly_equal(space: Space, left: Config, right: Config) -> bool:
    """Equal but for rounding errors of real numbers."""
    if left.keys() != right.keys():
        return False
    real = {name for name in left if space[name].cardinality == np.inf}
    close = all(np.isclose(left[name], right[name], rtol=1e-9, atol=1e-12) for name in real)  # type: ignore[arg-type]
    return close and all(left[name] == right[name] for name in left if name not in real)
