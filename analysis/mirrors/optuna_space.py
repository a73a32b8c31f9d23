"""Parameters as Optuna's dashboard is to show them: values as people write them, the same range for all trials."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...spaces import Categorical, Constant, Float, Integer, Parameter, Space
from ...spaces.config import Value

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class OptunaSpace:
    """From values of configs to what Optuna's journal holds.

    Unlike :mod:`assay.spaces.to_optuna`, whose distributions draw as the space does, these are to be looked at: a
    choice is its own value instead of an index, a value with a prior itself instead of its share. A sweep that was
    extended with another space gets ranges that hold those of both, because Optuna compares only what has the same.

    Args:
        spaces: all that the sweep had, oldest first.
    """

    def __init__(self, spaces: Sequence[Space]) -> None:
        from optuna.distributions import distribution_to_json

        names = dict.fromkeys(name for space in spaces for name in space)
        declared = {name: [space[name] for space in spaces if name in space] for name in names}
        self.distributions = {
            name: _distribution(kinds)
            for name, kinds in declared.items()
            if not all(isinstance(kind, Constant) and kind == kinds[0] for kind in kinds)
        }
        self._as_json = {name: distribution_to_json(kind) for name, kind in self.distributions.items()}
        self._indices = {
            name: {_key(choice): index for index, choice in enumerate(getattr(kind, "choices", ()))}
            for name, kind in self.distributions.items()
        }

    def encode(self, config: Mapping[str, Value]) -> tuple[dict[str, float], dict[str, str], dict[str, Value]]:
        """A config as the journal holds it: numbers or indices of choices; distributions; what fits into neither."""
        inside: dict[str, float] = {}
        outside: dict[str, Value] = {}
        for name, value in config.items():
            if name in self.distributions:
                found = self._number(name, value)
                if found is None:
                    outside[name] = value
                else:
                    inside[name] = found
        return inside, {name: self._as_json[name] for name in inside}, outside

    def _number(self, name: str, value: Value) -> float | None:
        """None for a value that the distribution cannot hold."""
        if self._indices[name]:
            index = self._indices[name].get(_key(value))
            return self._indices[name].get(_key(json.dumps(value))) if index is None else index
        low, high = (getattr(self.distributions[name], end) for end in ("low", "high"))
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return None
        return value if low <= value <= high else None


def _key(value: Value) -> tuple[type, Value]:
    """Tells ``true`` from ``1``."""
    return type(value), value


def _distribution(kinds: Sequence[Parameter]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    ranges = [kind for kind in kinds if isinstance(kind, (Float, Integer))]
    fixed = [kind.value for kind in kinds if isinstance(kind, Constant)]
    if not ranges or any(isinstance(kind, Categorical) for kind in kinds[-1:]):
        return CategoricalDistribution(_choices(kinds))
    ends = [end for kind in ranges for end in _ends(kind)]
    ends += [value for value in fixed if isinstance(value, (int, float)) and not isinstance(value, bool)]
    low, high = min(ends), max(ends)
    log = low > 0 and all(kind.log for kind in ranges)
    if all(isinstance(end, int) for end in ends):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _ends(parameter: Float | Integer) -> tuple[float, float]:
    """The least and the greatest value; of a normal without bounds the outermost that are drawn."""
    if math.isfinite(parameter.min) and math.isfinite(parameter.max):
        return parameter.min, parameter.max
    low, high = parameter.values_at(np.array([0.0, 1.0])).tolist()
    return low, high


def _choices(kinds: Iterable[Parameter]) -> list[Any]:
    """All values, each once; as JSON text where Optuna would mix some up, such as ``true`` and ``1``."""
    values: dict[tuple[type, Value], Value] = {}
    for kind in kinds:
        listed = kind.values if isinstance(kind, Categorical) else [kind.value] if isinstance(kind, Constant) else []
        values |= {_key(value): value for value in listed}
    plain = list(values.values())
    return plain if len(set(plain)) == len(plain) else [json.dumps(value) for value in plain]
