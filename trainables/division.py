"""Rows divided in two, or into folds: classes keep their shares, groups stay whole. scikit-learn divides."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spaces import TrainableError

Rows = npt.NDArray[np.int64]
_FINEST = 20


def hold_out(rows: Rows, labels: npt.NDArray[Any], count: int, seed: list[int]) -> tuple[Rows, Rows]:
    """All but ``count`` of ``rows``, and these; the labels (one for any row) keep their shares if they can."""
    from sklearn.model_selection import train_test_split

    sizes = np.unique(labels[rows], return_counts=True)[1]
    fits = sizes.min() >= 2 and len(sizes) <= min(count, len(rows) - count)
    kept = labels[rows] if fits else None
    first, second = train_test_split(rows, test_size=count, random_state=_state(seed), stratify=kept)
    return np.sort(first), np.sort(second)


def hold_out_groups(
    rows: Rows, labels: npt.NDArray[Any] | None, groups: Rows, count: int, seed: list[int]
) -> tuple[Rows, Rows]:
    """All but about ``count`` of ``rows``, and these; no group is in both.

    With ``labels`` the rows are cut into equal parts that have whole groups and nearly the shares of the labels, and
    as many of them are taken as the share of ``count`` says; else a share of the groups is drawn.

    Raises:
        TrainableError: when there are fewer than two groups.
    """
    from sklearn.model_selection import GroupShuffleSplit

    known = len(np.unique(groups[rows]))
    if known < 2:
        raise TrainableError(_too_few_groups(known, 2))
    share = Fraction(count, len(rows)).limit_denominator(min(_FINEST, known))
    parts, taken = share.denominator, max(1, share.numerator)
    if parts < 2 or taken >= parts:  # the share is nearer to nothing or to all than to a part of so few groups
        parts = known
        taken = 1 if share < Fraction(1, 2) else known - 1
    if labels is not None and _fewest(labels[rows]) >= parts:
        folds = list(cut(rows, labels, groups, parts, seed))
        chosen = np.sort(np.concatenate(folds[:taken]))
        if 0 < len(chosen) < len(rows):
            return np.setdiff1d(rows, chosen), chosen
    split = GroupShuffleSplit(1, test_size=max(1, round(known * taken / parts)), random_state=_state(seed))
    first, second = next(split.split(rows, groups=groups[rows]))
    return rows[np.sort(first)], rows[np.sort(second)]


def cut(
    rows: Rows, labels: npt.NDArray[Any] | None, groups: Rows | None, parts: int, seed: list[int]
) -> Iterator[Rows]:
    """``rows`` in so many parts of nearly equal size; ``labels`` keep their shares when each has a row for each part.

    Raises:
        TrainableError: when there are fewer rows or groups than parts.
    """
    from sklearn import model_selection as ways

    if groups is not None and (known := len(np.unique(groups[rows]))) < parts:
        raise TrainableError(_too_few_groups(known, parts))
    if len(rows) < parts:
        raise TrainableError(f"split: {len(rows)} rows cannot be divided into {parts} folds: use fewer folds")
    stratified = labels is not None and _fewest(labels[rows]) >= parts
    kinds = (ways.KFold, ways.StratifiedKFold, ways.GroupKFold, ways.StratifiedGroupKFold)
    kind = kinds[stratified + 2 * (groups is not None)]
    given = (rows, labels[rows] if stratified and labels is not None else None)
    found = kind(parts, shuffle=True, random_state=_state(seed)).split(*given, None if groups is None else groups[rows])
    for _, fold in found:
        yield rows[np.sort(np.asarray(fold, dtype=np.int64))]


def _state(seed: list[int]) -> int:
    return int(np.random.SeedSequence(seed).generate_state(1)[0])


def _fewest(labels: npt.NDArray[Any]) -> int:
    return int(np.unique(labels, return_counts=True)[1].min())


def _too_few_groups(known: int, wanted: int) -> str:
    return (
        f"split: {known} group{'s' * (known != 1)} cannot be divided into {wanted} parts, which share no group: give "
        "more groups, or leave groups out"
    )
