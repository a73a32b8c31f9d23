"""How differently the members of an ensemble err."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..scorers import Array, Floats, Kind
from .library import Library


@dataclass(frozen=True)
class Diversity:
    """Means over all pairs of members.

    Args:
        disagreement: share of the examples (and labels) for which two members decide differently; None in regression.
        error_correlation: correlation of two members' errors: of the probability given to what is the case, or of the
            residuals. Near 1, averaging them gains nothing. None when a member's errors do not vary.
    """

    disagreement: float | None
    error_correlation: float | None


def diversity_of(library: Library, members: Sequence[int]) -> Diversity | None:
    """Of the models at these indices; None for fewer than two."""
    if len(members) < 2:
        return None
    kind = library.kind
    decisions = None if kind == "outputs" else [_decided(library.member(index), kind) for index in members]
    disagreement = None if decisions is None else _mean([float((a != b).mean()) for a, b in _pairs(decisions)])
    errors = [library.member(i) - library.targets if kind == "outputs" else library.true[i] for i in members]
    if min(float(np.std(error)) for error in errors) <= 0:
        return Diversity(disagreement, None)
    table = np.asarray(np.corrcoef(np.asarray(errors, np.float64)))
    return Diversity(disagreement, float(table[np.triu_indices(len(members), 1)].mean()))


def _decided(values: Floats, kind: Kind) -> Array:
    return np.asarray(values.argmax(axis=1) if kind == "classes" else values > 0.5)


def _pairs(things: list[Array]) -> itertools.combinations[tuple[Array, Array]]:
    return itertools.combinations(things, 2)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
