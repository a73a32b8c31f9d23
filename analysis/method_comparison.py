"""Methods over several data sets: ranks, because scores of different data cannot be averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spaces import UsageError
from .inference.best_set import Floats
from .inference.tasks import RankComparison, compare_ranks, wilcoxon_holm
from .plain import finite_or_none

if TYPE_CHECKING:
    from .results import Results


@dataclass(frozen=True)
class MethodComparison:
    """Average ranks of methods over data sets, 1 is best, in the order of rank.

    Args:
        scores: of each method on each data set, shape (methods, data sets), in units of the metric.
        friedman_statistic, friedman_p: that all methods rank alike.
        critical_difference: of average ranks, by Nemenyi's test.
        nemenyi: p of each two methods, shape (methods, methods).
        against_first: p of Wilcoxon's signed ranks against the method with the best rank, Holm; shape (methods,).
        groups: methods that cannot be told apart, as they are joined in the diagram.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    goal: str
    alpha: float
    scores: Floats
    ranks: Floats
    friedman_statistic: float
    friedman_p: float
    critical_difference: float
    nemenyi: Floats
    against_first: Floats
    groups: tuple[tuple[str, ...], ...]

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        level = f"{100 * (1 - self.alpha):g} %, Friedman, {len(self.tasks)} data sets"
        if self.friedman_p > self.alpha:
            return f"the {len(self.methods)} methods cannot be told apart ({level}: p = {self.friedman_p:.3g})"
        tied = [name for name, p in zip(self.methods, self.nemenyi[0], strict=True) if p > self.alpha]
        if len(tied) == 1:
            return f"{tied[0]} ranks best, and better than all others ({level})"
        return f"{tied[0]} ranks best; {', '.join(tied[1:])} cannot be told from it ({level}, Nemenyi)"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        plain = ("goal", "alpha", "headline", "friedman_p", "critical_difference")
        return {
            "methods": list(self.methods),
            "tasks": list(self.tasks),
            **{name: getattr(self, name) for name in plain},
            "friedman_statistic": finite_or_none(self.friedman_statistic),
            "scores": self.scores.tolist(),
            "ranks": self.ranks.tolist(),
            "nemenyi": self.nemenyi.tolist(),
            "against_first": self.against_first.tolist(),
            "groups": [list(group) for group in self.groups],
        }


def compare_methods(
    scores: Mapping[str, Sequence[float]], tasks: Sequence[str], goal: str = "maximize", alpha: float = 0.05
) -> MethodComparison:
    """Friedman's test, Nemenyi's critical difference, and Wilcoxon's test with Holm's correction against the best rank.

    Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006).

    Args:
        scores: method -> score on each task.

    Raises:
        UsageError: for fewer than 3 methods or 5 tasks, scores that are missing, or another goal.
    """
    if goal not in ("maximize", "minimize"):
        raise UsageError(f"goal must be maximize or minimize, got {goal!r}")
    uneven = [name for name, row in scores.items() if len(row) != len(tasks)]
    if uneven:
        raise UsageError(f"{uneven[0]!r} has {len(scores[uneven[0]])} scores for {len(tasks)} data sets")
    if len(scores) < 3 or len(tasks) < 5:
        raise UsageError(
            f"ranks over data sets need 3 methods and 5 data sets or more, got {len(scores)} and {len(tasks)}; two "
            "methods on one data set are compared by their replicates: assay compare NAME A B"
        )
    matrix = np.array([list(row) for row in scores.values()], dtype=float)
    missing = np.argwhere(~np.isfinite(matrix))
    if len(missing):
        method, task = (list(scores)[missing[0][0]], tasks[missing[0][1]])
        raise UsageError(f"{method!r} has no finite score on {task!r}: leave out the method or the data set")
    turned = matrix if goal == "maximize" else -matrix
    order = np.argsort(compare_ranks(turned, alpha).ranks, kind="stable")
    found = compare_ranks(turned[order], alpha)
    names = [list(scores)[place] for place in order]
    return MethodComparison(
        methods=tuple(names),
        tasks=tuple(tasks),
        goal=goal,
        alpha=alpha,
        scores=matrix[order],
        ranks=found.ranks,
        friedman_statistic=found.statistic,
        friedman_p=found.p_value,
        critical_difference=found.critical_difference,
        nemenyi=found.p_values,
        against_first=wilcoxon_holm(turned[order], 0),
        groups=_groups(names, found),
    )


