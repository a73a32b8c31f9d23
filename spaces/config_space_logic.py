"""Conditions and constraints as those of ConfigSpace.

An expression is brought into a form without ``not``, whose leaves compare one parameter with values, or two parameters.
A parameter that is not active makes such a leaf false there and unknown here; without ``not`` above the leaves, both
mean that the condition does not hold, and that the constraint is not broken.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Problem, SpaceError
from .expression import Expression, dotted, literals, names, same
from .parameter import Condition, Parameter
from .space import Space
from .translate import LISTED

_OPPOSITE = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.Gt: ">",
    ast.LtE: "<=",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


@dataclass(frozen=True)
class Among:
    """A parameter with finitely many values has one of these."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Beside:
    """A number is on one side of a value: ``<`` or ``>``; for a real number ``<=`` and ``>=`` are as good as those."""

    name: str
    sign: str
    value: float


@dataclass(frozen=True)
class Related:
    """One parameter compared with another."""

    left: str
    sign: str
    right: str


@dataclass(frozen=True)
class Joined:
    """All or any of several."""

    every: bool
    parts: tuple[Term, ...]


Term = Among | Beside | Related | Joined


def conditions(space: Space, made: Any) -> list[Any]:
    """The conditions of a space, over the hyperparameters of ``made``.

    Raises:
        SpaceError: for each that ConfigSpace cannot express.
    """
    found, problems = [], []
    for name, parameter in space.items():
        try:
            terms = [_of_condition(one, space) for one in parameter.conditions]
            if terms:
                found.append(_condition(Joined(True, tuple(terms)), made[name], made))
        except SpaceError as error:
            problems += [problem.under(name, "when") for problem in error.problems]
    if problems:
        raise SpaceError(problems)
    return found


def forbidden(space: Space, made: Any) -> list[Any]:
    """What the constraints of a space forbid, over the hyperparameters of ``made``.

    Raises:
        SpaceError: for each that ConfigSpace cannot express.
    """
    found: list[Any] = []
    problems: list[Problem] = []
    for index, constraint in enumerate(space.constraints):
        try:
            found += [_clause(term, made) for term in _alternatives(_term(constraint.tree, space, broken=True))]
        except SpaceError as error:
            problems += [problem.under("constraints", index) for problem in error.problems]
    if problems:
        raise SpaceError(problems)
    return found


def _of_condition(condition: Condition | Expression, space: Space) -> Term:
    if isinstance(condition, Expression):
        return _term(condition.tree, space, broken=False)
    return Among(condition.parent, condition.values)


# From an expression to terms


