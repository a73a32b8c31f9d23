"""Greedy ensemble selection from stored validation predictions; nothing is trained again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from .scorers import LEAST_PROBABILITY, Array, Floats, Scorer

MOST_MEMBERS = 25
"""Steps of the selection: each adds a member, or weight to one."""
_CANDIDATES = 50
_FOLDS = 5


@dataclass(frozen=True)
class EnsembleReport:
    """An ensemble and what it is worth.

    Args:
        weights: trial -> share; they sum to 1.
        metric: what it was selected on and is scored by.
        score: the metric of the whole selection, cross-fitted: members are chosen on four fifths of the validation
            examples and scored on the rest, five times.
        single_score: the same for choosing the best single trial.
        single: the trial that is best on all validation examples.
        gain: mean improvement over the best single, per example of the metric's loss; positive is better.
        gain_interval: 95 % interval of ``gain``; None when the metric is no mean over examples.
        selection_score: the metric on the examples it was selected on: optimistic, for comparison only.
        candidates, examples: how many models and validation examples there were.
        test_score: on the sealed test part; None before the test phase.
    """

    weights: dict[int, float]
    metric: str
    score: float
    single_score: float
    single: int
    gain: float | None
    gain_interval: tuple[float, float] | None
    selection_score: float
    candidates: int
    examples: int
    test_score: float | None = None


def select_ensemble(predictions: Mapping[int, Floats], targets: Array, scorer: Scorer, seed: int) -> EnsembleReport:
    """Choose members with replacement, each time the one that helps most.

    Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004, section 2.

    Args:
        predictions: trial -> probabilities, shape (n, C), or outputs, shape (n,); at least one.
        targets: shape (n,).
        scorer: what to optimise; accuracy breaks its many ties by log loss.
        seed: of the cross-fitting folds.
    """
    numbers = sorted(predictions)
    stack = np.stack([predictions[number] for number in numbers])
    chosen = greedy_selection(stack, targets, scorer)
    blended, single = _cross_fit(stack, targets, scorer, seed)
    gain, interval = _gain(blended, single, targets, scorer)
    counts = np.bincount(chosen, minlength=len(numbers)) / len(chosen)
    return EnsembleReport(
        weights={number: float(share) for number, share in zip(numbers, counts, strict=True) if share},
        metric=scorer.name,
        score=scorer.compute(blended, targets),
        single_score=scorer.compute(single, targets),
        single=numbers[_best_single(stack, targets, scorer)],
        gain=gain,
        gain_interval=interval,
        selection_score=scorer.compute(stack[chosen].mean(axis=0, dtype=np.float64), targets),
        candidates=len(numbers),
        examples=len(targets),
    )


def blend(predictions: Mapping[int, Floats], weights: Mapping[int, float]) -> Floats:
    """Weighted mean of the members' predictions."""
    return np.asarray(sum(share * predictions[number] for number, share in weights.items()))


def greedy_selection(stack: Floats, targets: Array, scorer: Scorer) -> npt.NDArray[np.int64]:
    """Indices of the chosen models in order, with repeats; the prefix with the least loss out of 25 steps.

    Args:
        stack: predictions of M models, shape (M, n, C) or (M, n).
    """
    library = _shortlist(stack, targets, scorer)
    total = np.zeros(stack.shape[1:])
    chosen: list[int] = []
    losses: list[float] = []
    for count in range(1, MOST_MEMBERS + 1):
        primary, tie_break = _losses_after_adding(stack[library], total, count, targets, scorer)
        pick = int(np.lexsort((tie_break, primary))[0])
        chosen.append(int(library[pick]))
        losses.append(float(primary[pick]))
        total += stack[library[pick]]
    return np.array(chosen[: int(np.argmin(losses)) + 1])


def _shortlist(stack: Floats, targets: Array, scorer: Scorer) -> npt.NDArray[np.int64]:
    """The best single models: a large library overfits the selection and costs time."""
    primary, tie_break = _losses_after_adding(stack, np.zeros(stack.shape[1:]), 1, targets, scorer)
    return np.asarray(np.lexsort((tie_break, primary))[:_CANDIDATES])


def _best_single(stack: Floats, targets: Array, scorer: Scorer) -> int:
    return int(_shortlist(stack, targets, scorer)[0])


def _losses_after_adding(
    stack: Floats, total: Floats, count: int, targets: Array, scorer: Scorer
) -> tuple[Floats, Floats]:
    """Loss of the ensemble (``total`` of ``count - 1`` members) with each model added, and a tie-break; shapes (M,)."""
    if stack.ndim == 2:
        losses = np.array([scorer.loss((total + model) / count, targets) for model in stack])
        return losses, losses
    # Only the probability of the true class matters for log loss: (M, n) instead of (M, n, C).
    examples = np.arange(len(targets))
    true = (total[examples, targets] + stack[:, examples, targets]) / count
    log_losses = -np.log(np.maximum(true, LEAST_PROBABILITY)).mean(axis=1)
    if scorer.name == "log_loss":
        return log_losses, log_losses
    return np.array([scorer.loss((total + model) / count, targets) for model in stack]), log_losses


def _cross_fit(stack: Floats, targets: Array, scorer: Scorer, seed: int) -> tuple[Floats, Floats]:
    """Predictions for each example by an ensemble and by a best single model chosen without it."""
    blended, single = np.empty(stack.shape[1:]), np.empty(stack.shape[1:])
    for rest, held_out in _folds(targets, stack.ndim == 3, seed):
        chosen = greedy_selection(stack[:, rest], targets[rest], scorer)
        blended[held_out] = stack[np.ix_(chosen, held_out)].mean(axis=0, dtype=np.float64)
        single[held_out] = stack[_best_single(stack[:, rest], targets[rest], scorer), held_out]
    return blended, single


def _folds(targets: Array, classes: bool, seed: int) -> list[tuple[Array, Array]]:
    from sklearn.model_selection import KFold, StratifiedKFold

    count = min(_FOLDS, len(targets))
    stratified = classes and np.bincount(targets)[np.unique(targets)].min() >= count
    kind = StratifiedKFold if stratified else KFold
    return list(kind(count, shuffle=True, random_state=seed).split(np.zeros(len(targets)), targets))


def _gain(
    blended: Floats, single: Floats, targets: Array, scorer: Scorer
) -> tuple[float | None, tuple[float, float] | None]:
    if scorer.losses is None:
        return None, None
    difference = scorer.losses(single, targets) - scorer.losses(blended, targets)
    half = float(stats.sem(difference) * stats.norm.ppf(0.975))
    mean = float(difference.mean())
    return mean, (mean - half, mean + half)
