"""Predictions as they are stored: checked once, when a trial ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..spaces import TrainableError
from .spec import Predictions


def as_predictions(values: Any, targets: npt.NDArray[Any], classes: npt.NDArray[Any] | None) -> Predictions:
    """Checked predictions for ``targets``.

    Args:
        values: probabilities, shape (n, C), columns in the order of ``classes``; for two classes also the probability
            of the second one, shape (n,) or (n, 1); of each label by itself, shape (n, L); for regression shape (n,) or
            (n, 1). Arrays, tensors or lists.
        targets: labels out of ``classes``, or regression targets, shape (n,); labels of 0 and 1, shape (n, L).
        classes: sorted labels; None for regression and for several labels.

    Raises:
        TrainableError: for a wrong shape, a value that is not finite, or rows that are not probabilities.
    """
    array = _as_array(values)
    if len(array) == 0:
        raise TrainableError("save_predictions: no predictions: expected one for each example")
    if len(array) != len(targets):
        _explain_one_array_a_label(array, targets)
        raise TrainableError(f"save_predictions: {len(array)} predictions for {len(targets)} examples")
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise TrainableError("save_predictions: the targets contain NaN or infinity: drop those rows before the split")
    if not np.isfinite(array).all():
        raise TrainableError("save_predictions: predictions contain NaN or infinity")
    if targets.ndim == 2:
        return Predictions(_label_probabilities(array, targets), targets.astype(np.int8))
    if classes is None:
        return Predictions(_outputs(array), targets.astype(np.float64))
    if not np.isin(targets, classes).all():
        raise TrainableError(f"save_predictions: labels must be out of {_few(classes)}")
    return Predictions(_probabilities(array, len(classes)), np.searchsorted(classes, targets).astype(np.int64))


def _few(classes: npt.NDArray[Any]) -> str:
    return ", ".join(map(str, classes[:10])) + (", ..." if len(classes) > 10 else "")


def _outputs(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise TrainableError(
            f"save_predictions: expected shape (n,) for regression, got {array.shape}: "
            "targets are floats; for classes give whole numbers or text as targets"
        )
    if np.abs(array).max() > np.finfo(np.float32).max:
        raise TrainableError("save_predictions: predictions are too large for float32: predict in other units")
    return array.astype(np.float32)


def _probabilities(array: npt.NDArray[Any], count: int) -> npt.NDArray[np.float32]:
    if count == 2 and array.shape[1:] in ((), (1,)) and array.dtype.kind == "f":
        array = np.stack([1 - array.ravel(), array.ravel()], axis=1)
    if array.ndim != 2 or array.shape[1] != count:
        raise TrainableError(
            f"save_predictions: expected class probabilities of shape (n, {count}), got {array.shape}: "
            "give predict_proba or a softmax, not predicted labels; for regression make the targets floats"
        )
    array = array.astype(np.float64)
    if array.min() < -1e-6 or np.abs(array.sum(axis=1) - 1).max() > 1e-3:
        raise TrainableError(
            "save_predictions: rows must be probabilities (0 or more, sum 1): apply a softmax to logits"
        )
    clipped = np.clip(array, 0, None)
    return np.asarray(clipped / clipped.sum(axis=1, keepdims=True), dtype=np.float32)


def _label_probabilities(array: npt.NDArray[Any], targets: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    if array.shape != targets.shape:
        raise TrainableError(
            f"save_predictions: expected a probability for each label, shape (n, {targets.shape[1]}), got "
            f"{array.shape}: targets are 0 or 1 for each of {targets.shape[1]} labels; for one class of each example "
            "give targets of shape (n,)"
        )
    if array.min() < -1e-6 or array.max() > 1 + 1e-6:
        raise TrainableError("save_predictions: values must be probabilities (0 to 1): apply a sigmoid to logits")
    if (targets.sum(axis=1) == 1).all() and np.abs(array.sum(axis=1, dtype=np.float64) - 1).max() < 1e-3:
        raise TrainableError(
            "save_predictions: each row of targets has one 1 and each row of predictions sums to 1: these are classes, "
            "not labels of their own; give targets of shape (n,), such as targets.argmax(axis=1)"
        )
    return np.asarray(np.clip(array, 0, 1), dtype=np.float32)


def _explain_one_array_a_label(array: npt.NDArray[Any], targets: npt.NDArray[Any]) -> None:
    if targets.ndim == 2 and array.shape == (targets.shape[1], len(targets), 2):
        raise TrainableError(
            "save_predictions: one array for each label, as predict_proba of scikit-learn gives: take the second "
            "columns, np.stack([p[:, 1] for p in predictions], axis=1)"
        )


def _as_array(values: Any) -> npt.NDArray[Any]:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values  # NumPy has no bfloat16
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TrainableError(f"save_predictions: rows of different lengths: {error}") from None
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise TrainableError(f"save_predictions: expected an array of numbers, got {type(values).__name__}")
    return array
