"""Predictions of several runs of one config, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...spaces import UsageError
from ..predictions import Part, PredictionSet, PredictionStore
from ..scorers import Array, Floats, Kind

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pool:
    """N predictions, of one run after the other, for E different examples.

    Args:
        values: float64, shape (N, C), (N, L) or (N,).
        targets: shape (N,) or (N, L).
        examples: a number from 0 to E - 1 for the example of each prediction, shape (N,).
        runs: the trial that made each prediction, shape (N,).
        rows: numbers of the examples in the data set, shape (N,); None when they are not known.
        groups: value of the sensitive column, shape (N,); None without one.
    """

    kind: Kind
    names: tuple[str, ...]
    values: Floats
    targets: Array
    examples: Ids
    runs: Ids
    rows: Ids | None
    groups: npt.NDArray[np.str_] | None

    @property
    def count(self) -> int:
        """Different examples."""
        return int(self.examples.max()) + 1


def pool(store: PredictionStore, runs: Sequence[int], part: Part) -> Pool:
    """Stored predictions of ``runs``.

    Raises:
        UsageError: when they predict different things.
    """
    sets = [store.read([run], part) for run in runs]
    first = sets[0]
    for other in sets:
        if (other.kind, other.classes) != (first.kind, first.classes):
            raise UsageError(
                f"trials {first.trials[0]} and {other.trials[0]} predict different classes or labels, which cannot be "
                "put together: diagnose one of them by its number"
            )
    rows = [one.rows for one in sets if one.rows is not None]
    groups = [one.groups for one in sets if one.groups is not None]
    return Pool(
        kind=first.kind,
        names=first.classes,
        values=np.concatenate([_exact(one) for one in sets]),
        targets=np.concatenate([one.targets for one in sets]),
        examples=_identified(sets),
        runs=np.repeat(runs, [len(one.targets) for one in sets]),
        rows=np.concatenate(rows) if len(rows) == len(sets) else None,
        groups=np.concatenate(groups) if len(groups) == len(sets) else None,
    )


def _exact(one: PredictionSet) -> Floats:
    """In double precision; what half precision took from the sum of the classes is put right."""
    values = np.asarray(one.values[0], dtype=np.float64)
    return values / values.sum(axis=1, keepdims=True) if one.kind == "classes" else values


def _identified(sets: Sequence[PredictionSet]) -> Ids:
    """Which predictions are of the same example: by row, by place when all have the same targets, else none."""
    sizes = [len(one.targets) for one in sets]
    if all(one.rows is not None for one in sets):
        named = np.concatenate([one.rows for one in sets if one.rows is not None])
    elif all(np.array_equal(one.targets, sets[0].targets) for one in sets):
        named = np.tile(np.arange(sizes[0]), len(sets))
    else:
        named = np.arange(sum(sizes))
    return np.unique(named, return_inverse=True)[1].astype(np.int64)
