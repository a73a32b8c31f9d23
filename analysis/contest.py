"""The finalists against each other: which test fits their replicates, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from ..search import Sweep, Trial
from ..spaces import UsageError, did_you_mean, one_of
from .board import Assumption
from .inference import TEST_WORDS, TESTS, BestSet, Replicates, choose_test
from .inference.best_set import Floats
from .inference.choice import unequal_variances
from .inference.paired_t import mean, vary
from .inference.posterior import believe
from .replication import Replication, aligned, common_splits, look_schedule, overlap_of, score_matrix, sure_level

Examples = Callable[[Sequence[Sequence[Trial]], Floats], npt.NDArray[np.float64] | None]
"""Scores of each example, shape (k, r, n), of the models of trials (k rows of r), whose scores have shape (k, r).

None where they were not all scored on the same examples, or the score is no mean over examples.
"""

WORDS = TEST_WORDS | {
    "race": "race by Hsu's multiple comparisons with the best",
    "top_two": "top-two sampling, a belief of empirical Bayes",
}
"""Each way to decide who is tied, as people call it."""
_CORRECTING = ("mcb", "nadeau_bengio", "race", "pooled")


@dataclass(frozen=True)
class Contest:
    """Who is tied, and why.

    Args:
        numbers: finalists, in the order of all arrays.
        replicates: on which the means rest; of finalists that a race dropped only what all have.
        best_set: None when there is nothing to test.
        test: key of :data:`WORDS`; empty when there is nothing to test.
        left: finalists that a race dropped, and after how many replicates.
    """

    numbers: tuple[int, ...]
    replicates: Replicates
    best_set: BestSet | None
    test: str = ""
    left: Mapping[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    assumptions: list[Assumption] = field(default_factory=list)

    @property
    def corrected(self) -> bool:
        """Whether the overlap of training rows is part of the test."""
        return self.replicates.overlap > 0 and self.test in _CORRECTING

    @property
    def tied(self) -> set[int]:
        """Finalists tied for best."""
        if self.best_set is None:  # nothing varies
            best = max(map(mean, self.replicates.scores))
            means = map(mean, self.replicates.scores)
            return {number for number, own in zip(self.numbers, means, strict=True) if own >= best}
        return {number for number, tied in zip(self.numbers, self.best_set.tied, strict=True) if tied}


def compare_finalists(
    sweep: Sweep,
    replication: Replication,
    scores: Mapping[int, Mapping[int, float]],
    examples: Examples,
    test: str | None = None,
) -> Contest:
    """Decide who is tied for best.

    Args:
        scores: of the finalists to compare, by split; larger is better.
        test: instead of the sweep's; refused where it cannot decide.

    Raises:
        UsageError: when ``test`` is none, or cannot decide on these replicates.
    """
    numbers = tuple(sorted(scores))  # not by search score, which must play no part
    matrix = aligned(scores, numbers)
    runs = [[run for run in replication.runs[number] if run.split in scores[number]] for number in numbers]
    flat = [run for row in runs for run in row]
    overlap = 0.0 if sweep.leaderboard.data == "test" else overlap_of(flat)
    replicates = Replicates(matrix, overlap, rope=sweep.leaderboard.rope)
    if len(numbers) < 2 or matrix.shape[1] < 2 or not vary(matrix):
        return Contest(numbers, replicates, None, left=replication.left)
    if sweep.leaderboard.replicate == "race" and replication.looks and test is None:
        return _of_race(numbers, replicates, replication, [len(scores[number]) for number in numbers])
    if sweep.leaderboard.replicate == "top_two" and test is None:
        return _of_top_two(numbers, replicates, scores, sweep)
    same = [[next(r for r in row if r.split == split) for split in common_splits(scores, numbers)] for row in runs]
    return _tested(numbers, replace(replicates, examples=examples(same, matrix)), sweep, test)


def _tested(numbers: tuple[int, ...], replicates: Replicates, sweep: Sweep, test: str | None) -> Contest:
    wanted = test or sweep.leaderboard.test
    notes: list[str] = []
    if wanted not in ("auto", *TESTS):
        choices = ("auto", *TESTS)
        raise UsageError(f"there is no test {wanted!r}{did_you_mean(wanted, choices)}: use {one_of(choices)}")
    if wanted != "auto":
        try:
            best_set = TESTS[wanted](replicates, sweep.leaderboard.alpha)
            return Contest(numbers, replicates, best_set, wanted, assumptions=assumptions(replicates, wanted))
        except UsageError as error:
            if test is not None:
                raise
            notes = [f"test {wanted} cannot be used here: {error}"]
    chosen, reasons = choose_test(replicates)
    best_set = TESTS[chosen](replicates, sweep.leaderboard.alpha)
    seen = assumptions(replicates, chosen)
    seen.append(Assumption("test", None, f"{WORDS[chosen]}: {'; '.join(reasons)}"))
    return Contest(numbers, replicates, best_set, chosen, notes=notes, assumptions=seen)


def _of_race(
    numbers: tuple[int, ...], replicates: Replicates, replication: Replication, counts: Sequence[int]
) -> Contest:
    """The verdicts of all looks together; a finalist that was dropped has those of the look that dropped it."""
    count = len(numbers)
    place = {number: index for index, number in enumerate(numbers)}
    arrays = {name: np.zeros(count) for name in ("differences", "low", "high", "p_values")}
    tied = np.zeros(count, dtype=bool)
    total = replication.looks[0].alpha
    for look in replication.looks:
        shown = [index for index, number in enumerate(look.numbers) if number in place]
        at = [place[look.numbers[index]] for index in shown]
        for name, array in arrays.items():
            array[at] = getattr(look.best_set, name)[shown]
        tied[at] = look.best_set.tied[shown]
    last = replication.looks[-1]
    best = place[last.numbers[last.best_set.best]]
    arrays["p_values"] = np.minimum(1.0, arrays["p_values"] * _looks(replication))
    statement = (
        f"the best finalist is kept over the whole race with the stated confidence: each of "
        f"{_looks(replication)} looks tests at level {total:.2g} (Bonferroni)"
    )
    made = BestSet(best, arrays["differences"], arrays["low"], arrays["high"], arrays["p_values"], tied, statement)
    seen = assumptions(replicates, "race", counts)
    return Contest(numbers, replicates, made, "race", replication.left, assumptions=seen)


def _looks(replication: Replication) -> int:
    return len(look_schedule(len(replication.finalists), replication.budget))


def _of_top_two(
    numbers: tuple[int, ...], replicates: Replicates, scores: Mapping[int, Mapping[int, float]], sweep: Sweep
) -> Contest:
    belief = believe(score_matrix(scores, numbers))
    order = np.argsort(-belief.p_best, kind="stable")
    before = np.cumsum(belief.p_best[order]) - belief.p_best[order]
    tied = np.zeros(len(numbers), dtype=bool)
    tied[order[before < 1 - sure_level(sweep.leaderboard.alpha, len(numbers))]] = True
    best, unknown = int(belief.means.argmax()), np.full(len(numbers), np.nan)
    statement = (
        "by the model that shared out the replicates, the set holds the best finalist with the stated probability"
    )
    tied[best] = True
    differences = belief.means.max() - belief.means
    made = BestSet(best, differences, unknown, unknown, belief.p_best, tied, statement)
    seen = assumptions(replicates, "top_two", [len(scores[number]) for number in numbers])
    told = "ranks and differences are those of shrunk means, because top_two gives finalists different seeds and splits"
    return Contest(numbers, replicates, made, "top_two", notes=[told], assumptions=seen)


def assumptions(replicates: Replicates, test: str, counts: Sequence[int] | None = None) -> list[Assumption]:
    """What the test takes for granted, and whether these replicates have it.

    Args:
        counts: replicates of each finalist, where they differ.
    """
    finalists, count = replicates.scores.shape
    ratio, unequal = unequal_variances(replicates)
    pooled = test in ("mcb", "race")
    largest = f"{ratio:.1f}" if np.isfinite(ratio) else "without limit, as one of them has none"
    words = f"largest over smallest variance of a finalist's own noise: {largest}"
    balance = Assumption("balance", True, f"{finalists} finalists on the same {count} seeds and splits")
    if counts is not None and len(set(counts)) > 1:
        spread = f"{min(counts)} to {max(counts)} replicates, {count} of them the same seeds and splits for all"
        balance = Assumption(
            "balance", None, f"{spread}: {test} shares them out unevenly, and its rule accounts for it"
        )
    found = [
        balance,
        Assumption("variances", not unequal if pooled else None, words + ("" if pooled else "; the test pools none")),
    ]
    if replicates.examples is not None and replicates.examples.size and np.isfinite(replicates.examples).all():
        noise = "whose own noise is part of the test" if test == "mrmc" else "which the test takes as fixed"
        count = replicates.examples.shape[2]
        text = f"all models were scored on the same {count} examples, {noise}"
        found.append(Assumption("holdout", test == "mrmc", text))
    elif test == "pooled" and replicates.examples is not None:
        count = replicates.examples.shape[2]
        text = f"replicates split one data set again and again; its {count} rows are looked at one by one"
        more = f"their variance is taken {1 + 2 * replicates.overlap:.1f} times for the training rows that splits share"
        found.append(Assumption("overlap", True, f"{text}; {more}"))
    elif replicates.overlap:
        corrected = test in _CORRECTING
        more = f"corrected for (variance x {1 + count * replicates.overlap:.1f}, Nadeau and Bengio)"
        text = (
            f"replicates split one data set again and again ({replicates.overlap:.2f} validation rows per training row)"
        )
        found.append(
            Assumption("overlap", corrected, f"{text}: {more if corrected else 'not corrected for by this test'}")
        )
    return found
