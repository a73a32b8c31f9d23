"""What can be wrong with a condition or a constraint, given the parameters that it reads."""

from __future__ import annotations

import ast
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal

from .config import Value
from .errors import Problem, SpaceError, did_you_mean, shown
from .expression import Expression, dotted, literals
from .numeric import Numeric
from .parameter import Condition, Parameter

Parameters = Mapping[str, Parameter]
Test = tuple[str, tuple[Value, ...]] | None
"""The one parent of a condition and its values that make it true; None when a condition is not of that form."""
Kind = Literal["number", "text", "truth", "mixed"]
MOST_VALUES = 10_000
"""Up to so many values of the only parameter that an expression reads are all tried,"""
MOST_COMBINATIONS = 2_000
"""up to so many combinations of several."""


def condition_problems(condition: Condition | Expression, names: Iterable[str], known: Parameters) -> list[Problem]:
    """The mistakes in a condition, located inside ``when``, or in a constraint.

    Args:
        names: of all parameters, also of those that have mistakes of their own.
        known: the parameters without mistakes.
    """
    if isinstance(condition, Condition):
        return [problem.under(condition.parent) for problem in _mapping_problems(condition, names, known)]
    unknown = [_unknown(parent, names) for parent in condition.parents if parent not in names]
    if unknown:
        return unknown
    if any(parent not in known for parent in condition.parents):
        return []
    try:
        _check_truth(condition.tree, known)
    except SpaceError as error:
        return error.problems
    impossible = [*_impossible_values(condition.tree, known)]
    if not impossible and _never(condition, known):
        return [Problem((), f"{condition.text} can never hold: nothing in the ranges makes it true")]
    return impossible


def accepted(condition: Condition | Expression, known: Parameters) -> Test:
    """A condition as one parent and its values."""
    if isinstance(condition, Condition):
        return condition.parent, condition.values
    parent = condition.parents[0]
    if len(condition.parents) > 1 or known[parent].cardinality > MOST_VALUES:
        return None
    return parent, _true_values(condition, known[parent])


@lru_cache(maxsize=1024)
def _true_values(expression: Expression, parent: Parameter) -> tuple[Value, ...]:
    (name,) = expression.parents
    return tuple(value for value in parent.choices if expression.holds({name: value}))


def _unknown(name: str, names: Iterable[str]) -> Problem:
    hint = _meant(name, names) or f"; if text is meant, write '{name}' in quotes"
    return Problem((), f"unknown parameter {shown(name)}{hint}")


def _meant(name: str, names: Iterable[str]) -> str:
    """What an unknown name may stand for; the choice of a preset has a name of its own."""
    known = list(names)
    return f" (did you mean '{name}.name'?)" if f"{name}.name" in known else did_you_mean(name, known)


def _mapping_problems(condition: Condition, names: Iterable[str], known: Parameters) -> Iterator[Problem]:
    if condition.parent not in names:
        yield Problem((), f"unknown parameter {shown(condition.parent)}{_meant(condition.parent, names)}")
    parent = known.get(condition.parent)
    if parent is not None:  # otherwise it has a problem of its own
        yield from _equality_problems(condition.parent, parent, condition.values)


def _equality_problems(name: str, parent: Parameter, values: Iterable[Value]) -> Iterator[Problem]:
    if parent.cardinality == math.inf:
        text = f"{name} is continuous and almost never equal to one value"
        yield Problem((), f"{text}: give it a step, or make it a list of choices")
        return
    for value in values:
        try:
            parent.check(value)
        except SpaceError as error:
            meant = isinstance(value, str) and value.lstrip()[:1] in ("<", ">", "=", "!")
            hint = f"; for a comparison write when: {name} {value}" if meant else ""
            yield Problem((), f"{name} can never be {shown(value)}: {error}{hint}")


def _impossible_values(tree: ast.expr, known: Parameters) -> Iterator[Problem]:
    """``optimizer == 'sdg'``: equality with what a parameter can never be."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        for one, op, other in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            if not isinstance(op, (ast.Eq, ast.NotEq, ast.In, ast.NotIn)):
                continue
            for left, right in ((one, other), (other, one)):
                name, values = dotted(left), literals(right)
                if name in known and values:
                    yield from _equality_problems(str(name), known[str(name)], values)


def _never(expression: Expression, known: Parameters) -> bool:
    simple = accepted(expression, known)
    if simple is not None:
        return not simple[1]
    parents = [known[name] for name in expression.parents]
    if math.prod(parent.cardinality for parent in parents) > MOST_COMBINATIONS:
        return False
    combinations = itertools.product(*(parent.choices for parent in parents))
    return not any(expression.holds(dict(zip(expression.parents, values, strict=True))) for values in combinations)


# Kinds: what may be compared, and what calculated with


def _check_truth(node: ast.expr, known: Parameters) -> None:
    """Refuse what is not a statement, such as ``layers`` alone, and what stands in it wrongly."""
    if isinstance(node, ast.BoolOp):
        for part in node.values:
            _check_truth(part, known)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check_truth(node.operand, known)
    elif isinstance(node, ast.Compare):
        _check_comparison(node, known)
    elif _kind(node, known) != "truth":
        raise SpaceError(f"{ast.unparse(node)} is neither true nor false: compare it, as in {ast.unparse(node)} >= 3")


def _check_comparison(node: ast.Compare, known: Parameters) -> None:
    for left, op, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
        if isinstance(op, (ast.In, ast.NotIn)):
            _kind(left, known)
            continue
        kinds = {_kind(left, known), _kind(right, known)}
        if isinstance(op, (ast.Eq, ast.NotEq)):
            if len(kinds) > 1 and "mixed" not in kinds:
                raise SpaceError(f"{ast.unparse(node)} compares {_told(left, known)} with {_told(right, known)}")
        elif kinds != {"number"}:
            odd = left if _kind(left, known) != "number" else right
            raise SpaceError(f"{ast.unparse(node)}: {_told(odd, known)} has no larger or smaller: use == or in")


def _kind(node: ast.expr, known: Parameters) -> Kind:
    name, values = dotted(node), literals(node)
    if values is not None:
        return _kind_of(values)
    if name is not None:
        parameter = known[name]
        return "number" if isinstance(parameter, Numeric) else _kind_of(parameter.choices)
    if isinstance(node, (ast.BoolOp, ast.Compare)) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        _check_truth(node, known)
        return "truth"
    inner = node.args if isinstance(node, ast.Call) else list(ast.iter_child_nodes(node))
    for part in inner:
        if isinstance(part, ast.expr) and _kind(part, known) != "number":
            raise SpaceError(f"{ast.unparse(node)} cannot be calculated: {_told(part, known)} is not a number")
    return "number"


def _kind_of(values: Iterable[Value]) -> Kind:
    kinds: set[Kind] = set()
    for value in values:
        if isinstance(value, bool):
            kinds.add("truth")
        elif isinstance(value, (int, float)):
            kinds.add("number")
        else:
            kinds.add("text" if isinstance(value, str) else "mixed")
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _told(node: ast.expr, known: Parameters) -> str:
    what = {"number": "a number", "text": "text", "truth": "true or false", "mixed": "of several kinds"}
    return f"{ast.unparse(node)} ({what[_kind(node, known)]})"
