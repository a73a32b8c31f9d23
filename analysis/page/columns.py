"""Parameters as columns: small to send, and exact enough to write a config from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...spaces import Categorical, Config, Constant, Expression, Parameter, Space
from ...spaces.numeric import Numeric
from ..yaml_writer import one_line

_EXACT = 2**53
"""Whole numbers beyond it are not exact in JavaScript."""


def columns_of(configs: Sequence[Config], default: Config, space: Space) -> list[dict[str, Any]]:
    """All parameters of some configs, by name, each as :func:`column` gives it, with its value in ``default``."""
    names = sorted({name for config in [*configs, default] for name in config} | set(space))
    columns = [column(name, [*configs, default], space) for name in names]
    return [one | {"default": one["values"].pop()} for one in columns]


def column(name: str, configs: Sequence[Config], space: Space) -> dict[str, Any]:
    """One parameter of many configs.

    Returns:
        ``kind``: ``"float"``, ``"integer"`` or ``"choice"``; ``values``: one for each config, None where the parameter
        is not active, the index into ``levels`` for a choice; ``levels``: the choices as YAML; ``keys``: the parts of
        the name as YAML; with what the space says of it: ``low``, ``high``, ``log``, ``when`` and ``searched``.
    """
    parameter = space.get(name)
    given = [config.get(name) for config in configs]
    present = [value for config, value in zip(configs, given, strict=True) if name in config]
    told = {
        "name": name,
        "keys": [one_line(part) for part in name.split(".")],
        "searched": name in space.searched,
        "when": told_when(parameter) if parameter else "",
    }
    kind = _kind(present, parameter)
    if kind != "choice":
        return told | {"kind": kind, "values": given} | _range(present, parameter)
    levels = _levels(present, parameter)
    places = {_key(value): place for place, value in enumerate(levels)}
    values = [places[_key(config[name])] if name in config else None for config in configs]
    return told | {"kind": kind, "values": values, "levels": [one_line(value) for value in levels]}


def told_when(parameter: Parameter) -> str:
    """The condition of a parameter in words; empty when it is always active."""
    return " and ".join(
        one.text if isinstance(one, Expression) else f"{one.parent} = {' or '.join(map(one_line, one.values))}"
        for one in parameter.conditions
    )


def _kind(present: Sequence[Any], parameter: Parameter | None) -> str:
    if isinstance(parameter, Categorical | Constant):
        return "choice"
    types = {type(value) for value in present}
    if types <= {float} and (present or parameter is not None):
        return "float"
    if types == {int} and all(abs(value) <= _EXACT for value in present):
        return "integer"
    return "choice"


def _levels(present: Sequence[Any], parameter: Parameter | None) -> list[Any]:
    declared = list(parameter.choices) if isinstance(parameter, Categorical | Constant) else []
    known = {_key(value) for value in declared}
    extra = {_key(value): value for value in present if _key(value) not in known}
    return declared + list(extra.values())


def _key(value: Any) -> tuple[str, str]:
    """Tells 1, 1.0 and True apart."""
    return type(value).__name__, repr(value)


def _range(present: Sequence[Any], parameter: Parameter | None) -> dict[str, Any]:
    """Ends of an axis: the declared bounds, where there are any, widened to what was tried."""
    bounds = [parameter.min, parameter.max] if isinstance(parameter, Numeric) else []
    ends = [bound for bound in [*bounds, *present] if math.isfinite(bound)]
    log = isinstance(parameter, Numeric) and parameter.log
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    return {"low": low, "high": high, "log": bool(log and low > 0)}
