"""Pydantic's errors in our words: where, what came, what was expected, the cure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..spaces import Problem, SpaceError, did_you_mean, one_of
from ..spaces.errors import shown

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "a list",
}


def problems(error: ValidationError, model: type[BaseModel], later: Collection[str] = ()) -> Iterator[Problem]:
    """The mistakes behind ``error``.

    Args:
        model: what was validated, for the keys it knows.
        later: keys that the format has but this version does not support.
    """
    for details in error.errors():
        where = tuple(part for part in details["loc"] if part != "[key]")
        cause = details.get("ctx", {}).get("error")
        if isinstance(cause, SpaceError):
            yield from (problem.under(*where) for problem in cause.problems)
        else:
            yield Problem(where, _message(dict(details), model, later))


def _message(details: dict[str, Any], model: type[BaseModel], later: Collection[str]) -> str:
    where = details["loc"]
    section, key = _section(model, where[:-1]), where[-1] if where else ""
    match details["type"]:
        case "missing":
            about = (section.model_fields[key].description or "").rstrip(".") if key in section.model_fields else ""
            return f"missing{': ' if about else ''}{about}"
        case "extra_forbidden" if key in later and len(where) == 1:
            return f"section {key!r} is not supported in this version: remove it"
        case "extra_forbidden":
            hint = did_you_mean(key, section.model_fields) or f": use {one_of(section.model_fields)}"
            return f"unknown key {key!r}{hint}"
        case "literal_error":
            choices = get_args(section.model_fields[key].annotation)
            return f"expected {one_of(choices)}, got {shown(details['input'])}{did_you_mean(details['input'], choices)}"
        case "model_type":
            keys = ", ".join(_section(model, where).model_fields)
            return f"expected a mapping with {keys}, got {shown(details['input'])}"
        case "string_type":
            return f"expected text, got {shown(details['input'])}: put it in quotes"
        case "too_short":
            least = details["ctx"]["min_length"]
            entries = "one entry" if least == 1 else f"{least} entries"
            return f"expected at least {entries}, got {shown(details['input'])}"
        case kind if kind in _EXPECTED:
            return f"expected {_EXPECTED[kind]}, got {shown(details['input'])}"
        case "invalid_key":
            return f"a key must be text, got {shown(details['input'])}"
        case "value_error":
            return str(details["ctx"]["error"])
        case _:
            text = str(details["msg"])
            return f"{text[:1].lower()}{text[1:]}, got {shown(details['input'])}"


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
