"""The parameter that one typed field describes."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from .categorical import UNSET, Categorical
from .config import Value, scalar
from .constant import Constant
from .errors import Problem, SpaceError, shown
from .expression import same
from .float import Float
from .integer import Integer
from .notation import parse_parameter
from .parameter import Parameter
from .typed_fields import MISSING, Field, metadata_of, unwrapped

_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of")
_CURE = "write Annotated[{type}, Float(1e-5, 1e-1, log=True)] or Annotated[{type}, 'loguniform(1e-5, 1e-1)']"


def arms(annotation: Any) -> list[Any]:
    """The members of a union, without ``Annotated`` around them; one for any other type."""
    annotation = unwrapped(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for arm in get_args(annotation) for inner in arms(arm)]
    return [annotation]


def members(annotation: Any) -> dict[tuple[type, Value], Any]:
    """Values of a config -> members of the enums in ``annotation``."""
    found: dict[tuple[type, Value], Any] = {}
    for arm in arms(annotation):
        if isinstance(arm, type) and issubclass(arm, Enum):
            found |= {_key(plain(member)): member for member in arm}
        elif get_origin(arm) is Literal:
            found |= {_key(plain(value)): value for value in get_args(arm) if isinstance(value, Enum)}
    return found


def restored(value: Any, enums: Mapping[tuple[type, Value], Any]) -> Any:
    """``value`` as the member of an enum that it stands for, if it does."""
    return enums.get(_key(value), value) if isinstance(value, (str, int, float, bool, type(None))) else value


def _key(value: Value) -> tuple[type, Value]:
    return type(value), value


def plain(value: Any) -> Any:
    """A default as a config holds it: of an enum the value, or the name where that is no plain one."""
    if not isinstance(value, Enum):
        return value
    try:
        for member in type(value):
            scalar(member.value)
    except SpaceError:
        return value.name
    return scalar(value.value)


def finite_choices(annotation: Any) -> list[Value] | None:
    """All values of a ``Literal``, an enum, a bool or a union of them and None; None for any other type."""
    values: list[Value] = []
    for arm in arms(annotation):
        if arm is bool:
            values += [False, True]
        elif arm is type(None) or arm is None:
            values.append(None)
        elif isinstance(arm, type) and issubclass(arm, Enum):
            values += [plain(member) for member in arm]
        elif get_origin(arm) is Literal:
            values += [plain(value) for value in get_args(arm)]
        else:
            return None
    return [value for index, value in enumerate(values) if not any(same(value, one) for one in values[:index])]


def number_type(annotation: Any) -> type | None:
    """int or float, when the field holds that alone, or None beside it."""
    kinds = [arm for arm in arms(annotation) if arm is not type(None)]
    return kinds[0] if len(kinds) == 1 and kinds[0] in (int, float) else None


def parameter_of(field: Field) -> Parameter | None:
    """The parameter of a field; None when the field is left to its class, whose default is no plain value.

    Raises:
        SpaceError: when it is none, with the cure.
    """
    metadata = (*field.metadata, *(one for arm in _outer_arms(field) for one in metadata_of(arm)))
    ranges = [one for one in metadata if isinstance(one, (Parameter, list, tuple)) or _is_call(one)]
    if len(ranges) > 1:
        raise SpaceError(f"has {len(ranges)} ranges: keep one")
    bounds = {name: getattr(one, name) for one in metadata for name in _BOUNDS if _has(one, name)}
    if ranges:
        return _finished(_explicit(field, parse_parameter(ranges[0]), bounds), field)
    choices = finite_choices(field.annotation)
    if choices is not None and choices != [None]:
        return _finished(Categorical(choices) if len(choices) > 1 else Constant(choices[0]), field)
    kind = number_type(field.annotation)
    if kind is not None and bounds.keys() & {"ge", "gt"} and bounds.keys() & {"le", "lt"}:
        return _finished(_bounded(kind, bounds, optional=len(arms(field.annotation)) > 1), field)
    if field.required:
        name = getattr(field.annotation, "__name__", str(field.annotation))
        one_sided = ", and bounds on one side alone are none" if bounds.keys() - {"multiple_of"} else ""
        cure = _CURE.format(type="float" if name == "Any" else name)
        raise SpaceError(f"has neither a range nor a default{one_sided}: {cure}")
    return _constant(field)


def _outer_arms(field: Field) -> list[Any]:
    """The members of a field's union as they are written, for what ``Annotated`` says of one."""
    union = get_origin(field.annotation) in (Union, types.UnionType)
    return [arm for arm in get_args(field.annotation) if arm is not type(None)] if union else []


def _is_call(raw: Any) -> bool:
    """Whether a text of ``Annotated`` is meant as a range; other texts are for people and other libraries."""
    if not isinstance(raw, str):
        return False
    try:
        return not isinstance(parse_parameter(raw), Constant)
    except SpaceError:
        return True


