"""Choose an ensemble, and find out what it is worth, from the predictions alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...spaces import UsageError, did_you_mean, one_of
from ..scorers import Array, Floats, Scorer
from .diversity import diversity_of
from .folds import Fold, folds_of, out_of_fold
from .gain import gain_of
from .greedy import MOST_CANDIDATES, best_singles, greedy_path
from .library import Library
from .methods import METHODS
from .mixture import Mixture
from .report import EnsembleReport, MethodScore, Step
from .temperature import cross_fitted_temperature

AUTO = "auto"


@dataclass(frozen=True)
class _Part:
    """What a fold may choose from: the best single models on its examples, and the best of all."""

    library: Library
    single: int


@dataclass(frozen=True)
class _Tried:
    """A method's cross-fitted predictions, shape (n, ...), with the temperature for all of them."""

    method: str
    predicted: Floats
    temperature: float


def select_ensemble(
    predictions: Mapping[int, Array], targets: Array, scorer: Scorer, seed: int, method: str = AUTO
) -> EnsembleReport:
    """Choose members and how they are combined.

    Args:
        predictions: trial -> probabilities of classes, shape (n, C); independent probabilities of labels, shape
            (n, L); or outputs, shape (n,). At least one. Memory maps are read a model at a time.
        targets: shape (n,), or (n, L).
        scorer: what to optimise.
        seed: of the cross-fitting folds.
        method: key of :data:`METHODS`; ``auto`` chooses by cross-fitted score, never by the one it was selected on.

    Raises:
        UsageError: for an unknown method, or one that cannot combine such predictions.
    """
    return choose_ensemble(Library(list(predictions), list(predictions.values()), targets), scorer, seed, method)


def choose_ensemble(library: Library, scorer: Scorer, seed: int, method: str = AUTO) -> EnsembleReport:
    """See :func:`select_ensemble`."""
    names = methods_for(library, method)
    whole, folds = _part(library, scorer), folds_of(library, seed)
    parts = [_part(library.part(rest), scorer) for rest, _ in folds]
    tried = [_try(name, library, folds, parts, scorer, seed) for name in names]
    best = min(tried, key=lambda one: _loss(one.predicted, library.targets, scorer))
    blended = _choice_cross_fitted(tried, folds, library, scorer)
    single, single_temperature = _cooled(_singles(library, folds, parts), library, folds, scorer)
    mixture = METHODS[best.method].fit(whole.library, scorer, seed).at(best.temperature)
    gain = gain_of(blended, [single], library.targets, scorer, seed)
    return EnsembleReport(
        weights=mixture.weights,
        metric=scorer.name,
        score=scorer.compute(blended, library.targets),
        single_score=scorer.compute(single, library.targets),
        single=whole.single,
        single_temperature=single_temperature,
        gain=gain.mean if gain else None,
        gain_interval=gain.interval if gain else None,
        selection_score=scorer.compute(mixture.of(library), library.targets),
        candidates=len(library),
        examples=library.examples,
        method=best.method,
        mixture=mixture,
        gain_p=gain.p_value if gain else None,
        per_example=scorer.losses is not None,
        methods=tuple(_scored(one, library, scorer) for one in tried),
        trajectory=_trajectory(library, whole, folds, parts, scorer) if best.method == "greedy" else (),
        diversity=diversity_of(library, [library.index(number) for number in mixture.weights]),
    )


def methods_for(library: Library, method: str) -> list[str]:
    """What is tried.

    Raises:
        UsageError: see :func:`select_ensemble`.
    """
    refuse_unknown(method)
    fitting = [name for name, one in METHODS.items() if library.kind in one.kinds]
    if method == AUTO:
        return [name for name in fitting if library.examples >= METHODS[name].least]
    if method not in fitting:
        raise UsageError(f"ensemble: {method} cannot combine {library.kind}: use {one_of([AUTO, *fitting])}")
    return [method]


def refuse_unknown(method: str, *more: str) -> None:
    """Nothing, when there is such a method.

    Args:
        more: methods besides ``auto`` and :data:`METHODS`.

    Raises:
        UsageError: otherwise.
    """
    known = [AUTO, *METHODS, *more]
    if method not in known:
        raise UsageError(f"ensemble: method must be {one_of(known)}, got {method!r}{did_you_mean(method, known)}")


def _part(library: Library, scorer: Scorer) -> _Part:
    best = [int(index) for index in best_singles(library, scorer, MOST_CANDIDATES)]
    return _Part(library.subset(best), library.numbers[best[0]])


def _try(name: str, library: Library, folds: list[Fold], parts: list[_Part], scorer: Scorer, seed: int) -> _Tried:
    fits = [METHODS[name].fit(part.library, scorer, seed) for part in parts]
    return _Tried(name, *_cooled(_predicted(library, folds, fits), library, folds, scorer))


def _predicted(library: Library, folds: list[Fold], fits: list[Mixture]) -> Floats:
    return out_of_fold(library, folds, lambda fold, unseen: fits[fold].of(unseen))


def _cooled(predicted: Floats, library: Library, folds: list[Fold], scorer: Scorer) -> tuple[Floats, float]:
    """Cross-fitted predictions with a temperature for each fold, and the one for all of them.

    An ensemble and the best single model get it alike: it would be no gain of the ensemble.
    """
    if scorer.name == "roc_auc":  # compares examples with each other: a temperature has no business there
        return predicted, 1.0
    return cross_fitted_temperature(predicted, library.targets, library.kind, [held_out for _, held_out in folds])


def _singles(library: Library, folds: list[Fold], parts: list[_Part]) -> Floats:
    return out_of_fold(library, folds, lambda fold, unseen: unseen.member(unseen.index(parts[fold].single)))


def _choice_cross_fitted(tried: list[_Tried], folds: list[Fold], library: Library, scorer: Scorer) -> Floats:
    """Each fold's predictions by the method that is best on the other folds: the choice must not flatter, either."""
    if len(tried) == 1:
        return tried[0].predicted
    found = np.empty(library.shape)
    for rest, held_out in folds:
        losses = [_loss(one.predicted[rest], library.targets[rest], scorer) for one in tried]
        found[held_out] = tried[int(np.argmin(losses))].predicted[held_out]
    return found


def _loss(values: Floats, targets: Array, scorer: Scorer) -> float:
    loss = scorer.loss(values, targets)
    return np.inf if np.isnan(loss) else float(f"{loss:.12g}")  # equal but for rounding: the first method


def _scored(one: _Tried, library: Library, scorer: Scorer) -> MethodScore:
    return MethodScore(one.method, scorer.compute(one.predicted, library.targets), one.temperature)


def _trajectory(
    library: Library, whole: _Part, folds: list[Fold], parts: list[_Part], scorer: Scorer
) -> tuple[Step, ...]:
    """Score of the greedy selection after each step, where it was selected and cross-fitted."""
    path = greedy_path(whole.library, scorer)
    orders = [[part.library.numbers[i] for i in greedy_path(part.library, scorer).order] for part in parts]
    unseen = [library.part(held_out) for _, held_out in folds]
    totals = [np.zeros(one.shape) for one in unseen]
    steps = []
    for count, loss in enumerate(path.losses, start=1):
        mixed = np.empty(library.shape)
        for (_, held_out), order, rows, total in zip(folds, orders, unseen, totals, strict=True):
            total += rows.member(rows.index(order[count - 1]))
            mixed[held_out] = total / count
        score = -loss if scorer.goal == "maximize" else loss
        steps.append(Step(count, score, scorer.compute(mixed, library.targets)))
    return tuple(steps)
