"""A config as an instance of the user's own class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .config import Config, Value, flatten
from .errors import Location, Problem, SpaceError, did_you_mean, one_of, shown
from .expression import same
from .typed_fields import MISSING, is_class
from .typed_ranges import restored
from .typed_tree import Group, Leaf, Node, Union, read


def typed_config(source: Any, config: Mapping[str, Any]) -> Any:
    """An instance of a Pydantic model or a dataclass; for a function, its arguments by name.

    Fields that the config has not take the class's defaults; members of enums and nested objects are made again.

    Args:
        source: as for :func:`~assay.spaces.typed.space_of`.
        config: flat or nested.

    Raises:
        SpaceError: for every value that does not fit, what is missing, and what the class itself refuses.
    """
    problems: list[Problem] = []
    instance = _instance(read(source), _nested(config), (), problems)
    if problems:
        raise SpaceError(problems)
    return instance


def _nested(config: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(config, Config) and any("." in str(name) for name in config):
        config = Config(flatten(config))
    return config.nested() if isinstance(config, Config) else config


def _instance(group: Group, data: Mapping[str, Any], where: Location, problems: list[Problem]) -> Any:
    values = {name: value for name, value in data.items() if group.open and name not in group.fields}
    for name in data.keys() - group.fields.keys() - values.keys():
        hint = did_you_mean(name, group.fields)
        text = f"{group.name} has no field {name!r}{hint}: add it there, or remove the parameter"
        problems.append(Problem((*where, name), text))
    wrong: set[str] = set()
    for name, node in group.fields.items():
        before = len(problems)
        if name in data:
            values[name] = _value(node, data[name], (*where, name), problems, strict=not group.checked)
        elif isinstance(node, Group) and node.required:
            values[name] = _instance(node, {}, (*where, name), problems)
        elif node.required:
            problems.append(Problem((*where, name), f"{group.name} needs it and no active parameter gives it"))
        elif group.default is not MISSING:
            values[name] = getattr(group.default, name)
        if len(problems) > before:
            wrong.add(name)
    return _made(group, values, wrong, where, problems)


def _value(node: Node, raw: Any, where: Location, problems: list[Problem], *, strict: bool) -> Any:
    if isinstance(node, Leaf):
        return _plain(node, raw, where, problems) if strict else restored(raw, node.enums)
    if not isinstance(raw, Mapping):
        problems.append(Problem(where, f"expected a group of parameters, got {shown(raw)}"))
        return None
    if isinstance(node, Group):
        return _instance(node, raw, where, problems)
    return _member(node, raw, where, problems)


def _member(union: Union, data: Mapping[str, Any], where: Location, problems: list[Problem]) -> Any:
    tag = data.get(union.tag, union.default)
    for values, group in union.members:
        if any(same(tag, value) for value in values):
            return _instance(group, {**data, union.tag: tag}, where, problems)
    came = "is missing" if tag is MISSING else f"is {shown(tag)}"
    problems.append(Problem((*where, union.tag), f"{came}: expected {one_of(union.values)}"))
    return None


def _plain(leaf: Leaf, raw: Any, where: Location, problems: list[Problem]) -> Any:
    """A value for a class that does not check it itself."""
    if leaf.choices is not None and not any(same(raw, choice) for choice in leaf.choices):
        hint = did_you_mean(raw, [choice for choice in leaf.choices if isinstance(choice, str)])
        problems.append(Problem(where, f"{shown(raw)} is not {one_of(leaf.choices)}{hint}"))
    elif leaf.types and not _fits(raw, leaf.types):
        names = " or ".join("None" if kind is type(None) else kind.__name__ for kind in leaf.types)
        problems.append(Problem(where, f"expected {names}, got {shown(raw)}"))
    if float in leaf.types and int not in leaf.types and type(raw) is int:
        return float(raw)
    return restored(raw, leaf.enums)


def _fits(raw: Any, types: tuple[type, ...]) -> bool:
    return type(raw) in types or (type(raw) is int and float in types)


def _made(group: Group, values: dict[str, Any], wrong: set[str], where: Location, problems: list[Problem]) -> Any:
    """The instance; with fields that are wrong already, only what Pydantic says of the others."""
    if wrong and not group.checked:
        return None
    if not is_class(group.source):
        return values
    values = {name: value for name, value in values.items() if name not in wrong}
    try:
        return _validated(group.source, values) if group.checked else group.source(**values)
    except Exception as error:  # noqa: BLE001 - a class of the user may raise anything
        told = _refusals(group, error)
        own = [problem for problem in told if not wrong or (problem.where and problem.where[0] not in wrong)]
        problems += [problem.under(*where) for problem in own]
        return None


def _validated(source: Any, values: dict[str, Any]) -> Any:
    """By the names of the fields, not by aliases."""
    if hasattr(source, "model_validate"):
        return source.model_validate(values, by_alias=False, by_name=True)
    from pydantic import TypeAdapter

    return TypeAdapter(source).validate_python(values, by_alias=False, by_name=True)


def _refusals(group: Group, error: Exception) -> list[Problem]:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        text = " ".join(str(error).split())
        return [Problem((), f"{group.name} refuses these values: {text or type(error).__name__}")]
    aliases = {
        info.alias: name
        for name, info in getattr(group.source, "__pydantic_fields__", {}).items()
        if getattr(info, "alias", None) is not None
    }
    return [_refusal(group, details, aliases) for details in error.errors(include_url=False)]


def _refusal(group: Group, details: Mapping[str, Any], aliases: Mapping[str, str]) -> Problem:
    where: Location = tuple(aliases.get(part, part) for part in details["loc"])
    text = str(details["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    value: Value | Any = details["input"]
    got = f", got {shown(value)}" if where and isinstance(value, (str, int, float, bool, type(None))) else ""
    return Problem(where, f"{group.name} refuses it: {text[:1].lower()}{text[1:]}{got}")
