"""Tree-structured Parzen estimator: Optuna's for full runs, BOHB's densities where trials are stopped early."""

from __future__ import annotations

import math
import warnings
from collections.abc import Container, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..spaces import Categorical, Config, Float, Integer, Objective, Parameter, Problem, Space, SpaceError, Value
from ..spaces.to_optuna import suggest_config, to_optuna
from .observations import Observations, curve_of
from .searcher import Searcher, SearcherOptions, draw, known_part
from .trial import State, Trial

if TYPE_CHECKING:
    import optuna

_TRIES = 20
_RANDOM_SHARE = 1 / 3
_GOOD_SHARE = 0.15
_CANDIDATES = 64
_WIDER = 3.0
_NARROWEST = 1e-3

Floats = NDArray[np.float64]


class TPE:
    """Fits densities to good and to other configs and proposes what the first makes likely and the second does not.

    Without early stopping: Optuna's TPE, multivariate with ``group`` for conditional spaces and the constant liar for
    parallel trials. With rungs: :class:`_RungModel`, which never puts a truncated value beside a complete one. Either
    way :attr:`study` has the truth: who runs, and how each trial ended, stopped ones as pruned with all their reports
    (of several objectives without them: Optuna has no place for those).

    Of several objectives the good configs are those of the first fronts, and on a front those that contribute most to
    its hypervolume.

    Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4; Falkner et al., BOHB, ICML
    2018; Ozaki et al., Multiobjective Tree-Structured Parzen Estimator, JAIR 73 (2022).

    Args:
        startup: trials to learn from before a model is used; until then proposals are random.
        rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
        multivariate: one density of all parameters together, or one of each, without early stopping only.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        startup: int,
        rungs: Sequence[int] = (),
        multivariate: bool = True,
    ) -> None:
        self._space = space
        self._objective = objective
        self._seed = seed
        self._startup = startup
        self._multivariate = multivariate
        self._running: dict[int, optuna.Trial] = {}
        self._rungs = _RungModel(space, objective, rungs, startup) if len(rungs) > 1 else None
        self.study = _study(objective)

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        rng = np.random.default_rng([self._seed, number])
        if self._rungs is None:
            asked = self._ask_optuna(number, taken)
            if asked is not None:
                return asked
            config = None
        else:
            config = self._rungs.propose(rng, taken) if rng.random() >= _RANDOM_SHARE else None
        config = config or draw(self._space, rng, taken)
        if config is not None:
            self.adopt(number, config)
        return config

    def adopt(self, number: int, config: Config) -> None:
        from optuna.samplers import RandomSampler

        config = known_part(self._space, config)
        if self._rungs is not None:
            self._rungs.seen.start(number, config)
        self.study.sampler = RandomSampler()  # asked for nothing: all parameters are given
        given, distributions = to_optuna(self._space, config)
        self.study.enqueue_trial(given)
        self._running[number] = self.study.ask(distributions)

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        if self._rungs is not None:
            self._rungs.seen.report(number, step, value, *others)

    def tell(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        if trial.number not in self._running:
            self.adopt(trial.number, trial.config)
        asked, curve, state = self._running.pop(trial.number), curve_of(trial, self._objective), _state(trial)
        excess = self._objective.excess(trial.metrics)
        if self._rungs is not None:
            self._rungs.seen.end(trial.number, curve, trial.state, excess)
        if not self._objective.others:  # Optuna takes no curves of several
            for step, (value,) in curve.items():
                asked.report(value, step)
        if self._objective.limits:
            asked.set_constraint("limits", excess)
        final = curve[trial.reports[-1].step] if state == TrialState.COMPLETE else None
        self.study.tell(asked, final, state=state)

    def _keep(self, number: int, config: Config, asked: optuna.Trial) -> None:
        """As :meth:`adopt`, which does not know the coordinates that were rounded to the config."""
        from optuna.trial import TrialState

        if to_optuna(self._space, config)[0] == asked.params:
            self._running[number] = asked
        else:
            self.study.tell(asked, state=TrialState.FAIL)
            self.adopt(number, config)

    def _sampler(self, number: int) -> optuna.samplers.TPESampler:
        import optuna

        state = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(
                seed=state,
                n_startup_trials=self._startup,
                multivariate=self._multivariate,
                group=self._multivariate,
                constant_liar=True,
            )

    def _ask_optuna(self, number: int, taken: Container[Config]) -> Config | None:
        """Optuna's proposal; None when all tries were taken or broke a constraint."""
        from optuna import TrialPruned
        from optuna.trial import TrialState

        # A sampler of its own for each trial: what is proposed depends on what was told, not on earlier asks.
        self.study.sampler = self._sampler(number)
        for _ in range(_TRIES):
            asked = self.study.ask()
            with suppress(TrialPruned):  # it breaks a constraint
                config = suggest_config(self._space, asked)
                if config not in taken:
                    self._keep(number, config, asked)
                    return config
            self.study.tell(asked, state=TrialState.FAIL)
        return None


