"""The best configs by a score that costs little, such as that of a trained supernet: evolution with crossover."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import numpy as np

from ....spaces import Config, Space
from ...regularized_evolution import mutated

_LARGEST = 50
"""Population of the paper, which scores 1,050 configs in 21 generations."""
_PARENTS = 5
"""The best of so many have children; in the paper 10 of 50."""
_TRIES = 50
"""Children looked at until one is new."""


def evolve(
    space: Space,
    score: Callable[[Config], float],
    is_new: Callable[[Config], bool],
    drawn: Iterator[Config],
    rng: np.random.Generator,
    count: int,
) -> list[tuple[Config, float]]:
    """Configs with their scores, the best first.

    Guo et al., Single Path One-Shot Neural Architecture Search with Uniform Sampling, ECCV 2020, section 3.4,
    algorithm 1: the first generation is random; each later one has children of the best so far, half of them with two
    parents, half with a change. Here a generation is as large as lets ``count`` be spent on several, and a change is
    one of one parameter.

    Args:
        score: larger is better.
        is_new: whether a config may be scored, and was not; it then counts as scored.
        drawn: random configs that are new, as many as there are.
        count: configs scored in all; fewer where no more are found.
    """
    size = min(_LARGEST, math.ceil(1.5 * math.sqrt(count)))
    found = [(config, score(config)) for config in itertools.islice(drawn, min(size, count))]
    while found and len(found) < count:
        found.sort(key=lambda pair: best_first(pair[1]))
        parents = [config for config, _ in found[: max(2, size // _PARENTS)]]
        wanted = min(size, count - len(found))
        made = [_child(space, parents, place < wanted // 2, is_new, rng) for place in range(wanted)]
        children = [config for config in made if config is not None]
        children += itertools.islice(drawn, wanted - len(children))
        if not children:
            break
        found += [(config, score(config)) for config in children]
    return sorted(found, key=lambda pair: best_first(pair[1]))


def best_first(score: float) -> float:
    """To sort by: the best first, what has no score last."""
    return math.inf if math.isnan(score) else -score


def _child(
    space: Space, parents: list[Config], crossed: bool, is_new: Callable[[Config], bool], rng: np.random.Generator
) -> Config | None:
    """One that is new; None when none was found."""
    for _ in range(_TRIES):
        first, second = (parents[int(place)] for place in rng.integers(len(parents), size=2))
        child = crossover(space, first, second, rng) if crossed else mutated(space, first, rng)
        if child is not None and space.feasible(child) and is_new(child):
            return child
    return None


def crossover(space: Space, first: Config, second: Config, rng: np.random.Generator) -> Config:
    """Each parameter from either parent, of those that have it; drawn where neither has. Constraints may break."""

    def choose(name: str) -> object:
        having = [parent[name] for parent in (first, second) if name in parent]
        return having[int(rng.integers(len(having)))] if having else space[name].sample(rng)

    return space.fill(choose)
