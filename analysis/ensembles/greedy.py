"""Ensemble selection with replacement: at each step the model that helps most."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..scorers import Floats, Scorer
from .library import Indices, Library
from .log_loss_steps import LogLossSteps
from .mixture import Mixture
from .plain_steps import PlainSteps
from .squared_steps import SquaredSteps

MOST_MEMBERS = 50
"""Steps of the selection: each adds a member, or weight to one."""
MOST_CANDIDATES = 100
"""The best single models, which may become members: a large library overfits the selection."""
_MOST_BLENDED = 30
"""The same for metrics without a shortcut: each step blends and scores every candidate."""
_NEARLY = 1e-12
"""Losses that differ by this share of their size are equal but for rounding."""
_NEARLY_ZERO = 1e-13
"""The same for losses of probabilities, which have no unit."""
_SQUARED = ("mse", "rmse", "brier")


class Steps(Protocol):
    """Losses of an ensemble that grows."""

    def losses(self) -> Floats:
        """Loss after adding each model, shape (M,)."""

    def add(self, model: int) -> None:
        """Make the model a member."""


@dataclass(frozen=True)
class GreedyPath:
    """What was chosen.

    Args:
        order: index of the model that each step added.
        losses: the metric, smaller is better, after each step.
        noise: a difference of losses that is rounding.
    """

    order: tuple[int, ...]
    losses: tuple[float, ...]
    noise: float = 0.0

    @property
    def best(self) -> tuple[int, ...]:
        """The prefix with the least loss; the shortest of equals."""
        losses = np.array(self.losses)
        return self.order[: int(np.flatnonzero(_near(losses, self.noise))[0]) + 1]


def fit_greedy(library: Library, scorer: Scorer, seed: int) -> Mixture:
    """The best prefix of :func:`greedy_path` as shares of the members; ``seed`` is not needed."""
    chosen = greedy_path(library, scorer).best
    counts = np.bincount(chosen, minlength=len(library)) / len(chosen)
    return Mixture.mean({library.numbers[index]: float(counts[index]) for index in np.flatnonzero(counts)})


def greedy_path(library: Library, scorer: Scorer, steps: int = MOST_MEMBERS, *, all_models: bool = False) -> GreedyPath:
    """Choose members with replacement, each time the one after which the loss is least.

    Equal losses are decided by log loss where classes are counted, then for a model that is a member already, then for
    the smaller trial number. Caruana et al., Ensemble Selection from Libraries of Models, ICML 2004, section 2.

    Args:
        steps: members, with repeats.
        all_models: any model may become a member, not only the best single ones.
    """
    key = (scorer.name, steps, all_models)
    found: GreedyPath | None = library.memo.get(key)
    if found is None:
        found = library.memo[key] = _path(library, scorer, steps, all_models)
    return found


def _path(library: Library, scorer: Scorer, steps: int, all_models: bool) -> GreedyPath:
    kept = np.arange(len(library)) if all_models else np.sort(best_singles(library, scorer, _most(library, scorer)))
    few = library.subset([int(index) for index in kept])
    primary, second = _steps(few, scorer)
    used = np.zeros(len(few), dtype=bool)
    noise = 0.0 if library.kind == "outputs" else _NEARLY_ZERO
    order: list[int] = []
    losses: list[float] = []
    for _ in range(steps):
        found = primary.losses()
        pick = _pick(found, second.losses() if second else None, used, noise)
        for one in (primary, second):
            if one is not None:
                one.add(pick)
        used[pick] = True
        order.append(int(kept[pick]))
        losses.append(float(found[pick]))
    if scorer.name == "rmse":
        losses = [math.sqrt(loss) for loss in losses]
    return GreedyPath(tuple(order), tuple(losses), noise)


def best_singles(library: Library, scorer: Scorer, most: int) -> Indices:
    """Indices of the models that are best alone, best first."""
    primary, second = _steps(library, scorer)
    found = primary.losses()
    ties = second.losses() if second else found
    return np.lexsort((np.arange(len(library)), _rounded(ties), _rounded(found)))[:most]


def _most(library: Library, scorer: Scorer) -> int:
    cheap = scorer.name in _SQUARED or (library.kind != "outputs" and scorer.name == "log_loss")
    return MOST_CANDIDATES if cheap else _MOST_BLENDED


def _steps(library: Library, scorer: Scorer) -> tuple[Steps, Steps | None]:
    """What a step is decided by, and what decides between equals."""
    if scorer.name in _SQUARED:
        return SquaredSteps(library), None
    if library.kind == "outputs":
        return PlainSteps(library, scorer), None
    if scorer.name == "log_loss":
        return LogLossSteps(library.true), None
    return PlainSteps(library, scorer), LogLossSteps(library.true, screen=False)


def _pick(losses: Floats, ties: Floats | None, used: npt.NDArray[np.bool_], noise: float) -> int:
    among = np.flatnonzero(_near(losses, noise))
    if ties is not None:
        among = among[_near(ties[among], noise)]
    members = among[used[among]]
    return int(members[0] if len(members) else among[0])


def _near(losses: Floats, noise: float) -> npt.NDArray[np.bool_]:
    """Which are the least but for rounding."""
    least = losses.min()
    return np.asarray(losses <= least + noise + _NEARLY * abs(least) if np.isfinite(least) else losses == least)


def _rounded(losses: Floats) -> Floats:
    return np.array([float(f"{loss:.12g}") for loss in losses])