def compare_over_sweeps(sweeps: Sequence[Results]) -> MethodComparison:
    """The configs that were replicated in all of several sweeps, each sweep being one data set.

    Raises:
        UsageError: when fewer than 3 configs were, or the sweeps have different metrics.
    """
    goals = {(one.sweep.objective.metric, one.sweep.objective.goal) for one in sweeps}
    if len(goals) > 1:
        raise UsageError(f"the sweeps optimise different metrics: {', '.join(sorted(metric for metric, _ in goals))}")
    means = []
    for results in sweeps:
        board = results.leaderboard()
        means.append({row.config: row.fresh.mean for row in board.rows if row.fresh is not None and row.rank})
    common = [config for config in means[0] if all(config in other for other in means)]
    if len(common) < 3:
        raise UsageError(
            f"{len(common)} configs were replicated in all {len(sweeps)} sweeps, and ranks need 3 or more: name them "
            "in `leaderboard: {rivals: [...]}` of each, or train them with `assay replicate NAME --config FILE`"
        )
    labels = {config: f"trial {_trial_of(sweeps[0], config)}" for config in common}
    scores = {labels[config]: [own[config] for own in means] for config in common}
    names = [results.record.name for results in sweeps]
    alpha = sweeps[0].sweep.leaderboard.alpha
    return compare_methods(scores, names, goal=sweeps[0].sweep.objective.goal, alpha=alpha)


def _trial_of(results: Results, config: object) -> int:
    return next(row.trial for row in results.leaderboard().rows if row.config == config)


def _groups(names: Sequence[str], found: RankComparison) -> tuple[tuple[str, ...], ...]:
    """Longest runs of neighbouring ranks within the critical difference; methods alone are left out."""
    groups: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = first
        while last + 1 < len(names) and found.ranks[last + 1] - found.ranks[first] <= found.critical_difference:
            last += 1
        inside = any(start <= first and last <= end for start, end in groups)
        if last > first and not inside:
            groups.append((first, last))
    return tuple(tuple(names[first : last + 1]) for first, last in groups)


def read_scores(text: str, name: str) -> tuple[dict[str, list[float]], list[str]]:
    """Scores in a CSV table: one row for each data set, its name first, one column for each method.

    Raises:
        UsageError: for a table that is none, with the line.
    """
    import csv

    rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    if len(rows) < 2 or len(rows[0]) < 2:
        raise UsageError(f"{name}: expected a header with the methods, and a row for each data set, its name first")
    header = [cell.strip() for cell in rows[0][1:]]
    twice = [one for place, one in enumerate(header) if one in header[:place]]
    if twice or "" in header:
        raise UsageError(
            f"{name}:1: {'a method has no name' if '' in header else f'method {twice[0]!r} is there twice'}"
        )
    scores: dict[str, list[float]] = {method: [] for method in header}
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header) + 1:
            raise UsageError(f"{name}:{line}: expected {len(header) + 1} cells, got {len(row)}")
        for method, cell in zip(header, row[1:], strict=True):
            scores[method].append(_number(cell, f"{name}:{line}"))
    return scores, [row[0].strip() for row in rows[1:]]


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise UsageError(f"{where}: expected a number, got {cell.strip()!r}") from None
    if not math.isfinite(value):
        raise UsageError(f"{where}: expected a finite number, got {cell.strip()!r}")
    return value
