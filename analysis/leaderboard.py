"""Who is best, and who cannot be told apart from the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from ..search import State, Sweep, Trial
from .board import Interval, Leaderboard, Row
from .bounds import Bounds
from .build_front import mark_front
from .contest import WORDS, Contest, Examples, compare_finalists
from .finalists import broken_limits, rank_search
from .inference.paired_t import Floats, mean, t_interval
from .notes import claim_notes, failure_notes, inheritance_notes, limit_notes, progress_notes
from .replication import Replication, plan_replication, replicate_scores
from .verdicts import pair_numbers, with_verdicts

__all__ = ["Interval", "Leaderboard", "Row", "build_leaderboard"]

_FEWEST_SHOWN = 10
_UNRANKED = "no finalist can be ranked: each has a replicate that failed; these are search scores"
_TIE_BREAKS = {"mean": "the best mean", "cost": "the cheapest"}


def build_leaderboard(
    sweep: Sweep,
    trials: Sequence[Trial],
    test_scores: Mapping[int, float],
    examples: Examples = lambda runs, scores: None,
    *,
    replication: Replication | None = None,
    test: str | None = None,
    full_runs: int | None = None,
) -> Leaderboard:
    """The leaderboard of what is recorded so far.

    Args:
        trials: all trials of the sweep, of all phases.
        test_scores: score on the sealed test part by the trial whose model it is.
        examples: see :data:`.contest.Examples`.
        replication: of these trials, if it is known already.
        test: instead of the sweep's.
        full_runs: how many trials of the search trained in full, where ``trials`` are only its contenders.

    Raises:
        UsageError: when ``test`` cannot decide on these replicates.
    """
    options = sweep.leaderboard
    board = Leaderboard(sweep.name, sweep.objective.metric, sweep.objective.goal, options.alpha, [], rope=options.rope)
    replication = replication or plan_replication(sweep, trials)
    scores, broken = _scores(sweep, replication, test_scores)
    notes = failure_notes(replication) + limit_notes(trials, sweep.objective, broken) + inheritance_notes(trials)
    under_way = progress_notes(sweep, replication, scores, broken)
    if under_way or not scores:  # to rank those that are done would call a winner without its rivals
        shown = rank_search(trials, sweep.objective)[: max(_FEWEST_SHOWN, options.top)]
        rows = [_search_row(trial, sweep) for trial in shown]
        ended = not under_way and any(replication.runs.values()) and not broken
        return replace(board, rows=rows, notes=under_way + notes, broken=broken, unranked=_UNRANKED if ended else "")
    contest = compare_finalists(sweep, replication, scores, examples, test)
    rows = mark_front(_ranked(sweep, replication, contest, scores, test_scores), sweep.objective)
    rest = [
        replace(_search_row(f, sweep), failed=_count(replication.runs[f.number], State.FAILED))
        for f in replication.finalists
        if f.number not in scores
    ]
    tied = [row for row in rows if row.tied]
    winner = _winner(rows, sweep)
    used = [run for number in scores for run in replication.runs[number]]
    board = replace(
        board,
        rows=rows + rest,
        winner=winner.trial,
        tied=[row.trial for row in tied],
        replicates=contest.replicates.scores.shape[1],
        notes=contest.notes + claim_notes(sweep, used, contest) + notes,
        varies=contest.best_set is not None or len(rows) == 1,
        broken=broken,
        test=contest.test,
        test_words=WORDS.get(contest.test, ""),
        statement=contest.best_set.statement if contest.best_set else "",
        assumptions=contest.assumptions,
        tie_break=_decided_by(rows, sweep),
        stopped=replication.stopped,
    )
    return with_verdicts(board, sweep, trials, contest, scores, test_scores, full_runs)


def _scores(
    sweep: Sweep, replication: Replication, test_scores: Mapping[int, float]
) -> tuple[dict[int, dict[int, float]], dict[int, str]]:
    """Scores of the finalists that can be ranked, by split, larger is better; and what the others break."""
    scores, broken = {}, {}
    for finalist in replication.finalists:
        runs = [run for run in replication.runs[finalist.number] if run.state.over]
        if not runs or not all(run.state is State.COMPLETE and run.reports for run in runs):
            continue
        why = broken_limits(runs, sweep.objective)
        if why:
            broken[finalist.number] = why
            continue
        if sweep.leaderboard.data == "test":
            tested = {run.split: test_scores[run.number] for run in runs if run.number in test_scores}
            scores[finalist.number] = {split: sweep.objective.score(value) for split, value in tested.items()}
        else:
            scores[finalist.number] = replicate_scores(runs, sweep)
    return {number: own for number, own in scores.items() if own}, broken


def _ranked(
    sweep: Sweep,
    replication: Replication,
    contest: Contest,
    scores: Mapping[int, Mapping[int, float]],
    test_scores: Mapping[int, float],
) -> list[Row]:
    """Rows of the finalists that were compared, best first; those that a race dropped come last."""
    sign, level = sweep.objective.sign, 1 - sweep.leaderboard.alpha
    bounds = Bounds.of(sweep.objective, (sign * score for own in scores.values() for score in own.values()))
    bounds_of_tests = Bounds.of(sweep.objective, test_scores.values())
    finalists = {finalist.number: finalist for finalist in replication.finalists}
    runs_of = {
        number: [run for run in replication.runs[number] if run.split in scores[number]] for number in contest.numbers
    }
    others = _others(sweep, runs_of, level)
    rows = []
    for index, number in enumerate(contest.numbers):
        runs = runs_of[number]
        values = {run.split: sign * scores[number][run.split] for run in runs}
        tested = np.array([test_scores[run.number] for run in runs if run.number in test_scores], dtype=float)
        interval = bounds.cut(_interval(np.array(list(values.values())), level))
        row = _search_row(finalists[number], sweep)
        rows.append(
            replace(
                row,
                fresh=interval,
                tied=number in contest.tied,
                # A trial stopped early was scored at a lower fidelity: that is no optimism.
                optimism=sign * (row.search_score - interval.mean)
                if finalists[number].state is State.COMPLETE and sweep.leaderboard.data == "validation"
                else None,
                cost=float(np.mean([run.seconds for run in runs])),
                test=bounds_of_tests.cut(_interval(tested, level)) if len(tested) else None,
                values=values,
                left_after=contest.left.get(number),
                others=others[number],
                **pair_numbers(contest, index, sweep.leaderboard.rope, bounds),
            )
        )
    ordered = sorted(rows, key=lambda row: _place(row, sweep))
    return [replace(row, rank=rank) for rank, row in enumerate(ordered, start=1)]


def _place(row: Row, sweep: Sweep) -> tuple[float, float, float, int]:
    by_model = sweep.leaderboard.replicate == "top_two" and row.difference is not None
    value = row.difference if by_model else -sweep.objective.score(_mean(row))
    rounded = float(f"{value:.12g}")  # equal up to rounding is equal
    return -(row.left_after or math.inf), rounded, row.cost, row.trial


def _mean(row: Row) -> float:
    return row.fresh.mean if row.fresh else math.nan


def _winner(rows: Sequence[Row], sweep: Sweep) -> Row:
    """Of those that are as good as the best, the one that ``tie_break`` prefers."""
    choice = sweep.leaderboard.tie_break
    candidates = _candidates(rows)
    if choice == "cost":
        return min(candidates, key=lambda row: row.cost)
    if choice == "mean":
        return next(row for row in rows if row.tied)
    goals = {objective.metric: objective.goal for objective in sweep.objectives}

    def key(row: Row) -> list[float]:
        means = [row.others[metric].mean if metric in row.others else math.nan for metric in choice]
        signs = [-1 if goals.get(metric) == "maximize" else 1 for metric in choice]
        # Means that agree to two digits are equal, so that the next metric decides.
        return [
            sign * float(f"{m:.2g}") if math.isfinite(m) else math.inf for sign, m in zip(signs, means, strict=True)
        ]

    return min(candidates, key=lambda row: [*key(row), row.rank or math.inf])


def _candidates(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.tied or row.in_rope]


def _decided_by(rows: Sequence[Row], sweep: Sweep) -> str:
    """By what the winner was chosen, in words; metrics that no candidate reported decide nothing."""
    choice = sweep.leaderboard.tie_break
    if isinstance(choice, str):
        return _TIE_BREAKS[choice]
    known = [metric for metric in choice if any(metric in row.others for row in _candidates(rows))]
    return f"by {' and '.join(known)}" if known else _TIE_BREAKS["mean"]


def _others(sweep: Sweep, runs: Mapping[int, Sequence[Trial]], level: float) -> dict[int, dict[str, Interval]]:
    """Of each finalist the means of the metrics that break ties, and of the other objectives."""
    choice = sweep.leaderboard.tie_break
    known = {objective.metric: objective for objective in sweep.objective.others}
    found: dict[int, dict[str, Interval]] = {number: {} for number in runs}
    for name in dict.fromkeys([*known, *(choice if isinstance(choice, list) else [])]):
        values = {
            number: [run.metrics[name] for run in own if _is_number(run.metrics.get(name))]
            for number, own in runs.items()
        }
        bounds = Bounds.of(known.get(name), chain.from_iterable(values.values()))
        for number, own in values.items():
            if own:
                found[number][name] = bounds.cut(_interval(np.array(own, dtype=float), level))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _search_row(trial: Trial, sweep: Sweep) -> Row:
    value = trial.value(sweep.objective.metric)
    default, *rivals = sweep.given
    return Row(
        rank=None,
        trial=trial.number,
        config=trial.config,
        default=trial.config == default,
        rival=trial.config in rivals,
        search_score=math.nan if value is None else value,
        cost=trial.seconds,
    )


def _count(replicates: Sequence[Trial], state: State) -> int:
    return sum(trial.state is state for trial in replicates)


def _interval(values: Floats, confidence: float) -> Interval:
    return Interval(mean(values), *t_interval(values, confidence), len(values))
