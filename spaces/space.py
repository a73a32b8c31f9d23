"""A search space: named parameters and the conditions between them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .condition_checks import Test, accepted, condition_problems
from .config import Config, Value, both_value_and_group, flatten, groups
from .errors import Problem, SpaceError, did_you_mean, shown
from .expression import Expression
from .notation import parse_parameter
from .parameter import Condition, Parameter
from .presets import expand_presets, is_preset
from .sampling import sample_many

if TYPE_CHECKING:
    from .counting import Count

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


class Space(Mapping[str, Parameter]):
    """Named parameters, in the order given.

    Args:
        parameters: name -> :class:`Parameter`, or anything the sweep file allows: a scalar (constant), a list
            (choice), ``"loguniform(1e-5, 1e-1)"``, ``"preset(adamw, sgd)"``, or a mapping. Dotted names give nested
            configs.
        constraints: expressions that every config has to meet, such as ``"hidden * layers <= 4096"``. One that reads
            a parameter which is not active is met, unless it is false whatever that parameter is.

    Raises:
        SpaceError: all problems at once, each located by parameter name, or ``constraints`` and the number.

    >>> from assay.spaces import Float, Space
    >>> space = Space({"optimizer": ["adam", "sgd"], "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"})})
    >>> dict(space.default())
    {'optimizer': 'adam'}
    """

    def __init__(self, parameters: Mapping[str, Any], constraints: Iterable[str | Expression] = ()) -> None:
        if not isinstance(parameters, Mapping):
            raise SpaceError(f"expected a mapping from names to parameters, got {shown(parameters)}")
        self._parameters: dict[str, Parameter] = {}
        self.constraints: tuple[Expression, ...] = ()
        problems: list[Problem] = []
        given = parameters
        try:
            parameters = expand_presets(given)
        except SpaceError as error:
            problems += error.problems
            odd = {problem.where[0] for problem in problems}
            parameters = {name: raw for name, raw in given.items() if name not in odd and not is_preset(raw)}
        for name, raw in parameters.items():
            try:
                self._parameters[name] = parse_parameter(raw, str(name))
            except SpaceError as error:
                problems += [problem.under(name) for problem in error.problems]
        problems += _name_problems(parameters) if parameters or not given else []
        wrong = {problem.where[0] for problem in problems if problem.where}
        names = [name for name in given if isinstance(name, str) and (name in parameters or name in wrong)]
        names += [name for name in parameters if name not in given]
        for name, parameter in self._parameters.items():
            for condition in parameter.conditions:
                found = condition_problems(condition, names, self._parameters)
                problems += [problem.under(name, "when") for problem in found]
        if problems:
            raise SpaceError(problems)
        self._order = self._topological_order()
        for name, parameter in self._parameters.items():
            conditions = [self._canonical(one) for one in parameter.conditions if isinstance(one, Condition)]
            if conditions and tuple(conditions) != parameter.conditions:
                self._parameters[name] = parameter.with_when(conditions)
        self._conditions = {name: parameter.conditions for name, parameter in self._parameters.items()}
        self._tests: dict[str, list[tuple[Condition | Expression, Test]]] = {}
        self._positions = {name: position for position, name in enumerate(self._parameters)}
        try:
            self.constraints = self._checked_constraints(constraints)
        except SpaceError as error:
            raise SpaceError([problem.under("constraints") for problem in error.problems]) from None

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __eq__(self, other: object) -> bool:
        """Equal parameters in any order, and equal constraints."""
        return isinstance(other, Space) and (self._parameters, set(self.constraints)) == (
            other._parameters,
            set(other.constraints),
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        constraints = f", {[one.text for one in self.constraints]!r}" if self.constraints else ""
        return f"Space({self.to_dict()!r}{constraints})"

    @classmethod
    def of(cls, source: Any, constraints: Iterable[str | Expression] = ()) -> Self:
        """The space that a Pydantic model, a dataclass or a function's annotations describe.

        Raises:
            SpaceError: for every field that is no parameter.
        """
        from .typed import space_of

        return cls(space_of(source), constraints)

    def with_constraints(self, constraints: Iterable[str | Expression]) -> Space:
        """The same parameters under other constraints.

        Raises:
            SpaceError: located by the number of the constraint.
        """
        changed = copy.copy(self)
        for name in ("_default", "counted"):
            changed.__dict__.pop(name, None)
        changed.constraints = self._checked_constraints(constraints)
        return changed

    @property
    def searched(self) -> list[str]:
        """Names of the parameters with more than one value."""
        return [name for name, parameter in self.items() if parameter.cardinality > 1]

    @property
    def resolution_order(self) -> list[str]:
        """Names with every parent before its children."""
        return list(self._order)

    def position(self, name: str) -> int:
        """Where a parameter stands, from 0."""
        return self._positions[name]

    def active(self, name: str, values: Mapping[str, Value]) -> bool:
        """Whether ``name`` belongs to a config with ``values``, which must hold its parents, if active."""
        return all(condition.holds(values) for condition in self._conditions[name])

    def switches(self, name: str) -> dict[str, tuple[Value, ...]] | None:
        """The condition of a parameter as values that each of its parents has to have; empty without a condition.

        None when it cannot be written so: an expression over several parameters, or over a continuous one.
        """
        found = [simple for _, simple in self.tests(name)]
        return None if None in found else dict(simple for simple in found if simple)

    def tests(self, name: str) -> list[tuple[Condition | Expression, Test]]:
        """The conditions of a parameter, each as it is and, where that can be, as a parent and its values."""
        if name not in self._tests:
            self._tests[name] = [(condition, accepted(condition, self)) for condition in self._conditions[name]]
        return self._tests[name]

    def broken(self, values: Mapping[str, Value]) -> list[Expression]:
        """The constraints that a config does not meet."""
        return [constraint for constraint in self.constraints if constraint.truth(values) is False]

    def feasible(self, values: Mapping[str, Value]) -> bool:
        """Whether a config meets all constraints."""
        return all(constraint.truth(values) is not False for constraint in self.constraints)

    def sample(self, rng: np.random.Generator) -> Config:
        """One config; the same generator state gives the same config.

        Raises:
            SpaceError: when 20,000 draws in a row broke a constraint.
        """
        return self.sample_many(rng, 1)[0]

    def sample_many(self, rng: np.random.Generator, count: int) -> list[Config]:
        """``count`` independent configs, much faster than one by one; see :func:`.sampling.sample_many`."""
        return sample_many(self, rng, count)

    def default(self) -> Config:
        """Every active parameter at its default.

        Where that breaks a constraint, the nearest feasible one of 1,000 draws (of more, if none of them is feasible)
        in which the declared defaults are kept.

        Raises:
            SpaceError: when none of 20,000 draws with the declared defaults meets the constraints.
        """
        return self._default

    @cached_property
    def _default(self) -> Config:
        from .defaults import default_config

        return default_config(self)

    def size(self) -> float:
        """How many configs there are; ``inf`` with a continuous parameter. See :class:`.counting.Count`."""
        return self.counted.number

    @cached_property
    def counted(self) -> Count:
        """:meth:`size`, and whether it is exact."""
        from .counting import count

        return count(self)

    def configs(self) -> Iterator[Config]:
        """Every config of a finite space, once.

        Raises:
            SpaceError: when it is infinite.
        """
        from .counting import configs

        return configs(self)

    def neighbours(self, config: Mapping[str, Value]) -> list[Config]:
        """The configs that differ in one step of one parameter; see :func:`.neighbourhood.neighbours`."""
        from .neighbourhood import neighbours

        return neighbours(self, self.validate(config))

    def validate(self, values: Mapping[str, Any]) -> Config:
        """``values`` (flat or nested) as a :class:`Config`.

        Raises:
            SpaceError: all unknown, missing, inactive and out-of-range parameters.
        """
        return self._checked(values, complete=False)

    def complete(self, values: Mapping[str, Any]) -> Config:
        """:meth:`validate`, with the defaults of active parameters that are not given.

        Raises:
            SpaceError: all unknown, inactive and out-of-range parameters.
        """
        return self._checked(values, complete=True)

    def _checked(self, values: Mapping[str, Any], *, complete: bool) -> Config:
        if not isinstance(values, Mapping):
            raise SpaceError(f"expected a mapping from names to values, got {shown(values)}")
        given = flatten(values)
        problems = self._unknown(given)
        checked: dict[str, Value] = {}
        unsure: set[str] = set()  # wrong, or under a parent that is: whether it is active cannot be told
        for name in self._order:
            if unsure.intersection(parent for condition in self[name].conditions for parent in condition.parents):
                unsure.add(name)
            elif self.active(name, checked):
                try:
                    checked[name] = (
                        self[name].default_value if complete and name not in given else self._value(name, given)
                    )
                except SpaceError as error:
                    unsure.add(name)
                    problems += [problem.under(name) for problem in error.problems]
            elif name in given:
                problems.append(Problem((name,), f"not active here (when: {self._told_when(name)})"))
        if not problems:
            problems += [Problem((), f"breaks the constraint {one.text}") for one in self.broken(checked)]
        if problems:
            raise SpaceError(problems)
        return Config(checked)

    def to_dict(self) -> dict[str, Any]:
        """The ``parameters`` section of a sweep file; ``Space(space.to_dict())`` is equal."""
        return {name: parameter.to_dict() for name, parameter in self.items()}

    def _told_when(self, name: str) -> str:
        when = self[name].when
        return when if isinstance(when, str) else str(dict(when or {}))

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

    def fill(self, choose: Any) -> Config:
        """A config with ``choose(name)`` for every active parameter, parents before children; constraints may break."""
        values: dict[str, Value] = {}
        for name in self._order:
            if self.active(name, values):
                values[name] = choose(name)
        return Config(values)

    def _checked_constraints(self, given: Iterable[str | Expression]) -> tuple[Expression, ...]:
        if isinstance(given, str):
            raise SpaceError(f"expected a list of expressions, got {shown(given)}")
        constraints: list[Expression] = []
        problems: list[Problem] = []
        for index, one in enumerate(given):
            try:
                constraint = one if isinstance(one, Expression) else Expression(one)
            except SpaceError as error:
                problems += [problem.under(index) for problem in error.problems]
                continue
            constraints.append(constraint)
            problems += [problem.under(index) for problem in condition_problems(constraint, self, self)]
        if problems:
            raise SpaceError(problems)
        return tuple(constraints)

    def _canonical(self, condition: Condition) -> Condition:
        """With values as the parent would hold them, so that 0.1 + 0.2 meets the grid point 0.3."""
        parent = self[condition.parent]
        return Condition(condition.parent, tuple(parent.check(value) for value in condition.values))

    def _topological_order(self) -> list[str]:
        parents = {name: {p for one in parameter.conditions for p in one.parents} for name, parameter in self.items()}
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
