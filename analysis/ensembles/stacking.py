"""Stacking: a small model on top of the predictions of the others. Wolpert, Neural Networks 5 (1992)."""

from __future__ import annotations

import numpy as np

from ..scorers import Floats, Scorer
from .greedy import best_singles
from .library import Library
from .mixture import Mixture, Rule, log_features

_MEMBERS = 10
_STRENGTH = 0.01
"""Inverse of the L2 penalty of the regression on logarithms of probabilities: they differ by tens."""
_PENALTIES = np.logspace(-3, 4, 15)


def fit_stacking(library: Library, scorer: Scorer, seed: int) -> Mixture:
    """Logistic regression with L2 on logarithms of probabilities, or ridge regression on outputs; no ``seed`` needed.

    Of the ten best single models. The penalty of the ridge regression is chosen by leave-one-out.
    """
    members = [int(index) for index in np.sort(best_singles(library, scorer, _MEMBERS))]
    return _logistic(library, members) if library.kind == "classes" else _ridge(library, members)


def fit_nnls(library: Library, scorer: Scorer, seed: int) -> Mixture:
    """Least squares with non-negative coefficients, brought to sum 1; no ``seed`` needed.

    Breiman, Stacked Regressions, Machine Learning 24 (1996), for probabilities on indicators of the classes.
    """
    from scipy.optimize import nnls

    members = [int(index) for index in np.sort(best_singles(library, scorer, _MEMBERS))]
    wanted = np.eye(library.shape[1])[library.targets] if library.kind == "classes" else library.targets
    columns = np.column_stack([library.member(index).ravel() for index in members])
    raw, _ = nnls(columns, np.asarray(wanted, np.float64).ravel())
    shares = raw / raw.sum() if raw.sum() > 0 else np.full(len(raw), 1 / len(raw))
    return Mixture.mean({library.numbers[m]: float(w) for m, w in zip(members, shares, strict=True) if w > 0})


def _logistic(library: Library, members: list[int]) -> Mixture:
    from sklearn.linear_model import LogisticRegression

    classes = library.shape[1]
    features = log_features([library.member(index) for index in members])
    model = LogisticRegression(C=_STRENGTH, max_iter=500).fit(features, library.targets)
    if len(model.classes_) != classes:  # of a class without an example nothing can be learnt
        return Mixture.mean({library.numbers[index]: 1 / len(members) for index in members})
    sizes = np.abs(model.coef_).reshape(len(model.coef_), len(members), classes).sum(axis=(0, 2))
    return _stacked("logistic", library, members, sizes, model.coef_, model.intercept_)


def _ridge(library: Library, members: list[int]) -> Mixture:
    from sklearn.linear_model import RidgeCV

    columns = np.column_stack([library.member(index) for index in members])
    model = RidgeCV(alphas=_PENALTIES * max(float(columns.var()), 1e-300)).fit(columns, library.targets)
    return _stacked("linear", library, members, np.abs(model.coef_), model.coef_[None], np.array([model.intercept_]))


def _stacked(
    rule: Rule, library: Library, members: list[int], sizes: Floats, coefficients: Floats, intercepts: Floats
) -> Mixture:
    shares = sizes / sizes.sum() if sizes.sum() > 0 else np.full(len(sizes), 1 / len(sizes))
    return Mixture(
        rule,
        {library.numbers[index]: float(share) for index, share in zip(members, shares, strict=True)},
        tuple(tuple(map(float, row)) for row in coefficients),
        tuple(map(float, intercepts)),
    )
