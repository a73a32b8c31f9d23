"""One axis of parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...search import State, Trial
from ...spaces import Objective
from ...spaces.numeric import Numeric
from ...spaces.parameter import Parameter
from ..text import parameter as shown
from .style import drawable, words

_LISTED = 12
"""Choices that are all written."""


@dataclass(frozen=True)
class Lane:
    """What stands where on one axis; heights are from 0 to 1.

    Args:
        name: what is written below.
        of: the height of a trial; None when it has no value here.
        ticks: heights and what is written there.
    """

    name: str
    of: Callable[[Trial], float | None]
    ticks: Sequence[tuple[float, str]]

    def height(self, trial: Trial, off: float) -> float:
        """The height of a trial, ``off`` where it has no value."""
        found = self.of(trial)
        return off if found is None else found


def parameter_lane(parameter: Parameter, name: str, trials: Sequence[Trial]) -> Lane:
    """A parameter on its own scale; categories one above the other."""
    if isinstance(parameter, Numeric):
        return _numeric(parameter, name, trials)
    choices = list(parameter.choices)
    places = {repr(value): (index + 0.5) / len(choices) for index, value in enumerate(choices)}
    some = choices if len(choices) <= _LISTED else [choices[0], choices[-1]]
    ticks = [(places[repr(value)], shown(value)) for value in some]
    return Lane(name, lambda trial: places[repr(trial.config[name])] if name in trial.config else None, ticks)


def objective_lane(objective: Objective, trials: Sequence[Trial]) -> Lane:
    """The objective with the better end on top; what is worse than all full runs, or far worse, is at the bottom."""
    full = [trial for trial in trials if trial.state is State.COMPLETE] or trials
    shown = np.array([objective.sign * drawable(trial.value(objective.metric)) for trial in full])
    scale = float(np.abs(shown).max()) or 1.0
    middle, best, least = (float(one / scale) for one in (np.median(shown), shown.max(), shown.min()))
    worst = max(least, best - 4 * (best - middle)) if best > middle else least
    width = (best - worst) or 1.0

    def of(trial: Trial) -> float:
        score = objective.sign * drawable(trial.value(objective.metric)) / scale
        return min(1.05, max(0.0, (score - worst) / width))  # a stopped trial may have been better than all full ones

    cut = any(objective.sign * drawable(trial.value(objective.metric)) / scale < worst for trial in trials)
    beyond = ("≤ " if objective.sign > 0 else "≥ ") * cut
    ends = [(0.0, worst, beyond), (0.5, (worst + best) / 2, ""), (1.0, best, "")] if best > worst else [(0.0, best, "")]
    ticks = [(height, f"{sign}{objective.sign * end * scale + 0.0:.4g}") for height, end, sign in ends]
    return Lane(f"{words(objective.metric, 24)} ({objective.goal})", of, ticks)


def _numeric(parameter: Numeric, name: str, trials: Sequence[Trial]) -> Lane:
    low, high = _range(parameter, [trial.config for trial in trials], name)
    scaled: Callable[[float], float] = math.log if parameter.log else float
    start, width = scaled(low), (scaled(high) - scaled(low)) or 1.0

    def of(trial: Trial) -> float | None:
        value = trial.config.get(name)
        return (scaled(float(value)) - start) / width if value is not None else None

    marks = _decades(low, high) if parameter.log else [low, (low + high) / 2, high]
    return Lane(name, of, [((scaled(mark) - start) / width, f"{mark:.3g}") for mark in marks])


def _range(parameter: Numeric, configs: Sequence[Mapping[str, object]], name: str) -> tuple[float, float]:
    """The bounds; of a normal without bounds, what was drawn."""
    drawn = [float(config[name]) for config in configs if name in config]  # type: ignore[arg-type]
    bounded = (
        math.isfinite(parameter.min) and math.isfinite(parameter.max) and not (parameter.log and parameter.min == 0)
    )
    if bounded or not drawn:
        return (float(parameter.min), float(parameter.max)) if bounded else (1.0, 2.0)
    return min(drawn), max(drawn)


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten between the ends, and the ends where they do not stand too close to one."""
    first, last = math.log10(low), math.log10(high)
    every = max(1, math.ceil((last - first) / 6))
    whole = [10.0**power for power in range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1, every)]
    room = 0.12 * (last - first)
    ends = [end for end in (low, high) if all(abs(math.log10(end / mark)) > room for mark in whole)]
    return sorted({*whole, *ends})
