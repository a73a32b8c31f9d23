"""The space in Hyperopt's terms: ``fmin(objective, to_hyperopt(space), tpe.suggest)``.

What ``fmin`` gives to the objective are Hyperopt's coordinates by parameter name; :func:`from_hyperopt` makes a config
of them, also of what ``fmin`` returns:

>>> from assay.spaces import Space
>>> space = Space({"optimizer": ["adam", "sgd"], "momentum": {"min": 0.0, "max": 0.99, "when": {"optimizer": "sgd"}}})
>>> dict(from_hyperopt(space, {"optimizer": 0, "momentum": None}))
{'optimizer': 'adam'}

==========================================  ================================================================
declared                                    in Hyperopt
==========================================  ================================================================
float, log float                            uniform, loguniform
normal, lognormal without bounds            normal, lognormal
choice                                      randint or, with weights, categorical: the index
int, float with a step, ordered choice      quniform: the index, half a step more at both ends (uniformint and
                                            quniform over the values would give the ends half of their share)
parent of a condition                       as a choice, whatever it is
log int, log with a step; prior, bounded    uniform from 0 to 1: the share of the distribution below the value
normal, ordered choice with weights
constant                                    nothing
==========================================  ================================================================

A conditional parameter stands inside switches on its parents, so that Hyperopt knows when it is active. Version 0.3.0
does that for any graph of conditions, also with several parents, in ``rand``, ``tpe`` and ``anneal``. Its
``expr_to_config`` (``graph_viz``, ``atpe``) fails on weights, as it does on ``hp.pchoice``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .categorical import Categorical
from .config import Config, Value
from .constant import Constant
from .errors import Problem, SpaceError, shown
from .expression import same
from .float import Float
from .parameter import Parameter
from .space import Space
from .translate import (
    choice_at,
    choice_index,
    constrained,
    is_continuous,
    is_even,
    is_unbounded,
    probabilities,
    refuse,
)

if TYPE_CHECKING:
    from hyperopt.pyll import Apply

_COUNTED = 2**40
"""Up to here half an index is exact."""


def to_hyperopt(space: Space) -> dict[str, Apply]:
    """A space for ``hyperopt.fmin``: name -> expression; ``None`` where a parameter is not active.

    Raises:
        SpaceError: for constraints, and for conditions that are no values of finite parents.
    """
    cure = "remove it, and return {'status': 'fail'} for configs that break it"
    refuse(constrained(space, "Hyperopt", cure))
    switches = _switches(space)
    parents = _parents(switches)
    nodes = {name: _node(name, space[name], name in parents) for name in space if _is_searched(space[name])}
    inside: dict[str, dict[str, tuple[Value, ...]]] = {}
    found: dict[str, Apply] = {}
    for name in space.resolution_order:
        inside[name] = _closure(switches[name], inside)
        if name in nodes and all(inside[name].values()):  # else it is never active
            found[name] = _switched(nodes, space, inside[name], nodes[name])
    return {name: found[name] for name in space if name in found}


def from_hyperopt(space: Space, point: Mapping[str, Any]) -> Config:
    """The config at a point: what the objective is given, or what ``fmin`` returns.

    Raises:
        SpaceError: when an active parameter has no coordinate, or one that is no number.
    """
    return _decode(space, point, _parents(_switches(space)))


def flat_hyperopt(space: Space) -> dict[str, Apply]:
    """One node for each parameter that is searched, for searchers that look after conditions and constraints."""
    return {name: _node(name, space[name], False) for name in space if _is_searched(space[name])}


def decode_flat(space: Space, point: Mapping[str, Any]) -> Config:
    """The config at coordinates of :func:`flat_hyperopt`; those of inactive parameters are not looked at.

    Raises:
        SpaceError: when an active parameter has no coordinate, or one that is no number.
    """
    return _decode(space, point, set())


def encode_flat(space: Space, config: Config) -> dict[str, Any]:
    """Coordinates of the active parameters: the inverse of :func:`decode_flat`."""
    return {name: _encode(space[name], value) for name, value in config.items() if _is_searched(space[name])}


def is_share(parameter: Parameter) -> bool:
    """Whether a coordinate of :func:`flat_hyperopt` is a share from 0 to 1 of the declared distribution."""
    if isinstance(parameter, (Categorical, Constant)) and not getattr(parameter, "ordered", False):
        return False
    return not (_is_counted(parameter) or (isinstance(parameter, Float) and _is_native(parameter)))


def _is_searched(parameter: Parameter) -> bool:
    return not isinstance(parameter, Constant)


def _node(label: str, parameter: Parameter, as_choice: bool) -> Apply:
    """The ``hyperopt_param`` of one parameter."""
    from hyperopt import hp
    from hyperopt.pyll import scope

    if as_choice or (isinstance(parameter, Categorical) and not parameter.ordered):
        if is_even(parameter):
            return scope.hyperopt_param(label, scope.randint(int(parameter.cardinality)))
        # A tuple, as hp.pchoice has it: TPE fails on an array.
        return scope.hyperopt_param(label, scope.categorical(tuple(probabilities(parameter).tolist())))
    if _is_counted(parameter):
        return hp.quniform(label, -0.5, parameter.cardinality - 0.5, 1)
    if isinstance(parameter, Float) and is_continuous(parameter):
        if is_unbounded(parameter):
            return (hp.lognormal if parameter.log else hp.normal)(label, parameter.mean, parameter.std)
        if parameter.plain and parameter.log:
            return hp.loguniform(label, math.log(parameter.min), math.log(parameter.max))
        if parameter.plain:
            return hp.uniform(label, parameter.min, parameter.max)
    return hp.uniform(label, 0.0, 1.0)


def _value(parameter: Parameter, at: float, as_choice: bool) -> Value:
    if as_choice or (isinstance(parameter, Categorical) and not parameter.ordered) or _is_counted(parameter):
        return choice_at(parameter, at)
    if isinstance(parameter, Float) and _is_native(parameter):
        return parameter.round_to_grid(at)
    return parameter.quantile(min(max(at, 0.0), 1.0))


def _encode(parameter: Parameter, value: Value) -> Any:
    if isinstance(parameter, Categorical) and not parameter.ordered:
        return choice_index(parameter, value)
    if _is_counted(parameter):
        return float(choice_index(parameter, value))  # quniform gives floats
    if isinstance(parameter, Float) and _is_native(parameter):
        return value
    return parameter.unit(value)


def _is_counted(parameter: Parameter) -> bool:
    return is_even(parameter) and parameter.cardinality < _COUNTED


def _is_native(parameter: Float) -> bool:
    """Whether Hyperopt draws the very values of this float."""
    return is_continuous(parameter) and (parameter.plain or is_unbounded(parameter))


def _decode(space: Space, point: Mapping[str, Any], parents: set[str]) -> Config:
    values: dict[str, Value] = {}
    for name in space.resolution_order:
        if not space.active(name, values):
            continue
        parameter = space[name]
        if isinstance(parameter, Constant):
            values[name] = parameter.value
        else:
            values[name] = _value(parameter, _coordinate(name, point.get(name)), name in parents)
    return Config(values)


def _coordinate(name: str, raw: Any) -> float:
    """A number, also as the array or list of one that parts of Hyperopt make of it."""
    found = np.asarray(raw)
    if found.size != 1 or found.dtype.kind not in "iuf":
        raise SpaceError([Problem((name,), f"is active; expected a coordinate of Hyperopt, got {shown(raw)}")])
    return float(found.reshape(())[()])


# Conditions


def _switches(space: Space) -> dict[str, dict[str, tuple[Value, ...]]]:
    found = {name: space.switches(name) for name in space}
    problems = [
        Problem(
            (name, "when"),
            f"Hyperopt switches on values of single parameters, which {space[name].when} does not: "
            "write {parent: [values]}, with parents that are choices or have a step",
        )
        for name, switches in found.items()
        if switches is None
    ]
    if problems:
        raise SpaceError(problems)
    return {name: switches or {} for name, switches in found.items()}


def _parents(switches: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {parent for inner in switches.values() for parent in inner}


def _closure(
    own: Mapping[str, tuple[Value, ...]], inside: Mapping[str, Mapping[str, tuple[Value, ...]]]
) -> dict[str, tuple[Value, ...]]:
    """The own conditions with those of the parents before them, which have to hold as well."""
    found: dict[str, tuple[Value, ...]] = {}
    for parent, values in own.items():
        for name, allowed in {**inside[parent], parent: values}.items():
            before = found.get(name, allowed)
            found[name] = tuple(value for value in allowed if any(same(value, other) for other in before))
    return found


def _switched(
    nodes: Mapping[str, Apply], space: Space, conditions: Mapping[str, tuple[Value, ...]], node: Apply
) -> Apply:
    """``node`` where all conditions hold, None elsewhere."""
    from hyperopt.pyll import scope

    for parent, values in reversed(list(conditions.items())):
        if parent not in nodes:  # a constant, with the only value it has
            continue
        allowed = {choice_index(space[parent], value) for value in values}
        options = [node if index in allowed else None for index in range(int(space[parent].cardinality))]
        node = scope.switch(nodes[parent], *options)
    return node
