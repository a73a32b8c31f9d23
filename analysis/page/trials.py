"""The trials of a search as columns, and their learning curves, thinned to what can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...search import Sweep, Trial
from ...spaces import Config
from ..network_text import NetworkWords
from .columns import columns_of
from .rounding import rounded

_MOST_POINTS = 16_000
"""Of all curves together: more cannot be told apart on a screen."""
_FEWEST_OF_A_CURVE = 4
_DIGITS = 4


def trials_data(trials: Sequence[Trial], sweep: Sweep, default: Config) -> dict[str, Any]:
    """One list per fact, all in the order of ``trials``; values of the other objectives by metric.

    ``network`` has the networks in words, None where none are searched.
    """
    words = NetworkWords(sweep) if sweep.architecture is not None else None
    ends = [trial.reports[-1].elapsed if trial.reports else None for trial in trials]
    others = [one.metric for one in sweep.objectives[1:]]
    return {
        "number": [trial.number for trial in trials],
        "state": [trial.state.value for trial in trials],
        "value": [rounded(trial.value(sweep.objective.metric)) for trial in trials],
        "steps": [trial.last_step for trial in trials],
        "seconds": [rounded(trial.seconds) for trial in trials],
        "elapsed": [rounded(end) for end in ends],
        "reason": [trial.reason for trial in trials],
        "others": {metric: [_other(trial, metric) for trial in trials] for metric in others},
        "within": [not sweep.objective.excess(trial.metrics) for trial in trials],
        "network": words.short(trial.config for trial in trials) if words else None,
        "columns": columns_of([trial.config for trial in trials], default, sweep.parameters),
    }


def _other(trial: Trial, metric: str) -> float | None:
    value = trial.metrics.get(metric)
    return rounded(float(value)) if isinstance(value, int | float) else None


def curves_data(trials: Sequence[Trial], metric: str, rungs: Sequence[int]) -> list[list[float | None]]:
    """Per trial its curve as step, value, step, value, ...: at rungs and the end always, between as there is room."""
    total = sum(len(trial.reports) for trial in trials)
    share = min(1.0, _MOST_POINTS / total) if total else 1.0
    return [_curve(trial, metric, frozenset(rungs), share) for trial in trials]


def _curve(trial: Trial, metric: str, rungs: frozenset[int], share: float) -> list[float | None]:
    reports = trial.reports
    room = max(_FEWEST_OF_A_CURVE, round(share * len(reports)))
    if len(reports) > room:
        stride = -(-len(reports) // room)
        last = len(reports) - 1
        reports = tuple(r for at, r in enumerate(reports) if at % stride == 0 or at == last or r.step in rungs)
    pairs = [(float(one.step), rounded(float(one.metrics[metric]), _DIGITS)) for one in reports]
    return [number for step, value in pairs for number in (int(step), value)]
