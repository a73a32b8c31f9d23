"""Equal shares for the best single models: their mean, or their votes."""

from __future__ import annotations

import numpy as np

from ..scorers import Floats, Scorer
from .folds import folds_of
from .greedy import best_singles
from .library import Indices, Library
from .mixture import Mixture, Rule

_SIZES = (1, 2, 3, 5, 8, 13, 21, 34)


def fit_uniform(library: Library, scorer: Scorer, seed: int) -> Mixture:
    """The mean of the m best; m is chosen by cross-fitting."""
    return _top(library, scorer, seed, "mean")


def fit_votes(library: Library, scorer: Scorer, seed: int) -> Mixture:
    """A vote for each of the m best; m is chosen by cross-fitting."""
    return _top(library, scorer, seed, "votes")


def _top(library: Library, scorer: Scorer, seed: int, rule: Rule) -> Mixture:
    sizes = [size for size in _SIZES if size <= len(library)]
    predicted = {size: np.empty(library.shape) for size in sizes}
    for rest, held_out in folds_of(library, seed):
        order = best_singles(library.part(rest), scorer, sizes[-1])
        unseen = library.part(held_out)
        for size in sizes:
            predicted[size][held_out] = _equal(library, order[:size], rule).of(unseen)
    losses = [_loss(predicted[size], library, scorer) for size in sizes]
    best = sizes[int(np.argmin(losses))]
    return _equal(library, best_singles(library, scorer, best), rule)


def _loss(values: Floats, library: Library, scorer: Scorer) -> float:
    loss = scorer.loss(values, library.targets)
    return np.inf if np.isnan(loss) else float(f"{loss:.12g}")


def _equal(library: Library, members: Indices, rule: Rule) -> Mixture:
    numbers = sorted(library.numbers[index] for index in members)
    return Mixture(rule, {number: 1 / len(numbers) for number in numbers})
