"""How many replicates a difference takes: before a sweep, or from the noise of one that was replicated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..spaces import UsageError
from .inference.power import detectable, seeds_needed, strictest_level
from .replication import aligned, overlap_of, replicate_scores

if TYPE_CHECKING:
    from .results import Results

_COUNTS = (3, 5, 10, 20, 30, 50, 100)
_DEFAULT_RIVALS = 5
_DEFAULT_ALPHA = 0.05


@dataclass(frozen=True)
class PowerPlan:
    """How many replicates a difference takes.

    Args:
        gap: the difference that should be found; None: not asked.
        sd: standard deviation of paired differences, in units of the metric.
        rivals: configs beside the best, for Holm's first step.
        overlap: validation rows over training rows, when replicates split one data set again and again.
        needed: replicates of each config; None when no number suffices, or no gap was given.
        found: number of replicates -> the smallest difference that is found with this power.
    """

    gap: float | None
    sd: float
    rivals: int
    alpha: float
    power: float
    overlap: float
    needed: int | None
    found: dict[int, float]
    notes: list[str] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        chance = f"with a chance of {self.power:.0%}"
        if self.gap is None:
            return f"differences of paired runs have a standard deviation of {self.sd:.4g}; give --gap for a number"
        if self.needed is None:
            return (
                f"no number of replicates finds a difference of {self.gap:.4g} {chance}: they split one data set, and "
                "what its rows leave open stays open; more data help"
            )
        return f"{self.needed} replicates of each config find a difference of {self.gap:.4g} {chance}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        document = asdict(self) | {"headline": self.headline}
        document["found"] = [{"replicates": count, "difference": gap} for count, gap in self.found.items()]
        return document


def plan_power(
    results: Results | None = None,
    *,
    gap: float | None = None,
    sd: float | None = None,
    rivals: int | None = None,
    alpha: float | None = None,
    power: float = 0.8,
    overlap: float | None = None,
) -> PowerPlan:
    """Replicates needed for ``gap``, and what some numbers of replicates find.

    Args:
        results: a replicated sweep, from which what is not given is taken: the noise is the median over pairs of
            finalists.

    Raises:
        UsageError: when the noise is neither given nor known, or a number makes no sense.
    """
    notes: list[str] = []
    if results is not None:
        rivals = rivals or max(1, len(results.replication().finalists) - 1)
        alpha = alpha if alpha is not None else results.sweep.leaderboard.alpha
        overlap = overlap if overlap is not None else overlap_of(results.replicates)
        if sd is None:
            sd, count = _noise(results)
            notes.append(f"noise: the median over {count} pairs of finalists of {results.record.name!r}")
    if sd is None:
        raise UsageError(
            "power: how much do runs differ? Name a replicated sweep, or give --sd (the standard deviation of the "
            "differences between two configs from seed to seed)"
        )
    rivals, alpha, overlap = rivals or _DEFAULT_RIVALS, alpha if alpha is not None else _DEFAULT_ALPHA, overlap or 0.0
    _check(sd=(sd, 0, math.inf), alpha=(alpha, 0, 0.5), power=(power, alpha, 1))
    if overlap < 0 or not math.isfinite(overlap):
        raise UsageError(f"power: overlap must be 0 or above, got {overlap:g}")
    level = strictest_level(rivals, alpha)
    found = {count: sd * detectable(count, level, power, overlap) for count in _COUNTS}
    needed = None
    if gap is not None:
        _check(gap=(gap, 0, math.inf))
        needed = seeds_needed(gap, sd, alpha, rivals, power, overlap)
    if overlap:
        notes.append(
            f"replicates split one data set again and again ({overlap:.2f} validation rows per training row): from "
            "some number on, more of them add nothing"
        )
    return PowerPlan(gap, sd, rivals, alpha, power, overlap, needed, found, notes)


def _noise(results: Results) -> tuple[float, int]:
    """Median standard deviation of paired differences, and over how many pairs."""
    runs = results.replication().runs
    scores = {number: replicate_scores(own, results.sweep) for number, own in runs.items()}
    scores = {number: own for number, own in scores.items() if len(own) >= 2}
    matrix = aligned(scores, sorted(scores)) if len(scores) >= 2 else np.zeros((0, 0))
    if matrix.shape[1] < 2:
        raise UsageError(
            f"power: sweep {results.record.name!r} has no two finalists with two replicates in common: give --sd, or "
            "wait for its replication"
        )
    pairs = [(one, other) for one in range(len(matrix)) for other in range(one)]
    spreads = [float((matrix[one] - matrix[other]).std(ddof=1)) for one, other in pairs]
    typical = float(np.median(spreads))
    if not typical > 0:
        raise UsageError(f"power: replicates of {results.record.name!r} do not vary: one of each config is enough")
    return typical, len(pairs)


def _check(**numbers: tuple[float, float, float]) -> None:
    for name, (value, low, high) in numbers.items():
        if not low < value < high:
            bounds = f"above {low:g}" + (f" and below {high:g}" if math.isfinite(high) else "")
            raise UsageError(f"power: {name} must be {bounds}, got {value:g}")
