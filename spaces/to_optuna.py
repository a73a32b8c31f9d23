"""The space in Optuna's terms, define-by-run, so that conditional parameters stay conditional.

==========================================  ================================================================
declared                                    in Optuna
==========================================  ================================================================
float, log float                            the same
float with a step                           int: the index on the grid (Optuna moves the ends for a step of 1/3)
int, int with a step, log int               the same: Optuna, too, gives the ends of a log int half a step more
choice                                      categorical over indices, which tells ``true`` from ``1``
ordered choice                              int: the index
log with a step; prior, normal, weights     float from 0 to 1: the share of the distribution below the value
constant                                    nothing
==========================================  ================================================================

Constraints have no word there. :func:`suggest_config` raises ``optuna.TrialPruned`` for a config that breaks one: an
objective lets it through, Optuna records the trial as pruned, and its samplers take it for one of the worst.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .categorical import Categorical
from .config import Config, Value
from .constant import Constant
from .float import Float
from .integer import Integer
from .parameter import Parameter
from .space import Space
from .translate import choice_at, choice_index, constrained, is_continuous, is_even, refuse

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution


def suggest_config(space: Space, trial: Trial) -> Config:
    """Ask an Optuna trial for every active parameter.

    Raises:
        optuna.TrialPruned: when the config breaks a constraint of the space.
    """
    values: dict[str, Value] = {}
    for name in space.resolution_order:
        if space.active(name, values):
            values[name] = _suggest(trial, name, space[name])
    if broken := space.broken(values):
        from optuna import TrialPruned

        raise TrialPruned(f"the config breaks the constraint {broken[0].text}")
    return Config(values)


def to_optuna(space: Space, config: Config) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """A config as Optuna's parameters and distributions, without constants."""
    searched = {name: space[name] for name in config if not isinstance(space[name], Constant)}
    parameters = {name: _encode(parameter, config[name]) for name, parameter in searched.items()}
    return parameters, {name: _distribution(parameter) for name, parameter in searched.items()}


def optuna_function(space: Space) -> Callable[[Trial], dict[str, Any]]:
    """The space as a define-by-run function for Ray Tune: ``OptunaSearch(space=optuna_function(space))``.

    The training function gets nested configs, without inactive parameters. ``/`` divides the names in the study, as
    Ray Tune divides them.

    Raises:
        SpaceError: for constraints, which Ray Tune's loop has no way to reject.
    """
    refuse(constrained(space, "Ray Tune", "remove it, and report a bad score for configs that break it"))
    return partial(_define, space)  # which Ray Tune can pickle


def _define(space: Space, trial: Trial) -> dict[str, Any]:
    values: dict[str, Value] = {}
    for name in space.resolution_order:
        if space.active(name, values):
            values[name] = _suggest(trial, name.replace(".", "/"), space[name])
    # Under the study's names, so that these values replace Optuna's own.
    return {name.replace(".", "/"): value for name, value in values.items()}


def _suggest(trial: Trial, name: str, parameter: Parameter) -> Value:
    if isinstance(parameter, Constant):
        return parameter.value
    if _as_itself(parameter):
        if isinstance(parameter, Float):
            return parameter.round_to_grid(trial.suggest_float(name, parameter.min, parameter.max, log=parameter.log))
        if isinstance(parameter, Integer):
            low, high, step = parameter.min, parameter.max, parameter.step
            return parameter.round_to_grid(trial.suggest_int(name, low, high, step=step, log=parameter.log))
    if not is_even(parameter):
        return parameter.quantile(trial.suggest_float(name, 0.0, 1.0))
    count = int(parameter.cardinality)
    if _is_unordered(parameter):
        return choice_at(parameter, trial.suggest_categorical(name, list(range(count))))
    return choice_at(parameter, trial.suggest_int(name, 0, count - 1))


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if _as_itself(parameter):
        if isinstance(parameter, Float):
            return FloatDistribution(parameter.min, parameter.max, log=parameter.log)
        if isinstance(parameter, Integer):
            return IntDistribution(parameter.min, parameter.max, log=parameter.log, step=parameter.step)
    if not is_even(parameter):
        return FloatDistribution(0.0, 1.0)
    count = int(parameter.cardinality)
    return CategoricalDistribution(list(range(count))) if _is_unordered(parameter) else IntDistribution(0, count - 1)


def _encode(parameter: Parameter, value: Value) -> Any:
    if _as_itself(parameter):
        return value
    return choice_index(parameter, value) if is_even(parameter) else parameter.unit(value)


def _as_itself(parameter: Parameter) -> bool:
    """Whether Optuna has a distribution for these very values."""
    if isinstance(parameter, Integer):
        return parameter.plain and not (parameter.log and parameter.step > 1)
    return parameter.plain and is_continuous(parameter)


def _is_unordered(parameter: Parameter) -> bool:
    return isinstance(parameter, Categorical) and not parameter.ordered
