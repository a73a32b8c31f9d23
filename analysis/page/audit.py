"""What early stopping saved, and how far its comparisons can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...search import State, Trial
from ...spaces import Objective
from .rounding import rounded

_FEWEST = 5
"""Full runs below which nothing is said of how the order changes."""


def rungs_of(trials: Sequence[Trial]) -> list[int]:
    """The steps at which trials of the search were stopped."""
    return sorted({trial.last_step for trial in trials if trial.state is State.STOPPED})


def stopping_audit(trials: Sequence[Trial], objective: Objective, full: int | None) -> dict[str, Any] | None:
    """Early stopping, step by step; None when no trial was stopped.

    Args:
        trials: of the search.
        full: steps of a full run.

    Returns:
        ``rungs``: for each step at which trials were stopped how many came so far (``reached``), how many were
        ``stopped`` there, the best value among these (``best_stopped``), and ``turned``: the share of pairs of full
        runs whose order at that step is not their order at the end, (1 - Kendall's tau) / 2, from ``full_runs``
        runs. ``saved_steps`` and ``all_steps``: training that stopping saved, and that all trials would have taken.
    """
    stopped = [trial for trial in trials if trial.state is State.STOPPED and trial.reports]
    if not stopped:
        return None
    lines = [_rung(step, trials, objective) for step in sorted({trial.last_step for trial in stopped})]
    facts: dict[str, Any] = {"rungs": lines}
    if full is not None:
        over = [trial for trial in trials if trial.state in (State.STOPPED, State.COMPLETE)]
        facts["saved_steps"] = sum(max(0, full - trial.last_step) for trial in stopped)
        facts["all_steps"] = sum(max(full, trial.last_step) if trial in stopped else trial.last_step for trial in over)
    return facts


def _rung(step: int, trials: Sequence[Trial], objective: Objective) -> dict[str, Any]:
    here = [trial for trial in trials if trial.state is State.STOPPED and trial.last_step == step]
    values = [value for trial in here if (value := trial.value(objective.metric)) is not None]
    pairs = [
        (at, end)
        for trial in trials
        if trial.state is State.COMPLETE and trial.last_step > step
        for at, end in [(value_at(trial, step, objective.metric), trial.value(objective.metric))]
        if at is not None and end is not None
    ]
    return {
        "step": step,
        "reached": sum(trial.last_step >= step for trial in trials),
        "stopped": len(here),
        "best_stopped": rounded(max(values, key=objective.score, default=None)),
        "turned": _turned(pairs),
        "full_runs": len(pairs),
    }


def value_at(trial: Trial, step: int, metric: str) -> float | None:
    """The metric at a step; None when nothing was reported there."""
    return next((float(one.metrics[metric]) for one in trial.reports if one.step == step), None)


def _turned(pairs: Sequence[tuple[float, float]]) -> float | None:
    from scipy import stats

    if len(pairs) < _FEWEST:
        return None
    early, late = np.array(pairs).T
    return rounded(round((1 - float(stats.kendalltau(early, late).statistic)) / 2, 6))
