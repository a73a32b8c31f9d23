"""Pydantic's errors in our words: where, what came, what was expected, the cure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from ..spaces import Problem, SpaceError, did_you_mean, one_of
from ..spaces.errors import shown, synonym

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "a list",
}
_BOUNDS = {
    "greater_than": "must be above {bound}",
    "greater_than_equal": "must be {bound} or more",
    "less_than": "must be below {bound}",
    "less_than_equal": "must be {bound} or less",
    "finite_number": "must be finite",
}
_SENTENCE_END = re.compile(r"[:;.](?:\s|$)")
"""Not the dot of ``train.py``."""
_EVERYWHERE = ("type", "metric", "min", "max")
"""Keys of several sections, so that none of them can be meant."""


def problems(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """The mistakes behind ``error``.

    Args:
        model: what was validated, for the keys it knows.
    """
    for details in error.errors():
        where = tuple(part for part in details["loc"] if part != "[key]")
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, SpaceError):
            yield from (problem.under(*where) for problem in cause.problems)
        else:
            yield Problem(where, _message(dict(details), model))


def _message(details: dict[str, Any], model: type[BaseModel]) -> str:
    where, got = details["loc"], _got(details["input"])
    section, key = _section(model, where[:-1]), where[-1] if where else ""
    match details["type"]:
        case "missing":
            return _missing(section, key)
        case "extra_forbidden":
            hint = _elsewhere(model, where) or did_you_mean(key, section.model_fields)
            return f"unknown key {shown(key)}{hint or f': use {one_of(section.model_fields)}'}"
        case "literal_error":
            choices = _choices(section, where)
            return f"expected {one_of(choices)}, got {got}{did_you_mean(details['input'], map(str, choices))}"
        case "model_type":
            return f"expected a mapping with {', '.join(_section(model, where).model_fields)}, got {got}"
        case "string_type":
            return f"expected text, got {got}{_as_text(details['input'], section, key)}"
        case "string_too_short":
            return f"expected text, got {got}: fill it in, or remove it"
        case "too_short" | "too_long":
            least, most = details["ctx"].get("min_length"), details["ctx"].get("max_length")
            count, bound = (least, "at least") if least is not None else (most, "at most")
            return f"expected {bound} {'one entry' if count == 1 else f'{count} entries'}, got {got}"
        case kind if kind in _EXPECTED:
            return f"expected {_EXPECTED[kind]}, got {got}{_unquoted(details)}"
        case kind if kind in _BOUNDS:
            bounds = [*details.get("ctx", {}).values()]
            return f"{_BOUNDS[kind].format(bound=str(bounds[0]).removesuffix('.0') if bounds else '')}, got {got}"
        case "invalid_key":
            return f"a key must be text, got {got}"
        case "value_error":
            return str(details["ctx"]["error"])
        case _:
            text = str(details["msg"])
            return f"{text[:1].lower()}{text[1:]}, got {got}"


def _got(value: Any) -> str:
    words = {None: "nothing", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else shown(value)


def _as_text(value: Any, section: type[BaseModel], key: Any) -> str:
    """The cure where text is due: what the text would be, or quotes around a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ": put it in quotes"
    field = section.model_fields.get(key)
    return f": {field.description.rstrip('.')}" if field and field.description else ""


def _missing(section: type[BaseModel], key: Any) -> str:
    field = section.model_fields.get(key)
    about = _SENTENCE_END.split(field.description or "", maxsplit=1)[0] if field else ""
    choices = [*_literals(field.annotation)] if field else []
    return f"missing{': ' if about else ''}{about}{f' ({one_of(choices)})' if choices else ''}"


def _unquoted(details: dict[str, Any]) -> str:
    """The cure for ``"3"`` where a number is due."""
    value, what = details["input"], _EXPECTED[details["type"]]
    if isinstance(value, str) and what.endswith("number"):
        try:
            float(value)
        except ValueError:
            return ""
        return ": remove the quotes"
    if isinstance(value, str) and what == "a list" and value:
        return f": write [{value}]" if value.isprintable() and len(value) < 80 else ""
    if isinstance(value, dict) and what == "a list":
        return ": put it in [ ], or a `-` before it"
    words = {"yes": "true", "on": "true", "no": "false", "off": "false"}
    return f": write {words[value.lower()]}" if isinstance(value, str) and value.lower() in words else ""


def _elsewhere(model: type[BaseModel], where: tuple[Any, ...]) -> str:
    """The section in which a key would be known, when it stands in another one; other tools' words count."""
    if not isinstance(where[-1], str) or len(where) > 2:
        return ""
    word = synonym(where[-1])
    if word in _EVERYWHERE or word in _section(model, where[:-1]).model_fields:
        return ""
    homes = [name for name in model.model_fields if word in _keys(model, name)]
    if len(homes) != 1:
        return ""
    return f": write it in {homes[0]}" if word == where[-1] else f" (did you mean {word!r} in {homes[0]!r}?)"


def _keys(model: type[BaseModel], name: str) -> Collection[str]:
    """The keys of a section; of one that names an engine, those of all engines."""
    section = _section(model, (name,))
    engines = [keys for extra in model.model_fields[name].metadata if (keys := getattr(extra, "keys", None))]
    return engines[0] if engines else () if section is model else section.model_fields


def _choices(section: type[BaseModel], where: tuple[Any, ...]) -> list[Any]:
    """What a literal at ``where`` may be."""
    key = next(part for part in reversed(where) if part in section.model_fields)
    return [*_literals(section.model_fields[key].annotation)]


def _literals(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    else:
        for inner in get_args(annotation):
            yield from _literals(inner)


def _section(model: type[BaseModel], where: tuple[Any, ...]) -> type[BaseModel]:
    """The model that holds the key at ``where``."""
    for part in where:
        if isinstance(part, str) and part in model.model_fields:
            nested = [kind for kind in _types(model.model_fields[part].annotation) if issubclass(kind, BaseModel)]
            model = nested[0] if nested else model
    return model


def _types(annotation: Any) -> Iterator[type]:
    """All classes inside ``list[X]``, ``X | None`` and the like."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from _types(inner)
