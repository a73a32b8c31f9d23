"""The contract of everything that proposes configs."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from ..spaces import Config, Objective, Space, SpaceError, Value
from .options import Options
from .trial import Trial

Features = Callable[[Config], Sequence[float]]
"""Numbers of a config that are known before training, always equally many."""
_BATCHES = 1, 9, 90, 900
_MOST_LISTED = 10_000
"""Configs of a space that may all be gone through."""


class Searcher(Protocol):
    """Proposes configs and learns from trials that are over.

    Its state is a function of the calls made to it, in order: after an interruption a fresh one is told the same again,
    with ``adopt`` where it was asked before.
    """

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        """A config for trial ``number`` that is not in ``taken``; None when there is none left."""

    def adopt(self, number: int, config: Config) -> None:
        """Trial ``number`` has a config that was not asked for here and now; it counts as one that runs."""

    def on_report(self, number: int, step: int, value: float, *others: float) -> None:
        """A running trial reported a finite ``value`` of the objective after ``step`` units of training.

        Args:
            others: values of the other objectives, in their order.
        """

    def tell(self, trial: Trial) -> None:
        """Learn from a trial that is over.

        Complete trials come with their value, stopped ones with the curve so far, failed ones without anything.
        """


@runtime_checkable
class Breeding(Protocol):
    """A searcher that makes configs out of others, and tells of which."""

    def parent(self, number: int) -> int | None:
        """The trial whose config was changed to that of trial ``number``; None for one that has no parent."""


class SearcherOptions(Options):
    """The ``searcher`` section of a sweep; each searcher has its own subclass."""

    several: ClassVar[bool] = False
    """Whether it can look for a front of several objectives."""

    @property
    def inherits(self) -> bool:
        """Whether networks start from the weights of those that their configs were made from."""
        return False

    def check(self, rungs: Sequence[int]) -> None:
        """Whether the options fit the rest of the sweep.

        Args:
            rungs: as in :meth:`build`.

        Raises:
            SpaceError: with the key that does not.
        """

    def check_space(self, space: Space) -> None:
        """Whether the searcher can search the sweep's parameters.

        Raises:
            SpaceError: naming each parameter that it cannot.
        """

    def prepare(self) -> None:
        """Import the libraries that :meth:`build` needs; called while workers start."""

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        """A searcher over ``space``.

        Args:
            objective: with others only where the searcher is made for several.
            seed: fixes its proposals given what it is told.
            rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
        """
        raise NotImplementedError

    def guided(
        self, space: Space, objective: Objective, seed: int, rungs: Sequence[int], features: Features
    ) -> Searcher:
        """As :meth:`build`, with what is known of a config before it is trained, for a searcher that can use it.

        Args:
            features: numbers by config, such as scores without training.
        """
        return self.build(space, objective, seed, rungs)


def draw(space: Space, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
    """A random config that is not taken; None when there is none, or when 1,000 draws found none in a large space."""
    for count in _BATCHES:
        for config in space.sample_many(rng, count):
            if config not in taken:
                return config
    if space.size() > _MOST_LISTED:
        return None
    left = [config for config in space.configs() if config not in taken]
    return left[int(rng.integers(len(left)))] if left else None


def known_part(space: Space, config: Config) -> Config:
    """What the space knows of a config: since the sweep was extended there may be other ranges, choices, parameters."""
    values: dict[str, Value] = {}
    for name in space.resolution_order:
        if name in config and space.active(name, values):
            with suppress(SpaceError):
                values[name] = space[name].check(config[name])
    return Config(values)
