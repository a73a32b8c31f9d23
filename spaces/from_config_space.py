"""A ConfigSpace, or its JSON or YAML file, as a space.

==========================================  ================================================================
in ConfigSpace                              here
==========================================  ================================================================
UniformFloat, also with log                 float, log float
NormalFloat                                 normal between bounds
UniformInteger                              int
UniformInteger with log, NormalInteger      an int if that has the same distribution, else ordered choice with
                                            weights: ConfigSpace rounds to equal parts of [lower, upper]
Categorical, Ordinal, Constant              choice with weights, ordered choice, constant
NormalFloat and NormalInteger with log      refused: sigma is taken for a difference of values
BetaFloat, BetaInteger                      refused: Assay has no beta distribution
conditions                                  ``when``, a mapping or an expression
forbidden clauses and relations             constraints
what :func:`.to_config_space` made          the parameters that it was made from
==========================================  ================================================================
"""

from __future__ import annotations

import copy
import json
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from .categorical import Categorical
from .config import scalar
from .constant import Constant
from .errors import Problem, SpaceError, UsageError, shown
from .expression import same
from .float import Float
from .integer import Integer
from .notation import parse_parameter
from .parameter import Parameter
from .scale import Normal, Scale
from .space import Space
from .to_config_space import META, hyperparameter, require_config_space
from .translate import cells, choice, counted, each

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def from_config_space(source: ConfigurationSpace | Mapping[str, Any] | str | Path) -> Space:
    """The space of a ``ConfigurationSpace``, of its serialized dict, or of its file (.json, .yaml).

    Raises:
        SpaceError: for everything that cannot be kept exactly, each with the cure.
        UsageError: for a file that cannot be read.
    """
    configuration_space = _opened(source)
    hyperparameters = {str(name): configuration_space[name] for name in configuration_space}
    parameters = each(hyperparameters.items(), lambda name, one: _parameter(name, one))
    Space(parameters)  # refuses names that an expression could not hold
    whens = {condition.child.name: condition for condition in configuration_space.conditions}
    given = each(parameters.items(), lambda name, one: _under(one, whens.get(name)))
    constraints = [f"not ({_broken(clause)})" for clause in configuration_space.forbidden_clauses]
    return Space(given, constraints)


def _opened(source: Any) -> Any:
    library = require_config_space()
    if isinstance(source, library.ConfigurationSpace):
        return source
    try:
        if isinstance(source, (str, Path)):
            source = _read(Path(source))
        if isinstance(source, Mapping) and isinstance(source.get("hyperparameters"), list):
            return library.ConfigurationSpace.from_serialized_dict(copy.deepcopy(dict(source)))
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror or error}") from error
    except Exception as error:  # its decoders let through whatever a broken file causes
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise SpaceError(f"ConfigSpace cannot read this: {text[:300]}") from error
    raise SpaceError(f"expected a ConfigurationSpace, or its file with `hyperparameters`, got {shown(source)}")


