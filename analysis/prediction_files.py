"""What is in the files of stored predictions: values of one trial, and the examples that many trials share."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .scorers import Array, Floats, Kind, get_scorer, kind_of

_CHANGE = 1e-5


@dataclass(frozen=True)
class Examples:
    """What the predictions of one part of the data are held against.

    Args:
        targets: class indices 0..C-1 or measurements, shape (n,); labels of 0 and 1, shape (n, L).
        names: of the classes or labels, in the order of the columns; empty when they are not known.
        rows: numbers of the examples in the data set that was split, shape (n,); None when they are not known.
        sensitive: value of a sensitive column, shape (n,); None without one.
    """

    targets: Array
    names: tuple[str, ...] = ()
    rows: npt.NDArray[np.int64] | None = None
    sensitive: npt.NDArray[np.str_] | None = None

    @property
    def kind(self) -> Kind:
        """What the targets are."""
        return kind_of(self.targets)

    @cached_property
    def content(self) -> bytes:
        """As a NumPy archive; the same bytes for the same examples."""
        arrays: dict[str, Array] = {"targets": self.targets}
        if self.names:
            arrays["names"] = np.array(self.names, dtype=np.str_)
        if self.rows is not None:
            arrays["rows"] = self.rows
        if self.sensitive is not None:
            values, codes = np.unique(self.sensitive, return_inverse=True)
            arrays |= {"sensitive_values": values, "sensitive": codes.astype(np.int32)}
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @classmethod
    def read(cls, content: bytes) -> Examples:
        """The inverse of :attr:`content`; also of an archive of version 0.3, which has the values beside targets."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return cls(
                file["targets"],
                tuple(map(str, file["names"])) if "names" in file else (),
                file.get("rows"),
                file["sensitive_values"][file["sensitive"]] if "sensitive" in file else None,
            )

    @cached_property
    def targets_id(self) -> str:
        """The same for the same targets; empty for targets that are not finite, which equal nothing."""
        if self.kind == "outputs" and not np.isfinite(self.targets).all():
            return ""
        text = f"{self.targets.shape} {self.targets.dtype.str} "
        return hashlib.sha256(text.encode() + np.ascontiguousarray(self.targets).tobytes()).hexdigest()

    @cached_property
    def rows_id(self) -> str:
        """The same for the same rows; empty when they are not known."""
        return "" if self.rows is None else hashlib.sha256(self.rows.tobytes()).hexdigest()


def compact(values: Floats, targets: Array) -> Floats:
    """Predictions as they are stored: probabilities in half precision where that is enough, else in single.

    It is enough when the log loss, and for two classes the area under the ROC curve, changes by less than 1e-5. What is
    predicted never changes: the likeliest class, or the labels above one half, and no positive probability becomes 0.
    """
    single = np.asarray(values, dtype=np.float32)
    kind = kind_of(targets)
    if kind == "outputs":
        return single
    half = single.astype(np.float16)
    half[(half == 0) & (single > 0)] = np.nextafter(np.float16(0), np.float16(1))
    if kind == "classes":
        likeliest = single.argmax(axis=1)
        wrong = np.flatnonzero(half.argmax(axis=1) != likeliest)
        half[wrong, likeliest[wrong]] = np.nextafter(half[wrong].max(axis=1), np.float16(2))
    else:
        just_below = np.nextafter(np.float16(0.5), np.float16(0))
        half[(half > 0.5) & (single <= 0.5)] = np.float16(0.5)
        half[(half <= 0.5) & (single > 0.5)] = np.nextafter(np.float16(0.5), np.float16(1))
        half[(half >= 0.5) & (single < 0.5)] = just_below
    return half if _alike(half, single, targets, kind) else single


def _alike(half: Floats, single: Floats, targets: Array, kind: Kind) -> bool:
    names = ["log_loss", "roc_auc"] if kind == "classes" and single.shape[1] == 2 else ["log_loss"]
    for scorer in map(get_scorer, names):
        stored, given = scorer.compute(half, targets), scorer.compute(single, targets)
        if not (abs(stored - given) < _CHANGE or (math.isnan(stored) and math.isnan(given))):
            return False
    return True


def values_content(values: Floats) -> Any:
    """Values as a NumPy file, which can be mapped into memory; a buffer of its bytes."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(values), allow_pickle=False)
    return file.getbuffer()
