"""Spaces from classes and functions, and back: ``space_of(MyConfig)``, ``typed_config(MyConfig, config)``.

    class Settings(BaseModel):                                           # or a dataclass, or a function's parameters
        lr: Annotated[float, "loguniform(1e-5, 1e-1)"] = 1e-3            # any one-line form, or Float, Integer, ...
        layers: int = Field(2, ge=1, le=4)                               # bounds: a range
        activation: Literal["relu", "gelu"] = "relu"                     # Literal, Enum, bool: a choice
        optimizer: Adam | SGD = Field(Adam(), discriminator="kind")      # optimizer.kind, and what belongs to each
        epochs: int = 10                                                 # a default alone: a constant

Defaults become the parameters' defaults, descriptions and the texts below the fields their help. A default that is no
plain value (a list, a path) stays with the class.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from .config import Value, groups
from .errors import Problem, SpaceError
from .parameter import Parameter
from .space import Space
from .typed_fields import MISSING
from .typed_tree import Group, Leaf, Node, Union, read

_Raw = dict[str, Any]


def space_of(source: Any) -> Space:
    """The space that a Pydantic model, a dataclass or a function's annotated parameters describe.

    Nested classes give dotted names. Of a union of classes the discriminator becomes a choice, on which the fields of
    its members depend. ``when`` of a range names fields beside it, or any by its full name.

    Raises:
        SpaceError: for every field that is no parameter, with the cure.

    >>> from typing import Annotated
    >>> def train(trial, lr: Annotated[float, "loguniform(1e-5, 1e-1)"], layers: int = 3): ...
    >>> [parameter.describe() for parameter in space_of(train).values()]
    ['float 1e-05 .. 0.1, log', 'constant 3']
    """
    problems: list[Problem] = []
    raw = _of_group(read(source), "", problems)
    if problems:
        raise SpaceError(problems)
    return Space(raw)


def _of_group(group: Group, prefix: str, problems: list[Problem], without: str = "") -> _Raw:
    """The parameters of a class, by full name, in mapping form."""
    found: _Raw = {}
    for name, node in group.fields.items():
        if name != without:
            found |= _of_node(node, f"{prefix}{name}", prefix, group, problems)
    return found


def _of_node(node: Node, path: str, prefix: str, group: Group, problems: list[Problem]) -> _Raw:
    if isinstance(node, Group):
        return _of_group(node, f"{path}.", problems)
    if isinstance(node, Union):
        return _of_union(node, path, problems)
    problems += [problem.under(path) for problem in node.problems]
    return {path: _placed(node.parameter, prefix, group)} if node.parameter is not None else {}


def _placed(parameter: Parameter, prefix: str, group: Group) -> _Raw:
    """A parameter in mapping form, with a condition on fields beside it told by their full names."""
    raw = parameter.to_dict()
    when = raw.get("when")
    if isinstance(when, Mapping):
        raw["when"] = {_full(parent, prefix, group): values for parent, values in when.items()}
    elif isinstance(when, str) and prefix:
        tree = _Renamed(prefix, group).visit(ast.parse(when, mode="eval"))
        raw["when"] = ast.unparse(tree)
    return raw


def _full(name: str, prefix: str, group: Group) -> str:
    return f"{prefix}{name}" if name.partition(".")[0] in group.fields else name


class _Renamed(ast.NodeTransformer):
    """Names of fields of ``group``, with what stands before them; functions keep theirs."""

    def __init__(self, prefix: str, group: Group) -> None:
        self._prefix = prefix
        self._group = group

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(_full(node.id, self._prefix, self._group), mode="eval").body


def _of_union(union: Union, path: str, problems: list[Problem]) -> _Raw:
    tag = f"{path}.{union.tag}"
    default = {} if union.default is MISSING else {"default": union.default}
    found: _Raw = {tag: {"values": union.values, **default}}
    shared: dict[str, tuple[_Raw, list[Value], str]] = {}
    for values, group in union.members:
        inner = _of_group(group, f"{path}.", problems, without=union.tag)
        for name, raw in inner.items():
            if not _reads(raw, inner):  # what depends on a parameter of the same class is not active without it
                before, others, first = shared.get(name, (raw, [], group.name))
                if before != raw:
                    text = f"is not the same in {first} and {group.name}: rename one, or give both the same range"
                    problems.append(Problem((name,), text))
                shared[name] = raw, [*others, *values], first
            elif found.get(name, raw) != raw:
                problems.append(Problem((name,), f"is not the same in {group.name} and another class: rename one"))
            found[name] = raw
    for name, (raw, users, _) in shared.items():
        if len(users) < len(union.values):
            found[name] = {**raw, "when": _both(tag, users, raw.get("when"))}
    return found


def _reads(raw: _Raw, names: Mapping[str, Any]) -> bool:
    """Whether the condition of a parameter reads one of ``names``."""
    when = raw.get("when")
    if isinstance(when, str):
        from .expression import Expression

        return any(parent in names for parent in Expression(when).parents)
    return any(parent in names for parent in when or {})


def _both(tag: str, values: list[Value], when: Any) -> Any:
    if isinstance(when, str):
        return f"{tag} in {values!r} and ({when})"
    return {tag: values if len(values) > 1 else values[0], **(when or {})}


def misfits(source: Any, space: Space, samples: int = 50) -> list[Problem]:
    """What in ``space`` does not fit ``source``, located by parameter: seen on the default config and random ones.

    What a class says of several fields together counts for the default config alone: other configs that it refuses
    fail when they are tried, because a space may not be able to leave them out.
    """
    import numpy as np

    from .typed_config import typed_config

    tree, opened = read(source), {"", *groups(space)}
    found: dict[str, Problem] = {}
    for index, config in enumerate([space.default(), *space.sample_many(np.random.default_rng(0), samples)]):
        try:
            typed_config(tree, config)
        except SpaceError as error:
            for problem in error.problems:
                name = ".".join(map(str, problem.where))
                if index == 0 or name not in opened:
                    found.setdefault(name, problem)
    for name in space:  # also what is hardly ever active
        if not _has_place(tree, name.split(".")):
            found.setdefault(name, Problem((name,), f"{tree.name} has no field for it: add one, or remove it"))
    return list(found.values())


def _has_place(node: Node, path: list[str]) -> bool:
    if isinstance(node, Leaf) or not path:
        return isinstance(node, Leaf) and (not path or not (node.types or node.choices))
    if isinstance(node, Union):
        return any(_has_place(group, path) for _, group in node.members)
    name, *rest = path
    return node.open if name not in node.fields else _has_place(node.fields[name], rest)
