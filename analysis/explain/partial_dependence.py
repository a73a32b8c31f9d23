"""How the predicted score depends on one parameter or two, and where trials say anything about that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...spaces import Config, NoResultError, Space, UsageError, Value, did_you_mean
from .evidence import Evidence, gather
from .fanova import Fanova, cells_of
from .importance import doubts, resampled
from .surrogate import Surrogate

if TYPE_CHECKING:
    from ..results import Results

Floats = NDArray[np.float64]

RESAMPLES = 50
_TREES_RESAMPLED = 16
_POINTS = 21
_POINTS_OF_PAIR = 11
_NEAR = 0.1
"""How much of the space counts as near a point: 0.05 to each side of one coordinate, 0.16 along two."""
_SUPPORT = 3
"""Trials that have to be near for a point to count as supported."""
_FEWEST = 10
_MOST_CHOICES = 25


@dataclass(frozen=True)
class DependencePoint:
    """The predicted score where the parameters have these values, on average over all values of the others.

    Args:
        values: one for each parameter.
        mean: predicted by the forest.
        low, high: 95 % band from resampling the trials: of the model, not of a new trial.
        near: share of the trials in the tenth of the space around the point, or with the same choice.
        supported: three trials or more are near; elsewhere the forest goes on with what it saw last.
    """

    values: tuple[Value, ...]
    mean: float
    low: float
    high: float
    near: float
    supported: bool


@dataclass(frozen=True)
class PartialDependence:
    """A curve, or a surface over two parameters.

    Friedman, Greedy Function Approximation, Annals of Statistics 29 (2001), section 8.2, with averages over the space.

    Args:
        parameters: one or two names.
        points: in the order of the values; of two parameters, all values of the second for each of the first.
        trials: how many were learned from: those in which the parameters are active.
        r2: share of the variance that the forest predicts out of bag.
        notes, warnings: what a reader has to know.
    """

    sweep: str
    metric: str
    parameters: tuple[str, ...]
    points: list[DependencePoint]
    trials: int
    step: int | None
    sampling: str
    r2: float
    notes: list[str]
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return asdict(self) | {"r2": self.r2 if math.isfinite(self.r2) else None}

    def lines(self) -> list[str]:
        """For people, one point a line."""
        names = " and ".join(self.parameters)
        found = [f"{self.sweep}: {self.metric} by {names}, on average over all other parameters"]
        labels = [", ".join(map(_shown, point.values)) for point in self.points]
        wide = max(map(len, labels))
        for label, point in zip(labels, self.points, strict=True):
            near = f"{point.near:.0%} of the trials near" if point.supported else "no support: hardly a trial near"
            found.append(f"  {label:<{wide}}  {point.mean:.4g}  [{point.low:.4g}, {point.high:.4g}]   {near}")
        found += self.notes
        return found + [f"WARNING: {text}" for text in self.warnings]


def partial_dependence(
    results: Results,
    *parameters: str,
    metric: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> PartialDependence:
    """How a metric depends on one parameter or on two, as a forest predicts it.

    Averages go over the whole space, each parameter as it is distributed. Of a parameter that is not always active only
    the trials count in which it is.

    Args:
        parameters: one name or two.
        metric: what the trials reported; the objective's when None.
        seed: of the forest and of resampling.
        resamples: of the trials, for the band.

    Raises:
        UsageError: for another number of names, a name that is no parameter or has one value, an unknown metric.
        NoResultError: when there are too few trials to learn from.
    """
    space = results.sweep.parameters
    _refuse(space, parameters)
    evidence = gather(results.sweep, results.trials, metric)
    whole = len(evidence)
    evidence = evidence.only(lambda config: all(name in config for name in parameters))
    notes = list(evidence.notes)
    if len(evidence) < whole:
        notes.append(f"{' and '.join(parameters)}: active in {len(evidence)} of {whole} trials, which alone count")
    if len(evidence) < _FEWEST:
        raise NoResultError(f"{' and '.join(parameters)}: active in {len(evidence)} trials, {_FEWEST} are the fewest")
    axes = [evidence.names.index(name) for name in parameters]
    grids = [_grid(space, name, _POINTS if len(parameters) == 1 else _POINTS_OF_PAIR) for name in parameters]
    forest = Surrogate(evidence.matrix(np.random.default_rng(seed)), evidence.values, seed)
    r2 = forest.r2()
    return PartialDependence(
        sweep=results.record.name,
        metric=evidence.metric,
        parameters=parameters,
        points=_points(evidence, forest, axes, grids, seed, resamples),
        trials=len(evidence),
        step=evidence.step,
        sampling=evidence.sampling,
        r2=r2,
        notes=notes,
        warnings=[*evidence.warnings, *doubts(r2)],
    )


def _refuse(space: Space, parameters: Sequence[str]) -> None:
    if len(parameters) not in (1, 2) or len(set(parameters)) < len(parameters):
        raise UsageError(f"partial dependence: give one parameter or two different ones, got {list(parameters)}")
    for name in parameters:
        if name not in space:
            raise UsageError(f"partial dependence: no parameter {name!r}{did_you_mean(name, space)}")
        if name not in space.searched:
            raise UsageError(f"partial dependence: {name!r} has one value: choose of {', '.join(space.searched)}")


def _grid(space: Space, name: str, count: int) -> Floats:
    """Shares of a parameter's distribution, one for each value or evenly spread; shape (k,)."""
    parameter = space[name]
    if parameter.cardinality <= _MOST_CHOICES:
        return np.array([parameter.unit(value) for value in parameter.choices])
    return np.unique([parameter.unit(parameter.quantile(share)) for share in np.linspace(0, 1, count)])


