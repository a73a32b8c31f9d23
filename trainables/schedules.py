"""Learning rates over a run, as shares of the largest: the schedules of :func:`assay.spaces.presets.preset`.

Each is a function of the step and the length of the run alone, so that training can go on anywhere, and works with any
library: ``lr * schedule_factor(config["schedule"], step, steps)``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from ..spaces import TrainableError, did_you_mean, one_of
from ..spaces.presets import chosen

Shape = Callable[..., float]
"""From the step t and the number of steps, with t below it, to a share."""

_START, _END = 1 / 25, 1 / 25e4
"""Of one_cycle, as shares of the peak: PyTorch's div_factor and final_div_factor."""


def schedule_factor(settings: Mapping[str, Any], step: int, steps: int) -> float:
    """What the learning rate is multiplied by.

    Args:
        settings: of a schedule preset, such as ``config["schedule"]``.
        step: from 0; from ``steps`` on it stays what it was in the last one.
        steps: of a whole run, in the unit in which ``step`` is counted: epochs or batches.

    Raises:
        TrainableError: for an unknown schedule or argument, and for a run of no steps.
    """
    shape, arguments, warmup = _read(settings)
    if steps < 1:
        raise TrainableError(f"schedule: a run has 1 step or more, got {steps}")
    rising = min(round(warmup * steps), steps - 1)
    step = min(max(step, 0), steps - 1)
    if step < rising:
        return (step + 1) / (rising + 1)
    return shape(step - rising, steps - rising, **arguments)


def _read(settings: Mapping[str, Any]) -> tuple[Shape, dict[str, Any], float]:
    flat = chosen(settings) if isinstance(settings, Mapping) else {"name": settings}
    name = flat.pop("name", None)
    if not isinstance(name, str) or name not in _SHAPES:
        raise TrainableError(
            f"schedule: name must be {one_of(_SHAPES)}, got {name!r}{did_you_mean(name, _SHAPES)}: "
            "give config['schedule'] of schedule: preset(...)"
        )
    shape = _SHAPES[name]
    known = [*list(inspect.signature(shape).parameters)[2:], *(["warmup"] if shape is not _one_cycle else [])]
    for key in flat.keys() - set(known):
        takes = f"takes {', '.join(known)}" if known else "takes nothing"
        raise TrainableError(f"schedule: {name} has no {key!r}{did_you_mean(key, known)}: it {takes}")
    return shape, flat, float(flat.pop("warmup", 0.0))


def _constant(t: int, steps: int) -> float:
    return 1.0


def _step(t: int, steps: int, drops: int = 2, gamma: float = 0.1) -> float:
    return float(gamma ** (t * (drops + 1) // steps))


def _exponential(t: int, steps: int, final: float = 0.01) -> float:
    return float(final ** (t / steps))


def _cosine(t: float, steps: float, final: float = 0.0) -> float:
    return final + (1 - final) * (1 + math.cos(math.pi * t / steps)) / 2


def _warm_restarts(t: int, steps: int, cycles: int = 3, growth: int = 2, final: float = 0.0) -> float:
    length = steps / sum(growth**index for index in range(cycles))
    start = 0.0
    while t >= start + length:
        start, length = start + length, length * growth
    return _cosine(t - start, length, final)


def _one_cycle(t: int, steps: int, pct_start: float = 0.3) -> float:
    """PyTorch's: up to the peak and down to almost nothing, each along half a cosine."""
    peak, last = pct_start * steps - 1, steps - 1
    if t <= peak:
        return _between(_START, 1.0, t / peak) if peak > 0 else 1.0
    return _between(1.0, _END, (t - peak) / (last - peak))


def _between(first: float, last: float, share: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * share)) / 2


_SHAPES: Mapping[str, Shape] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "warm_restarts": _warm_restarts,
    "one_cycle": _one_cycle,
}
