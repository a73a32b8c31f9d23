"""What a reader of the leaderboard must know to judge its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..search import State, Sweep, Trial
from ..spaces import Objective
from .finalists import scored_search
from .replication import Replication

if TYPE_CHECKING:
    from .contest import Contest


def claim_notes(sweep: Sweep, used: Sequence[Trial], contest: Contest) -> list[str]:
    """What the intervals and p-values rest on; ``used`` are the replicates behind them."""
    notes = [
        "intervals and p-values come from fresh replicates alone; "
        "the search score is shown only as optimism (search score minus fresh mean)",
        "intervals of a config's own score are for new seeds and splits of these data; how far these data stand for "
        "others is for the sealed test to tell",
    ]
    if contest.best_set is None and len(contest.numbers) > 1:
        notes.append("all replicates of a config have the same score: nothing is random here, so nothing can be tested")
    elif sweep.leaderboard.data == "test":
        notes.append(
            "finalists were compared on the sealed test part (leaderboard.data: test): its scores have chosen the "
            "winner, and are no fresh score of it any more"
        )
    elif all(trial.resplit for trial in used) and not contest.corrected:
        notes.append(
            "replicates split one data set again and again: their training rows overlap, which makes p-values and "
            "intervals somewhat too small"
        )
    elif not all(trial.resplit for trial in used) and contest.replicates.examples is None:
        notes.append(
            "the training function does not use trial.split or trial.split_id: all replicates were validated on the "
            "same data, so intervals hold seed noise only; with predictions kept (trial.save_predictions) the noise "
            "of the examples can be part of them"
        )
    return notes + _test_part_notes(sweep, used)


def _test_part_notes(sweep: Sweep, used: Sequence[Trial]) -> list[str]:
    if not all(trial.testable for trial in used):
        return [
            "no score on a sealed test part: it needs trial.split(inputs, targets) and a function given to "
            "trial.save_predictions"
        ]
    if sweep.objective.known_scorer is not None:
        return [
            "the intervals of the sealed test are over models; all are scored on the same test examples, whose own "
            "noise they do not hold"
        ]
    return [
        f"no score on the sealed test part: {sweep.objective.metric!r} is not known as a metric of predictions; "
        "name one with `scorer` in objectives"
    ]


def failure_notes(replication: Replication) -> list[str]:
    """Finalists that are not ranked, and why."""
    notes = []
    for number, runs in replication.runs.items():
        reasons = [run.reason for run in runs if run.state is State.FAILED]
        if reasons:
            failed = f"{len(reasons)} of {len(runs)} replicates failed"
            notes.append(f"trial {number} is not ranked: {failed} ({reasons[0]})")
    return notes


def limit_notes(trials: Sequence[Trial], objective: Objective, broken: Mapping[int, str]) -> list[str]:
    """What is not ranked because it is beyond a limit."""
    limits = " and ".join(map(str, objective.limits))
    beyond = sum(bool(objective.excess(trial.metrics)) for trial in scored_search(trials))
    notes = [f"{beyond} trials of the search are not ranked: they break {limits}"] if beyond else []
    return notes + [f"trial {number} is not ranked: its replicates break {why}" for number, why in broken.items()]


def inheritance_notes(trials: Sequence[Trial]) -> list[str]:
    """Why scores of a search in which networks started from the weights of others do not compare."""
    scored = scored_search(trials)
    children = sum(trial.parent is not None for trial in scored)
    if not children:
        return []
    return [
        f"search scores of {children} of {len(scored)} trials include the training of their parents, from whose "
        "weights they started: they do not compare with those of trials from scratch; replicates all start from scratch"
    ]


def progress_notes(
    sweep: Sweep, replication: Replication, scores: Mapping[int, Mapping[int, float]], broken: Mapping[int, str]
) -> list[str]:
    """How far the replication is, once it has begun."""
    if not any(replication.runs.values()):
        return []
    if replication.wanted:
        of = "up to " if sweep.leaderboard.replicate != "top_k" else ""
        return [
            f"replication is under way: {replication.spent} of {of}{replication.budget} runs are over; "
            "ranks follow when all are"
        ]
    if sweep.leaderboard.data == "test":
        ranked = [f.number for f in replication.finalists if f.number not in broken]
        complete = [run for number in ranked for run in replication.runs[number] if run.state is State.COMPLETE]
        if sum(map(len, scores.values())) < len(complete):
            return ["finalists are compared on the sealed test part, which has not been predicted by all models yet"]
    return []
