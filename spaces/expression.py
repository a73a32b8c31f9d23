"""Conditions and constraints as text: ``layers >= 3 and norm != 'none'``. Parsed and checked, never run as Python."""

from __future__ import annotations

import ast
import keyword
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from .config import Value, scalar
from .errors import SpaceError, did_you_mean, one_of, shown

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: lambda left, right: math.pow(left, right),  # of whole numbers it could take for ever
}
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "log": math.log,
    "log2": math.log2,
    "log10": math.log10,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceil": math.ceil,
}
_OWN = {"and", "or", "not", "in", "True", "False", "None"}
_WORDS: dict[str, Value] = {"true": True, "false": False, "null": None}
_FOREIGN = {"&&": "and", "||": "or", "!(": "not", " AND ": "and", " OR ": "or"}
_LONGEST = 2000
_DEEPEST = 100

Values = Mapping[str, Value]
Node = Callable[[Values], Any]


class Expression:
    """A statement about parameters, in a small part of Python's syntax.

    Names (dotted), numbers, text in quotes, true/false/null, comparisons (also chained, ``in`` and ``not in`` a list),
    ``and``, ``or``, ``not``, ``+ - * / // % **`` and the functions of :data:`FUNCTIONS`. A comparison that reads a
    parameter which is not in the config is neither true nor false (Kleene's three-valued logic). Arithmetic without a
    result, such as a division by 0, makes its comparison false, ``!=`` and ``not in`` as well.

    Attributes:
        text: as written.
        tree: the checked syntax tree.
        parents: names of the parameters read, each once, as they appear.

    Raises:
        SpaceError: for anything outside of that syntax.
    """

    __slots__ = ("_node", "parents", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = _checked_text(text)
        try:
            self.tree = ast.parse(self.text, mode="eval").body
            _check_depth(self.tree)
            self._node = _compile(self.tree)
        except (SyntaxError, MemoryError, RecursionError):
            _refuse(self.text, _hint(self.text))
        except SpaceError as error:
            _refuse(self.text, str(error))
        self.parents = tuple(dict.fromkeys(names(self.tree)))
        if not self.parents:
            _refuse(self.text, "it names no parameter")

    def truth(self, values: Values) -> bool | None:
        """Whether it is true of a config; None when that depends on parameters which are not in it."""
        return _truth(self._node, values)

    def holds(self, values: Values) -> bool:
        """Whether it is true, all that matters being in the config."""
        return _truth(self._node, values) is True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        return Expression, (self.text,)  # closures cannot be pickled

    def as_mapping(self) -> dict[str, tuple[Value, ...]] | None:
        """``{parent: values}`` when it only says that parameters are equal to values, each once; None otherwise."""
        terms = self.tree.values if isinstance(self.tree, ast.BoolOp) else [self.tree]
        if isinstance(self.tree, ast.BoolOp) and isinstance(self.tree.op, ast.Or):
            return None
        pairs = [_equality(term) for term in terms]
        found = dict(pair for pair in pairs if pair is not None)
        return found if len(found) == len(terms) else None


def names(node: ast.expr) -> Iterator[str]:
    """The parameters that a checked tree reads, from left to right."""
    name = dotted(node)
    if name is not None and name not in _WORDS:
        yield name
    elif not isinstance(node, ast.Attribute):
        for child in node.args if isinstance(node, ast.Call) else ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from names(child)


def dotted(node: ast.expr) -> str | None:
    """``a.b.c`` of nested attributes; None for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        outer = dotted(node.value)
        return None if outer is None else f"{outer}.{node.attr}"
    return None


def literals(node: ast.expr) -> tuple[Value, ...] | None:
    """The value or the list of values that a node spells out; None when it is something else."""
    if isinstance(node, (ast.List, ast.Tuple)):
        inner = [None if isinstance(element, (ast.List, ast.Tuple)) else literals(element) for element in node.elts]
        return None if None in inner else tuple(one[0] for one in inner if one)
    if isinstance(node, ast.Constant):
        return (scalar(node.value),)
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return (_WORDS[node.id],)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        inside = literals(node.operand)
        if inside and _is_number(inside[0]):
            return (-inside[0] if isinstance(node.op, ast.USub) else inside[0],)  # type: ignore[operator]
    return None


def same(left: object, right: object) -> bool:
    """Equality of JSON scalars: ``1 == 1.0`` holds, ``True == 1`` does not."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equality(node: ast.expr) -> tuple[str, tuple[Value, ...]] | None:
    """``name == value`` or ``name in [values]``."""
    if not isinstance(node, ast.Compare) or len(node.ops) > 1 or not isinstance(node.ops[0], (ast.Eq, ast.In)):
        return None
    name, values = dotted(node.left), literals(node.comparators[0])
    if name is None or name in _WORDS or not values:
        return None
    return name, values


# Evaluation: each node of the tree becomes a function of the config. A KeyError is a parameter that is not there.


def _compile(node: ast.expr) -> Node:
    spelled = literals(node)
    if spelled is not None and not isinstance(node, (ast.List, ast.Tuple)):
        return partial(_constant, spelled[0])
    name = dotted(node)
    if name is not None:
        return operator.itemgetter(name)
    match node:
        case ast.BoolOp():
            return partial(_either if isinstance(node.op, ast.Or) else _both, [_compile(n) for n in node.values])
        case ast.UnaryOp(op=ast.Not()):
            return partial(_not, _compile(node.operand))
        case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
            sign = operator.neg if isinstance(node.op, ast.USub) else operator.pos
            return partial(_apply, sign, [_compile(node.operand)])
        case ast.BinOp() if type(node.op) in _ARITHMETIC:
            return partial(_apply, _ARITHMETIC[type(node.op)], [_compile(node.left), _compile(node.right)])
        case ast.Compare():
            return partial(_compare, _compile(node.left), [*map(_step, node.ops, node.comparators)])
        case ast.Call():
            return partial(_apply, _function(node), [_compile(argument) for argument in node.args])
    raise SpaceError(f"{ast.unparse(node)} is not part of the notation")


def _function(node: ast.Call) -> Callable[..., Any]:
    name = dotted(node.func)
    if name not in FUNCTIONS:
        hint = did_you_mean(name or "", FUNCTIONS)
        raise SpaceError(f"there is no function {ast.unparse(node.func)}{hint}: use {one_of(FUNCTIONS)}")
    enough = len(node.args) >= 2 if name in ("min", "max") else len(node.args) == 1
    if node.keywords or not enough:
        raise SpaceError(f"{name} needs {'two arguments or more' if name in ('min', 'max') else 'one argument'}")
    return FUNCTIONS[name]


def _step(op: ast.cmpop, right: ast.expr) -> tuple[Callable[[Any, Any], bool], Node]:
    """One ``< x`` of a chain of comparisons."""
    if isinstance(op, (ast.In, ast.NotIn)):
        values = literals(right) if isinstance(right, (ast.List, ast.Tuple)) else None
        if not values:
            raise SpaceError(f"after `in` stands a list of values such as ['sgd', 'adam'], got {ast.unparse(right)}")
        among = _among if isinstance(op, ast.In) else _not_among
        return among, partial(_constant, values)
    if isinstance(op, (ast.Eq, ast.NotEq)):
        return same if isinstance(op, ast.Eq) else _differ, _compile(right)
    if type(op) not in _ORDER:
        raise SpaceError("`is` is not part of the notation: write ==")
    return _ORDER[type(op)], _compile(right)


def _constant(value: Any, _: Values) -> Any:
    return value


def _apply(function: Callable[..., Any], arguments: Sequence[Node], values: Values) -> Any:
    try:
        return function(*[argument(values) for argument in arguments])
    except (ZeroDivisionError, ValueError, OverflowError):
        return math.nan


def _compare(left: Node, steps: Sequence[tuple[Callable[[Any, Any], bool], Node]], values: Values) -> bool | None:
    try:
        before = left(values)
        for test, node in steps:
            after = node(values)
            if before != before or after != after or not test(before, after):  # NaN is not even equal to itself
                return False
            before = after
    except KeyError:
        return None
    return True


def _truth(node: Node, values: Values) -> bool | None:
    try:
        answer: bool | None = node(values)
    except KeyError:  # a bare name
        return None
    return answer


def _both(nodes: Sequence[Node], values: Values) -> bool | None:
    answers = [_truth(node, values) for node in nodes]
    return False if False in answers else None if None in answers else True


def _either(nodes: Sequence[Node], values: Values) -> bool | None:
    answers = [_truth(node, values) for node in nodes]
    return True if True in answers else None if None in answers else False


def _not(node: Node, values: Values) -> bool | None:
    answer = _truth(node, values)
    return None if answer is None else not answer


def _among(value: Value, values: Sequence[Value]) -> bool:
    return any(same(value, other) for other in values)


def _not_among(value: Value, values: Sequence[Value]) -> bool:
    return not _among(value, values)


def _differ(left: object, right: object) -> bool:
    return not same(left, right)


# What cannot be read


def _checked_text(text: object) -> str:
    if not isinstance(text, str) or not text.strip():
        raise SpaceError(f"expected an expression such as layers >= 3 and norm != 'none', got {shown(text)}")
    plain = " ".join(str(text).split())
    if len(plain) > _LONGEST:
        raise SpaceError(f"an expression has {_LONGEST} characters at most, got {len(plain)}")
    return plain


def _check_depth(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise SpaceError(f"it is nested more than {_DEEPEST} deep: write less of it")


def _hint(text: str) -> str:
    for foreign, word in _FOREIGN.items():
        if foreign in text:
            return f"write `{word}` instead of `{foreign.strip(' (')}`"
    reserved = [word for word in re.findall(r"[A-Za-z_]\w*", text) if keyword.iskeyword(word) and word not in _OWN]
    if reserved:
        return f"{reserved[0]} is a word of Python's syntax, and cannot be a parameter here: rename it"
    if text.replace("==", "").replace("<=", "").replace(">=", "").replace("!=", "").count("="):
        return "write == to compare"
    return "write it like layers >= 3 and norm != 'none'"


def _refuse(text: str, reason: str) -> NoReturn:
    raise SpaceError(f"{shown(text)} cannot be read: {reason}") from None
