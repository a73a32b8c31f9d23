"""Which inputs a trained model uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...spaces import UsageError, did_you_mean, one_of
from ..scorers import Scorer
from .explanation import METHODS, Explanation, ranked
from .inputs import Inputs, correlated_groups, correlations

Floats = NDArray[np.float64]
Predict = Callable[[Any], NDArray[Any]]

ROWS = {"permutation": 500, "shap": 100, "captum": 500, "captum_ablation": 500}
"""Rows that are looked at when nothing is said."""

_REPEATS = 10
_RESAMPLES = 200
_CORRELATED = 0.8
_MOST_FEATURES = 1000


def explain_model(
    predict: Predict | None,
    inputs: Any,
    targets: NDArray[Any],
    scorer: Scorer,
    *,
    method: str = "permutation",
    background: Any = None,
    network: Any = None,
    names: Sequence[str] | None = None,
    rows: int | None = None,
    repeats: int = _REPEATS,
    correlated: float | None = None,
    seed: int = 0,
) -> Explanation:
    """How much each feature of the inputs matters to a trained model.

    Args:
        predict: from inputs to predictions, shape (n,), (n, C) or (n, L).
        inputs: rows that the model was not trained on; see :class:`~.inputs.Inputs`.
        targets: theirs, as stored predictions have them.
        scorer: of predictions, for method permutation.
        method: a key of :data:`~.explanation.METHODS`.
        background: training inputs, against which shap and captum compare.
        network: torch module that takes the inputs as they are, for captum.
        names: of the features.
        rows: how many to look at, chosen at random; see :data:`ROWS`.
        repeats: how often each feature is shuffled.
        correlated: features with a rank correlation of at least so much count as one, for method permutation.
        seed: of all choices.

    Raises:
        UsageError: for what cannot be explained this way, or when the extra ``explain`` is not installed.
    """
    if method not in METHODS:
        raise UsageError(f"explain: method must be {one_of(METHODS)}, got {method!r}{did_you_mean(method, METHODS)}")
    if rows is not None and rows < 2:
        raise UsageError(f"explain: rows must be 2 or more, got {rows}")
    if correlated is not None and not 0 < correlated < 1:
        raise UsageError(f"explain: correlated must be between 0 and 1, got {correlated}")
    if correlated is not None and method != "permutation":
        raise UsageError(f"explain: correlated groups are for method permutation, not {method}")
    table = Inputs(inputs, names)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(table))[: rows or ROWS[method]])
    table = table.rows(chosen)
    if method == "permutation":
        return _permutation(_needed(predict), table, targets[chosen], scorer, repeats, correlated, rng)
    from . import attributions

    if method == "shap":
        return attributions.by_shap(_needed(predict), table, _compared(background, table), seed)
    return attributions.by_captum(network, table, _compared(background, table), method, seed)


def _needed(predict: Predict | None) -> Predict:
    if predict is None:
        raise UsageError(
            "explain: the training function gives no function to trial.save_predictions: give model.predict_proba or "
            "the like, not an array"
        )
    return predict


def _compared(background: Any, table: Inputs) -> Inputs:
    return table if background is None else Inputs(background, table.names)


def _permutation(
    predict: Predict,
    table: Inputs,
    targets: NDArray[Any],
    scorer: Scorer,
    repeats: int,
    correlated: float | None,
    rng: np.random.Generator,
) -> Explanation:
    """Breiman, Random Forests, Machine Learning 45 (2001), section 10; on rows that were not trained on.

    The interval is of resampled rows and shufflings: the rows are a sample, too.
    """
    groups = correlated_groups(table, correlated) if correlated is not None else [[one] for one in range(table.width)]
    if len(groups) > _MOST_FEATURES:
        raise UsageError(f"explain: {len(groups)} features are too many to shuffle one by one: group them (correlated)")
    whole = np.asarray(predict(table.values))
    orders = [rng.permutation(len(table)) for _ in range(repeats)]
    resampled = [(rng.integers(len(table), size=len(table)), rng.integers(repeats)) for _ in range(_RESAMPLES)]
    base = scorer.compute(whole, targets)
    means, draws = [], []
    bases = [scorer.loss(whole[rows], targets[rows]) for rows, _ in resampled]
    for group in groups:
        made = [np.asarray(predict(table.shuffled(group, order))) for order in orders]
        means.append(np.mean([scorer.loss(one, targets) for one in made]) - scorer.loss(whole, targets))
        again = [scorer.loss(made[repeat][rows], targets[rows]) for rows, repeat in resampled]
        draws.append(np.array(again) - np.array(bases))
    named = [tuple(table.names[one] for one in group) for group in groups]
    usable = np.array(draws).T
    usable = usable[np.isfinite(usable).all(axis=1)]  # a class may be missing among resampled rows
    return Explanation(
        method="permutation",
        words=METHODS["permutation"].format(metric=scorer.name),
        metric=scorer.name,
        score=float(base),
        rows=len(table),
        features=ranked(named, np.array(means), usable),
        notes=[f"each shuffled {repeats} times; above 0 is worse without it"],
        warnings=_going_together(table) if correlated is None else [],
    )


def _going_together(table: Inputs) -> list[str]:
    """Features of which one knows what the other knows, so that shuffling one alone shows too little."""
    if table.width < 2 or table.width > _MOST_FEATURES:
        return []
    upper = np.triu(correlations(table), k=1)
    count = int((upper >= _CORRELATED).sum())
    if not count:
        return []
    first, second = np.unravel_index(int(upper.argmax()), upper.shape)
    pair = f"{table.names[int(first)]} with {table.names[int(second)]}: {upper.max():.2f}"
    return [
        f"{count} pairs of features go together (rank correlation {_CORRELATED} or more; {pair}): shuffling one leaves "
        f"what the other knows, so that both look unimportant; correlated={_CORRELATED} groups them"
    ]
