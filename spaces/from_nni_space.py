"""NNI's JSON search space as a space.

==========================================  ================================================================
in NNI                                      here
==========================================  ================================================================
uniform, loguniform                         float, log float
normal, lognormal                           normal, lognormal without bounds
randint                                     int up to ``upper - 1``
quniform, qloguniform                       float with a step if that has the same distribution, else ordered choice
                                            with weights: NNI gives the ends a part of a share, and clips
qnormal, qlognormal                         refused: infinitely many values
choice                                      choice, with weights where a value is repeated
nested choice ``layer``                     the choice ``layer._name``, and the parameters of its branches as
                                            ``layer.NAME`` under ``when: {layer._name: ...}``
==========================================  ================================================================

So a config has the shape of the parameters that NNI gives to a trial: ``{"layer": {"_name": "conv", "kernel": 3}}``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .config import scalar
from .constant import Constant
from .errors import Problem, SpaceError, did_you_mean, one_of, shown
from .expression import same
from .float import Float
from .integer import Integer
from .parameter import Condition, Parameter, number
from .scale import Scale
from .space import Space
from .translate import choice, each, rounded

_NAME = "_name"


def from_nni_space(search_space: Mapping[str, Any]) -> Space:
    """The space of NNI's search space, as ``search_space.json`` holds it.

    >>> from_nni_space({"units": {"_type": "randint", "_value": [8, 65]}})["units"].describe()
    'int 8 .. 64'

    Raises:
        SpaceError: for every entry whose distribution cannot be kept, with the cure.
    """
    if not isinstance(search_space, Mapping):
        raise SpaceError(f"expected a mapping from names to _type and _value, got {shown(search_space)}")
    found: dict[str, Parameter] = {}
    each(search_space.items(), lambda name, raw: _collect(found, str(name), raw, None))
    return Space(found)


def _collect(found: dict[str, Parameter], path: str, raw: Any, condition: Condition | None) -> None:
    """Add an entry: a parameter, or a nested choice with what is in its branches."""
    kind, values = _parts(raw)
    if kind != "choice" or not any(isinstance(value, Mapping) for value in values):
        _add(found, path, _parameter(kind, values), condition)
        return
    if not all(isinstance(value, Mapping) and _NAME in value for value in values):
        raise SpaceError("every branch of a nested choice needs a _name")
    switch = f"{path}.{_NAME}"
    names = choice([value[_NAME] for value in values])
    if names.cardinality < len(values):
        raise SpaceError("two branches have the same _name: rename one")
    _add(found, switch, names, condition)
    for branch in values:
        inside = Condition(switch, (scalar(branch[_NAME]),))
        inner = [(key, one) for key, one in branch.items() if key != _NAME]
        each(inner, lambda key, one, inside=inside: _collect(found, f"{path}.{key}", one, inside))  # type: ignore[misc]


def _add(found: dict[str, Parameter], path: str, parameter: Parameter, condition: Condition | None) -> None:
    """A parameter that several branches have in the same way is active in all of them."""
    before = found.get(path)
    if before is None:
        found[path] = parameter.with_when([] if condition is None else [condition])
        return
    if condition is None or [one.parents for one in before.conditions] != [condition.parents]:
        raise SpaceError(f"{path} stands in a branch of a nested choice and also outside of it: rename one")
    if before.with_when([]) != parameter:
        raise SpaceError("differs between the branches: rename it in one of them")
    values = [value for one in before.conditions if isinstance(one, Condition) for value in one.values]
    if not any(same(value, condition.values[0]) for value in values):
        found[path] = before.with_when([Condition(condition.parent, (*values, *condition.values))])


def _parts(raw: Any) -> tuple[str, Sequence[Any]]:
    if not isinstance(raw, Mapping) or set(raw) != {"_type", "_value"}:
        raise SpaceError(f"expected {{_type: ..., _value: [...]}}, got {shown(raw)}")
    kind, values = raw["_type"], raw["_value"]
    known = ("choice", *_RANGES)
    if not isinstance(kind, str) or kind not in known:
        text = f"{shown(kind)} is not a type of NNI{did_you_mean(kind, known)}"
        raise SpaceError([Problem(("_type",), f"{text}: use {one_of(known)}")])
    if not isinstance(values, (list, tuple)) or not values:
        raise SpaceError([Problem(("_value",), f"expected a list, got {shown(values)}")])
    return kind, values


def _parameter(kind: str, values: Sequence[Any]) -> Parameter:
    if kind == "choice":
        return choice(values)
    count = 3 if kind.startswith("q") else 2
    try:
        if len(values) != count:
            raise SpaceError(f"{kind} needs {count} numbers, got {len(values)}")
        return _RANGES[kind](*[number(value, "every entry") for value in values])
    except SpaceError as error:
        raise SpaceError([problem.under("_value") for problem in error.problems]) from None


def _randint(low: float, high: float) -> Parameter:
    first, last = math.ceil(low), math.ceil(high) - 1
    if last < first:
        raise SpaceError(f"there is no whole number from {low:g} up to, and without, {high:g}")
    return Constant(first) if first == last else Integer(first, last)


def _quantized(low: float, high: float, q: float, log: bool) -> Parameter:
    if low >= high or (log and low <= 0):
        raise SpaceError(f"expected {'0 < ' if log else ''}low < high, got {low:g} and {high:g}")
    return rounded(Scale(low, high, log), q, clip=True)


def _endless(*_: float) -> Parameter:
    raise SpaceError("has infinitely many values: leave q out, and round in the training function")


_RANGES: dict[str, Callable[..., Parameter]] = {
    "randint": _randint,
    "uniform": Float,
    "loguniform": lambda low, high: Float(low, high, log=True),
    "quniform": lambda low, high, q: _quantized(low, high, q, log=False),
    "qloguniform": lambda low, high, q: _quantized(low, high, q, log=True),
    "normal": lambda mean, std: Float(mean=mean, std=std),
    "lognormal": lambda mean, std: Float(mean=mean, std=std, log=True),
    "qnormal": _endless,
    "qlognormal": _endless,
}
