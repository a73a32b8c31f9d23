"""Traced code as a person would write it: one name while a value flows through layers, slices, no clearing of names."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from itertools import count

from torch.nn import functional

_NAMES = ("x", "y", "z", "u", "v", "w")
_Statement = ast.Assign | ast.Return | ast.Expr


def compact(body: Sequence[ast.stmt], given: str) -> list[str]:
    """The statements of a straight-line function as lines of text, with ``x`` for its argument.

    A name is used again as soon as nobody needs its value, which frees memory as the traced code's ``name = None``
    does. The network's own tensors are written where they are used; a device that the trace fixed is the argument's.

    Args:
        given: the name of the argument.
    """
    readable = _Readable()
    statements = _useful(_inlined([readable.visit(one) for one in _without_clearing(body)]))
    last = {name: at for at, one in enumerate(statements) for name in _used(one)}
    renamed = {given: _NAMES[0]}
    lines = [f"{_PLACE} = {_NAMES[0]}.device"] if readable.places else []
    for at, one in enumerate(statements):
        _rename(one.value, renamed)
        for name in [name for name in renamed if last.get(name, -1) <= at]:
            del renamed[name]
        if isinstance(one, ast.Assign):
            target = _name(one)
            if target in last:
                renamed[target] = next(name for name in _endless() if name not in renamed.values())
                one = ast.Assign([ast.Name(renamed[target])], one.value)
            else:
                one = ast.Expr(one.value)
        lines.append(_public(ast.unparse(ast.fix_missing_locations(one))))
    return lines


def by_mode(training: Sequence[str], predicting: Sequence[str]) -> list[str] | None:
    """One text for both modes: ``self.training`` for True in the first, False in the second; None if more differs."""
    if len(training) != len(predicting):
        return None
    lines = []
    for one, other in zip(training, predicting, strict=True):
        ours, theirs = _MODES.split(one), _MODES.split(other)
        if len(ours) != len(theirs):
            return None
        merged = [word if word == also else _BY_MODE.get((word, also)) for word, also in zip(ours, theirs, strict=True)]
        if None in merged:
            return None
        lines.append("".join(word for word in merged if word is not None))
    return lines


_PLACE = "place"
_MODES = re.compile(r"\b(True|False)\b")
_BY_MODE = {("True", "False"): "self.training", ("False", "True"): "not self.training"}


def _public(line: str) -> str:
    """``functional.gelu`` for ``torch._C._nn.gelu``."""
    for word in _PRIVATE.findall(line):
        if hasattr(functional, word):
            line = line.replace(f"torch._C._nn.{word}(", f"functional.{word}(")
    return line.replace("torch.nn.functional.", "functional.")


_PRIVATE = re.compile(r"\btorch\._C\._nn\.(\w+)\(")


def _endless() -> Iterator[str]:
    yield from _NAMES
    yield from (f"x{number}" for number in count(len(_NAMES) + 1))


def _name(statement: ast.Assign) -> str:
    target = statement.targets[0]
    if len(statement.targets) != 1 or not isinstance(target, ast.Name):
        raise ValueError(f"expected one name on the left, got {ast.unparse(statement)}")
    return target.id


def _without_clearing(body: Sequence[ast.stmt]) -> Iterator[_Statement]:
    for one in body:
        if isinstance(one, ast.AnnAssign) and one.value is not None:
            yield ast.Assign([one.target], one.value)
        elif isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant) and one.value.value is None:
            continue
        elif isinstance(one, (ast.Assign, ast.Return, ast.Expr)):
            yield one
        else:
            raise ValueError(f"expected straight-line code, got {ast.unparse(one)}")


def _inlined(statements: Sequence[_Statement]) -> list[_Statement]:
    """With ``self.name``, and other names, in the places of the names that stand for them."""
    replace = _Inline()
    kept = []
    for one in statements:
        one = replace.visit(one)
        if isinstance(one, ast.Assign) and (isinstance(one.value, ast.Name) or _is_own(one.value)):
            replace.values[_name(one)] = one.value
        else:
            kept.append(one)
    return kept


def _is_own(value: ast.expr) -> bool:
    """``self.name``."""
    return isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name) and value.value.id == "self"


def _useful(statements: Sequence[_Statement]) -> list[_Statement]:
    """Without values that nobody takes and that no call makes."""
    needed: set[str] = set()
    kept = []
    for one in reversed(statements):
        calls = one.value is not None and any(isinstance(part, ast.Call) for part in ast.walk(one.value))
        if not isinstance(one, ast.Assign) or _name(one) in needed or calls:
            needed |= _used(one)
            kept.append(one)
    return kept[::-1]


def _used(statement: _Statement) -> set[str]:
    if statement.value is None:
        return set()
    return {one.id for one in ast.walk(statement.value) if isinstance(one, ast.Name)}


def _rename(value: ast.expr | None, names: dict[str, str]) -> None:
    for one in ast.walk(value) if value is not None else ():
        if isinstance(one, ast.Name):
            one.id = names.get(one.id, one.id)


class _Inline(ast.NodeTransformer):
    def __init__(self) -> None:
        self.values: dict[str, ast.expr] = {}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = self.values.get(node.id)
        return node if found is None or isinstance(node.ctx, ast.Store) else copy.deepcopy(found)


class _Readable(ast.NodeTransformer):
    """``x[:, ::2]`` for calls of ``slice``, ``x.shape`` for ``getattr(x, "shape")``, ``place`` for a fixed device."""

    def __init__(self) -> None:
        self.places = False

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "device":
            self.places = True
            return ast.Name(_PLACE)
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and len(node.args) == 2:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isidentifier():
                return ast.Attribute(node.args[0], name.value)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        inside = node.slice
        parts = inside.elts if isinstance(inside, ast.Tuple) else [inside]
        made = [_slice(part) for part in parts]
        node.slice = ast.Tuple(made) if isinstance(inside, ast.Tuple) else made[0]
        return node


def _slice(part: ast.expr) -> ast.expr:
    if isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "slice":
        ends = [None if isinstance(one, ast.Constant) and one.value is None else one for one in part.args]
        if len(ends) == 3:
            return ast.Slice(*ends)
    return part