def _points(
    evidence: Evidence, forest: Surrogate, axes: list[int], grids: list[Floats], seed: int, resamples: int
) -> list[DependencePoint]:
    cells = cells_of(evidence.space)

    def surface(one: Surrogate) -> Floats:
        made = Fanova(one.trees, cells)
        if len(axes) == 1:
            return made.at(axes[0], grids[0])
        return made.at_both(axes[0], grids[0], axes[1], grids[1]).ravel()

    means = surface(forest)
    draws = np.array([surface(again) for again in _refitted(evidence, seed, resamples)])
    low, high = np.quantile(np.vstack([draws, means]), [0.025, 0.975], axis=0)
    combined = np.stack([axis.ravel() for axis in np.meshgrid(*grids, indexing="ij")], axis=1)
    counts = _counts_near(evidence, axes, combined)
    return [
        DependencePoint(
            values=tuple(evidence.space[evidence.names[axis]].quantile(at) for axis, at in zip(axes, row, strict=True)),
            mean=float(means[index]),
            low=float(min(low[index], means[index])),
            high=float(max(high[index], means[index])),
            near=float(counts[index] / len(evidence)),
            supported=bool(counts[index] >= _SUPPORT),
        )
        for index, row in enumerate(combined)
    ]


def _refitted(evidence: Evidence, seed: int, resamples: int) -> list[Surrogate]:
    return [
        Surrogate(evidence.matrix(rng)[rows], evidence.values[rows], int(rng.integers(2**31)), _TREES_RESAMPLED)
        for rows, rng in resampled(len(evidence), resamples, seed)
    ]


def _counts_near(evidence: Evidence, axes: list[int], points: Floats) -> NDArray[np.int64]:
    """How many trials are near each point in all of its coordinates, shape (k,)."""
    near = np.ones((len(points), len(evidence)), dtype=bool)
    reach = _NEAR ** (1 / len(axes)) / 2
    for column, axis in enumerate(axes):
        name = evidence.names[axis]
        at = np.array([_unit(evidence.space, name, config) for config in evidence.configs])
        few = evidence.space[name].cardinality <= _MOST_CHOICES
        near &= np.abs(points[:, column, None] - at) <= (1e-9 if few else reach)
    return np.asarray(near.sum(axis=1))


def _unit(space: Space, name: str, config: Config) -> float:
    return space[name].unit(config[name])


def _shown(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
