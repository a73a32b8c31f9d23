"""What a sweep has cost, and what went wrong in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ...search import Phase, State, Sweep, Trial
from .rounding import rounded

_NAMED = 12
"""Trials that are named for each reason."""


def costs(trials: Sequence[Trial], sweep: Sweep) -> list[dict[str, Any]]:
    """Per phase: trials, seconds in the training function, CPU and GPU hours, and US dollars where there is a price."""
    resources = sweep.resources
    lines = []
    for phase in Phase:
        here = [trial for trial in trials if trial.phase is phase]
        hours = sum(trial.seconds for trial in here) * resources.workers / 3600
        if here:
            lines.append(
                {
                    "phase": phase.value,
                    "trials": len(here),
                    "states": dict(sorted(Counter(trial.state.value for trial in here).items())),
                    "seconds": rounded(sum(trial.seconds for trial in here)),
                    "cpu_hours": rounded(hours * resources.cpu),
                    "gpu_hours": rounded(hours * resources.gpu),
                    "usd": None if resources.usd_per_hour is None else rounded(hours * resources.usd_per_hour),
                }
            )
    return lines


def failures(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Reasons for which trials failed, the most common first, each with its count and the first trials."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.state is State.FAILED:
            found.setdefault(trial.reason, []).append(trial)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[1][0].number))
    return [
        {
            "reason": reason,
            "count": len(failed),
            "trials": [{"trial": one.number, "phase": one.phase.value} for one in failed[:_NAMED]],
        }
        for reason, failed in ordered
    ]
