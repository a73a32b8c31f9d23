"""What each change on the way from the default config to the best one brings.

Fawcett and Hoos, Analysing differences between algorithm configurations through ablation, Journal of Heuristics 22
(2016); on a model of the trials as in Biedenkapp et al., Efficient parameter importance analysis via ablation with
surrogates, AAAI 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...spaces import Config, Space, UsageError, Value
from .ablation_report import AblationReport, AblationStep, Gain
from .ablation_runs import with_runs
from .evidence import Evidence, gather
from .importance import doubts, resampled
from .surrogate import Surrogate

if TYPE_CHECKING:
    from ..results import Results

Floats = NDArray[np.float64]

RESAMPLES = 50
_TREES_RESAMPLED = 16
_FILLS = 8


def ablation(
    results: Results, verified: Results | None = None, *, seed: int = 0, resamples: int = RESAMPLES
) -> AblationReport:
    """The changes from the default config to the best one, in the order in which a forest says that they help most.

    Args:
        verified: the sweep that ran the configs on the way, see :func:`~.ablation_runs.ablation_sweep`.
        seed: of the forest and of resampling.
        resamples: of the trials, for the intervals.

    Raises:
        UsageError: when the default config is the best.
        NoResultError: when there is no best config, or too few trials to learn from.
    """
    sweep, best = results.sweep, results.best_trial
    default = sweep.parameters.default()
    if best.config == default:
        raise UsageError(f"the default config is the best of {results.record.name!r}: there is no way to go")
    evidence = gather(sweep, results.trials)
    forests = _Forests(evidence, seed, resamples)
    path = list(_path(sweep.parameters, default, best.config, forests, sweep.objective.sign))
    configs = [default, *path]
    steps = [
        AblationStep(*_difference(before, after, best.config), after, forests.gain(before, after, sweep.objective.sign))
        for before, after in zip(configs, path, strict=False)
    ]
    r2 = forests.r2
    report = AblationReport(
        sweep=results.record.name,
        metric=evidence.metric,
        goal=sweep.objective.goal,
        trial=best.number,
        default=default,
        steps=steps,
        predicted=forests.gain(default, best.config, sweep.objective.sign),
        measured=None,
        trials=len(evidence),
        sampling=evidence.sampling,
        r2=r2,
        verified_by=None,
        notes=[*evidence.notes],
        warnings=[*evidence.warnings, *doubts(r2)],
    )
    return report if verified is None else with_runs(report, verified)


class _Forests:
    """A forest on all trials, and some on resampled ones."""

    def __init__(self, evidence: Evidence, seed: int, resamples: int) -> None:
        self._evidence = evidence
        self._forest = Surrogate(evidence.matrix(np.random.default_rng(seed)), evidence.values, seed)
        self._again = [
            Surrogate(evidence.matrix(rng)[rows], evidence.values[rows], int(rng.integers(2**31)), _TREES_RESAMPLED)
            for rows, rng in resampled(len(evidence), resamples, seed)
        ]

    @property
    def r2(self) -> float:
        return self._forest.r2()

    def value(self, config: Config) -> float:
        """Predicted, on average over what inactive parameters could be."""
        return float(self._forest.predict(self._points(config)).mean())

    def gain(self, before: Config, after: Config, sign: int) -> Gain:
        """How much better ``after`` is."""
        points = np.vstack([self._points(before), self._points(after)])

        def difference(forest: Surrogate) -> float:
            first, second = np.split(forest.predict(points), 2)
            return sign * float(second.mean() - first.mean())

        mean = difference(self._forest)
        low, high = np.quantile([difference(forest) for forest in self._again], [0.025, 0.975])
        return Gain(mean, min(mean, float(low)), max(mean, float(high)))

    def _points(self, config: Config) -> Floats:
        """The config in the unit cube, shape (8, d), with random values of inactive parameters."""
        same = replace(self._evidence, configs=(config,) * _FILLS)
        return same.matrix(np.random.default_rng(0))


def _path(space: Space, start: Config, end: Config, forests: _Forests, sign: int) -> Iterator[Config]:
    """Greedy: of all that can be changed, what is predicted to help most."""
    current, flipped = start, frozenset[str]()
    while current != end:
        options = _options(space, start, end, flipped, current)
        best = max(options, key=lambda chosen: (sign * forests.value(options[chosen]), sorted(chosen)))
        flipped, current = flipped | best, options[best]
        yield current


def _options(
    space: Space, start: Config, end: Config, flipped: frozenset[str], current: Config
) -> dict[frozenset[str], Config]:
    """What may be changed next: one parameter, or two at once, or all, where constraints allow nothing less."""
    left = sorted(name for name in end if name in start and start[name] != end[name] and name not in flipped)
    for count in (1, 2, len(left)):
        found = {}
        for chosen in map(frozenset, combinations(left, count)):
            config = _changed(space, start, end, flipped | chosen)
            if config != current and space.feasible(config):
                found[chosen] = config
        if found:
            break
    return found


def _changed(space: Space, start: Config, end: Config, flipped: frozenset[str]) -> Config:
    """``start`` with the values of ``end`` where flipped, and for what becomes active."""

    def choose(name: str) -> Value:
        if name in start and name not in flipped:
            return start[name]
        return end[name] if name in end else space[name].default_value

    return space.fill(choose)


def _difference(before: Config, after: Config, end: Config) -> tuple[dict[str, Value], dict[str, Value | None]]:
    """What was changed, and what came or went with it."""
    changed = {name: after[name] for name in after if name in before and before[name] != after[name]}
    came: dict[str, Value | None] = {name: after[name] for name in after if name not in before}
    gone = dict.fromkeys((name for name in before if name not in after), None)
    return changed, came | gone
