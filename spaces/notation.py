"""How people write a parameter: ``0.1``, ``[a, b]``, ``loguniform(1e-5, 1e-1)`` or a mapping."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .categorical import UNSET, Categorical
from .constant import Constant
from .errors import Problem, SpaceError, did_you_mean, one_of, shown
from .float import Float
from .integer import Integer
from .parameter import Parameter

_CALL = re.compile(r"\s*[A-Za-z_]\w*\s*\(.*\)\s*", re.DOTALL)

_FUNCTIONS: dict[str, Callable[[Any, Any], Parameter]] = {
    "uniform": Float,
    "loguniform": lambda low, high: Float(low, high, log=True),
    "int": Integer,
    "logint": lambda low, high: Integer(low, high, log=True),
}
_OPEN = re.compile(rf"\s*({'|'.join(_FUNCTIONS)})\s*\(.*", re.DOTALL)
"""A range with its closing bracket lost: a mistake, not text."""
_RANGE_KEYS = ("type", "min", "max", "log", "step", "default", "when", "help")
_CHOICE_KEYS = ("values", "default", "when", "help")
_CONSTANT_KEYS = ("value", "when", "help")
_LATER = ("prior", "weights", "ordered", "mean", "std")


def parse_parameter(raw: Any) -> Parameter:
    """A parameter from what a sweep file or a Python dict holds for it.

    Raises:
        SpaceError: with the cure; its problems are located relative to ``raw``.
    """
    if isinstance(raw, Parameter):
        return raw
    if isinstance(raw, Mapping):
        return _from_mapping(raw)
    if isinstance(raw, (list, tuple)):
        return Categorical(raw)
    if isinstance(raw, str) and (_CALL.fullmatch(raw) or _OPEN.fullmatch(raw)):
        return _from_call(raw)
    return Constant(raw)


def _from_call(text: str) -> Parameter:
    """``loguniform(1e-5, 1e-1)``: literal arguments only; nothing is evaluated."""
    meant = f"if the text itself is meant, write {{value: {shown(text)}}}"
    form = f"expected name(min, max), such as loguniform(1e-5, 1e-1) or int(1, 6); {meant}"
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.keywords:
            raise ValueError
        arguments = [ast.literal_eval(argument) for argument in call.args]
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise SpaceError(f"{shown(text)} cannot be read: {form}") from None
    name = call.func.id
    if name not in _FUNCTIONS:
        raise SpaceError(
            f"{name}(...) is not a range{did_you_mean(name, _FUNCTIONS)}: use {one_of(_FUNCTIONS)}; {meant}"
        )
    if len(arguments) != 2:
        raise SpaceError(f"{text} needs two bounds, got {len(arguments)}: write {name}(min, max)")
    return _FUNCTIONS[name](*arguments)


def _from_mapping(raw: Mapping[Any, Any]) -> Parameter:
    if "values" in raw:
        _refuse_unknown(raw, _CHOICE_KEYS)
        return Categorical(raw["values"], raw.get("default", UNSET), *_shared(raw))
    if "value" in raw:
        _refuse_unknown(raw, _CONSTANT_KEYS)
        return Constant(raw["value"], *_shared(raw))
    _refuse_unknown(raw, _RANGE_KEYS if {"min", "max"} & set(raw) else (*_RANGE_KEYS, "values", "value"))
    missing = [key for key in ("min", "max") if key not in raw]
    if missing:
        forms = "{min: ..., max: ...}, {values: [...]} or a list"
        raise SpaceError(f"{' and '.join(missing)} missing: write {forms}")
    return _range(raw)


def _range(raw: Mapping[Any, Any]) -> Parameter:
    low, high, step, kind = raw["min"], raw["max"], raw.get("step"), raw.get("type")
    if kind is not None and (not isinstance(kind, str) or kind not in ("int", "float")):
        hint = did_you_mean(kind, ("int", "float"))
        raise SpaceError([Problem(("type",), f"{shown(kind)} is not a type{hint}: use int or float")])
    whole = all(_is_whole(bound) for bound in (low, high, 1 if step is None else step))
    if kind is None and whole and (low, high) == (0, 1):
        raise SpaceError("min: 0, max: 1 is ambiguous: write 0.0 and 1.0, or add type: int / type: float")
    log, default = raw.get("log", False), raw.get("default")
    if kind == "int" or (kind is None and whole):
        return Integer(low, high, log, 1 if step is None else step, default, *_shared(raw))
    return Float(low, high, log, step, default, *_shared(raw))


def _is_whole(bound: object) -> bool:
    return isinstance(bound, (int, np.integer)) and not isinstance(bound, bool)


def _shared(raw: Mapping[Any, Any]) -> tuple[Any, Any]:
    return raw.get("when"), raw.get("help")


def _refuse_unknown(raw: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    problems = []
    for key in raw:
        if key in _LATER:
            problems.append(Problem((key,), f"{key} is not supported in this version: remove it"))
        elif key not in known:
            hint = did_you_mean(key, known) or f": use {one_of(known)}"
            problems.append(Problem((key,), f"unknown key {shown(key)}{hint}"))
    if problems:
        raise SpaceError(problems)
