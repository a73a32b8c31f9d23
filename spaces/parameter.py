"""What every kind of parameter can do, and the conditions under which one is active."""

from __future__ import annotations

import copy
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .config import Value, scalar
from .errors import Problem, SpaceError, shown
from .expression import Expression, same


@dataclass(frozen=True)
class Condition:
    """A parameter is active only while ``parent`` is active and has one of ``values``."""

    parent: str
    values: tuple[Value, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        return (self.parent,)

    def holds(self, config: Mapping[str, Value]) -> bool:
        return self.parent in config and any(same(config[self.parent], value) for value in self.values)


class Parameter(ABC):
    """One dimension of a space. Subclasses are frozen dataclasses.

    They compare by their mapping form, in which ``1``, ``1.0`` and ``True`` differ (as in a config).

    Attributes:
        when: what has to hold for the parameter to be active: ``{"optimizer": "sgd"}``, several values as a tuple;
            the text of an :class:`Expression`; or None. An expression that says no more than a mapping becomes one.
        help: for people.
    """

    when: Mapping[str, Any] | str | None
    help: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parameter) and type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    @abstractmethod
    def check(self, value: Any) -> Value:
        """The canonical form of ``value``; :class:`SpaceError` when it is outside the parameter."""

    @abstractmethod
    def values_at(self, shares: NDArray[np.float64]) -> NDArray[Any]:
        """The inverse of the declared distribution function: one value for each share from 0 to 1.

        ``tolist()`` and ``item(index)`` of what it returns give plain values.
        """

    @abstractmethod
    def span(self, value: Value) -> tuple[float, float]:
        """The shares from 0 to 1 that give ``value``: the first and the last; equal for a continuous parameter."""

    @property
    @abstractmethod
    def default_value(self) -> Value:
        """The declared default, or the middle of the range on its own scale, or the first choice."""

    @property
    @abstractmethod
    def cardinality(self) -> float:
        """How many values there are; ``inf`` when continuous."""

    @property
    @abstractmethod
    def choices(self) -> Sequence[Value]:
        """All values in order; :class:`SpaceError` when there are infinitely many."""

    @property
    @abstractmethod
    def plain(self) -> bool:
        """Whether all values are equally likely on the parameter's own scale."""

    def quantile(self, share: float) -> Value:
        """The value at one share from 0 to 1."""
        value: Value = self.values_at(np.array([share])).item(0)
        return value

    def unit(self, value: Value) -> float:
        """The middle of the shares from 0 to 1 that give ``value``."""
        low, high = self.span(value)
        return (low + high) / 2

    def sample(self, rng: np.random.Generator) -> Value:
        """One draw from the declared distribution."""
        return self.quantile(rng.random())

    @abstractmethod
    def describe(self) -> str:
        """One line for people: ``float 1e-05 .. 0.1, log``."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The mapping form of the sweep file; reading it back gives an equal parameter."""

    @property
    def conditions(self) -> tuple[Condition | Expression, ...]:
        """``when`` as conditions that must all hold; empty when the parameter is always active."""
        if isinstance(self.when, str):
            return (Expression(self.when),)
        return tuple(
            Condition(parent, tuple(values) if isinstance(values, tuple) else (values,))
            for parent, values in (self.when or {}).items()
        )

    def with_when(self, conditions: Iterable[Condition]) -> Self:
        """This parameter under other conditions."""
        changed = copy.copy(self)
        when = {condition.parent: condition.values for condition in conditions}
        object.__setattr__(changed, "when", check_when(when or None))
        return changed

    def _check_shared(self) -> None:
        """Bring ``when`` and ``help`` into their one form, or refuse them."""
        object.__setattr__(self, "when", check_when(self.when))
        text = "" if self.help is None else self.help
        if not isinstance(text, str):
            raise SpaceError([Problem(("help",), f"expected text, got {shown(text)}: put it in quotes")])
        object.__setattr__(self, "help", str(text))

    def _check_default(self, default: Any) -> None:
        try:
            object.__setattr__(self, "default", self.check(default))
        except SpaceError as error:
            raise SpaceError([problem.under("default") for problem in error.problems]) from None

    def _key(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    def _shared_dict(self) -> dict[str, Any]:
        when = self.when
        if isinstance(when, Mapping):
            when = {parent: list(values) if isinstance(values, tuple) else values for parent, values in when.items()}
        return ({"when": when} if when else {}) | ({"help": self.help} if self.help else {})


def check_when(when: object) -> dict[str, Any] | str | None:
    """``when`` in its one form; :class:`SpaceError` for what is neither a mapping nor an expression."""
    if when is None:
        return None
    if isinstance(when, str):
        try:
            expression = Expression(when)
        except SpaceError as error:
            raise SpaceError([problem.under("when") for problem in error.problems]) from None
        mapping = expression.as_mapping()
        return expression.text if mapping is None else check_when(mapping)
    if not isinstance(when, Mapping) or not when:
        text = "expected a mapping such as {optimizer: sgd}, or an expression such as layers >= 3"
        raise SpaceError([Problem(("when",), f"{text}, got {shown(when)}")])
    return {str(parent): _check_values(parent, values) for parent, values in when.items()}


def _check_values(parent: object, values: object) -> Any:
    if not isinstance(parent, str):
        raise SpaceError([Problem(("when",), f"{shown(parent)} is not the name of a parameter")])
    several = list(values) if isinstance(values, (list, tuple)) else [values]
    if not several or isinstance(values, Mapping):
        message = f"{shown(parent)} needs a value or a list of values, got {shown(values)}"
        raise SpaceError([Problem(("when",), message)])
    try:
        plain = tuple(scalar(value) for value in several)
    except SpaceError as error:
        raise SpaceError([problem.under("when", parent) for problem in error.problems]) from None
    return plain if len(plain) > 1 else plain[0]


def number(value: Any, what: str) -> float:
    """``value`` as a finite float; :class:`SpaceError` otherwise."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        hint = f": write {float(value)}" if isinstance(value, str) and _is_float(value) else ""
        raise SpaceError(f"{what} must be a number, got {shown(value)}{hint}")
    try:
        real = float(value) + 0.0  # -0.0 becomes 0.0
    except OverflowError:
        real = math.inf
    if not math.isfinite(real):
        raise SpaceError(f"{what} must be finite, got {shown(value)}")
    return real


def flag(value: Any, what: str) -> bool:
    """``value`` as a bool; :class:`SpaceError` when it is something else."""
    if not isinstance(value, (bool, np.bool_)):
        raise SpaceError([Problem((what,), f"expected true or false, got {shown(value)}")])
    return bool(value)


def _is_float(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
