"""A search space: named parameters and the conditions between them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .config import Config, Value, both_value_and_group, flatten, groups
from .errors import Problem, SpaceError, did_you_mean, shown
from .notation import parse_parameter
from .parameter import Condition, Parameter

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class Space(Mapping[str, Parameter]):
    """Named parameters, in the order given.

    Args:
        parameters: name -> :class:`Parameter`, or anything the sweep file allows: a scalar (constant), a list
            (choice), ``"loguniform(1e-5, 1e-1)"``, or a mapping. Dotted names give nested configs.

    Raises:
        SpaceError: all problems at once, each located by parameter name.

    >>> from assay.spaces import Float, Space
    >>> space = Space({"optimizer": ["adam", "sgd"], "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"})})
    >>> dict(space.default())
    {'optimizer': 'adam'}
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        if not isinstance(parameters, Mapping):
            raise SpaceError(f"expected a mapping from names to parameters, got {shown(parameters)}")
        self._parameters: dict[str, Parameter] = {}
        problems: list[Problem] = []
        for name, raw in parameters.items():
            try:
                self._parameters[name] = parse_parameter(raw)
            except SpaceError as error:
                problems += [problem.under(name) for problem in error.problems]
        problems += _name_problems(parameters)
        for name, parameter in self._parameters.items():
            for condition in parameter.conditions:
                problems += self._condition_problems(name, condition, parameters)
        if problems:
            raise SpaceError(problems)
        self._order = self._topological_order()
        for name, parameter in self._parameters.items():
            conditions = tuple(self._canonical(condition) for condition in parameter.conditions)
            if conditions != parameter.conditions:
                self._parameters[name] = parameter.with_when(conditions)

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __repr__(self) -> str:
        return f"Space({self.to_dict()!r})"

    @property
    def searched(self) -> list[str]:
        """Names of the parameters with more than one value."""
        return [name for name, parameter in self.items() if parameter.cardinality > 1]

    @property
    def resolution_order(self) -> list[str]:
        """Names with every parent before its children."""
        return list(self._order)

    def active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Whether ``name`` belongs to a config with ``values``, which must hold its parents, if active."""
        return all(condition.holds(values) for condition in self[name].conditions)

    def sample(self, rng: np.random.Generator) -> Config:
        """One config; the same generator state gives the same config."""
        return self._fill(lambda parameter: parameter.sample(rng))

    def default(self) -> Config:
        """Every active parameter at its default."""
        return self._fill(lambda parameter: parameter.default_value)

    def validate(self, values: Mapping[str, Any]) -> Config:
        """``values`` (flat or nested) as a :class:`Config`.

        Raises:
            SpaceError: all unknown, missing, inactive and out-of-range parameters.
        """
        if not isinstance(values, Mapping):
            raise SpaceError(f"expected a mapping from names to values, got {shown(values)}")
        given = flatten(values)
        problems = self._unknown(given)
        checked: dict[str, Value] = {}
        unsure: set[str] = set()  # wrong, or under a parent that is: whether it is active cannot be told
        for name in self._order:
            if unsure.intersection(condition.parent for condition in self[name].conditions):
                unsure.add(name)
            elif self.active(name, checked):
                try:
                    checked[name] = self._value(name, given)
                except SpaceError as error:
                    unsure.add(name)
                    problems += [problem.under(name) for problem in error.problems]
            elif name in given:
                problems.append(Problem((name,), f"not active here (when: {dict(self[name].when or {})})"))
        if problems:
            raise SpaceError(problems)
        return Config(checked)

    def to_dict(self) -> dict[str, Any]:
        """The ``parameters`` section of a sweep file; ``Space(space.to_dict())`` is equal."""
        return {name: parameter.to_dict() for name, parameter in self.items()}

    def _unknown(self, given: Mapping[str, Any]) -> list[Problem]:
        opened = groups(self)
        problems = []
        for name in given:
            if name in opened and given[name] != {}:  # empty: none of its members is active
                message = f"expected a mapping for '{name}.*', got {shown(given[name])}"
                problems.append(Problem((name,), message))
            elif name not in self and name not in opened:
                problems.append(Problem((name,), f"unknown parameter{did_you_mean(name, self)}"))
        return problems

    def _value(self, name: str, given: Mapping[str, Any]) -> Value:
        if name not in given:
            raise SpaceError(f"missing: expected {self[name].describe()}")
        return self[name].check(given[name])

    def _fill(self, choose: Any) -> Config:
        values: dict[str, Value] = {}
        for name in self._order:
            if self.active(name, values):
                values[name] = choose(self[name])
        return Config(values)

    def _condition_problems(self, name: str, condition: Condition, names: Iterable[Any]) -> Iterator[Problem]:
        where = (name, "when", condition.parent)
        if condition.parent not in names:
            hint = did_you_mean(condition.parent, [known for known in names if isinstance(known, str)])
            yield Problem(where, f"unknown parameter {shown(condition.parent)}{hint}")
        parent = self._parameters.get(condition.parent)
        if parent is None:
            return  # it has a problem of its own
        if parent.cardinality == math.inf:
            text = f"{condition.parent} is continuous and almost never equal to one value"
            yield Problem(where, f"{text}: give it a step, or make it a list of choices")
            return
        for value in condition.values:
            try:
                parent.check(value)
            except SpaceError as error:
                yield Problem(where, f"{condition.parent} can never be {shown(value)}: {error}")

    def _canonical(self, condition: Condition) -> Condition:
        """With values as the parent would hold them, so that 0.1 + 0.2 meets the grid point 0.3."""
        parent = self[condition.parent]
        return Condition(condition.parent, tuple(parent.check(value) for value in condition.values))

    def _topological_order(self) -> list[str]:
        parents = {name: {c.parent for c in parameter.conditions} for name, parameter in self.items()}
        order: dict[str, None] = {}  # a set that keeps the order
        while len(order) < len(parents):
            ready = [name for name in parents if name not in order and parents[name] <= order.keys()]
            if not ready:
                loop = _circle({name: parents[name] - order.keys() for name in parents if name not in order})
                raise SpaceError([Problem((loop[0], "when"), f"conditions form a circle: {' -> '.join(loop)}")])
            order |= dict.fromkeys(ready)
        return list(order)


def _circle(parents: Mapping[str, set[str]]) -> list[str]:
    """Names from child to parent, back to the first; each of ``parents`` must have one."""
    path = [min(parents)]
    while path[-1] not in path[:-1]:
        path.append(min(parents[path[-1]]))
    return path[path.index(path[-1]) :]


def _name_problems(parameters: Mapping[Any, Any]) -> Iterator[Problem]:
    if not parameters:
        yield Problem((), "no parameters: nothing to search")
    opened = groups(name for name in parameters if isinstance(name, str))
    for name in parameters:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            message = f"{shown(name)} is not a name: use letters, digits and _, dots for nesting"
            yield Problem((name,), message)
        elif name in opened:
            yield Problem((name,), both_value_and_group(name))
