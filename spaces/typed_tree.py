"""A Pydantic model, a dataclass or a function as a tree of fields, read once: for its space, and for its instances."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .config import Value
from .errors import Problem, SpaceError
from .parameter import Parameter
from .typed_fields import MISSING, Field, fields_of, is_class, is_pydantic
from .typed_ranges import arms, finite_choices, members, parameter_of, plain

_SCALARS = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Leaf:
    """A field that is one value.

    Args:
        parameter: what is searched; None when the class alone knows the value, or there are ``problems``.
        problems: why the field is no parameter; they do not matter where another space gives the value.
        enums: values of a config -> members of an enum.
        choices: all that the field may hold, if they are finitely many.
        types: plain types that it may hold; empty when it may hold others.
    """

    required: bool
    parameter: Parameter | None = None
    problems: tuple[Problem, ...] = ()
    enums: Mapping[tuple[type, Value], Any] = field(default_factory=dict)
    choices: tuple[Value, ...] | None = None
    types: tuple[type, ...] = ()


@dataclass(frozen=True)
class Group:
    """A class or a function, with its fields.

    Args:
        checked: whether Pydantic checks the values.
        open: whether it takes names beyond its fields.
        default: the instance that gives what a config leaves out; MISSING when the class does.
    """

    source: Any
    fields: Mapping[str, Node]
    checked: bool = False
    open: bool = False
    required: bool = True
    default: Any = MISSING

    @property
    def name(self) -> str:
        return str(getattr(self.source, "__name__", type(self.source).__name__))


@dataclass(frozen=True)
class Union:
    """One of several classes, told apart by the field ``tag``: which values stand for which of them."""

    tag: str
    members: tuple[tuple[tuple[Value, ...], Group], ...]
    required: bool
    default: Value | Any = MISSING
    enums: Mapping[tuple[type, Value], Any] = field(default_factory=dict)

    @property
    def values(self) -> list[Value]:
        return [value for values, _ in self.members for value in values]


Node = Leaf | Group | Union


def read(source: Any) -> Group:
    """The fields of ``source``.

    Raises:
        SpaceError: when it is neither of the three, or an annotation cannot be resolved.
    """
    return source if isinstance(source, Group) else _group(source, ())


def _group(source: Any, outer: tuple[Any, ...], *, required: bool = True, default: Any = MISSING) -> Group:
    fields = {}
    for one in fields_of(source):
        if default is not MISSING:
            one = replace(one, default=getattr(default, one.name), factory=None)
        fields[one.name] = _node(one, (*outer, source))
    pydantic = is_pydantic(source)
    return Group(source, fields, pydantic, _is_open(source), required, default)


def _is_open(source: Any) -> bool:
    if is_class(source):
        return getattr(source, "model_config", {}).get("extra") == "allow"
    return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(source).parameters.values())


def _node(one: Field, outer: tuple[Any, ...]) -> Node:
    try:
        kinds = arms(one.annotation)
        classes = [kind for kind in kinds if is_class(kind)]
        if not classes:
            return _leaf(one, parameter_of(one))
        if set(classes) & set(outer):
            raise SpaceError("holds its own class again: a space has an end; give the inner one another class")
        if len(classes) < len(kinds):
            other = "None" if type(None) in kinds else "other types"
            raise SpaceError(
                f"is a group of parameters or {other}, and a name cannot be both a value and a group: write a union of "
                "classes with a discriminator (kind: Literal['off'] in one that has no other field)"
            )
        return _one_class(one, classes[0], outer) if len(classes) == 1 else _union(one, classes, outer)
    except SpaceError as error:
        return replace(_leaf(one, None), problems=tuple(error.problems))


def _leaf(one: Field, parameter: Parameter | None) -> Leaf:
    choices = finite_choices(one.annotation)
    kinds = arms(one.annotation)
    return Leaf(
        required=one.required,
        parameter=parameter,
        enums=members(one.annotation),
        choices=None if choices is None else tuple(choices),
        types=tuple(kinds) if set(kinds) <= set(_SCALARS) else (),
    )


def _one_class(one: Field, kind: Any, outer: tuple[Any, ...]) -> Group:
    default = one.made_default()
    if default is not MISSING and not isinstance(default, kind):
        raise SpaceError(f"the default is no {kind.__name__}: give an instance, or leave it out")
    return _group(kind, outer, required=one.required, default=default)


def _union(one: Field, classes: list[Any], outer: tuple[Any, ...]) -> Union:
    default = one.made_default()
    tag = _tag(one.tag, classes)
    found = []
    enums: dict[tuple[type, Value], Any] = {}
    for kind in classes:
        group = _group(kind, outer, default=default if type(default) is kind else MISSING)
        named = next(its for its in fields_of(kind) if its.name == tag)
        enums |= members(named.annotation)
        found.append((tuple(finite_choices(named.annotation) or ()), group))
    chosen = plain(getattr(default, tag)) if type(default) in classes else MISSING
    return Union(tag, tuple(found), one.required, chosen, enums)


def _tag(named: Any, classes: list[Any]) -> str:
    """The field that tells the classes of a union apart.

    Raises:
        SpaceError: when there is none, or a function decides.
    """
    while hasattr(named, "discriminator"):
        named = named.discriminator
    if named is not None and not isinstance(named, str):
        raise SpaceError("its discriminator is a function: name a field, Field(discriminator='kind')")
    values = [{its.name: finite_choices(its.annotation) for its in fields_of(kind)} for kind in classes]
    candidates = [named] if named else list(values[0])
    fit = [name for name in candidates if _tells_apart([its.get(name) for its in values])]
    if len(fit) == 1:
        return fit[0]
    union = " | ".join(kind.__name__ for kind in classes)
    raise SpaceError(
        f"{union} has no field that tells them apart: give each class one such as kind: Literal['a'], with a word of "
        f"its own, and write Annotated[{union}, Field(discriminator='kind')]"
    )


def _tells_apart(choices: Iterable[list[Value] | None]) -> bool:
    seen: list[Value] = []
    for values in choices:
        if not values or any(value in seen for value in values):
            return False
        seen += values
    return True