def _has(one: Any, name: str) -> bool:
    return not isinstance(one, (Parameter, str)) and getattr(one, name, None) is not None


def _constant(field: Field) -> Parameter | None:
    if field.factory is not None:
        return None
    try:
        return Constant(plain(field.default), help=field.help)
    except SpaceError:
        return None


def _explicit(field: Field, parameter: Parameter, bounds: Mapping[str, Any]) -> Parameter:
    kind = number_type(field.annotation)
    if kind is int and isinstance(parameter, Float):
        raise SpaceError(f"is an int, but {parameter.describe()} gives real numbers: use int(...) or Integer(...)")
    if isinstance(parameter, (Float, Integer)):
        for name, bound in bounds.items():
            ends = (-math.inf if parameter.min is None else parameter.min), _largest(parameter)
            wrong = {"ge": ends[0] < bound, "gt": ends[0] <= bound, "le": ends[1] > bound, "lt": ends[1] >= bound}
            if wrong.get(name, False):
                raise SpaceError(f"{parameter.describe()} goes beyond {name}={bound}: change one of them")
    return parameter


def _largest(parameter: Float | Integer) -> float:
    return math.inf if parameter.max is None else parameter.max


def _bounded(kind: type, bounds: Mapping[str, Any], *, optional: bool) -> Parameter:
    if optional:
        raise SpaceError(
            "is a range or None, which is no range: give None a parameter of its own (a bool, and `when` here)"
        )
    strict = sorted(bounds.keys() & {"gt", "lt"})
    if kind is float and strict:
        text = " and ".join(f"{name}={bounds[name]}" for name in strict)
        inclusive = " and ".join({"gt": "ge", "lt": "le"}[name] for name in strict)
        raise SpaceError(
            f"a range includes its bounds, {text} does not: write {inclusive} with the last value that counts, "
            "or add the range with Annotated[float, Float(...)], or Constant(...) for one value"
        )
    step = bounds.get("multiple_of")
    odd = [f"{name}={bound}" for name, bound in bounds.items() if not math.isfinite(bound)]
    if odd or (kind is int and step is not None and step != int(step)):
        raise SpaceError(f"{', '.join(odd) or f'multiple_of={step}'} makes no range of {kind.__name__}: change it")
    unit = Decimal(1) if kind is int else None
    low, high = _end(bounds, "ge", "gt", unit), _end(bounds, "le", "lt", unit)
    grid = Decimal(str(step)) if step is not None else unit
    if grid is not None:
        low = (low / grid).to_integral_value(ROUND_CEILING) * grid
        high = (high / grid).to_integral_value(ROUND_FLOOR) * grid
    if low > high:
        text = ", ".join(f"{name}={bound}" for name, bound in bounds.items())
        raise SpaceError(f"no {kind.__name__} meets {text}: widen them")
    first, last = kind(low), kind(high)
    if first == last:
        return Constant(first)
    if kind is int:
        return Integer(first, last, step=1 if step is None else kind(step))
    return Float(first, last, step=None if step is None else float(step))


def _end(bounds: Mapping[str, Any], inclusive: str, strict: str, unit: Decimal | None) -> Decimal:
    """The end that both kinds of bound allow; ``unit``: of the whole numbers, where a strict bound has a neighbour."""
    upper = inclusive == "le"
    ends = [Decimal(str(bounds[inclusive]))] if inclusive in bounds else []
    if strict in bounds and unit is not None:
        bound = Decimal(str(bounds[strict]))
        inside = bound.to_integral_value(ROUND_CEILING if upper else ROUND_FLOOR)
        ends.append(inside - unit if upper else inside + unit)
    return min(ends) if upper else max(ends)


def _finished(parameter: Parameter, field: Field) -> Parameter:
    """With the field's default and help, where the parameter has none of its own."""
    raw = parameter.to_dict()
    if not parameter.help and field.help:
        raw["help"] = field.help
    made = field.made_default()
    default = plain(made)
    conditional_none = default is None and parameter.when is not None  # what the field holds while it is not active
    if made is MISSING or conditional_none:
        return parse_parameter(raw)
    if isinstance(parameter, Constant):
        parameter.check(default)
        return parse_parameter(raw)
    if default is None and not (isinstance(parameter, Categorical) and any(one is None for one in parameter.values)):
        raise SpaceError(
            [Problem(("default",), f"None is not in {parameter.describe()}: give another, or add `when` to the range")]
        )
    declared = raw.get("default", UNSET)
    if declared is not UNSET and not same(declared, parameter.check(default)):
        raise SpaceError(f"has the defaults {shown(declared)} and {shown(default)}: keep one")
    return parse_parameter({**raw, "default": default})
