"""The leaderboard as it is read: by people, by the report, by programs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..spaces import Config
from .network_text import readable
from .plain import finite_or_none
from .supernet_trials import Origin


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
        difference_interval: simultaneous interval of how much worse than its best rival the config is.
        shrunk: the mean drawn towards those of the other finalists, as far as noise explains their spread: the least
            biased statement of what a further run will score.
        p_best: chance that the config is the best of the finalists, by the same model.
        p_superior: chance that a run of the best config scores better than a run of this one with the same seed and
            split; 0.5 means no difference. None for the best.
        rope: chances that it is worse by more than the region of practical equivalence, within it, better by more.
        in_rope: the config is practically as good as the best: the whole interval of the difference lies within.
        rival: it was named in the sweep, not found.
        left_after: replicates after which a race dropped it; None when it stayed to the end.
        values: score of each replicate by its split, for pairing with other rows.
        others: means of the other objectives and of the metrics that break ties.
        on_front: with several objectives: no finalist is better in one and as good in the others.
        network: the network of the config in one line; empty where none is searched.
        network_short: the same for a table.
        supernet: what a supernet has to do with the config; None when it has nothing to do with it.
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
    difference_interval: tuple[float, float] | None = None
    shrunk: float | None = None
    p_best: float | None = None
    p_superior: float | None = None
    rope: tuple[float, float, float] | None = None
    in_rope: bool | None = None
    rival: bool = False
    left_after: int | None = None
    values: dict[int, float] = field(default_factory=dict)
    others: dict[str, Interval] = field(default_factory=dict)
    on_front: bool | None = None
    network: str = ""
    network_short: str = ""
    supernet: Origin | None = None

    @property
    def readable(self) -> dict[str, Any]:
        """The config for a table, with its network as one entry."""
        return readable(self.config, self.network_short)


@dataclass(frozen=True)
class Assumption:
    """Something that the test takes for granted.

    Args:
        name: ``balance``, ``variance ratio``, ``holdout``, ``overlap``, ...
        holds: None when the data cannot tell.
        text: what was seen, and what it means for the reader.
    """

    name: str
    holds: bool | None
    text: str


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
        test: key of the test in :data:`assay.analysis.inference.TESTS`, and ``test_words`` for people.
        statement: what the test guarantees.
        assumptions: what it takes for granted, and whether that holds.
        reported: the winner's score without the flattery of having been chosen, and its interval: for new seeds and
            splits of the data that were given, not for other data.
        full_runs: configs that the search trained in full.
        p_best_among_finalists: chance that the best of these is a finalist; a model's opinion. None when all are,
            and where trials started from the weights of others.
        expected_regret: by how much the best of these is expected to be better than the winner; likewise.
        confirmed: it comes from replicates that had no say in choosing the winner.
        unranked: why nobody is ranked although the replicates are over; empty otherwise.
        rope: region of practical equivalence.
        superiority: chance that a run of the first trial beats a run of the second, with the same seed and split.
        tie_break: by what the winner was chosen among those as good as the best, such as "the cheapest".
        stopped: why the replication ended before its budget did.
        ask_for: what would decide more, such as "12 replicates would separate trial 3 from trial 7".
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
    test: str = ""
    test_words: str = ""
    statement: str = ""
    assumptions: list[Assumption] = field(default_factory=list)
    reported: Interval | None = None
    full_runs: int = 0
    p_best_among_finalists: float | None = None
    expected_regret: float | None = None
    confirmed: bool = False
    unranked: str = ""
    rope: float | None = None
    superiority: dict[tuple[int, int], float] = field(default_factory=dict)
    tie_break: str = ""
    stopped: str = ""
    ask_for: list[str] = field(default_factory=list)

    @property
    def replicated(self) -> bool:
        """Whether all replicates are over, so that there is a winner."""
        return self.winner is not None

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        if self.winner is None and self.broken:
            return "no finalist is within the limits on fresh seeds: there is no winner"
        if self.unranked:
            return self.unranked
        if self.winner is None:
            return "not replicated yet: these are search scores, which flatter the best"
        row = self.row(self.winner)
        ranked = sum(r.rank is not None for r in self.rows)
        test = f"{100 * (1 - self.alpha):g} %, {self.test_words}" if self.varies else "replicates do not vary: no test"
        if ranked == 1:
            return f"trial {self.winner} is the only finalist that is ranked: there was nothing to compare it with"
        if len(self.tied) == 1:
            others = f"other {ranked - 1} finalists" if ranked > 2 else "other finalist"
            return f"trial {self.winner} is better than the {others} ({test})"
        best = f"trial {self.winner} {'has the best mean' if row.rank == 1 else f'is handed over ({self.tie_break})'}"
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
            "test": self.test or None,
            "test_words": self.test_words,
            "statement": self.statement,
            "assumptions": [{"name": a.name, "holds": a.holds, "text": a.text} for a in self.assumptions],
            "rope": self.rope,
            "confirmed": self.confirmed,
            "unranked": self.unranked,
            "reported": interval_dict(self.reported),
            "full_runs": self.full_runs,
            "p_best_among_finalists": finite_or_none(self.p_best_among_finalists),
            "expected_regret": finite_or_none(self.expected_regret),
            "superiority": [
                {"better": one, "than": other, "probability": finite_or_none(chance)}
                for (one, other), chance in self.superiority.items()
            ],
            "tie_break": self.tie_break,
            "stopped": self.stopped,
            "ask_for": self.ask_for,
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
        from .page.board_table import board_html

        return board_html(self)


def _row_dict(row: Row) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "trial": row.trial,
        "config_id": row.config.config_id,
        "config": dict(row.config),
        "default": row.default,
        "rival": row.rival,
        "tied": row.tied,
        "fresh": interval_dict(row.fresh),
        "values": {str(split): finite_or_none(value) for split, value in row.values.items()},
        "difference": finite_or_none(row.difference),
        "difference_interval": [*map(finite_or_none, row.difference_interval)] if row.difference_interval else None,
        "p_value": finite_or_none(row.p_value),
        "p_best": finite_or_none(row.p_best),
        "p_superior": finite_or_none(row.p_superior),
        "shrunk": finite_or_none(row.shrunk),
        "rope": dict(zip(("worse", "equivalent", "better"), row.rope, strict=True)) if row.rope else None,
        "in_rope": row.in_rope,
        "left_after": row.left_after,
        "search_score": finite_or_none(row.search_score),
        "optimism": finite_or_none(row.optimism),
        "cost_seconds": finite_or_none(row.cost),
        "failed_replicates": row.failed,
        "test": interval_dict(row.test),
        "others": {metric: interval_dict(value) for metric, value in row.others.items()},
        "on_front": row.on_front,
        "network": row.network,
        "network_short": row.network_short,
        "supernet": row.supernet.to_dict() if row.supernet else None,
    }


def interval_dict(value: Interval | None) -> dict[str, Any] | None:
    """An interval as JSON can hold it."""
    if value is None:
        return None
    return {
        "mean": finite_or_none(value.mean),
        "low": finite_or_none(value.low),
        "high": finite_or_none(value.high),
        "count": value.count,
    }
