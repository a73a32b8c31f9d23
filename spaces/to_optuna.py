"""The space in Optuna's terms, define-by-run, so that conditional parameters stay conditional.

Categorical values travel as their index, which also tells ``true`` from ``1``; so do the points of a real grid, whose
ends Optuna would move for a step such as 1/3. A log scale with a step, which Optuna cannot express, is proposed on the
log scale and rounded to the grid: the distribution that this package declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .categorical import Categorical
from .config import Config, Value
from .constant import Constant
from .float import Float
from .integer import Integer
from .parameter import Parameter, same
from .space import Space

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution


def suggest_config(space: Space, trial: Trial) -> Config:
    """Ask an Optuna trial for every active parameter."""
    values: dict[str, Value] = {}
    for name in space.resolution_order:
        if space.active(name, values):
            values[name] = _suggest(trial, name, space[name])
    return Config(values)


def to_optuna(space: Space, config: Config) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """A config as Optuna's parameters and distributions, without constants."""
    searched = {name: space[name] for name in config if not isinstance(space[name], Constant)}
    parameters = {name: _encode(parameter, config[name]) for name, parameter in searched.items()}
    return parameters, {name: _distribution(parameter) for name, parameter in searched.items()}


def _suggest(trial: Trial, name: str, parameter: Parameter) -> Value:
    if isinstance(parameter, Float):
        if _on_grid(parameter):
            return _grid_value(parameter, trial.suggest_int(name, 0, _last_point(parameter)))
        return parameter.round_to_grid(trial.suggest_float(name, parameter.min, parameter.max, log=parameter.log))
    if isinstance(parameter, Integer):
        step = 1 if parameter.log else parameter.step
        whole = trial.suggest_int(name, parameter.min, parameter.max, step=step, log=parameter.log)
        return parameter.round_to_grid(whole)
    if isinstance(parameter, Categorical):
        return parameter.values[trial.suggest_categorical(name, _indices(parameter))]
    return parameter.default_value


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(parameter, Float):
        if _on_grid(parameter):
            return IntDistribution(0, _last_point(parameter))
        return FloatDistribution(parameter.min, parameter.max, log=parameter.log)
    if isinstance(parameter, Integer):
        step = 1 if parameter.log else parameter.step
        return IntDistribution(parameter.min, parameter.max, log=parameter.log, step=step)
    if isinstance(parameter, Categorical):
        return CategoricalDistribution(_indices(parameter))
    raise TypeError(f"{type(parameter).__name__} has no distribution in Optuna")


def _encode(parameter: Parameter, value: Value) -> Any:
    if isinstance(parameter, Categorical):
        return next(index for index, choice in enumerate(parameter.values) if same(choice, value))
    if isinstance(parameter, Float) and _on_grid(parameter):
        return round((parameter.check(value) - parameter.min) / (parameter.step or 1.0))
    return value


def _on_grid(parameter: Float) -> bool:
    return parameter.step is not None and not parameter.log


def _last_point(parameter: Float) -> int:
    return int(parameter.cardinality) - 1


def _grid_value(parameter: Float, index: int) -> float:
    return parameter.round_to_grid(parameter.min + index * (parameter.step or 0.0))


def _indices(parameter: Categorical) -> Sequence[int]:
    return list(range(len(parameter.values)))
