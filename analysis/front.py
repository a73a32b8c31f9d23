"""The front of several objectives as it is read: by people, by the page, by programs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..spaces import Config
from .board import Interval


@dataclass(frozen=True)
class FrontPoint:
    """One config among those that were compared.

    Args:
        trial: the search trial that proposed it.
        default: whether it is the sweep's default config.
        values: mean of each objective over the replicates with its interval, by metric; before replication the search's
            value with an infinite one.
        on_front: no other config is as good in all means and better in one.
        p_front: chance that it is on the front, over resampled replicates; None before replication.
        contribution: by how much the front's hypervolume shrinks without it; 0 beside the front.
        behind: by how much it would have to get better in every objective at once, as a share of the range of the
            configs compared, for none to be better in all; 0 on the front. The additive epsilon indicator of Zitzler
            et al., Performance Assessment of Multiobjective Optimizers, IEEE TEVC 7 (2003).
    """

    trial: int
    config: Config
    default: bool
    values: dict[str, Interval]
    on_front: bool
    contribution: float
    behind: float
    p_front: float | None = None


@dataclass(frozen=True)
class Trade:
    """What a step along the front from the knee would bring.

    Args:
        trial: where it leads.
        changes: of the mean of each metric, in its own units.
        gains, costs: metrics that get better, and that get worse.
    """

    trial: int
    changes: dict[str, float]
    gains: tuple[str, ...]
    costs: tuple[str, ...]

    def __str__(self) -> str:
        got = ", ".join(f"{name} {self.changes[name]:+.4g}" for name in self.gains)
        paid = ", ".join(f"{name} {self.changes[name]:+.4g}" for name in self.costs)
        return f"to trial {self.trial}: {got}, for {paid}"


@dataclass(frozen=True)
class Knee:
    """The bend of the front: the config beyond which a little more of one objective costs much of another.

    Args:
        distance: from the line or plane through the ends of the front, whose objectives are scaled to the range from 0
            to 1. Das, On characterizing the "knee" of the Pareto curve, Structural Optimization 18 (1999).
        p_knee: share of the resampled replicates in which it is the knee; None before replication.
        trades: to its neighbours: for each objective the next config on the front that is better in it.
    """

    trial: int
    distance: float
    trades: tuple[Trade, ...]
    p_knee: float | None = None


@dataclass(frozen=True)
class Front:
    """Configs that are compared in several objectives at once.

    Args:
        goals: direction of each metric, in the order of the sweep's objectives.
        points: those on the front first, in the order of the first objective.
        reference: from where the hypervolume is measured, by metric.
        from_data: metrics whose reference the sweep does not give: a tenth of the range beyond the worst mean.
        hypervolume: volume between the reference and the front of the means, in the product of the metrics' units.
        hypervolume_interval: a confidence interval, and as its mean the hypervolume without the flattery of noise (the
            lucky among noisy configs make the front); None before replication.
        knee: None when the front has fewer than three points, or none beyond the line through its ends.
        replicates: of each config; 0 before replication, when the values are the search's.
        alpha: one minus the confidence of the intervals.
        draws: resampled sets of replicates.
    """

    name: str
    goals: dict[str, str]
    points: list[FrontPoint]
    reference: dict[str, float]
    from_data: tuple[str, ...]
    hypervolume: float
    alpha: float
    hypervolume_interval: Interval | None = None
    knee: Knee | None = None
    replicates: int = 0
    draws: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def trials(self) -> list[int]:
        """The trials on the front, best in the first objective first."""
        return [point.trial for point in self.points if point.on_front]

    def point(self, trial: int) -> FrontPoint:
        """The point of a search trial that was compared."""
        return next(point for point in self.points if point.trial == trial)

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        metrics, count = " and ".join(self.goals), len(self.points)
        means = f"means of {self.replicates} replicates" if self.replicates else "search scores, which flatter the best"
        if len(self.trials) == 1:
            return f"trial {self.trials[0]} is the best of {count} in {metrics} at once ({means})"
        which = f"{len(self.trials)} of {count} configs are on the front of {metrics} ({means})"
        return f"{which}; the knee is trial {self.knee.trial}" if self.knee else f"{which}; it has no knee"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        knee, fresh = self.knee, self.hypervolume_interval
        return {
            "sweep": self.name,
            "objectives": [
                {
                    "metric": metric,
                    "goal": goal,
                    "reference": finite(self.reference[metric]),
                    "reference_from_data": metric in self.from_data,
                }
                for metric, goal in self.goals.items()
            ],
            "replicates": self.replicates,
            "alpha": self.alpha,
            "draws": self.draws,
            "headline": self.headline,
            "front": self.trials,
            "hypervolume": finite(self.hypervolume),
            "hypervolume_corrected": finite(fresh.mean) if fresh else None,
            "hypervolume_interval": [finite(fresh.low), finite(fresh.high)] if fresh else None,
            "knee": None
            if knee is None
            else {
                "trial": knee.trial,
                "distance": knee.distance,
                "p_knee": knee.p_knee,
                "trades": [{"trial": trade.trial, "changes": trade.changes} for trade in knee.trades],
            },
            "points": [_point_dict(point) for point in self.points],
            "notes": self.notes,
        }


def finite(value: float) -> float | None:
    """None for what JSON cannot hold."""
    return value if math.isfinite(value) else None


def _point_dict(point: FrontPoint) -> dict[str, Any]:
    return {
        "trial": point.trial,
        "default": point.default,
        "on_front": point.on_front,
        "p_front": point.p_front,
        "contribution": finite(point.contribution),
        "behind": finite(point.behind),
        "values": {
            metric: {"mean": one.mean, "low": finite(one.low), "high": finite(one.high), "replicates": one.count}
            for metric, one in point.values.items()
        },
        "config": point.config.nested(),
    }
