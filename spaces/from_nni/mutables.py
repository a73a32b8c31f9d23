"""One labelled choice of NNI as parameters, and their values back to what NNI calls a sample's value.

==========================================  =======================================================================
in NNI                                      here
==========================================  =======================================================================
Categorical                                 choice; what is no scalar goes by a name of its own
CategoricalMultiple, one or k of n          choice between the combinations; beyond 128 of them a number for each
                                            value, and the k largest are chosen
CategoricalMultiple, any of n               true or false for each value
Numerical, uniform or loguniform            float; quantised: float with a step, or ordered choice with weights
Numerical, normal or lognormal              normal, lognormal
Numerical, any other distribution           float from 0 to 1, the share of the distribution below the value
==========================================  =======================================================================
"""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..categorical import Categorical
from ..config import Value, scalar
from ..errors import SpaceError, shown
from ..expression import same
from ..float import Float
from ..parameter import Parameter
from ..scale import Scale
from ..translate import LISTED, rounded

_COMBINATIONS = 128
_EDGE = 1e-6
"""This share of an endless distribution is left out at each end."""
_NAME = 40


@dataclass(frozen=True)
class Translated(ABC):
    """A choice and its parameters.

    Attributes:
        parameters: by what is appended to the choice's name; none for a choice with one value.
    """

    parameters: Mapping[str, Parameter]

    @abstractmethod
    def decode(self, values: Sequence[Value]) -> Any:
        """What NNI expects under the choice's label, from one value for each parameter."""

    @abstractmethod
    def encode(self, value: Any) -> list[Value]:
        """The way back.

        Raises:
            SpaceError: for what is not a value of the choice.
        """


def translate(mutable: Any, nominal: bool) -> Translated:
    """An NNI choice (``Categorical``, ``CategoricalMultiple`` or ``Numerical``) as parameters.

    Args:
        nominal: its values are names, also where they are numbers, as the layers of a ``LayerChoice`` are.

    Raises:
        SpaceError: for another kind of choice.
    """
    import nni.mutable

    if isinstance(mutable, nni.mutable.Categorical):
        return _listed(list(mutable.values), mutable.weights, [_token(value) for value in mutable.values], nominal)
    if isinstance(mutable, nni.mutable.CategoricalMultiple):
        return _several(mutable)
    if isinstance(mutable, nni.mutable.Numerical):
        return _number(mutable)
    raise SpaceError(f"{type(mutable).__name__} is no choice that can be searched: use nni.choice or nni.uniform")


@dataclass(frozen=True)
class Listed(Translated):
    """One of ``values``, which go by the parameter's choices."""

    values: Sequence[Any]
    tokens: Sequence[Value]

    def decode(self, values: Sequence[Value]) -> Any:
        if not values:
            return self.values[0]
        return next(value for value, token in zip(self.values, self.tokens, strict=True) if same(token, values[0]))

    def encode(self, value: Any) -> list[Value]:
        index = self.index(value)
        if index is None:
            raise SpaceError(f"{shown(value)} is not one of: {', '.join(map(str, self.tokens))}")
        return [self.tokens[index]][: len(self.parameters)]

    def index(self, value: Any) -> int | None:
        """Where ``value`` stands; None when it does not."""
        alike = (index for index, one in enumerate(self.values) if one is value or one == value)
        return next(alike, None)


def _listed(values: Sequence[Any], weights: Sequence[float], names: Sequence[Value], nominal: bool) -> Listed:
    kept = [index for index, weight in enumerate(weights) if weight > 0]  # what NNI never draws
    tokens = _distinct([names[index] for index in kept])
    found: dict[str, Parameter] = {}
    if len(kept) > 1:
        shares = [float(f"{weights[index]:.12g}") for index in kept]
        found[""] = Categorical(tokens, weights=shares, ordered=not nominal and _rising(tokens))
    return Listed(found, [values[index] for index in kept], tokens)


def _rising(values: Sequence[Value]) -> bool:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return len(numbers) == len(values) > 2 and numbers == sorted(numbers)


def _token(value: Any) -> Value:
    """A scalar as it is; the name of a class or function; the beginning of the text of anything else."""
    try:
        return scalar(value)
    except SpaceError:
        return str(getattr(value, "__name__", shown(value)))[:_NAME]


def _distinct(tokens: Sequence[Value]) -> list[Value]:
    found: list[Value] = []
    for token in tokens:
        tries = itertools.chain([token], (f"{token} {number}" for number in itertools.count(2)))
        found.append(next(one for one in tries if not any(same(one, other) for other in found)))
    return found


def _several(mutable: Any) -> Translated:
    values, count, weights = list(mutable.values), mutable.n_chosen, list(mutable.weights)
    if count is None:
        return _any(values, weights)
    if math.comb(len(values), count) > _COMBINATIONS:
        names = _distinct([_word(value) for value in values])
        return Largest({f".key_{name}": Float(0.0, 1.0) for name in names}, values, weights, count)
    combinations = list(itertools.combinations(range(len(values)), count))
    shares = [1.0] * len(combinations)
    if len(set(weights)) > 1:
        shares = [_probability(frozenset(one), tuple(weights)) for one in combinations]
    chosen = [[values[index] for index in one] for one in combinations]
    return _listed(chosen, shares, [_token(one[0]) if count == 1 else word_of(one) for one in chosen], nominal=True)


