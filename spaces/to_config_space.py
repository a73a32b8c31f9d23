"""The space as a ConfigSpace, for SMAC and other tools of AutoML (``pip install 'assay[configspace]'``).

==========================================  ================================================================
declared                                    in ConfigSpace
==========================================  ================================================================
float, log float                            UniformFloat
normal between bounds                       NormalFloat
int                                         UniformInteger
float or int with a step, ordered choice    Ordinal
choice, also with weights                   Categorical
log int, log with a step, prior on a grid,  Categorical with weights (its order is lost, its distribution kept):
ordered choice with weights                 UniformInteger with ``log`` rounds to equal parts of [min, max]
constant                                    Constant
normal with ``log`` or without bounds,      refused: on a log scale ConfigSpace takes sigma for a difference of
prior on a real number                      values, and it has no unbounded or Cauchy distribution
conditions                                  Equals, In, LessThan, GreaterThan, And, Or
constraints                                 forbidden clauses and relations, for comparisons of a parameter with
                                            values or with another parameter, joined by and, or, not
==========================================  ================================================================

Each hyperparameter's ``meta`` keeps the parameter that it was made from, so that
:func:`.from_config_space.from_config_space` gives it back. :func:`from_configuration` makes a config of a sampled
``Configuration``, whose values have NumPy's types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .categorical import Categorical
from .config import Config, Value
from .constant import Constant
from .errors import SpaceError, UsageError
from .float import Float
from .integer import Integer
from .numeric import Numeric
from .parameter import Parameter
from .space import Space
from .translate import LISTED, each, is_continuous, is_even, probabilities

if TYPE_CHECKING:
    from ConfigSpace import Configuration, ConfigurationSpace

META = "assay"
"""Where ``meta`` keeps the parameter, and the default that was written."""


def to_config_space(space: Space, seed: int | None = None) -> ConfigurationSpace:
    """The same space as a ``ConfigurationSpace``.

    Args:
        seed: of the ConfigSpace's own random draws.

    Raises:
        SpaceError: for everything that ConfigSpace has no word for, each with the cure.
    """
    from .config_space_logic import conditions, forbidden

    library = require_config_space()
    defaults = space.default()
    made = each(space.items(), lambda name, one: hyperparameter(name, one, defaults.get(name, one.default_value)))
    found: ConfigurationSpace = library.ConfigurationSpace(seed=seed)
    found.add(list(made.values()))
    logic = conditions(space, found)
    clauses = forbidden(space, found)
    try:
        found.add([*logic, *clauses])
    except (ValueError, TypeError) as error:
        raise SpaceError(f"ConfigSpace refuses the space: {' '.join(str(error).split())}") from error
    return found


def from_configuration(space: Space, configuration: Configuration | Mapping[str, Any]) -> Config:
    """The config that a ``Configuration`` of ``to_config_space(space)`` stands for.

    Raises:
        SpaceError: when it does not fit the space.
    """
    return space.validate({name: _plain(space.get(name), value) for name, value in dict(configuration).items()})


def _plain(parameter: Parameter | None, value: Any) -> Any:
    """NumPy makes ``1`` a ``1.0`` beside ``2.5``, and ``True`` a ``1``; no two values are equal for Python."""
    if parameter is None:
        return value
    if isinstance(parameter, Float) and is_continuous(parameter):
        return parameter.round_to_grid(value)
    if isinstance(parameter, Integer):
        return int(value)
    return next((choice for choice in parameter.choices if choice == value), value)


def require_config_space() -> Any:
    """The library.

    Raises:
        UsageError: when it is not installed.
    """
    try:
        import ConfigSpace
    except ImportError:
        raise UsageError("ConfigSpace is not installed: pip install 'assay[configspace]'") from None
    return ConfigSpace


def hyperparameter(name: str, parameter: Parameter, default: Value) -> Any:
    """One parameter.

    Raises:
        SpaceError: for a distribution that ConfigSpace has no word for.
    """
    plain = {key: value for key, value in parameter.to_dict().items() if key != "when"}
    meta = {META: {"parameter": plain, "default": default}}
    library = require_config_space()
    if isinstance(parameter, Constant):
        return library.Constant(name, parameter.value, meta=meta)
    if isinstance(parameter, Float) and is_continuous(parameter):
        return _float(name, parameter, {"default_value": default, "meta": meta})
    if isinstance(parameter, Integer) and is_even(parameter) and parameter.step == 1:
        low, high = parameter.min, parameter.max
        return library.UniformIntegerHyperparameter(name, low, high, default_value=default, meta=meta)
    values = _listed(parameter)
    if is_even(parameter) and (isinstance(parameter, Numeric) or getattr(parameter, "ordered", False)):
        return library.OrdinalHyperparameter(name, values, default_value=default, meta=meta)
    weights = None if is_even(parameter) else _weights(parameter)
    return library.CategoricalHyperparameter(name, values, weights=weights, default_value=default, meta=meta)


def _weights(parameter: Parameter) -> list[float]:
    if isinstance(parameter, Categorical) and parameter.weights is not None:
        return list(parameter.weights)
    return [float(share) for share in probabilities(parameter)]


def _float(name: str, parameter: Float, options: dict[str, Any]) -> Any:
    library = require_config_space()
    if parameter.prior is not None:
        raise SpaceError("ConfigSpace has no prior of this form: give the parameter a step, or mean and std")
    if parameter.mean is None:
        _check_digits(parameter, parameter.min, parameter.max)
        low, high, log = parameter.min, parameter.max, parameter.log
        return library.UniformFloatHyperparameter(name, low, high, log=log, **options)
    if parameter.log:
        raise SpaceError(
            "ConfigSpace takes the sigma of a normal on a log scale for a difference of values: leave log out, or "
            "mean and std"
        )
    if np.isinf(parameter.max - parameter.min):
        raise SpaceError("ConfigSpace's normal needs bounds: add min and max")
    _check_digits(parameter, parameter.min, parameter.max, parameter.mean, parameter.std or 0.0)
    law = {"mu": parameter.mean, "sigma": parameter.std, "lower": parameter.min, "upper": parameter.max}
    return library.NormalFloatHyperparameter(name, **law, **options)


def _check_digits(parameter: Float, *numbers: float) -> None:
    lost = [one for one in numbers if not np.isclose(np.round(one, 13), one, rtol=1e-9, atol=0)]
    if lost:
        raise SpaceError(f"ConfigSpace rounds {lost[0]:g} to 13 decimals: use another unit for {parameter.describe()}")


def _listed(parameter: Parameter) -> list[Value]:
    if parameter.cardinality > LISTED:
        raise SpaceError(
            f"ConfigSpace rounds in another way, and {parameter.cardinality:,} values are too many to list with their "
            "probabilities: leave the step out, or log"
        )
    values = list(parameter.choices)
    twice = [one for index, one in enumerate(values) if one in values[:index]]
    if isinstance(parameter, Categorical) and twice:
        raise SpaceError(f"ConfigSpace takes {twice[0]!r} for another value equal to it: write one of them as text")
    return values
