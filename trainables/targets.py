"""Targets as arrays: classes, several labels for each example, or measurements."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from ..spaces import TrainableError

_WANTED = "targets must have shape (n,), or (n, L) of 0 and 1 for L labels of each example"
MISSING = "missing"
"""What a row without a value is called among the values of a sensitive column."""


def as_targets(targets: Any) -> npt.NDArray[Any]:
    """Targets as an array: shape (n,), float64 for measurements; shape (n, L), int8 of 0 and 1, for several labels.

    Raises:
        TrainableError: for another shape, for labels other than 0 and 1, and for classes that are missing or of mixed
            types.
    """
    try:
        array = np.asarray(targets.detach().cpu() if hasattr(targets, "detach") else targets)
    except ValueError as error:
        raise TrainableError(f"split: {_WANTED}: {error}") from None
    if array.ndim not in (1, 2) or array.size == 0 or array.shape[1:] == (1,):
        raise TrainableError(f"split: {_WANTED}, got {array.shape}")
    if array.ndim == 2:
        return _as_labels(array)
    if array.dtype.kind == "O":
        array = _plain(array)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def is_classes(targets: npt.NDArray[Any]) -> bool:
    """Whether targets are one class each (whole numbers, text, booleans), not measurements (floats) or labels."""
    return targets.ndim == 1 and targets.dtype.kind != "f"


def class_names(targets: Any) -> tuple[str, ...]:
    """Names of the classes, sorted as their values are; of the labels, by column; none for measurements."""
    array = as_targets(targets)
    if array.ndim == 2:
        return tuple(map(str, getattr(targets, "columns", range(array.shape[1]))))
    return tuple(map(str, np.unique(array))) if is_classes(array) else ()


def fingerprint(
    targets: npt.NDArray[Any], validation: float, test: float, groups: npt.NDArray[np.int64] | None = None
) -> str:
    """The same for the same targets in the same order with the same shares and groups: what fixes the sealed part."""
    content = targets.tobytes() if targets.dtype.kind in "biuf" else "\0".join(map(str, targets)).encode()
    size = "x".join(map(str, targets.shape))
    text = f"{size} {targets.dtype.kind} {validation!r} {test!r} "
    more = b"" if groups is None else b"groups " + groups.tobytes()
    return hashlib.sha256(text.encode() + content + more).hexdigest()[:12]


def as_groups(groups: Any, count: int) -> npt.NDArray[np.int64]:
    """A number for the group of each row, shape (n,), from any labels.

    Raises:
        TrainableError: for another number of rows, and for rows without a group.
    """
    names = _column(groups, count, "groups")
    if (names == MISSING).any():
        raise TrainableError("split: groups are missing in places: give every row a group, its own if need be")
    _, first, numbers = np.unique(names, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers].astype(np.int64)  # in order of appearance: names do not matter


def as_sensitive(values: Any, count: int) -> npt.NDArray[np.str_]:
    """The value of a sensitive column for each row, as text, shape (n,); :data:`MISSING` where there is none.

    Raises:
        TrainableError: for another number of rows.
    """
    return _column(values, count, "sensitive")


def _column(values: Any, count: int, name: str) -> npt.NDArray[np.str_]:
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.shape != (count,):
        raise TrainableError(f"split: {name} must have one value for each of the {count} rows, got shape {array.shape}")
    if array.dtype.kind in "biuUS":
        return array.astype(np.str_)
    known = array[np.isfinite(array)] if array.dtype.kind == "f" else np.array([0.5])
    if (known == np.round(known)).all():  # whole numbers, some of which are missing
        return np.array([str(int(value)) if np.isfinite(value) else MISSING for value in array])
    return np.array([MISSING if value is None or value != value else str(value) for value in _known(array)])


def _known(array: npt.NDArray[Any]) -> list[Any]:
    """Values as Python's own; a missing value of pandas, which is not equal to anything, as None."""
    return [None if str(value) in ("<NA>", "NaT") else value for value in array.tolist()]


def _as_labels(array: npt.NDArray[Any]) -> npt.NDArray[np.int8]:
    if array.dtype.kind == "O":
        array = np.asarray(array.tolist())
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise TrainableError(
            f"split: targets of shape {array.shape} must be 0 or 1, a column for each label: for one class or one "
            "measurement of each example give shape (n,)"
        )
    return array.astype(np.int8)


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
