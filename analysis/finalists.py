"""Which configs of the search are worth replicating."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

import numpy as np

from ..search import Phase, State, Trial
from ..spaces import Config, Objective
from ..spaces.pareto import best_first
from .inference.paired_t import mean

LAST, ENOUGH = 3, 10
"""How many last values make a robust score, and from how many reports on."""


def select_finalists(
    trials: Sequence[Trial], objective: Objective, top: int, given: Sequence[Config] = ()
) -> list[Trial]:
    """The ``top`` best search trials by a robust score, and those of the ``given`` configs if they have one.

    Of several objectives the best are those of the first fronts, and on a front those that contribute most to its
    hypervolume.

    Trials that trained in full come before stopped ones, of which those that came further come first: values at
    different fidelities are not compared. A run that ended by itself is a full run, however many steps it took.
    """
    ranked = rank_search(trials, objective, robust_score)
    return ranked[:top] + [trial for trial in ranked[top:] if trial.config in given]


def robust_score(trial: Trial, objective: Objective) -> float:
    """The median of the last three values where there are ten or more: one lucky epoch makes no finalist.

    It serves to choose whom to replicate, never to rank.
    """
    values = [float(report.metrics[objective.metric]) for report in trial.reports]
    return objective.score(statistics.median(values[-LAST:]) if len(values) >= ENOUGH else values[-1])


def last_score(trial: Trial, objective: Objective) -> float:
    """The value at the last report, turned so that larger is better."""
    return objective.score(trial.value(objective.metric) or 0.0)


def rank_search(
    trials: Sequence[Trial], objective: Objective, score: Callable[[Trial, Objective], float] = last_score
) -> list[Trial]:
    """Scored search trials within the limits, best first; see :func:`select_finalists`."""
    scored = [trial for trial in scored_search(trials) if not objective.excess(trial.metrics)]
    if objective.others:
        return _rank_fronts(scored, objective, score)

    def key(trial: Trial) -> tuple[bool, int, float, int]:
        complete = trial.state is State.COMPLETE
        return not complete, 0 if complete else -trial.last_step, -score(trial, objective), trial.number

    return sorted(scored, key=key)


def _rank_fronts(
    scored: Sequence[Trial], objective: Objective, score: Callable[[Trial, Objective], float]
) -> list[Trial]:
    groups: dict[tuple[bool, int], list[Trial]] = {}  # of equal length
    for trial in scored:
        complete = trial.state is State.COMPLETE
        groups.setdefault((not complete, 0 if complete else -trial.last_step), []).append(trial)
    ranked: list[Trial] = []
    for _, group in sorted(groups.items()):
        group.sort(key=lambda trial: trial.number)
        scores = np.array([[score(trial, one) for one in objective.each] for trial in group])
        ranked += [group[index] for index in best_first(scores, objective.corner)]
    return ranked


def scored_search(trials: Sequence[Trial]) -> list[Trial]:
    """Search trials with a score, within the limits or not."""
    return [t for t in trials if t.phase is Phase.SEARCH and t.reports and t.state is not State.FAILED]


def broken_limits(replicates: Sequence[Trial], objective: Objective) -> str:
    """Which limits the replicates of a config are beyond on average, such as ``"latency_ms <= 20 (mean 23.1)"``."""
    means = {limit: mean(np.array([run.metrics[limit.metric] for run in replicates])) for limit in objective.limits}
    return ", ".join(f"{limit} (mean {value:.4g})" for limit, value in means.items() if limit.excess(value))
