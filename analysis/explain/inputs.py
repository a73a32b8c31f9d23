"""The inputs of a model as a table of named features, whatever they came as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...spaces import UsageError

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


class Inputs:
    """Rows of features that can be exchanged one by one; arrays with more dimensions have a feature for each cell.

    Args:
        values: array or tensor of shape (n, d) or (n, ...), or data frame.
        names: of the features; column names of a data frame, else ``x0``, ``x1``, ..., with several dimensions
            ``x0_3``.

    Raises:
        UsageError: for inputs of another kind, and for another number of names.
    """

    def __init__(self, values: Any, names: Sequence[str] | None = None) -> None:
        self._values = values
        self._frame = hasattr(values, "iloc") and hasattr(values, "columns")
        shape = getattr(values, "shape", ())
        if len(shape) < 2 or 0 in shape:
            got = f"{type(values).__name__} of shape {tuple(shape)}" if shape else type(values).__name__
            raise UsageError(
                f"the inputs are {got}: features can be told apart in an array or tensor of shape (n, d) or (n, ...), "
                "and in a data frame"
            )
        self._shape = tuple(int(one) for one in shape)
        self.names = list(names) if names is not None else self._own_names()
        if len(self.names) != self.width:
            raise UsageError(f"{len(self.names)} names for {self.width} features")

    def __len__(self) -> int:
        return self._shape[0]

    @property
    def width(self) -> int:
        """How many features there are."""
        return int(np.prod(self._shape[1:]))

    @property
    def values(self) -> Any:
        """As they came."""
        return self._values

    def rows(self, rows: Rows) -> Inputs:
        """Some of the rows."""
        chosen = self._values.iloc[rows] if self._frame else self._values[rows]
        return Inputs(chosen, self.names)

    def shuffled(self, features: Sequence[int], order: Rows) -> Any:
        """The inputs with some features taken from other rows: row ``i`` has those of row ``order[i]``."""
        if self._frame:
            made = self._values.copy()
            for feature in features:
                column = self._values.iloc[:, feature]
                made.isetitem(feature, column.iloc[order].set_axis(self._values.index))
            return made
        made = self._values.clone() if hasattr(self._values, "clone") else np.array(self._values)
        flat, source = made.reshape(len(self), -1), self._values.reshape(len(self), -1)
        for feature in features:
            flat[:, feature] = source[order, feature]
        return flat.reshape(self._shape)

    def matrix(self) -> Floats:
        """The features as numbers, shape (n, d); other columns of a data frame as the numbers of their values."""
        if self._frame:
            return np.column_stack([self._codes(feature) for feature in range(self.width)])
        plain = self._values.detach().cpu() if hasattr(self._values, "detach") else self._values
        return np.asarray(plain, dtype=np.float64).reshape(len(self), -1)

    def like(self, matrix: Floats) -> Any:
        """Inputs of the first kind from numbers as :meth:`matrix` gives them."""
        if self._frame:
            made = self._values.iloc[np.zeros(len(matrix), dtype=int)].reset_index(drop=True)
            for feature in range(self.width):
                made.isetitem(feature, self._decoded(feature, matrix[:, feature]))
            return made
        shaped = matrix.reshape(len(matrix), *self._shape[1:])
        if hasattr(self._values, "detach"):
            import torch

            return torch.as_tensor(shaped).to(self._values)
        return shaped.astype(self._values.dtype)

    def _own_names(self) -> list[str]:
        if self._frame:
            return [str(name) for name in self._values.columns]
        return ["x" + "_".join(map(str, cell)) for cell in np.ndindex(self._shape[1:])]

    def _codes(self, feature: int) -> Floats:
        column = self._values.iloc[:, feature]
        if column.dtype.kind in "biuf":
            return np.asarray(column, dtype=np.float64)
        return np.asarray(column.astype("category").cat.codes, dtype=np.float64)

    def _decoded(self, feature: int, numbers: Floats) -> Any:
        import pandas as pd

        column = self._values.iloc[:, feature]
        if column.dtype.kind in "biuf":
            return pd.Series(numbers).astype(column.dtype)
        categories = column.astype("category").cat.categories
        made = pd.Series(pd.Categorical.from_codes(numbers.astype(int).tolist(), categories))
        return made if isinstance(column.dtype, pd.CategoricalDtype) else made.astype(column.dtype)


def correlated_groups(inputs: Inputs, threshold: float) -> list[list[int]]:
    """Features that go together: complete linkage of rank correlations, all of a group at least ``threshold``."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if inputs.width == 1:
        return [[0]]
    distances = 1 - correlations(inputs)
    labels = fcluster(linkage(squareform(distances, checks=False), "complete"), 1 - threshold, "distance")
    found: dict[int, list[int]] = {}
    for feature, label in enumerate(labels.tolist()):
        found.setdefault(label, []).append(feature)
    return sorted(found.values())


def correlations(inputs: Inputs) -> Floats:
    """Spearman's rank correlation of the features without its sign, shape (d, d); 0 for a feature that is constant."""
    from scipy.stats import rankdata

    ranks = rankdata(inputs.matrix(), axis=0)
    centred = ranks - ranks.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    found: Floats = np.clip(np.abs(scaled.T @ scaled), 0, 1)
    np.fill_diagonal(found, 1.0)
    return found