@lru_cache(maxsize=4096)
def _probability(chosen: frozenset[int], weights: tuple[float, ...]) -> float:
    """How likely a set is when values are drawn one after the other without replacement."""
    if not chosen:
        return 1.0
    last = 0.0
    for index in chosen:
        before = chosen - {index}
        left = 1 - sum(weights[one] for one in before)
        last += _probability(before, weights) * weights[index] / left if left > 0 else 0.0
    return last


def word_of(value: Any) -> str:
    """A value, or several that are chosen together, in short text: ``conv3x3``, ``0+2``, ``none``."""
    if isinstance(value, list):
        return "+".join(str(_token(one)) for one in value) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(_token(value))


def _word(value: Any) -> str:
    """Part of a parameter's name."""
    text = str(_token(value))
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text)


@dataclass(frozen=True)
class Subset(Translated):
    """Any of ``values``; those in ``free`` have a parameter each, of the others those in ``always`` are chosen."""

    values: Sequence[Any]
    free: Sequence[int]
    always: frozenset[int]

    def decode(self, values: Sequence[Value]) -> Any:
        chosen = self.always | {index for index, value in zip(self.free, values, strict=True) if value}
        return [self.values[index] for index in sorted(chosen)]

    def encode(self, value: Any) -> list[Value]:
        if any(one not in self.values for one in value):
            raise SpaceError(f"{shown(value)} is not chosen from: {shown(list(self.values))}")
        return [self.values[index] in value for index in self.free]


def _any(values: Sequence[Any], weights: Sequence[float]) -> Subset:
    names = [str(name).replace(" ", "_") for name in _distinct([_word(value) for value in values])]
    free = [index for index, weight in enumerate(weights) if 0 < weight < 1]
    parameters = {f".use_{names[index]}": _use(weights[index]) for index in free}
    return Subset(parameters, values, free, frozenset(index for index, weight in enumerate(weights) if weight >= 1))


def _use(weight: float) -> Categorical:
    return Categorical([False, True], weights=[float(f"{1 - weight:.12g}"), weight], default=True)


@dataclass(frozen=True)
class Largest(Translated):
    """The ``count`` values with the largest numbers, each stretched by its weight.

    With ``u ** (1 / weight)`` they are drawn as one after the other without replacement (Efraimidis and Spirakis,
    Information Processing Letters 97, 2006). Many numbers stand for one choice.
    """

    values: Sequence[Any]
    weights: Sequence[float]
    count: int

    def decode(self, values: Sequence[Value]) -> Any:
        # The logarithm of the number above: log(u) / weight, which does not underflow.
        keys = [math.log(float(u)) / w if u and w > 0 else -math.inf for u, w in zip(values, self.weights, strict=True)]
        order = sorted(range(len(keys)), key=lambda index: -keys[index])
        return [self.values[index] for index in sorted(order[: self.count])]

    def encode(self, value: Any) -> list[Value]:
        if len(value) != self.count or any(one not in self.values for one in value):
            raise SpaceError(f"{shown(value)} is not {self.count} of: {shown(list(self.values))}")
        return [1.0 if one in value else 0.0 for one in self.values]


@dataclass(frozen=True)
class Number(Translated):
    """A number with a distribution that parameters have as well."""

    mutable: Any

    def decode(self, values: Sequence[Value]) -> Any:
        return float(self.mutable.qclip(values[0])) if values else float(self.mutable.low)

    def encode(self, value: Any) -> list[Value]:
        parameter = self.parameters.get("")
        if parameter is None:
            return []
        if isinstance(parameter, Categorical):  # rounded in decimal: 0.3, where NNI has 0.30000000000000004
            return [min(parameter.choices, key=lambda one: abs(float(one) - float(value)))]  # type: ignore[arg-type]
        return [parameter.check(float(value))]


@dataclass(frozen=True)
class Share(Translated):
    """The share of a distribution that lies below the value."""

    mutable: Any

    def decode(self, values: Sequence[Value]) -> Any:
        return float(self.mutable.qclip(self.mutable.distribution.ppf(values[0])))

    def encode(self, value: Any) -> list[Value]:
        return [min(max(float(self.mutable.distribution.cdf(value)), _EDGE), 1 - _EDGE)]


def _number(mutable: Any) -> Translated:
    low, high, q = float(mutable.low), float(mutable.high), mutable.quantize
    name = mutable.distribution.dist.name
    even = name in ("uniform", "loguniform", "reciprocal")
    if even and mutable.distribution.support() == (low, high):
        log = name != "uniform"
        if q is None:
            return Number({"": Float(low, high, log=log)}, mutable)
        if (high - low) / q <= LISTED:
            found = rounded(Scale(low, high, log), float(q), clip=True)
            return Number({"": found} if found.cardinality > 1 else {}, mutable)
    elif mutable.mu is not None and q is None and math.isinf(high) and math.isinf(low):
        return Number({"": Float(mean=mutable.mu, std=mutable.sigma, log=mutable.log_distributed)}, mutable)
    return Share({"": Float(_EDGE, 1 - _EDGE)}, mutable)
