"""A random forest that predicts the score of a config: what importance, effects and ablation are read from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TREES = 64


class Surrogate:
    """Regression trees on resampled trials (Breiman, Random Forests, Machine Learning 45, 2001).

    Args:
        points: shape (n, d), in the unit cube.
        values: shape (n,).
        trials: which trial each row is of, shape (n,); rows of one trial are never used to judge a tree that saw it.
    """

    def __init__(
        self, points: Floats, values: Floats, seed: int, trees: int = TREES, trials: NDArray[np.int64] | None = None
    ) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self._points = np.ascontiguousarray(points, dtype=np.float32)  # as the trees see them
        self._values = values
        self._trials = np.arange(len(values)) if trials is None else trials
        self._forest = RandomForestRegressor(n_estimators=trees, random_state=seed)
        self._forest.fit(points, values)

    @property
    def trees(self) -> list[Any]:
        """The trees, as scikit-learn keeps them."""
        return [one.tree_ for one in self._forest.estimators_]

    @property
    def decrease_of_impurity(self) -> Floats:
        """Share of the variance that splits on each column take away, shape (d,); counts noise as well."""
        return np.asarray(self._forest.feature_importances_)

    def predict(self, points: Floats) -> Floats:
        """Predicted values, shape (n,)."""
        return np.asarray(self._forest.predict(points))

    def r2(self) -> float:
        """Share of the variance of the values that is predicted out of bag: by trees that did not see the trial.

        0 is no better than the mean; nan with less than two such trials.
        """
        return self._explained(self._out_of_bag(None, None))

    def permuted(self, column: int, rng: np.random.Generator, repeats: int = 3) -> float:
        """By how much :meth:`r2` falls when a column's values are shuffled among the trials."""
        whole = self.r2()
        falls = [whole - self._explained(self._out_of_bag(column, rng)) for _ in range(repeats)]
        return float(np.mean(falls))

    def _explained(self, predicted: Floats) -> float:
        known = ~np.isnan(predicted)
        values = self._values[known]
        spread = float(((values - values.mean()) ** 2).sum()) if known.sum() > 1 else 0.0
        return 1 - float(((values - predicted[known]) ** 2).sum()) / spread if spread > 0 else float("nan")

    def _out_of_bag(self, column: int | None, rng: np.random.Generator | None) -> Floats:
        """The mean prediction for each row by the trees that did not see its trial; NaN where all did."""
        points = self._points
        if column is not None and rng is not None:
            points = points.copy()
            points[:, column] = rng.permutation(points[:, column])
        total, count = np.zeros(len(points)), np.zeros(len(points))
        for tree, unseen in zip(self.trees, self._unseen(), strict=True):
            total[unseen] += tree.predict(points[unseen]).ravel()
            count[unseen] += 1
        return np.asarray(np.divide(total, count, out=np.full(len(points), np.nan), where=count > 0))

    def _unseen(self) -> Iterator[NDArray[np.int64]]:
        if not hasattr(self, "_bags"):
            self._bags = [
                np.flatnonzero(~np.isin(self._trials, self._trials[rows])) for rows in self._forest.estimators_samples_
            ]
        return iter(self._bags)
