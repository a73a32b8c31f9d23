"""The space as NNI's JSON search space.

==========================================  ================================================================
declared                                    in NNI
==========================================  ================================================================
float, log float                            uniform, loguniform
normal, lognormal without bounds            normal, lognormal
int                                         randint (its upper bound is excluded)
log int, float with a step, also log        quniform, qloguniform with half a step more at both ends, where the values
                                            are multiples of the step; NNI gives whole numbers as floats
other int and float with a step             choice of all values
choice, ordered choice, constant            choice
under a condition                           inside the nested choice of its parent
weights, prior, bounded normal              refused: NNI has no word for them
==========================================  ================================================================

NNI's own tuners take choices nested once and no deeper (its random tuner ends with a KeyError), and know one parent.
:func:`from_nni` makes a config of the parameters that a tuner gives to a trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .categorical import Categorical
from .config import Config, Value
from .constant import Constant
from .errors import Problem, SpaceError, shown
from .expression import same
from .float import Float
from .integer import Integer
from .numeric import Numeric
from .parameter import Parameter
from .scale import beyond
from .space import Space
from .translate import LISTED, conditional, constrained, each, is_continuous, is_even, is_unbounded, refuse, step_of

_CURE = "remove it, and report a bad score for configs that break it"
_NAME = "_name"


def to_nni(space: Space) -> dict[str, Any]:
    """NNI's search space.

    >>> from assay.spaces import Space
    >>> to_nni(Space({"units": {"min": 8, "max": 64}}))
    {'units': {'_type': 'randint', '_value': [8, 65]}}

    Raises:
        SpaceError: for everything that NNI has no word for, each with the cure.
    """
    parents = _parents(space)
    specs = each(space.items(), lambda name, parameter: _spec(parameter, name in parents.values()))
    nested: dict[str, Any] = {}
    for name in space:
        if name in parents:
            continue
        key = _key(name, space, parents)
        nested[key] = specs[name] if name not in parents.values() else _nested(name, key, space, parents, specs)
    return nested


def from_nni(space: Space, parameters: Mapping[str, Any]) -> Config:
    """The config that NNI's parameters stand for, as a tuner gives them to a trial of ``to_nni(space)``.

    Raises:
        SpaceError: when they do not fit the space.
    """
    parents = _parents(space)
    values: dict[str, Any] = {}
    for name in space.resolution_order:
        if not space.active(name, values):
            continue
        outer = parents.get(name)
        group = parameters if outer is None else parameters.get(_key(outer, space, parents))
        key = _key(name, space, parents) if outer is None else _child(name, _key(outer, space, parents))
        if not isinstance(group, Mapping) or key not in group:
            raise SpaceError([Problem((name,), f"NNI gave no value: {shown(dict(parameters))}")])
        raw = group[key][_NAME] if name in parents.values() else group[key]
        values[name] = _found(space[name], raw)
    return space.validate(values)


def _found(parameter: Parameter, raw: Any) -> Value:
    """Rounding errors such as 0.30000000000000004 and 8.0 for 8 are forgiven."""
    if isinstance(parameter, Numeric) and isinstance(raw, (int, float)) and not isinstance(raw, bool):
        return parameter.round_to_grid(raw)  # type: ignore[no-any-return]
    return parameter.check(raw)


def _spec(parameter: Parameter, is_parent: bool) -> dict[str, Any]:
    if isinstance(parameter, Constant):
        return _typed("choice", [_scalar(parameter.value)])
    if not parameter.plain and not (isinstance(parameter, Float) and is_unbounded(parameter)):
        raise SpaceError(_no_word(parameter))
    if is_parent or isinstance(parameter, Categorical):
        return _choice(parameter)
    if isinstance(parameter, Integer) and parameter.step == 1 and not parameter.log:
        return _typed("randint", [parameter.min, parameter.max + 1])
    if isinstance(parameter, Float) and is_continuous(parameter):
        return _continuous(parameter)
    if not isinstance(parameter, Numeric):
        raise SpaceError(f"NNI has no word for {parameter.describe()}")
    return _grid(parameter)


def _typed(kind: str, values: list[Any]) -> dict[str, Any]:
    return {"_type": kind, "_value": values}


def _continuous(parameter: Float) -> dict[str, Any]:
    log = "log" if parameter.log else ""
    if parameter.mean is not None:
        return _typed(f"{log}normal", [parameter.mean, parameter.std])
    return _typed(f"{log}uniform", [parameter.min, parameter.max])


def _grid(parameter: Numeric) -> dict[str, Any]:
    step = step_of(parameter)
    multiple = abs(parameter.min / step - round(parameter.min / step)) < 1e-9
    if multiple and (parameter.log or isinstance(parameter, Float)):
        low, high = beyond(parameter.min, parameter.max, step, parameter.log)
        return _typed("qloguniform" if parameter.log else "quniform", [low, high, step])
    return _choice(parameter)


def _choice(parameter: Parameter) -> dict[str, Any]:
    if not is_even(parameter):
        raise SpaceError(
            f"NNI's choices are equally likely, and it rounds to multiples of q; {parameter.describe()} is neither: "
            "make min and max multiples of the step, or leave log out"
        )
    if parameter.cardinality > LISTED:
        raise SpaceError(f"{parameter.cardinality} values are too many for a choice: make min a multiple of the step")
    return _typed("choice", [_scalar(value) for value in parameter.choices])


def _scalar(value: Value) -> Value:
    if value is None:
        raise SpaceError("NNI's choices are numbers and text: write a word such as 'none' instead of null")
    return value


def _no_word(parameter: Parameter) -> str:
    if isinstance(parameter, Categorical):
        return "NNI's choices are equally likely: leave weights out"
    if isinstance(parameter, Numeric) and parameter.prior is not None:
        return "NNI has no prior: leave it out, or narrow the range"
    return "NNI's normals have no bounds: leave min and max out, or mean and std"


# Conditions


def _parents(space: Space) -> dict[str, str]:
    """The parent of each conditional parameter."""
    refuse(constrained(space, "NNI", _CURE))
    refuse(_too_deep(space))
    found = {name: space.switches(name) or {} for name in space}
    return {name: next(iter(switches)) for name, switches in found.items() if switches}


def _too_deep(space: Space) -> Iterator[Problem]:
    for problem in conditional(space, "NNI", "write {parent: [values]}, with one parent that is a choice"):
        name = str(problem.where[0])
        switches = space.switches(name)
        if switches is None or len(switches) > 1:
            yield Problem(problem.where, f"NNI's nested choices know one parent, not {shown(space[name].when)}: "
                          "write {parent: [values]}, with one parent that is a choice")  # fmt: skip
        elif space[next(iter(switches))].conditions:
            text = "NNI's tuners fail on choices that are nested twice: make one parameter of both conditions"
            yield Problem(problem.where, text)


def _nested(name: str, key: str, space: Space, parents: Mapping[str, str], specs: Mapping[str, Any]) -> dict[str, Any]:
    """The choice between the branches under a parent, each with the parameters that are active in it."""
    branches = []
    for value in specs[name]["_value"]:
        branch: dict[str, Any] = {_NAME: value}
        for child, parent in parents.items():
            active = (space.switches(child) or {}).get(name, ())
            if parent == name and any(same(value, one) for one in active):
                branch[_child(child, key)] = specs[child]
        branches.append(branch)
    return _typed("choice", branches)


def _key(name: str, space: Space, parents: Mapping[str, str]) -> str:
    """The name in NNI: ``layer`` for a parent ``layer._name``, as spaces that came from NNI have it."""
    outer, _, last = name.rpartition(".")
    return outer if name in parents.values() and last == _NAME and outer not in space else name


def _child(name: str, key: str) -> str:
    return name.removeprefix(f"{key}.")
