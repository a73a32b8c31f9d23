"""All finalists of a sweep against each other, for those who ask; who is best is the leaderboard's question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spaces import UsageError
from .inference.anova import Anova, with_blocks
from .inference.holm import holm
from .inference.paired_t import vary
from .inference.pairs import paired_t_test
from .plain import finite_or_none
from .replication import aligned, overlap_of, replicate_scores

if TYPE_CHECKING:
    from .results import Results


@dataclass(frozen=True)
class Pairwise:
    """Every two finalists on the replicates that all have.

    Args:
        trials: best mean first.
        differences: mean of the first minus that of the second, in units of the metric, by (first, second).
        p_values: two-sided, adjusted over all pairs (Holm).
        superiority: chance that a run of the first beats one of the second.
        anova: whether any config differs at all (repeated measures); it takes replicates to be independent.
    """

    metric: str
    goal: str
    alpha: float
    test: str
    replicates: int
    trials: tuple[int, ...]
    differences: dict[tuple[int, int], float]
    p_values: dict[tuple[int, int], float]
    superiority: dict[tuple[int, int], float]
    anova: Anova

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        found = sum(p <= self.alpha for p in self.p_values.values())
        level = f"{100 * (1 - self.alpha):g} %, {self.test}, Holm"
        return f"{found} of {len(self.p_values)} pairs of finalists can be told apart ({level})"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        plain = ("metric", "goal", "alpha", "test", "replicates", "headline")
        return {
            **{name: getattr(self, name) for name in plain},
            "trials": list(self.trials),
            "pairs": [
                {
                    "first": one,
                    "second": other,
                    "difference": finite_or_none(self.differences[one, other]),
                    "p_value": finite_or_none(p_value),
                    "p_superior": finite_or_none(self.superiority.get((one, other))),
                }
                for (one, other), p_value in self.p_values.items()
            ],
            "anova": {
                "statistic": finite_or_none(self.anova.statistic),
                "degrees": list(self.anova.degrees),
                "p_value": finite_or_none(self.anova.p_value),
                "eta_squared": finite_or_none(self.anova.eta_squared),
            },
        }


def compare_all(results: Results) -> Pairwise:
    """Paired t-tests of every two finalists, corrected where replicates split one data set again and again; ANOVA.

    Raises:
        UsageError: with fewer than two ranked finalists, or two replicates.
    """
    board, sweep = results.leaderboard(), results.sweep
    trials = tuple(row.trial for row in board.rows if row.rank is not None and row.values)
    runs = results.replication().runs
    scores = {number: replicate_scores(runs[number], sweep) for number in trials}
    matrix = aligned(scores, trials) if len(trials) > 1 else np.zeros((1, 0))
    if matrix.shape[1] < 2:
        raise UsageError(
            f"sweep {results.record.name!r} has {len(trials)} ranked finalists with {matrix.shape[1]} replicates in "
            "common, and a comparison needs two of each: `assay leaderboard` tells how far the replication is"
        )
    if not vary(matrix):
        raise UsageError(f"the replicates of {results.record.name!r} do not vary: there is nothing to test")
    overlap = overlap_of([run for number in trials for run in runs[number]])
    sign = sweep.objective.sign
    pairs = [(one, other) for one in range(len(trials)) for other in range(one + 1, len(trials))]
    tests = [paired_t_test(matrix[one], matrix[other], board.alpha, overlap) for one, other in pairs]
    adjusted = holm(np.array([test.p_value for test in tests]))
    named = [(trials[one], trials[other]) for one, other in pairs]
    return Pairwise(
        metric=board.metric,
        goal=board.goal,
        alpha=board.alpha,
        test=tests[0].test,
        replicates=matrix.shape[1],
        trials=trials,
        differences={pair: sign * test.difference for pair, test in zip(named, tests, strict=True)},
        p_values={pair: float(p) for pair, p in zip(named, adjusted, strict=True)},
        superiority={pair: board.superiority[pair] for pair in named if pair in board.superiority},
        anova=with_blocks(matrix),
    )
