"""The contract of everything that proposes configs."""

from __future__ import annotations

from collections.abc import Container, Sequence
from contextlib import suppress
from typing import ClassVar, Protocol

import numpy as np

from ..spaces import Config, Objective, Space, SpaceError, Value
from .options import Options
from .trial import Trial

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


class SearcherOptions(Options):
    """The ``searcher`` section of a sweep; each searcher has its own subclass."""

    several: ClassVar[bool] = False
    """Whether it can look for a front of several objectives."""

    def check(self, rungs: Sequence[int]) -> None:
        """Whether the options fit the rest of the sweep.

        Args:
            rungs: as in :meth:`build`.

        Raises:
            SpaceError: with the key that does not.
        """

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        """A searcher over ``space``.

        Args:
            objective: with others only where the searcher is made for several.
            seed: fixes its proposals given what it is told.
            rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
        """
        raise NotImplementedError


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
