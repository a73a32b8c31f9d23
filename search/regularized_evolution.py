"""Regularized evolution: the fittest of a sample has a child that differs in one parameter, and the oldest dies."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from ..spaces import Config, Objective, Problem, Space, SpaceError, Value
from ..spaces.expression import same
from ..spaces.parameter import Parameter
from .observations import Observations
from .searcher import Searcher, SearcherOptions, draw, known_part
from .trial import Trial

_TRIES = 100
"""Children looked at until one is not taken."""
_FEW = 16
"""Values up to which a change leads to any other; further on only to a near one."""
_STEP = 0.2
"""Standard deviation of a near change, as a share of the parameter's distribution."""


class RegularizedEvolution:
    """Keeps the youngest configs that have a score, and changes one parameter of the best of a random sample of them.

    Where trials are stopped early, members are compared at one rung: the highest that a whole population within the
    limits has reached. Of several objectives the best is the one on the first front that adds most to its hypervolume.

    A changed choice, and a number with few values, gets any other value; another number one that is near. What becomes
    active by the change is drawn.

    Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019, algorithm 1. As trials end
    in any order here, members age from their start.

    Args:
        population: members alive; until as many have a score, configs are random.
        sample: members of which the best becomes the parent.
        rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        population: int,
        sample: int,
        rungs: Sequence[int] = (),
    ) -> None:
        self._space = space
        self._seed = seed
        self._population = population
        self._sample = sample
        self._seen = Observations(objective, rungs, population)
        self._numbers: list[int] = []  # of the trial of each config seen
        self._parents: dict[int, int | None] = {}

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        found = next((pair for pair in self._children(number) if pair[0] not in taken), None)
        config, parent = found or (draw(self._space, np.random.default_rng([self._seed, number, 1]), taken), None)
        if config is not None:
            self._start(number, config, parent)
        return config

    def adopt(self, number: int, config: Config) -> None:
        if number in self._parents:  # a stretch of a trial with another config
            self._start(number, config, self._parents[number])
            return
        # The children of a number depend only on what was told before, so the parent is found again.
        parent = next((parent for child, parent in self._children(number) if child == config), None)
        self._start(number, config, parent)

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        self._seen.report(number, step, value, *others)

    def tell(self, trial: Trial) -> None:
        if trial.number not in self._parents:
            self._start(trial.number, trial.config, None)
        self._seen.tell(trial)

    def parent(self, number: int) -> int | None:
        """The trial whose config was changed to that of trial ``number``; None for one that has no parent."""
        return self._parents.get(number)

    def _start(self, number: int, config: Config, parent: int | None) -> None:
        self._seen.start(number, known_part(self._space, config))
        self._numbers += [number] * (len(self._seen.configs) - len(self._numbers))
        self._parents[number] = parent

    def _children(self, number: int) -> Iterator[tuple[Config, int]]:
        """Feasible children for a trial, each with its parent; none before there is a population."""
        level = self._seen.level_within
        if level is None or not self._space.searched:
            return
        ranked = self._seen.ranked(level)
        alive = set(sorted(ranked)[-self._population :])
        members = [index for index in ranked if index in alive]  # the best first
        rng = np.random.default_rng([self._seed, number])
        for _ in range(_TRIES):
            chosen = members[int(rng.permutation(len(members))[: self._sample].min())]
            child = mutated(self._space, self._seen.configs[chosen], rng)
            if child is not None and self._space.feasible(child):
                yield child, self._numbers[chosen]


def mutated(space: Space, config: Config, rng: np.random.Generator) -> Config | None:
    """A copy with one active parameter changed, what that makes active drawn; None when it has none to change.

    Constraints may break.
    """
    names = [name for name in space.searched if name in config]
    if not names:
        return None
    changed = names[int(rng.integers(len(names)))]
    values = {**config, changed: _another(space[changed], config[changed], rng)}
    return space.fill(lambda name: values[name] if name in values else space[name].sample(rng))


def _another(parameter: Parameter, value: Value, rng: np.random.Generator) -> Value:
    """A different value: any of a choice or of few, near the old one otherwise."""
    if parameter.cardinality <= _FEW:
        others = [other for other in parameter.choices if not same(other, value)]
        return others[int(rng.integers(len(others)))]
    at = parameter.unit(value)
    for _ in range(_TRIES):
        share = at + _STEP * rng.standard_normal()
        other = parameter.quantile(abs(share) if share < 1 else 2 - share) if -1 <= share <= 2 else value
        if other != value:
            return other
    return parameter.sample(rng)


class RegularizedEvolutionOptions(SearcherOptions):
    """Regularized evolution: the best of a sample has a child with one change, and the oldest dies.

    Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019, algorithm 1.
    """

    type: Literal["regularized_evolution"] = "regularized_evolution"
    several: ClassVar[bool] = True
    population: int = Field(default=20, ge=2)
    """Members alive; until as many have a score, trials are random. The paper has 100, for twenty thousand networks."""
    sample: int = Field(default=10, ge=1)
    """Members of which the best becomes a parent."""
    inherit: bool = False
    """Children start from the weights of their parent."""

    @property
    def inherits(self) -> bool:
        return self.inherit

    @model_validator(mode="after")
    def _sampled_from_the_population(self) -> RegularizedEvolutionOptions:
        if self.sample > self.population:
            text = f"sample {self.sample} is above population {self.population}: lower it"
            raise SpaceError([Problem(("sample",), text)])
        return self

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return RegularizedEvolution(space, objective, seed, self.population, self.sample, rungs)