class _RungModel:
    """BOHB's model: densities of the good and of the other configs at one rung.

    Observations at different rungs are never mixed: the highest rung counts that has enough of them for two sets of
    d + 1, d being the number of searched parameters. At that rung the best 15 % are good; the others, and the trials
    that run and have not reached it (constant liar), are not. Of 64 configs from the density of the good ones, made
    three times wider, the one with the highest ratio of the two densities is proposed.

    The wide draws matter more than the model's detail: a scheduler that compares trials picks the best of many
    different ones, and lets near copies of the best so far all run to the end.

    Falkner et al., BOHB, ICML 2018, sections 3.2 and 4 and appendix; its constants, but for the number of observations
    (d + 3 there, where the two sets overlap).
    """

    def __init__(self, space: Space, objective: Objective, rungs: Sequence[int], startup: int) -> None:
        self._space = space
        self._axes = {name: _axis(space[name]) for name in space.searched}
        self._least = len(self._axes) + 1
        self.seen = Observations(objective, rungs, max(startup, 2 * self._least))
        self._points: list[Floats] = []

    def propose(self, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
        """The best of the feasible candidates that are not taken; None without any, or before there is a model."""
        level = self.seen.level
        if level is None:
            return None
        good, others = self._densities(level)
        drawn = [self._decode(row, rng) for row in good.draw(rng, _CANDIDATES, _WIDER).tolist()]
        candidates = [config for config in drawn if self._space.feasible(config)]
        if not candidates:
            return None
        at = np.array([self._encode(config) for config in candidates])
        ranked = (candidates[index] for index in np.argsort(others.log(at) - good.log(at), kind="stable"))
        return next((config for config in ranked if config not in taken), None)

    def _densities(self, level: float) -> tuple[_Density, _Density]:
        """Of the good configs and of the others."""
        self._points += map(self._encode, self.seen.configs[len(self._points) :])
        ranked = self.seen.ranked(level)
        count = max(self._least, int(_GOOD_SHARE * len(ranked)))
        others = ranked[count:] + self.seen.running(level)
        axes = list(self._axes.values())
        return _Density(axes, self._at(ranked[:count])), _Density(axes, self._at(others))

    def _at(self, indices: Sequence[int]) -> Floats:
        return np.array([self._points[index] for index in indices])

    def _encode(self, config: Config) -> Floats:
        """Coordinates; NaN for parameters that are not active."""
        return np.array([axis.encode(config[name]) if name in config else np.nan for name, axis in self._axes.items()])

    def _decode(self, at: Sequence[float], rng: np.random.Generator) -> Config:
        """The config at coordinates; what is active and has none is drawn from the space."""
        given = {name: one for name, one in zip(self._axes, at, strict=True) if not math.isnan(one)}
        values: dict[str, Value] = {}
        for name in self._space.resolution_order:
            if self._space.active(name, values):
                fresh = name not in given
                values[name] = self._space[name].sample(rng) if fresh else self._axes[name].decode(given[name])
        return Config(values)


class _Number:
    """A number as its share of the declared distribution, from 0 to 1. Its kernel is normal, cut off at the ends.

    Where an expert expects the best value, the scale is stretched: a prior by warping the space, as in Ramachandran et
    al., Incorporating expert prior in Bayesian optimisation via space warping, Knowledge-Based Systems 195 (2020).
    """

    def __init__(self, parameter: Float | Integer) -> None:
        self._parameter = parameter

    def encode(self, value: Any) -> float:
        return self._parameter.unit(value)

    def decode(self, at: float) -> Value:
        value: Value = self._parameter.quantile(at)
        return value

    def spread(self, at: Floats) -> float:
        return float(at.std())

    def draw(self, starts: Floats, width: float, rng: np.random.Generator) -> Floats:
        from scipy.special import ndtr, ndtri

        below, above = ndtr(-starts / width), ndtr((1 - starts) / width)
        quantiles = below + (above - below) * rng.random(len(starts))
        return np.clip(starts + width * ndtri(quantiles), 0.0, 1.0)  # type: ignore[no-any-return]

    def log_kernel(self, at: Floats, points: Floats, width: float) -> Floats:
        from scipy.special import ndtr

        inside = ndtr((1 - points) / width) - ndtr(-points / width)
        kernel = -0.5 * ((at - points) / width) ** 2 - np.log(inside * width * math.sqrt(2 * math.pi))
        return np.where(np.isnan(points), 0.0, kernel)


class _Choice:
    """A choice as its index. Its kernel is Aitchison and Aitken's: ``width`` is the chance of another choice."""

    def __init__(self, parameter: Categorical) -> None:
        self._parameter = parameter
        self._values = parameter.values
        self._even = 1 - 1 / len(self._values)

    def encode(self, value: Value) -> float:
        return float(self._parameter.index(value))

    def decode(self, at: float) -> Value:
        return self._values[int(at)]

    def spread(self, at: Floats) -> float:
        """The standard deviation if there are two choices, written as 0 and 1."""
        shares = np.unique(at, return_counts=True)[1] / len(at)
        return math.sqrt(max(0.0, (1 - float((shares**2).sum())) / 2))

    def draw(self, starts: Floats, width: float, rng: np.random.Generator) -> Floats:
        count = len(self._values)
        others = (starts + rng.integers(1, count, size=len(starts))) % count
        return np.where(rng.random(len(starts)) < min(width, self._even), others, starts)

    def log_kernel(self, at: Floats, points: Floats, width: float) -> Floats:
        other = min(width, self._even)
        kernel = np.where(at == points, math.log(1 - other), math.log(other / (len(self._values) - 1)))
        return np.where(np.isnan(points), -math.log(len(self._values)), kernel)


class _Density:
    """A mixture with a product of kernels at each point; the kernel is uniform where a point has no value.

    The width of a kernel is Scott's: 1.06 spread n^(-1/(d + 4)).

    Args:
        points: n x d, NaN where a parameter is not active.
    """

    def __init__(self, axes: Sequence[_Number | _Choice], points: Floats) -> None:
        self._axes = axes
        self._points = points
        self._widths = [self._width(axis, column) for axis, column in zip(axes, points.T, strict=True)]

    def draw(self, rng: np.random.Generator, count: int, wider: float) -> Floats:
        """``count`` x d, with all widths ``wider`` times as large; NaN where the point drawn around has no value."""
        starts = self._points[rng.integers(len(self._points), size=count)]
        columns = zip(self._axes, starts.T, self._widths, strict=True)
        return np.column_stack([axis.draw(start, wider * width, rng) for axis, start, width in columns])

    def log(self, at: Floats) -> Floats:
        """Logarithm of the density at each row of ``at``."""
        total = np.zeros((len(at), len(self._points)))
        for axis, rows, points, width in zip(self._axes, at.T, self._points.T, self._widths, strict=True):
            active = ~np.isnan(rows)
            total[active] += axis.log_kernel(rows[active, None], points, width)
        highest = total.max(axis=1)
        return highest + np.log(np.exp(total - highest[:, None]).mean(axis=1))  # type: ignore[no-any-return]

    def _width(self, axis: _Number | _Choice, column: Floats) -> float:
        active = column[~np.isnan(column)]
        if not len(active):
            return 1.0
        return max(_NARROWEST, float(1.06 * axis.spread(active) * len(active) ** (-1 / (len(self._axes) + 4))))


def _axis(parameter: Parameter) -> _Number | _Choice:
    if isinstance(parameter, (Float, Integer)):
        return _Number(parameter)
    if isinstance(parameter, Categorical):
        return _Choice(parameter)
    raise TypeError(f"{type(parameter).__name__} has no density")


def _state(trial: Trial) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    if trial.state == State.COMPLETE and trial.reports:
        return TrialState.COMPLETE
    return TrialState.PRUNED if trial.state == State.STOPPED else TrialState.FAIL


def _study(objective: Objective) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(directions=[one.goal for one in objective.each])


class TPEOptions(SearcherOptions):
    """Tree-structured Parzen estimator."""

    type: Literal["tpe"] = "tpe"
    several: ClassVar[bool] = True
    startup: int = Field(default=10, ge=1)
    """Random trials before the model is used."""
    multivariate: bool = True
    """Parameters are modelled together; false: each for itself, which needs a scheduler that stops nothing early."""

    def check(self, rungs: Sequence[int]) -> None:
        if not self.multivariate and len(rungs) > 1:
            text = (
                "where trials are stopped early, parameters are modelled together: remove it, or write scheduler: none"
            )
            raise SpaceError([Problem(("searcher", "multivariate"), text)])

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return TPE(space, objective, seed, self.startup, rungs, self.multivariate)
