"""Who is best, and who cannot be told apart from the best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..search import Phase, State, Sweep, Trial
from ..spaces import Config
from .finalists import broken_limits, rank_search, select_finalists
from .notes import claim_notes, failure_notes, limit_notes, progress_notes
from .paired_t import Floats, mean, t_interval, vary, worse_than_best


@dataclass(frozen=True)
class Interval:
    """A mean over ``count`` models with its confidence interval."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Row:
    """One config on the leaderboard.

    Args:
        rank: 1 is the best mean; None without a full set of replicates.
        trial: the search trial that proposed it.
        default: whether it is the sweep's default config.
        fresh: mean over the replicates with its interval; None before replication.
        difference: how much worse than the best its mean is, in units of the metric; 0 for the best.
        p_value: adjusted p of the test that it is worse than the best; 1 for the best.
        tied: it belongs to the set tied for best.
        search_score: the value it was selected with; never used for ranking.
        optimism: how much the search score flatters: search score minus fresh mean, positive when it was too good;
            None for a trial that the search stopped early.
        cost: mean seconds of training of a full run; of the search trial before replication.
        failed: replicates that failed.
        test: score on the sealed test part, over the models of all replicates.
    """

    rank: int | None
    trial: int
    config: Config
    default: bool
    search_score: float
    fresh: Interval | None = None
    difference: float | None = None
    p_value: float | None = None
    tied: bool = False
    optimism: float | None = None
    cost: float = math.nan
    failed: int = 0
    test: Interval | None = None


@dataclass(frozen=True)
class Leaderboard:
    """Finalists, best first; before replication the best of the search, without ranks and claims.

    Args:
        winner: trial of the config to hand over; None before replication.
        tied: trials of the configs tied for best, the winner among them.
        replicates: per finalist, on the same seeds and splits for all.
        notes: what a reader must know to judge the numbers.
        varies: whether replicates of a config differ; if not, there is nothing to test, and no p-values.
        broken: finalists whose replicates are beyond a limit on average, and which; they are not ranked.
    """

    name: str
    metric: str
    goal: str
    alpha: float
    rows: list[Row]
    winner: int | None = None
    tied: list[int] = field(default_factory=list)
    replicates: int = 0
    notes: list[str] = field(default_factory=list)
    varies: bool = True
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def replicated(self) -> bool:
        """Whether all replicates are over, so that there is a winner."""
        return self.winner is not None

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        if self.winner is None and self.broken:
            return "no finalist is within the limits on fresh seeds: there is no winner"
        if self.winner is None:
            return "not replicated yet: these are search scores, which flatter the best"
        row = self.row(self.winner)
        ranked = sum(r.rank is not None for r in self.rows)
        test = f"{100 * (1 - self.alpha):g} %, paired t, Holm" if self.varies else "replicates do not vary: no test"
        if ranked == 1:
            return f"trial {self.winner} is the only finalist that is ranked: there was nothing to compare it with"
        if len(self.tied) == 1:
            others = f"other {ranked - 1} finalists" if ranked > 2 else "other finalist"
            return f"trial {self.winner} is better than the {others} ({test})"
        best = f"trial {self.winner} {'has the best mean' if row.rank == 1 else 'is the cheapest'}"
        default = " and the default config is one of them" if any(r.default and r.tied for r in self.rows) else ""
        return f"{len(self.tied)} of {ranked} finalists are tied for best{default} ({test}); {best}"

    def row(self, trial: int) -> Row:
        """The row of a search trial that is on the board."""
        return next(row for row in self.rows if row.trial == trial)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {
            "schema_version": 1,
            "sweep": self.name,
            "metric": self.metric,
            "goal": self.goal,
            "alpha": self.alpha,
            "test": "paired_t",
            "correction": "holm",
            "replicated": self.replicated,
            "replicates": self.replicates,
            "varies": self.varies,
            "winner": self.winner,
            "tied": self.tied,
            "headline": self.headline,
            "notes": self.notes,
            "broken_limits": {str(trial): why for trial, why in self.broken.items()},
            "rows": [_row_dict(row) for row in self.rows],
        }

    def _repr_html_(self) -> str:
        from .tables import leaderboard_frame

        return str(leaderboard_frame(self).to_html(index=False))


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


def _row_dict(row: Row) -> dict[str, Any]:
    def finite(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    def interval(value: Interval | None) -> dict[str, Any] | None:
        if value is None:
            return None
        low, high = finite(value.low), finite(value.high)
        return {"mean": finite(value.mean), "low": low, "high": high, "count": value.count}

    return {
        "rank": row.rank,
        "trial": row.trial,
        "config_id": row.config.config_id,
        "config": dict(row.config),
        "default": row.default,
        "tied": row.tied,
        "fresh": interval(row.fresh),
        "difference": finite(row.difference),
        "p_value": finite(row.p_value),
        "search_score": finite(row.search_score),
        "optimism": finite(row.optimism),
        "cost_seconds": finite(row.cost),
        "failed_replicates": row.failed,
        "test": interval(row.test),
    }
