"""Train, validation and sealed test parts of a data set, made from seeds alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spaces import TrainableError
from .division import cut, hold_out, hold_out_groups
from .targets import is_classes

_FEWEST_TO_STRATIFY = 5
_ROUNDING = 1e-9  # 0.1 * 30 is 3.0000000000000004 rows


OTHER_DATA = (
    "split: targets, groups, their order or the shares differ from an earlier call or another trial, so the sealed "
    "test part would be another one: load the same data in the same order in every trial, whatever the config"
)
"""Why a trial fails that splits other data than the others."""


@dataclass(frozen=True)
class Split:
    """What a trial may train and choose on; it holds no row of the sealed test part.

    Shapes: ``x_*`` (n, ...) and ``y_*`` (n,) or (n, L), of the types that were given. ``classes`` are the sorted
    labels, whose order is the order of probability columns; None for regression (float targets) and several labels.
    """

    x_train: Any
    y_train: Any
    x_val: Any
    y_val: Any
    classes: npt.NDArray[Any] | None


@dataclass(frozen=True)
class SplitIndices:
    """Row numbers of the three parts; together every row exactly once."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def split_indices(
    targets: npt.NDArray[Any],
    data_seed: int,
    split_id: int,
    validation: float,
    test: float,
    *,
    groups: npt.NDArray[np.int64] | None = None,
    folds: int | None = None,
) -> SplitIndices:
    """Row numbers of the parts, shares ``1 - validation - test``, ``validation`` and ``test`` of all rows.

    The test part depends on ``data_seed`` (and ``groups``) alone; train and validation also on ``split_id``. Classes
    keep their shares when each has at least 5 rows and each part has room for one row of each class.

    Args:
        groups: a number for each row; rows of a group stay together, so shares are met as far as groups allow.
        folds: validation is one of so many parts of what is not sealed, instead of a share: fold ``(s - 1) % folds`` of
            division ``(s - 1) // folds`` for split ``s``; split 0 has a division of its own.

    Raises:
        TrainableError: when a share is not above 0, or a part would be empty.
    """
    if not (validation > 0 and test > 0 and validation + test < 1):
        raise TrainableError(
            f"split: validation={validation} and test={test} must be above 0 and below 1 in sum: try 0.2 and 0.2"
        )
    count = len(targets)
    held, chosen = (math.ceil(count * share - _ROUNDING) for share in (test, validation))
    if held + chosen >= count:
        raise TrainableError(
            f"split: {count} rows cannot be divided into {held} for the test, {chosen} for validation and at "
            "least 1 for training: give more rows"
        )
    if groups is not None and (known := len(np.unique(groups))) < (least := 1 + (folds or 2)):
        raise TrainableError(
            f"split: {known} group{'s' * (known != 1)} cannot be divided among the test part and "
            f"{f'{folds} folds' if folds else 'validation and training'}: give at least {least}, or leave groups out"
        )
    keep = is_classes(targets) and np.unique(targets, return_counts=True)[1].min() >= _FEWEST_TO_STRATIFY
    labels = targets if keep else None
    development, sealed = _hold_out(np.arange(count), labels, groups, held, [data_seed, 0])
    if folds is None:
        train, val = _hold_out(development, labels, groups, chosen, [data_seed, 1, split_id])
    else:
        division, fold = divmod(split_id - 1, folds) if split_id else (-1, 0)
        val = next(islice(cut(development, labels, groups, folds, [data_seed, 2, division + 1]), fold, None))
        train = np.setdiff1d(development, val)
    return SplitIndices(train, val, sealed)


def _hold_out(
    rows: npt.NDArray[np.int64],
    labels: npt.NDArray[Any] | None,
    groups: npt.NDArray[np.int64] | None,
    count: int,
    seed: list[int],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if groups is None:
        return hold_out(rows, np.zeros(int(rows.max()) + 1) if labels is None else labels, count, seed)
    return hold_out_groups(rows, labels, groups, count, seed)


def take(values: Any, rows: npt.NDArray[np.int64]) -> Any:
    """A copy of ``values[rows]`` for arrays, tensors, data frames and lists.

    Raises:
        TrainableError: for something whose rows cannot be chosen by number.
    """
    if hasattr(values, "iloc"):
        return values.iloc[rows]
    if isinstance(values, (list, tuple)):
        return [values[row] for row in rows]
    if hasattr(values, "detach"):
        return values.detach()[rows]  # with its history, a tensor would hold all rows
    try:
        return values[rows]
    except (TypeError, KeyError, IndexError, ValueError) as error:
        raise TrainableError(
            f"split: rows of {type(values).__name__} cannot be chosen by an array of row numbers ({error}): give an "
            "array, tensor, data frame or list"
        ) from error


def row_count(values: Any) -> int:
    """Rows of inputs.

    Raises:
        TrainableError: for something without a length.
    """
    shape = getattr(values, "shape", None)
    try:
        return int(shape[0]) if shape is not None else len(values)
    except (TypeError, IndexError):
        raise TrainableError(
            f"split: inputs must have n rows, got {type(values).__name__} without a length: give an array, tensor, "
            "data frame or list"
        ) from None
