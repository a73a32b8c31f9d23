"""Who is replicated next, and when there are enough replicates. Everything follows from what is recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..search import Phase, State, Sweep, Trial
from .finalists import broken_limits, last_score, select_finalists
from .inference import TESTS, BestSet, Replicates
from .inference.best_set import Floats
from .inference.futility import can_shrink
from .inference.posterior import believe
from .inference.top_two import next_replicates

_FIRST_LOOK = 3
_FIRST_SHARE = 4
_GROWTH = 1.5
_BATCH = 4
_HOPELESS = 0.05
_NO_USE = "after {count} replicates, {more} more of each were unlikely to tell those that are left apart"


@dataclass(frozen=True)
class Look:
    """One look of a race.

    Args:
        replicates: of every finalist that was left.
        numbers: those finalists, in the order of the arrays of ``best_set``.
        alpha: level of this look.
    """

    replicates: int
    numbers: tuple[int, ...]
    alpha: float
    best_set: BestSet


@dataclass(frozen=True)
class Replication:
    """Where the replication stands.

    Args:
        finalists: trials of the search.
        runs: their replicates that were recorded, by number of the finalist, in the order of their splits.
        wanted: what is to be run next, as (finalist, split), the first split first; empty when nothing is.
        budget: replicates in all.
        looks: of a race, so far.
        left: finalists that a race dropped, and after how many replicates.
        stopped: why it ended before its budget was used up; empty otherwise.
    """

    finalists: list[Trial]
    runs: dict[int, list[Trial]]
    budget: int
    wanted: list[tuple[int, int]] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    left: dict[int, int] = field(default_factory=dict)
    stopped: str = ""

    @property
    def over(self) -> bool:
        """Whether every replicate that is wanted has ended."""
        return not self.wanted

    @property
    def spent(self) -> int:
        """Replicates that are over."""
        return sum(run.state.over for runs in self.runs.values() for run in runs)


def plan_replication(sweep: Sweep, trials: Sequence[Trial]) -> Replication:
    """What is to be run next, from all trials of a sweep whose search is over.

    ``top_k`` gives every finalist the same number. ``race`` looks after 3, 5, 8, 12, ... replicates and drops who is
    worse than the best by Hsu's comparison, at a level that is divided by the number of looks (Bonferroni), so that the
    best finalist is kept with probability 1 - alpha over the whole race. ``top_two`` gives each next replicate to one
    of the two that are most likely to be best (Russo, Simple Bayesian Algorithms for Best Arm Identification, 2020).
    """
    finalists = select_finalists(trials, sweep.objective, sweep.leaderboard.top, sweep.given)
    numbers = {finalist.number for finalist in finalists}
    runs: dict[int, list[Trial]] = {number: [] for number in numbers}
    for trial in sorted(trials, key=lambda trial: trial.split):
        if trial.phase is Phase.REPLICATE and trial.parent in numbers:
            runs[trial.parent].append(trial)
    budget = sweep.leaderboard.budget or len(finalists) * sweep.leaderboard.seeds
    begun = Replication(finalists, {f.number: runs[f.number] for f in finalists}, budget)
    if not finalists:
        return begun
    return _METHODS[sweep.leaderboard.replicate](sweep, begun)


def replicate_scores(runs: Sequence[Trial], sweep: Sweep) -> dict[int, float]:
    """Scores of complete replicates by split; larger is better."""
    objective = sweep.objective
    return {run.split: last_score(run, objective) for run in runs if run.state is State.COMPLETE and run.reports}


def overlap_of(runs: Sequence[Trial]) -> float:
    """Test rows over training rows where replicates split one data set again and again; 0 where they do not."""
    if not runs or not all(run.resplit for run in runs):
        return 0.0
    shares = [run.validation_rows / run.train_rows for run in runs if run.train_rows and run.validation_rows]
    return float(np.median(shares)) if shares else 0.0


def aligned(scores: Mapping[int, Mapping[int, float]], numbers: Sequence[int]) -> Floats:
    """Scores on the splits that all of ``numbers`` have, shape (len(numbers), r)."""
    common = common_splits(scores, numbers)
    return np.array([[scores[number][split] for split in common] for number in numbers], dtype=np.float64)


def common_splits(scores: Mapping[int, Mapping[int, float]], numbers: Sequence[int]) -> list[int]:
    """Splits that all of ``numbers`` have, ascending."""
    return sorted(set.intersection(*(set(scores[number]) for number in numbers)))


def score_matrix(scores: Mapping[int, Mapping[int, float]], numbers: Sequence[int]) -> Floats:
    """Shape (k, r) over all splits that any of ``numbers`` has; NaN where one has none."""
    splits = sorted({split for number in numbers for split in scores[number]})
    return np.array([[scores[number].get(split, math.nan) for split in splits] for number in numbers])


def sure_level(alpha: float, finalists: int) -> float:
    """The chance of another best that ``top_two`` lets stand; of two it is half, because either may look better."""
    return alpha / 2 if finalists == 2 else alpha


def look_schedule(finalists: int, budget: int) -> list[int]:
    """Replicates of each finalist that is left at which a race looks; the last is what two of them can get."""
    first = max(2, min(_FIRST_LOOK, budget // finalists))
    most = first + max(0, budget - first * finalists) // min(2, finalists)
    looks = [first]
    while looks[-1] < most:
        looks.append(min(most, math.ceil(looks[-1] * _GROWTH)))
    return looks


def _top_k(sweep: Sweep, begun: Replication) -> Replication:
    splits = range(1, sweep.leaderboard.seeds + 1)
    return replace(begun, wanted=_open(begun, [f.number for f in begun.finalists], splits))


def _race(sweep: Sweep, begun: Replication) -> Replication:
    options = sweep.leaderboard
    schedule = look_schedule(len(begun.finalists), begun.budget)
    alive = sorted(finalist.number for finalist in begun.finalists)
    looks: list[Look] = []
    left: dict[int, int] = {}
    done = 0
    for planned in schedule:
        count = min(planned, done + (begun.budget - _given(begun, done)) // len(alive))
        if count <= done:
            break
        wanted = _open(begun, alive, range(1, count + 1))
        if wanted:
            return replace(begun, wanted=wanted, looks=looks, left=left)
        done = count
        alive = _usable(begun, alive, sweep)
        if len(alive) < 2:
            return replace(begun, looks=looks, left=left, stopped="one finalist is left" if looks else "")
        scores = {number: replicate_scores(begun.runs[number], sweep) for number in alive}
        overlap = overlap_of([run for number in alive for run in begun.runs[number]])
        alpha = options.alpha / len(schedule)
        best_set = TESTS["mcb"](Replicates(aligned(scores, alive), overlap), alpha)
        looks.append(Look(count, tuple(alive), alpha, best_set))
        left |= {number: count for number, tied in zip(alive, best_set.tied, strict=True) if not tied}
        alive = [number for number in alive if number not in left]
        if len(alive) == 1:
            return replace(begun, looks=looks, left=left, stopped=f"one finalist is left after {count} replicates")
        more = (begun.budget - _given(begun, done)) // len(alive)
        kept = aligned(scores, alive)
        if more and can_shrink(kept, more, alpha, overlap) < _HOPELESS:
            return replace(begun, looks=looks, left=left, stopped=_NO_USE.format(count=count, more=more))
    return replace(begun, looks=looks, left=left)


def _given(begun: Replication, splits: int) -> int:
    """Replicates up to a split."""
    return sum(run.split <= splits for runs in begun.runs.values() for run in runs)


def _top_two(sweep: Sweep, begun: Replication) -> Replication:
    numbers = [finalist.number for finalist in begun.finalists]
    first = max(2, min(_FIRST_SHARE, begun.budget // len(numbers)))
    wanted = _open(begun, numbers, range(1, first + 1))
    if wanted:
        return replace(begun, wanted=wanted)
    usable = _usable(begun, numbers, sweep)
    running = [(n, run.split) for n in usable for run in begun.runs[n] if not run.state.over]
    if running:
        return replace(begun, wanted=running)
    spent = sum(map(len, begun.runs.values()))
    if spent >= begun.budget or len(usable) < 2:
        return begun
    scores = {number: replicate_scores(begun.runs[number], sweep) for number in usable}
    looks = 1 + -(-(begun.budget - first * len(numbers)) // _BATCH)
    why = _settled(scores, sweep, looks)
    if why:
        return replace(begun, stopped=why)
    rng = np.random.default_rng([sweep.seed, spent])
    ordered = {number: np.array([own[split] for split in sorted(own)]) for number, own in scores.items()}
    chosen = next_replicates(ordered, min(_BATCH, begun.budget - spent), rng)
    following = {number: 1 + max(run.split for run in begun.runs[number]) for number in usable}
    wanted = []
    for number in chosen:
        wanted.append((number, following[number]))
        following[number] += 1
    return replace(begun, wanted=wanted)


def _settled(scores: Mapping[int, Mapping[int, float]], sweep: Sweep, looks: int) -> str:
    """Why more replicates are not needed, by the model that shares them out; empty when they are.

    Args:
        looks: how often this is asked at most: who looks often sees more than there is.
    """
    belief, options = believe(score_matrix(scores, list(scores))), sweep.leaderboard
    best = int(belief.p_best.argmax())
    if belief.p_best[best] >= 1 - sure_level(options.alpha, len(scores)) / looks:
        return f"trial {list(scores)[best]} is the best of the finalists with probability {belief.p_best[best]:.3f}"
    if options.rope is not None and belief.expected_regret <= options.rope:
        return f"the expected regret, {belief.expected_regret:.2g}, is within the region of practical equivalence"
    return ""


def _open(begun: Replication, numbers: Sequence[int], splits: range) -> list[tuple[int, int]]:
    """Replicates that are not over, replicate by replicate, so that complete pairs come first."""
    over = {(number, run.split) for number in numbers for run in begun.runs[number] if run.state.over}
    return [(number, split) for split in splits for number in numbers if (number, split) not in over]


def _usable(begun: Replication, numbers: Sequence[int], sweep: Sweep) -> list[int]:
    """Without those of which a replicate failed, or that break a limit on average."""
    usable = []
    for number in numbers:
        runs = [run for run in begun.runs[number] if run.state.over]
        complete = [run for run in runs if run.state is State.COMPLETE]
        if len(complete) == len(runs) and complete and not broken_limits(complete, sweep.objective):
            usable.append(number)
    return usable


_METHODS = {"top_k": _top_k, "race": _race, "top_two": _top_two}