def _read(path: Path) -> Any:
    """The content of a file. ConfigSpace writes the values of ForbiddenIn as a tuple, which its own reader refuses."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    return yaml.load(text, _Loader)


class _Loader(yaml.SafeLoader):
    def construct_tuple(self, node: yaml.SequenceNode) -> list[Any]:
        return self.construct_sequence(node)


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _Loader.construct_tuple)


def _parameter(name: str, raw: Any) -> Parameter:
    return _kept(name, raw) or _with_default(_translated(raw), raw.default_value)


def _kept(name: str, raw: Any) -> Parameter | None:
    """The parameter that the hyperparameter was made from, if it was not changed since."""
    meta = raw.meta.get(META) if isinstance(raw.meta, Mapping) else None
    if not isinstance(meta, Mapping) or not isinstance(meta.get("parameter"), Mapping):
        return None
    try:
        parameter = parse_parameter(meta["parameter"])
        made = hyperparameter(name, parameter, raw.default_value)
    except (SpaceError, ValueError):  # changed by hand into something else
        return None
    if _serialized(made) != _serialized(raw):
        return None
    return parameter if raw.default_value == meta.get("default") else _with_default(parameter, raw.default_value)


def _serialized(raw: Any) -> dict[str, Any]:
    """What its file says of a hyperparameter; normals made alike are not equal for ConfigSpace."""
    found = require_config_space().ConfigurationSpace()
    found.add(copy.copy(raw))
    return {key: value for key, value in found.to_serialized_dict()["hyperparameters"][0].items() if key != "meta"}


def _with_default(parameter: Parameter, default: Any) -> Parameter:
    """With the default that ConfigSpace has, if it is not the one that the parameter has by itself."""
    plain = scalar(default)
    if isinstance(parameter, Constant) or same(parameter.default_value, plain):
        return parameter
    if isinstance(parameter, Float) and math.isclose(parameter.default_value, default, rel_tol=1e-9, abs_tol=1e-12):
        return parameter
    if isinstance(parameter, Categorical):
        plain = next((one for one in parameter.values if one == plain), plain)
    changed = copy.copy(parameter)
    object.__setattr__(changed, "default", parameter.check(plain))
    return changed


def _translated(raw: Any) -> Parameter:
    library = require_config_space()
    match raw:
        case library.UniformFloatHyperparameter():
            return Float(raw.lower, raw.upper, log=raw.log)
        case library.UniformIntegerHyperparameter():
            if raw.log:
                return _integer(raw, Scale(raw.lower, raw.upper, log=True))
            return Integer(raw.lower, raw.upper)
        case library.NormalFloatHyperparameter() | library.NormalIntegerHyperparameter() if raw.log:
            raise SpaceError(
                "on a log scale ConfigSpace takes sigma for a difference of values: write {min, max, log: true, mean, "
                "std} with the mean and standard deviation of the logarithm"
            )
        case library.NormalFloatHyperparameter():
            return Float(raw.lower, raw.upper, mean=raw.mu, std=raw.sigma)
        case library.NormalIntegerHyperparameter():
            return _integer(raw, Scale(raw.lower, raw.upper, law=Normal(raw.mu, raw.sigma)))
        case library.CategoricalHyperparameter():
            return choice(list(raw.choices), None if raw.weights is None else list(raw.weights))
        case library.OrdinalHyperparameter():
            return choice(list(raw.sequence), ordered=True)
        case library.Constant():
            return Constant(raw.value)
    kind = type(raw).__name__
    raise SpaceError(f"Assay has no {kind}: write a uniform or a normal one, or a choice with weights")


def _integer(raw: Any, scale: Scale) -> Parameter:
    """Each whole number gets an equal part of the range that the law is drawn from."""
    values = counted(raw.lower, raw.upper)
    return cells(values.tolist(), np.linspace(raw.lower, raw.upper, len(values) + 1), scale)


# Conditions and constraints


def _under(parameter: Parameter, condition: Any) -> Parameter:
    if condition is None:
        return parameter
    return parse_parameter(parameter.to_dict() | {"when": _holds(condition)})


def _holds(condition: Any) -> str:
    library = require_config_space()
    match condition:
        case library.AndConjunction():
            return " and ".join(f"({_holds(one)})" for one in condition.components)
        case library.OrConjunction():
            return " or ".join(f"({_holds(one)})" for one in condition.components)
        case library.InCondition():
            return _in(condition.parent, condition.values)
        case library.EqualsCondition():
            return _compared(condition.parent, "==", condition.value)
        case library.NotEqualsCondition():
            return _compared(condition.parent, "!=", condition.value)
        case library.LessThanCondition():
            return _compared(condition.parent, "<", condition.value)
        case library.GreaterThanCondition():
            return _compared(condition.parent, ">", condition.value)
    raise SpaceError([Problem(("when",), f"{type(condition).__name__} of ConfigSpace is not known")])


def _broken(clause: Any) -> str:
    library = require_config_space()
    match clause:
        case library.ForbiddenAndConjunction():
            return " and ".join(f"({_broken(one)})" for one in clause.components)
        case library.ForbiddenOrConjunction():
            return " or ".join(f"({_broken(one)})" for one in clause.components)
        case library.ForbiddenInClause():
            return _in(clause.hyperparameter, clause.values)
    sign = _SIGNS.get(type(clause).__name__.removeprefix("Forbidden").removesuffix("Clause").removesuffix("Relation"))
    if sign is None:
        raise SpaceError(f"{type(clause).__name__} of ConfigSpace is not known")
    if isinstance(clause, library.forbidden.ForbiddenRelation):
        return f"{clause.left.name} {sign} {clause.right.name}"
    return _compared(clause.hyperparameter, sign, clause.value)


def _compared(parent: Any, sign: str, value: Any) -> str:
    if isinstance(parent, require_config_space().OrdinalHyperparameter) and sign not in ("==", "!="):
        at, order = parent.sequence.index(value), _ORDERS[sign]  # ordinals are compared by where they stand
        return _in(parent, [one for one in parent.sequence if order(parent.sequence.index(one), at)])
    return f"{parent.name} {sign} {_spelled(parent, value)!r}"


def _in(parent: Any, values: Iterable[Any]) -> str:
    return f"{parent.name} in {[_spelled(parent, value) for value in values]!r}"


def _spelled(parent: Any, value: Any) -> Any:
    """``value`` as the parent's own list has it: ``True`` for a ``1`` that came from NumPy."""
    known = getattr(parent, "choices", getattr(parent, "sequence", ()))
    return scalar(next((one for one in known if one == value), value))


_SIGNS = {
    "Equals": "==",
    "LessThan": "<",
    "LessThanEquals": "<=",
    "GreaterThan": ">",
    "GreaterThanEquals": ">=",
}
_ORDERS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
