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
    "normal": lambda mean, std: Float(mean=mean, std=std),
    "lognormal": lambda mean, std: Float(mean=mean, std=std, log=True),
}
_ELSEWHERE = {
    "choice": "write a list, such as [a, b]",
    "randint": "write int(min, max), with both ends included",
    "lograndint": "write logint(min, max), with both ends included",
    "quniform": "write {min: 0.0, max: 1.0, step: 0.1}",
    "qloguniform": "write {min: 0.1, max: 10.0, step: 0.1, log: true}",
    "randn": "write normal(mean, std)",
    "log_uniform": "write loguniform(min, max), with values and not exponents",
}
"""Words of other tools."""
_OPEN = re.compile(rf"\s*({'|'.join(_FUNCTIONS)})\s*\(.*", re.DOTALL)
"""A range with its closing bracket lost: a mistake, not text."""
RANGE_KEYS = ("type", "min", "max", "log", "step", "mean", "std", "prior", "default", "when", "help")
CHOICE_KEYS = ("values", "weights", "ordered", "default", "when", "help")
CONSTANT_KEYS = ("value", "when", "help")


def parse_parameter(raw: Any, name: str = "GROUP") -> Parameter:
    """A parameter from what a sweep file or a Python dict holds for it.

    Args:
        name: for messages.

    Raises:
        SpaceError: with the cure; its problems are located relative to ``raw``.
    """
    if isinstance(raw, Parameter):
        return raw
    if isinstance(raw, Mapping):
        _refuse_group(raw, name)
        return _from_mapping(raw)
    if isinstance(raw, (list, tuple)):
        return Categorical(raw)
    if raw is None:
        raise SpaceError("has no value: write a range or a choice, or {value: null} if null is meant")
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
        hint = "" if name in _ELSEWHERE else did_you_mean(name, _FUNCTIONS)
        cure = _ELSEWHERE.get(name, f"use {one_of(_FUNCTIONS)}")
        raise SpaceError(f"{name}(...) is not a range{hint}: {cure}; {meant}")
    if len(arguments) != 2:
        needed, form = ("mean and std", "mean, std") if name in ("normal", "lognormal") else ("two bounds", "min, max")
        raise SpaceError(f"{text} needs {needed}, got {len(arguments)}: write {name}({form})")
    return _FUNCTIONS[name](*arguments)


def _refuse_group(raw: Mapping[Any, Any], name: str) -> None:
    """``optim: {lr: uniform(0, 1)}``: nested as configs are, where no key is one of a parameter, nor a slip of one."""
    known = {*RANGE_KEYS, *CHOICE_KEYS, *CONSTANT_KEYS}
    if not raw or not all(isinstance(key, str) and key not in known for key in raw):
        return
    inner = next((key for key, value in raw.items() if _is_spelled_out(value)), next(iter(raw)))
    if _is_spelled_out(raw[inner]) or not any(did_you_mean(key, known) for key in raw):
        raise SpaceError(
            f"a group is written with dots: write {name}.{inner}: ...; a parameter has min and max, values, or value"
        )


def _is_spelled_out(value: object) -> bool:
    """Whether it can only be a parameter, and not a property of one."""
    return isinstance(value, Mapping) or (isinstance(value, str) and _OPEN.fullmatch(value) is not None)


def _from_mapping(raw: Mapping[Any, Any]) -> Parameter:
    if "values" in raw:
        _refuse_unknown(raw, CHOICE_KEYS)
        weights, ordered = raw.get("weights"), raw.get("ordered", False)
        return Categorical(raw["values"], raw.get("default", UNSET), *_shared(raw), weights=weights, ordered=ordered)
    if "value" in raw:
        _refuse_unknown(raw, CONSTANT_KEYS)
        return Constant(raw["value"], *_shared(raw))
    known = {"min", "max", "mean", "std"} & set(raw)
    _refuse_unknown(raw, RANGE_KEYS if known else (*RANGE_KEYS, "values", "value"))
    missing = [key for key in ("min", "max") if key not in raw]
    if missing and not {"mean", "std"} & set(raw):
        forms = "{min: ..., max: ...}, {values: [...]} or a list"
        raise SpaceError(f"{' and '.join(missing)} missing: write {forms}")
    return _range(raw)


def _range(raw: Mapping[Any, Any]) -> Parameter:
    low: Any = raw.get("min")
    high: Any = raw.get("max")
    step, kind = raw.get("step"), raw.get("type")
    if kind is not None and (not isinstance(kind, str) or kind not in ("int", "float")):
        hint = did_you_mean(kind, ("int", "float"))
        raise SpaceError([Problem(("type",), f"{shown(kind)} is not a type{hint}: use int or float")])
    normal = {key: raw[key] for key in ("mean", "std") if key in raw}
    if normal and kind == "int":
        raise SpaceError([Problem(("type",), "a normal is of real numbers: leave type out, or mean and std")])
    whole = not normal and all(_is_whole(bound) for bound in (low, high, 1 if step is None else step))
    if kind is None and whole and (low, high) == (0, 1):
        raise SpaceError("min: 0, max: 1 is ambiguous: write 0.0 and 1.0, or add type: int / type: float")
    log, default, prior = raw.get("log", False), raw.get("default"), raw.get("prior")
    if kind == "int" or (kind is None and whole):
        return Integer(low, high, log, 1 if step is None else step, default, *_shared(raw), prior=prior)
    return Float(low, high, log, step, default, *_shared(raw), prior=prior, **normal)


def _is_whole(bound: object) -> bool:
    return isinstance(bound, (int, np.integer)) and not isinstance(bound, bool)


def _shared(raw: Mapping[Any, Any]) -> tuple[Any, Any]:
    return raw.get("when"), raw.get("help")


def _refuse_unknown(raw: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    problems = [Problem((key,), _unknown(key, known)) for key in raw if key not in known]
    if problems:
        raise SpaceError(problems)


def _unknown(key: object, known: tuple[str, ...]) -> str:
    if key == "type":  # `type: categorical`, as other tools have it
        return f"{known[0]} alone says what it is: remove type"
    return f"unknown key {shown(key)}{did_you_mean(key, known) or f': use {one_of(known)}'}"
