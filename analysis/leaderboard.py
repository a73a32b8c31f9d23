"""Who is best, and who cannot be told apart from the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..search import Phase, State, Sweep, Trial
from ..spaces import Config
from .board import Interval, Leaderboard, Row
from .finalists import broken_limits, rank_search, select_finalists
from .inference.paired_t import Floats, mean, t_interval, vary, worse_than_best
from .notes import claim_notes, failure_notes, limit_notes, progress_notes

__all__ = ["Interval", "Leaderboard", "Row", "build_leaderboard"]


def build_leaderboard(sweep: Sweep, trials: Sequence[Trial], test_scores: Mapping[int, float]) -> Leaderboard:
    """The leaderboard of what is recorded so far.

    Args:
        trials: all trials of the sweep, of all phases.
        test_scores: score on the sealed test part by replicate trial.
    """
    objective, options = sweep.objective, sweep.leaderboard
    default = sweep.parameters.default()
    board = Leaderboard(sweep.name, objective.metric, objective.goal, options.alpha, [])
    finalists = select_finalists(trials, objective, options.top, default)
    replicates = {f.number: _replicates_of(f, trials) for f in finalists}
    done = [f for f in finalists if _count(replicates[f.number], State.COMPLETE) == options.seeds]
    broken = {f.number: why for f in done if (why := broken_limits(replicates[f.number], objective))}
    full = [f for f in done if f.number not in broken]
    under_way = progress_notes(replicates, options.seeds)
    if under_way or not full:  # to rank those that are done would call a winner without its rivals
        shown = rank_search(trials, objective)[: max(10, options.top)]
        rows = [_search_row(trial, sweep, default) for trial in shown]
        notes = under_way + failure_notes(replicates, options.seeds) + limit_notes(trials, objective, broken)
        return replace(board, rows=rows, notes=notes, broken=broken)
    rows = _ranked(full, replicates, sweep, test_scores)
    rest = [
        replace(_search_row(f, sweep, default), failed=_count(replicates[f.number], State.FAILED))
        for f in finalists
        if f not in full
    ]
    tied = [row for row in rows if row.tied]
    winner = min(tied, key=lambda row: row.cost) if options.tie_break == "cost" else rows[0]
    used = [trial for f in full for trial in replicates[f.number]]
    varies = any(row.p_value is not None for row in rows)
    return replace(
        board,
        rows=rows + rest,
        winner=winner.trial,
        tied=[row.trial for row in tied],
        replicates=options.seeds,
        notes=claim_notes(sweep, used, varies)
        + failure_notes(replicates, options.seeds)
        + limit_notes(trials, objective, broken),
        varies=varies,
        broken=broken,
    )


def _ranked(
    full: list[Trial], replicates: Mapping[int, list[Trial]], sweep: Sweep, test_scores: Mapping[int, float]
) -> list[Row]:
    objective, alpha = sweep.objective, sweep.leaderboard.alpha
    costs = {f.number: float(np.mean([run.seconds for run in replicates[f.number]])) for f in full}
    # Replicates are sorted by split, so that the values of two finalists are paired.
    fresh = {
        f.number: np.array([run.value(objective.metric) for run in replicates[f.number]], dtype=float) for f in full
    }

    def key(finalist: Trial) -> tuple[float, float, int]:
        rounded = float(f"{mean(fresh[finalist.number]):.12g}")  # equal up to rounding is equal
        return -objective.score(rounded), costs[finalist.number], finalist.number

    ordered = sorted(full, key=key)
    scores = objective.sign * np.array([fresh[f.number] for f in ordered])  # (k, r), larger is better
    varies = vary(scores)
    best = mean(fresh[ordered[0].number])
    rows = []
    for rank, (finalist, p_value) in enumerate(zip(ordered, worse_than_best(scores), strict=True), start=1):
        values, runs = fresh[finalist.number], replicates[finalist.number]
        tested = np.array([test_scores[run.number] for run in runs if run.number in test_scores], dtype=float)
        interval = _interval(values, 1 - alpha)
        row = _search_row(finalist, sweep, sweep.parameters.default())
        rows.append(
            replace(
                row,
                rank=rank,
                fresh=interval,
                difference=max(0.0, objective.sign * (best - interval.mean)),
                p_value=float(p_value) if varies else None,
                tied=bool(p_value > alpha),
                # A trial stopped early was scored at a lower fidelity: that is no optimism.
                optimism=objective.sign * (row.search_score - interval.mean)
                if finalist.state is State.COMPLETE
                else None,
                cost=costs[finalist.number],
                test=_interval(tested, 1 - alpha) if len(tested) else None,
            )
        )
    return rows


def _search_row(trial: Trial, sweep: Sweep, default: Config) -> Row:
    value = trial.value(sweep.objective.metric)
    return Row(
        rank=None,
        trial=trial.number,
        config=trial.config,
        default=trial.config == default,
        search_score=math.nan if value is None else value,
        cost=trial.seconds,
    )


def _replicates_of(finalist: Trial, trials: Sequence[Trial]) -> list[Trial]:
    runs = [t for t in trials if t.phase is Phase.REPLICATE and t.parent == finalist.number]
    return sorted(runs, key=lambda trial: trial.split)


def _count(replicates: Sequence[Trial], state: State) -> int:
    return sum(trial.state is state for trial in replicates)


def _interval(values: Floats, confidence: float) -> Interval:
    return Interval(mean(values), *t_interval(values, confidence), len(values))
