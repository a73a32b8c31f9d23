"""Train, validation and sealed test parts of a data set, made from seeds alone."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spaces import TrainableError

_FEWEST_TO_STRATIFY = 5
_ROUNDING = 1e-9  # 0.1 * 30 is 3.0000000000000004 rows


OTHER_DATA = (
    "split: targets, their order or the shares differ from an earlier call or another trial, so the sealed test part "
    "would be another one: load the same data in the same order in every trial, whatever the config"
)
"""Why a trial fails that splits other data than the others."""


@dataclass(frozen=True)
class Split:
    """What a trial may train and choose on; it holds no row of the sealed test part.

    Shapes: ``x_*`` (n, ...) and ``y_*`` (n,), of the types that were given. ``classes`` are the sorted labels, whose
    order is the order of probability columns; None for regression (float targets).
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
    targets: npt.NDArray[Any], data_seed: int, split_id: int, validation: float, test: float
) -> SplitIndices:
    """Row numbers of the parts, shares ``1 - validation - test``, ``validation`` and ``test`` of all rows.

    The test part depends on ``data_seed`` alone; train and validation also on ``split_id``. Classes keep their shares
    when each has at least 5 rows and each part has room for one row of each class.

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
    keep = is_classes(targets) and np.unique(targets, return_counts=True)[1].min() >= _FEWEST_TO_STRATIFY
    labels = targets if keep else np.zeros(count)
    development, sealed = _divide(np.arange(count), labels, held, [data_seed, 0])
    train, val = _divide(development, labels, chosen, [data_seed, 1, split_id])
    return SplitIndices(train, val, sealed)


def _divide(
    rows: npt.NDArray[np.int64], labels: npt.NDArray[Any], count: int, seed: list[int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All but ``count`` of ``rows``, and these; the labels keep their shares if they can."""
    from sklearn.model_selection import train_test_split

    counts = np.unique(labels[rows], return_counts=True)[1]
    fits = counts.min() >= 2 and len(counts) <= min(count, len(rows) - count)
    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    first, second = train_test_split(rows, test_size=count, random_state=state, stratify=labels[rows] if fits else None)
    return np.sort(first), np.sort(second)


def is_classes(targets: npt.NDArray[Any]) -> bool:
    """Whether targets are class labels (whole numbers, text, booleans) and not measurements (floats)."""
    return targets.dtype.kind != "f"


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


def as_targets(targets: Any) -> npt.NDArray[Any]:
    """Targets as an array of shape (n,), float64 for measurements.

    Raises:
        TrainableError: for another shape, and for labels that are missing or of mixed types.
    """
    try:
        array = np.asarray(targets.detach().cpu() if hasattr(targets, "detach") else targets)
    except ValueError as error:
        raise TrainableError(f"split: targets must have shape (n,): {error}") from None
    if array.ndim != 1 or len(array) == 0:
        raise TrainableError(f"split: targets must have shape (n,), got {array.shape}")
    if array.dtype.kind == "O":
        array = _plain(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def _plain(array: npt.NDArray[np.object_]) -> npt.NDArray[Any]:
    """Numbers kept as objects as numbers; other objects when they can be sorted."""
    inferred = np.asarray(array.tolist())
    if inferred.dtype.kind in "iufb":
        return inferred
    try:
        np.unique(array)
    except TypeError as error:
        raise TrainableError(
            f"split: targets are missing in places or of mixed types ({error}): drop such rows first"
        ) from None
    return array


def fingerprint(targets: npt.NDArray[Any], validation: float, test: float) -> str:
    """The same for the same targets, shape (n,), in the same order with the same shares: what fixes the sealed part."""
    content = targets.tobytes() if targets.dtype.kind in "biuf" else "\0".join(map(str, targets)).encode()
    text = f"{len(targets)} {targets.dtype.kind} {validation!r} {test!r} "
    return hashlib.sha256(text.encode() + content).hexdigest()[:12]
