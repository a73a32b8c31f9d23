"""What a reader of the leaderboard must know to judge its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..search import State, Sweep, Trial
from ..spaces import Objective
from .finalists import scored_search


def claim_notes(sweep: Sweep, used: Sequence[Trial], varies: bool) -> list[str]:
    """What the intervals and p-values rest on; ``used`` are the replicates behind them, which vary or not."""
    notes = [
        "intervals and p-values come from fresh replicates alone; "
        "the search score is shown only as optimism (search score minus fresh mean)"
    ]
    if not varies:
        notes.append("all replicates of a config have the same score: nothing is random here, so nothing can be tested")
    elif all(trial.resplit for trial in used):
        notes.append(
            "replicates split one data set again and again: their training rows overlap, which makes p-values and "
            "intervals somewhat too small"
        )
    else:
        notes.append(
            "the training function does not use trial.split or trial.split_id: all replicates were validated on the "
            "same data, so intervals hold seed noise only"
        )
    if not all(trial.testable for trial in used):
        notes.append(
            "no score on a sealed test part: it needs trial.split(inputs, targets) and a function given to "
            "trial.save_predictions"
        )
    elif sweep.objective.known_scorer is not None:
        notes.append(
            "the intervals of the sealed test are over models; all are scored on the same test examples, whose own "
            "noise they do not hold"
        )
    else:
        notes.append(
            f"no score on the sealed test part: {sweep.objective.metric!r} is not known as a metric of predictions; "
            "name one with `scorer` in objectives"
        )
    return notes


def failure_notes(replicates: Mapping[int, list[Trial]], seeds: int) -> list[str]:
    """Finalists that are not ranked, and why."""
    notes = []
    for number, runs in replicates.items():
        reasons = [run.reason for run in runs if run.state is State.FAILED]
        if reasons:
            notes.append(f"trial {number} is not ranked: {len(reasons)} of {seeds} replicates failed ({reasons[0]})")
    return notes


def limit_notes(trials: Sequence[Trial], objective: Objective, broken: Mapping[int, str]) -> list[str]:
    """What is not ranked because it is beyond a limit."""
    limits = " and ".join(map(str, objective.limits))
    beyond = sum(bool(objective.excess(trial.metrics)) for trial in scored_search(trials))
    notes = [f"{beyond} trials of the search are not ranked: they break {limits}"] if beyond else []
    return notes + [f"trial {number} is not ranked: its replicates break {why}" for number, why in broken.items()]


def progress_notes(replicates: Mapping[int, list[Trial]], seeds: int) -> list[str]:
    """How far the replication is, once it has begun."""
    over = sum(run.state.over for runs in replicates.values() for run in runs)
    if not any(replicates.values()) or over == seeds * len(replicates):
        return []
    return [f"replication is under way: {over} of {seeds * len(replicates)} runs are over; ranks follow when all are"]
