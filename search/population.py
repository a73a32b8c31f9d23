"""Population based training and its bandit form PB2, by Ray Tune."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..spaces import Categorical, Config, Fidelity, Float, Integer, Objective, Problem, Space, SpaceError, did_you_mean
from ..spaces.architectures import PREFIX
from ..spaces.parameter import Parameter
from .scheduler import Scheduler, SchedulerOptions

_PERTURBATIONS = 10

Codec = tuple[Callable[[Config], dict[str, Any]], Callable[[dict[str, Any]], Config]]
"""From our config to the dict that Ray Tune mutates, and back."""


class PopulationOptions(SchedulerOptions):
    """What both forms have in common: trials train side by side; now and then the worst copy the best and change."""

    type: Literal["pbt", "pb2"]
    population: int | None = Field(default=None, ge=2)
    """Members; budget.trials when left out."""
    interval: int | None = Field(default=None, ge=1)
    """Steps between comparisons; a tenth of a full run when left out."""
    quantile: float = Field(default=0.25, gt=0, le=0.5)
    """Share of members that copy, and that are copied."""
    perturb: list[str] | None = None
    """Parameters that change on the way; all that are continuous when left out."""
    synchronous: bool = False
    """Members wait for each other before each comparison."""
    needs_checkpoints: ClassVar[bool] = True
    stops_by: ClassVar[Literal["nothing"]] = "nothing"

    def interval_of(self, fidelity: Fidelity) -> int:
        """Steps between comparisons."""
        return self.interval or max(fidelity.min, fidelity.max // _PERTURBATIONS, 1)

    def rungs(self, fidelity: Fidelity) -> list[int]:
        interval = self.interval_of(fidelity)
        return list(range(interval, fidelity.max, interval))

    def perturbed(self, space: Space) -> dict[str, Parameter]:
        """The parameters that change: all real ones that are always active and in no constraint, unless named.

        Those of a network never do: a member goes on with the weights of another, which fit its network alone.
        """
        if self.perturb is not None:
            return {name: space[name] for name in self.perturb}
        tied = _tied(space)
        free = {name: space[name] for name in space if name not in tied and not name.startswith(PREFIX)}
        return {name: one for name, one in free.items() if isinstance(one, Float) and not one.conditions}

    def check(self, space: Space, fidelity: Fidelity, trials: int | None) -> None:
        where, tied = ("scheduler", "perturb"), _tied(space)
        for name in self.perturb or []:
            if name not in space:
                text = f"{self.type} cannot perturb {name!r}: no such parameter{did_you_mean(name, space)}"
                raise SpaceError([Problem(where, text)])
            if name.startswith(PREFIX):
                text = f"{self.type} cannot perturb {name!r}: weights go on in the network that they were trained in"
                raise SpaceError([Problem(where, text)])
            if space[name].conditions:
                text = f"{self.type} cannot perturb {name!r}: it is active only under a condition"
                raise SpaceError([Problem(where, text)])
            if name in tied:
                text = f"{self.type} cannot perturb {name!r}: the constraint {tied[name]} ties it to others"
                raise SpaceError([Problem(where, text)])
        if not self.perturbed(space):
            text = f"{self.type} has nothing to perturb: name parameters, e.g. perturb: [{next(iter(space))}]"
            raise SpaceError([Problem(where, text)])
        if self.interval_of(fidelity) >= fidelity.max:
            text = f"interval {self.interval_of(fidelity)} must be below the fidelity's max {fidelity.max}"
            raise SpaceError([Problem(("scheduler", "interval"), text)])
        if self.population is None and trials is None:
            text = f"{self.type} needs to know its members: add population: 16, or budget.trials"
            raise SpaceError([Problem(("scheduler",), text)])
        if None not in (self.population, trials) and self.population != trials:
            text = f"population {self.population} and budget.trials {trials} differ: every trial is a member; give one"
            raise SpaceError([Problem(("scheduler", "population"), text)])

    def _ray_words(self, objective: Objective, fidelity: Fidelity) -> dict[str, Any]:
        from .tune_scheduler import TuneScheduler, tune_mode

        logging.getLogger("ray.tune.schedulers.pbt").setLevel(logging.WARNING)  # it tells of every exploit
        return {
            "time_attr": TuneScheduler.TIME,
            "metric": TuneScheduler.METRIC,
            "mode": tune_mode(objective),
            "perturbation_interval": self.interval_of(fidelity),
            "quantile_fraction": self.quantile,
            "log_config": False,
            "synch": self.synchronous,
        }

    def tune_scheduler(self, space: Space, objective: Objective, fidelity: Fidelity) -> Any:
        """Ray Tune's object."""
        raise NotImplementedError

    def codec(self, space: Space) -> Codec:
        """Between our configs and those of :meth:`tune_scheduler`."""
        return dict, lambda values: repaired(space, values)

    def _next_comparison(self, fidelity: Fidelity) -> Any:
        interval = self.interval_of(fidelity)
        return lambda step: (step // interval + 1) * interval


class PbtOptions(PopulationOptions):
    """Population based training: copies multiply their parameters by a factor, shift along a list, or draw anew.

    Jaderberg et al., Population Based Training of Neural Networks, arXiv 1711.09846, section 3.
    """

    type: Literal["pbt"] = "pbt"
    resample: float = Field(default=0.25, ge=0, le=1)
    """Chance of a new draw instead of a small change."""
    factors: list[float] = Field(default=[0.8, 1.2], min_length=2, max_length=2)
    """What numbers are multiplied by."""

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        from .tune_scheduler import TuneScheduler

        granted = self.require(fidelity)
        scheduler = self.tune_scheduler(space, objective, granted)
        encode, decode = self.codec(space)
        return TuneScheduler(
            scheduler, seed, horizon=self._next_comparison(granted), copies=True, encode=encode, decode=decode
        )

    def tune_scheduler(self, space: Space, objective: Objective, fidelity: Fidelity) -> Any:
        from ray.tune.schedulers import PopulationBasedTraining

        return PopulationBasedTraining(
            hyperparam_mutations={name: _mutation(parameter) for name, parameter in self.perturbed(space).items()},
            resample_probability=self.resample,
            perturbation_factors=tuple(self.factors),
            **self._ray_words(objective, fidelity),
        )


class Pb2Options(PopulationOptions):
    """Population based bandits: a Gaussian process proposes what copies change to; numbers only.

    Parker-Holder et al., Provably Efficient Online Hyperparameter Optimization with Population-Based Bandits,
    NeurIPS 2020, algorithm 1.
    """

    type: Literal["pb2"] = "pb2"

    def check(self, space: Space, fidelity: Fidelity, trials: int | None) -> None:
        super().check(space, fidelity, trials)
        for name, parameter in self.perturbed(space).items():
            if not isinstance(parameter, (Float, Integer)):
                text = f"pb2 changes numbers only, and {name!r} is none: take it out, or use pbt"
                raise SpaceError([Problem(("scheduler", "perturb"), text)])
            if math.inf in (parameter.max, -parameter.min) or (parameter.log and parameter.min == 0):
                text = f"pb2 needs bounds, and {name!r} has none: add min and max, or use pbt"
                raise SpaceError([Problem(("scheduler", "perturb"), text)])

    def build(self, space: Space, objective: Objective, fidelity: Fidelity | None, seed: int) -> Scheduler:
        from .tune_scheduler import TuneScheduler

        granted = self.require(fidelity)
        scheduler = self.tune_scheduler(space, objective, granted)
        encode, decode = self.codec(space)
        return TuneScheduler(
            scheduler,
            seed,
            horizon=self._next_comparison(granted),
            copies=True,
            mutes=Warning,
            encode=encode,
            decode=decode,
        )

    def tune_scheduler(self, space: Space, objective: Objective, fidelity: Fidelity) -> Any:
        from ray.tune.schedulers.pb2 import PB2

        bounds = {name: scale.bounds for name, scale in self._scales(space).items()}
        scheduler = PB2(hyperparam_bounds=bounds, **self._ray_words(objective, fidelity))
        scheduler._get_new_config = self._with_true_data(scheduler, space)
        return scheduler

    def codec(self, space: Space) -> Codec:
        scales = self._scales(space)

        def encode(config: Config) -> dict[str, Any]:
            # Ray flattens nested names with "/"; ours are flat already.
            return dict(config) | {name: scale.encode(config[name]) for name, scale in scales.items()}

        def decode(values: dict[str, Any]) -> Config:
            plain = {name: scale.decode(values[name]) for name, scale in scales.items()}
            return repaired(space, values | plain)

        return encode, decode

    def _with_true_data(self, scheduler: Any, space: Space) -> Callable[..., Any]:
        """PB2 notes what it proposed, and would find no results of it where that was moved onto a grid."""
        propose, (encode, decode), names = scheduler._get_new_config, self.codec(space), list(self.perturbed(space))

        def proposed(trial: Any, source: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            known = len(scheduler.data)
            values, operations = propose(trial, source)
            values = encode(decode(values))
            if len(scheduler.data) > known:
                scheduler.data.loc[known, names] = [values[name] for name in names]
            return values, operations

        return proposed

    def _scales(self, space: Space) -> dict[str, _Scale]:
        return {name: _Scale(parameter) for name, parameter in self.perturbed(space).items()}


class _Scale:
    """A numeric parameter as PB2 sees it: linear, so that a logarithmic one is given by its logarithm."""

    def __init__(self, parameter: Parameter) -> None:
        if not isinstance(parameter, (Float, Integer)):
            raise TypeError(f"not a number: {parameter!r}")
        self._log = parameter.log
        self.bounds = [self.encode(parameter.min), self.encode(parameter.max)]

    def encode(self, value: Any) -> float:
        return round(math.log(value), 12) if self._log else float(value)  # rounded: the same after there and back

    def decode(self, value: float) -> float:
        return math.exp(value) if self._log else float(value)


def _tied(space: Space) -> dict[str, str]:
    """The parameters that cannot change by themselves, and the constraint that may break: those that one reads, and
    those on which it depends whether such a parameter is active."""
    tied = {name: constraint.text for constraint in space.constraints for name in constraint.parents}
    for name in reversed(space.resolution_order):
        if name in tied:
            tied |= {parent: tied[name] for condition in space[name].conditions for parent in condition.parents}
    return tied


def _mutation(parameter: Parameter) -> Any:
    """What Ray Tune mutates with: a list to shift along, or a draw, beside which numbers are multiplied."""
    if isinstance(parameter, (Float, Integer)):
        return lambda: parameter.sample(np.random.default_rng(random.getrandbits(64)))
    return list(parameter.values) if isinstance(parameter, Categorical) else [parameter.default_value]


def repaired(space: Space, values: Mapping[str, Any]) -> Config:
    """The valid config next to ``values``: numbers are moved into their bounds and onto their grid, parameters that
    have become active get their default, those that are not are left out."""
    config: dict[str, Any] = {}
    for name in space.resolution_order:
        parameter = space[name]
        if not space.active(name, config):
            continue
        value = values.get(name, parameter.default_value)
        if isinstance(parameter, (Float, Integer)) and not isinstance(value, bool):
            value = parameter.round_to_grid(min(max(value, parameter.min), parameter.max))
        config[name] = value
    return space.validate({name: config[name] for name in space if name in config})
