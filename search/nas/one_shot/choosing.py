"""Which architectures of a trained supernet are worth training from scratch. Loaded only where one is trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from ....spaces import Config, Limit, Space
from ....spaces.architectures import Architecture
from ..screening import Screen
from .choices import most_probable
from .data import Data
from .evolving import evolve
from .found import Candidate
from .searchable import Searchable
from .supernet import Sample, Supernet

_TRIES = 50
"""Draws for each architecture that is wanted; most spaces have more architectures than that."""
_MOST_PROBABLE = 20_000
"""Configs gone through in their order; isomorphic ones, and those that cannot be built, are among them."""


class Choosing:
    """The architectures that are worth training from scratch, and random ones beside them.

    None of them breaks a limit that is known before training, or a constraint of the sweep.

    Args:
        options: :meth:`OneShotOptions.plan`.
    """

    def __init__(
        self,
        options: dict[str, Any],
        architecture: Architecture,
        searchable: Searchable,
        supernet: Supernet,
        data: Data,
        device: torch.device,
        seed: int,
    ) -> None:
        self._options = options
        self._architecture = architecture
        self._searchable = searchable
        self._supernet = supernet
        self._data = data
        self._device = device
        self._space = Space(architecture.parameters(), options["constraints"])
        self._screen = Screen(architecture, self._space, [Limit(**limit) for limit in options["limits"]], seed=seed)
        self._rng = np.random.default_rng([seed, 1])
        self._configs: set[Config] = set()
        self._seen: set[str] = set()  # canonical texts, which take longer to find

    def candidates(self) -> Iterator[Candidate]:
        """The top ones, best first, then the random ones; no two are isomorphic."""
        best = self._top(self._options["top"])
        yield from best
        self._configs = {one.config for one in best}  # what was only scored may be drawn again
        self._seen = {self._architecture.canonical(one.config) for one in best}
        for config in itertools.islice(self._random(), self._options["samples"]):
            yield Candidate(config, "sample", self._score(config))

    def _top(self, wanted: int) -> list[Candidate]:
        """What the supernet prefers; what scores best with its weights where it prefers nothing, or too few."""
        best: list[Candidate] = []
        if self._supernet.independent:
            best += itertools.islice(self._probable(), wanted)
        elif self._supernet.learns:
            best += self._scored(self._drawn())
        if len(best) < wanted:
            found = evolve(
                self._space, self._score, self._is_new, self._random(), self._rng, self._options["candidates"]
            )
            best += [Candidate(config, "top", score) for config, score in found]
        return best[:wanted]

    def _probable(self) -> Iterator[Candidate]:
        pairs = most_probable(self._supernet.probabilities(), self._supernet.several, self._searchable.config_of)
        for config, probability in itertools.islice(pairs, _MOST_PROBABLE):
            if self._is_new(config):
                yield Candidate(config, "top", self._score(config), probability)

    def _scored(self, source: Iterator[Config]) -> list[Candidate]:
        """The first of ``source``, the best first."""
        drawn = itertools.islice(source, self._options["candidates"])
        return sorted((Candidate(one, "top", self._score(one)) for one in drawn), key=lambda one: -one.score)

    def _drawn(self) -> Iterator[Config]:
        """What the supernet prefers: its export, then draws."""
        first = self._supernet.likeliest()
        draws = (self._supernet.draw() for _ in range(self._options["candidates"] * 2))
        samples: Iterable[Sample] = itertools.chain([] if first is None else [first], draws)
        return (config for config in map(self._searchable.config_of, samples) if self._is_new(config))

    def _random(self) -> Iterator[Config]:
        wanted = max(self._options["candidates"], self._options["samples"])
        for _ in range(_TRIES):
            yield from (config for config in self._space.sample_many(self._rng, wanted) if self._is_new(config))

    def _is_new(self, config: Config) -> bool:
        if config in self._configs or not self._space.feasible(config) or self._screen.refuses(config):
            return False
        self._configs.add(config)
        key = self._architecture.canonical(config)
        known = key in self._seen
        self._seen.add(key)
        return not known

    def _score(self, config: Config) -> float:
        return self._supernet.score(self._searchable.sample_of(config), self._data, self._device)