def _term(node: ast.expr, space: Space, broken: bool) -> Term:
    """What has to be so for ``node`` to be true or, with ``broken``, false."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return _term(node.operand, space, not broken)
    if isinstance(node, ast.BoolOp):
        every = isinstance(node.op, ast.And) != broken
        return Joined(every, tuple(_term(one, space, broken) for one in node.values))
    if isinstance(node, ast.Compare):
        if len(set(names(node))) > 2:  # in a chain, what comes after an unknown comparison is not looked at
            raise SpaceError(f"{ast.unparse(node)} compares more than two parameters: join two comparisons with `and`")
        lefts = [node.left, *node.comparators[:-1]]
        parts = [
            _comparison(left, op, right, space, broken)
            for left, op, right in zip(lefts, node.ops, node.comparators, strict=True)
        ]
        return parts[0] if len(parts) == 1 else Joined(not broken, tuple(parts))
    name = dotted(node)
    if name in space:
        return _among(str(name), space, lambda value: same(value, not broken))
    raise _refusal(node)


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, space: Space, broken: bool) -> Term:
    name, other, values = dotted(left), dotted(right), literals(right)
    if isinstance(op, (ast.In, ast.NotIn)) and name in space and values:
        inside = isinstance(op, ast.In) != broken
        listed = values
        return _among(str(name), space, lambda value: any(same(value, one) for one in listed) == inside)
    if type(op) not in _SIGNS:
        raise _refusal(left)
    sign = _SIGNS[type(op)]
    if name not in space and other in space:
        name, other, values, sign = other, name, literals(left), _MIRRORED[sign]
    if name not in space or (values is None and other not in space):
        raise _refusal(ast.Compare(left, [op], [right]))
    sign = _OPPOSITE[sign] if broken else sign
    if values is None:
        return Related(str(name), sign, str(other))
    return _against(str(name), sign, values[0], space)


def _against(name: str, sign: str, value: Any, space: Space) -> Term:
    """A parameter compared with one value."""
    parameter = space[name]
    if parameter.cardinality <= LISTED:
        holds = Expression(f"{name} {sign} {value!r}").holds
        return _among(name, space, lambda one: holds({name: one}))
    if sign in ("==", "!="):
        raise SpaceError(f"{name} has too many values to tell {value!r} from: write a range, or give it a step")
    return _beside(name, sign, value, parameter)


def _beside(name: str, sign: str, value: Any, parameter: Parameter) -> Term:
    if parameter.cardinality < float("inf"):  # a whole number: >= 3 is > 2
        value, sign = value + {">=": -1, "<=": 1}.get(sign, 0), sign[0]
    try:
        parameter.check(value)
    except SpaceError as error:
        raise SpaceError(f"ConfigSpace compares {name} with values that it can have: {error}") from None
    return Beside(name, sign[0], value)


def _among(name: str, space: Space, holds: Callable[[Any], bool]) -> Term:
    if space[name].cardinality > LISTED:
        raise SpaceError(f"{name} has too many values to list those that are meant: write a comparison")
    return Among(name, tuple(value for value in space[name].choices if holds(value)))


def _refusal(node: ast.expr) -> SpaceError:
    return SpaceError(
        f"ConfigSpace has no word for {ast.unparse(node)}: it compares a parameter with values, or with another one"
    )


# From terms to ConfigSpace


def _condition(term: Term, child: Any, made: Any) -> Any:
    import ConfigSpace as library

    if isinstance(term, Joined):
        parts = [_condition(one, child, made) for one in _flat(term)]
        if len(parts) == 1:
            return parts[0]
        return (library.AndConjunction if term.every else library.OrConjunction)(*parts)
    if isinstance(term, Related):
        text = f"ConfigSpace has no condition that compares {term.left} with {term.right}: compare it with values"
        raise SpaceError(text)
    parent = made[term.name]
    if isinstance(term, Beside):
        kind = library.LessThanCondition if term.sign == "<" else library.GreaterThanCondition
        return kind(child, parent, term.value)
    if not term.values:
        raise SpaceError(f"no value of {term.name} meets this: the parameter is never active, take it out")
    if len(term.values) == 1:
        return library.EqualsCondition(child, parent, term.values[0])
    return library.InCondition(child, parent, list(term.values))


def _clause(term: Term, made: Any) -> Any:
    import ConfigSpace as library

    if isinstance(term, Joined):
        parts = [_clause(one, made) for one in _flat(term)]
        if len(parts) == 1:
            return parts[0]
        return (library.ForbiddenAndConjunction if term.every else library.ForbiddenOrConjunction)(*parts)
    if isinstance(term, Related):
        return _relation(term, made)
    if isinstance(term, Beside):
        kind = library.ForbiddenLessThanClause if term.sign == "<" else library.ForbiddenGreaterThanClause
        return kind(made[term.name], term.value)
    if not term.values:
        raise SpaceError(f"no value of {term.name} breaks this: take it out")
    if len(term.values) == 1:
        return library.ForbiddenEqualsClause(made[term.name], term.values[0])
    return library.ForbiddenInClause(made[term.name], list(term.values))


def _relation(term: Related, made: Any) -> Any:
    import ConfigSpace as library

    kinds: dict[str, Any] = {
        "<": library.ForbiddenLessThanRelation,
        ">": library.ForbiddenGreaterThanRelation,
        "<=": library.ForbiddenLessThanEqualsRelation,
        ">=": library.ForbiddenGreaterThanEqualsRelation,
        "==": library.ForbiddenEqualsRelation,
    }
    left, right = made[term.left], made[term.right]
    if term.sign in kinds:
        return kinds[term.sign](left, right)
    return library.ForbiddenOrConjunction(kinds["<"](left, right), kinds[">"](left, right))


def _flat(term: Joined) -> Iterator[Term]:
    """The parts, with those of inner terms of the same kind."""
    for part in term.parts:
        if isinstance(part, Joined) and (part.every == term.every or len(part.parts) == 1):
            yield from _flat(part)
        else:
            yield part


def _alternatives(term: Term) -> Sequence[Term]:
    """What is forbidden on its own: each part of an ``or``."""
    return list(_flat(term)) if isinstance(term, Joined) and not term.every else [term]
