"""NNI's strategies, made from the options of a sweep."""

from __future__ import annotations

import logging

from nni.nas.strategy import GridSearch, PolicyBasedRL, Random, RegularizedEvolution
from nni.nas.strategy.base import Strategy

from ...spaces import Space
from .engine import StrategyRun
from .flat_space import FlatSpace
from .strategy_options import NNIOptions

# It would print every proposal, and call the end of its thread a failure. Real ones are raised.
logging.getLogger("nni.nas.strategy").setLevel(logging.CRITICAL)


def begin(options: NNIOptions, space: Space, seed: int) -> StrategyRun:
    """A new strategy, ready to propose configs of a space with searched parameters."""
    return StrategyRun(_strategy(options, len(space.searched), seed), FlatSpace(space))


def _strategy(options: NNIOptions, parameters: int, seed: int) -> Strategy:
    if options.strategy == "random":
        return Random(seed=seed)
    if options.strategy == "grid":
        return GridSearch(shuffle=options.shuffle, seed=seed)
    if options.strategy == "policy_rl":
        from .policy import policy_factory

        return PolicyBasedRL(samples_per_update=options.samples_per_update, policy_fn=policy_factory(seed))
    return _Evolution(
        population_size=options.population,
        sample_size=options.sample,
        mutation_prob=options.mutation_prob or 1 / parameters,
        crossover=options.crossover,
        seed=seed,
    )


class _Evolution(RegularizedEvolution):  # type: ignore[misc]  # NNI has no types
    """Draws while there is nobody to have a child: NNI's own fails when as many models run as there are members."""

    def new_individual(self) -> FlatSpace:
        model: FlatSpace = super().new_individual() if self._population else self.random()
        return model
