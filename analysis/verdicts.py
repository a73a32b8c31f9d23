"""What each row of the leaderboard says of its config, beside means and ranks, and what is known of the winner."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..search import Phase, State, Sweep, Trial
from .board import Interval, Leaderboard, Row
from .bounds import Bounds
from .contest import Contest
from .finalists import last_score
from .inference.bayes import bayes_correlated_t
from .inference.paired_t import mean, t_interval
from .inference.posterior import Posterior, believe
from .inference.power import seeds_needed
from .inference.reported import reported_interval
from .inference.scaled import largest
from .inference.superiority import p_superior
from .replication import aligned, score_matrix

MOST_CONFIGS = 5000
"""Of the search, up to which the chance that the best of all was missed is worked out."""


def with_verdicts(
    board: Leaderboard,
    sweep: Sweep,
    trials: Sequence[Trial],
    contest: Contest,
    scores: Mapping[int, Mapping[int, float]],
    test_scores: Mapping[int, float],
    full_runs: int | None = None,
) -> Leaderboard:
    """The board with all that takes a model: chances, shrunk means, the winner's reported score.

    Args:
        trials: all of the sweep.
        scores: of the finalists that are compared, by split, larger is better.
        test_scores: on the sealed test part, by the trial whose model it is.
        full_runs: see :func:`.leaderboard.build_leaderboard`.
    """
    if contest.best_set is None or board.winner is None:
        found = _confirmed(sweep, trials, board, test_scores)
        return replace(board, reported=found, confirmed=found is not None)
    belief = believe(score_matrix(scores, contest.numbers))
    superiority = _superiority(contest, scores)
    places = {number: index for index, number in enumerate(contest.numbers)}
    top = contest.best_set.best
    best = contest.numbers[top]
    sign = sweep.objective.sign

    def judged(row: Row) -> Row:
        if row.trial not in places:
            return row
        index = places[row.trial]
        rope = None
        if sweep.leaderboard.rope is not None and row.trial != best:
            own, leading = aligned(scores, [row.trial, best])
            difference = own - leading
            rope = bayes_correlated_t(difference, sweep.leaderboard.rope, contest.replicates.overlap)
        return replace(
            row,
            shrunk=sign * float(belief.means[index]),
            p_best=float(belief.p_best[index]),
            p_superior=None if row.trial == best else superiority[best, row.trial],
            rope=rope,
        )

    full = trained_in_full(sweep, trials)
    full_runs = len(full) if full_runs is None else full_runs
    confirmed = _confirmed(sweep, trials, board, test_scores)
    # A child's search score is of more training than its replicates have: it says little of them.
    comparable = all(trial.parent is None for trial in trials if trial.number in full)
    believable = comparable and full_runs <= MOST_CONFIGS
    whole = _of_search(sweep, full, contest, scores, board.winner) if believable else None
    return replace(
        board,
        rows=[judged(row) for row in board.rows],
        superiority=superiority,
        ask_for=_more_seeds(sweep, contest),
        reported=confirmed or _reported(sweep, contest, scores, board.winner),
        confirmed=confirmed is not None,
        p_best_among_finalists=whole.p_best_among_finalists if whole else None,
        expected_regret=whole.expected_regret if whole else None,
        full_runs=full_runs,
    )


def pair_numbers(contest: Contest, index: int, rope: float | None, bounds: Bounds) -> dict[str, Any]:
    """A finalist against the best one, by the test; ``bounds`` are those of the scores."""
    best = contest.best_set
    if best is None:
        means = [mean(row) for row in contest.replicates.scores]
        alone = len(means) == 1
        return {"difference": max(0.0, max(means) - means[index])} | ({"p_value": 1.0} if alone else {})
    if contest.test == "top_two":  # its model has a chance of being best instead of a p
        return {"difference": float(best.differences[index]) + 0.0}
    low, high = bounds.cut_difference(float(best.low[index]), float(best.high[index]))
    finite = math.isfinite(low) and math.isfinite(high)
    return {
        "difference": float(best.differences[index]) + 0.0,
        "p_value": float(best.p_values[index]),
        "difference_interval": (low, high) if finite else None,
        "in_rope": None if rope is None or not finite else high <= rope,
    }


def _superiority(contest: Contest, scores: Mapping[int, Mapping[int, float]]) -> dict[tuple[int, int], float]:
    found = {}
    for first, one in enumerate(contest.numbers):
        for other in contest.numbers[:first]:
            chance = p_superior(*aligned(scores, [one, other])).value
            found[one, other], found[other, one] = chance, 1 - chance
    return found


def _more_seeds(sweep: Sweep, contest: Contest) -> list[str]:
    """How many replicates would make the set smaller: for the rival that takes the fewest to be told from the best."""
    found, replicates = contest.best_set, contest.replicates.scores.shape[1]
    by_examples = contest.test in ("mrmc", "pooled")  # there more examples help as well, and no one number is enough
    if found is None or found.tied.sum() < 2 or sweep.leaderboard.replicate != "top_k" or by_examples:
        return []
    scores = contest.replicates.scores / largest(contest.replicates.scores)  # only gap over spread counts
    needed: dict[int, int | None] = {}
    for index in map(int, np.flatnonzero(found.tied)):
        differences = scores[found.best] - scores[index]
        gap, spread = float(differences.mean()), float(differences.std(ddof=1))
        if gap > 0 and spread > 0:
            options = (sweep.leaderboard.alpha, len(scores) - 1)
            needed[index] = seeds_needed(gap, spread, *options, overlap=contest.replicates.overlap)
    counted = {index: count for index, count in needed.items() if count is not None}
    if any(count <= replicates for count in counted.values()):  # near the edge, where another test is a little finer
        return []
    if not needed:
        return []
    if not counted:
        return ["no number of replicates would tell the tied apart: they split one data set; only more data would"]
    nearest = min(counted, key=lambda place: counted[place])
    one, other = contest.numbers[found.best], contest.numbers[nearest]
    return [
        f"to tell trial {one} from trial {other} takes about {counted[nearest]} replicates of each, if the difference "
        f"is as large as it looks ({found.differences[nearest]:.2g}): assay replicate {sweep.name} --seeds "
        f"{counted[nearest]}"
    ]


def _confirmed(
    sweep: Sweep, trials: Sequence[Trial], board: Leaderboard, test_scores: Mapping[int, float]
) -> Interval | None:
    """The score of replicates that had no say in choosing the winner; None when there are none.

    It is that of the part of the data on which finalists were compared.
    """
    chosen_on = {split for row in board.rows for split in row.values}
    runs = [t for t in trials if t.phase is Phase.CONFIRM and t.parent == board.winner and t.split not in chosen_on]
    complete = [run for run in runs if run.state is State.COMPLETE]
    if sweep.leaderboard.data == "test":
        found = [test_scores[run.number] for run in complete if run.number in test_scores]
    else:
        found = [float(run.reports[-1].metrics[sweep.objective.metric]) for run in complete if run.reports]
    values = np.array(found, dtype=float)
    if len(values) < 2:
        return None
    bounds = Bounds.of(sweep.objective, [*values, *(value for row in board.rows for value in row.values.values())])
    return bounds.cut(Interval(mean(values), *t_interval(values, 1 - board.alpha), len(values)))


def _reported(sweep: Sweep, contest: Contest, scores: Mapping[int, Mapping[int, float]], winner: int) -> Interval:
    """From the replicates of all finalists that have as many as the winner: those that a race dropped are none."""
    rivals = [number for number in contest.numbers if scores[winner].keys() <= scores[number].keys()]
    matrix = aligned(scores, rivals)
    found = reported_interval(matrix, sweep.leaderboard.alpha, winner=rivals.index(winner))
    sign = sweep.objective.sign
    low, high = sorted((sign * found.low, sign * found.high))
    bounds = Bounds.of(sweep.objective, (sign * matrix).flat)
    return bounds.cut(Interval(sign * found.mean, low, high, matrix.shape[1]))


def trained_in_full(sweep: Sweep, trials: Sequence[Trial]) -> dict[int, float]:
    """Scores of the configs that the search trained in full and within the limits, by trial; larger is better."""
    objective = sweep.objective
    return {
        trial.number: last_score(trial, objective)
        for trial in trials
        if trial.phase is Phase.SEARCH
        and trial.state is State.COMPLETE
        and trial.reports
        and not objective.excess(trial.metrics)
    }


def _of_search(
    sweep: Sweep,
    full: Mapping[int, float],
    contest: Contest,
    scores: Mapping[int, Mapping[int, float]],
    winner: int,
) -> Posterior | None:
    """Beliefs about all configs that the search trained in full; None when the winner is none of them."""
    compared = [number for number in contest.numbers if number in full]
    unknown = winner not in compared or len(compared) < 2 or sweep.leaderboard.data == "test"
    if unknown or not len(compared) < len(full) <= MOST_CONFIGS:
        return None
    places = {number: place for place, number in enumerate(full)}
    return believe(
        score_matrix(scores, compared),
        np.array([*full.values()]),
        [places[number] for number in compared],
        compared.index(winner),
    )
