"""The ways to combine models. A new one is a file and a line here; the contract tests then hold for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..scorers import Kind, Scorer
from .greedy import fit_greedy
from .library import Library
from .mixture import Mixture
from .stacking import fit_nnls, fit_stacking
from .uniform import fit_uniform, fit_votes
from .weighted import fit_weighted

Fit = Callable[[Library, Scorer, int], Mixture]
_ALL: frozenset[Kind] = frozenset({"classes", "labels", "outputs"})


@dataclass(frozen=True)
class Method:
    """A way to combine models.

    Args:
        words: for people.
        fit: from a library, what is to be optimised, and a seed for divisions of the examples.
        kinds: of predictions that it can combine.
        least: examples from which ``auto`` considers it; with fewer it overfits, and is tried when asked for.
    """

    words: str
    fit: Fit
    kinds: frozenset[Kind] = _ALL
    least: int = 0


METHODS: dict[str, Method] = {
    "greedy": Method("greedy selection with replacement", fit_greedy),
    "uniform": Method("mean of the best few", fit_uniform),
    "weighted": Method("mean with the best weights", fit_weighted),
    "hard_voting": Method("votes of the best few", fit_votes, frozenset({"classes", "labels"})),
    "nnls": Method("non-negative least squares", fit_nnls),
    "stacking": Method("regression on the members' predictions", fit_stacking, frozenset({"classes", "outputs"}), 1000),
}
