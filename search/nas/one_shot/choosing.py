"""Which architectures of a trained supernet are worth training from scratch. Loaded only where one is trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch

from ....spaces import Config, Limit, Space
from ....spaces.architectures import Architecture
from ..screening import Screen
from .choices import most_probable
from .data import Data
from .evolving import best_first, evolve
from .found import Candidate
from .searchable import Searchable
from .supernet import Sample, Supernet

_TRIES = 50
"""Draws for each architecture that is wanted; most spaces have more architectures than that."""
_MOST_PROBABLE = 2_000
"""Architectures gone through in their order, also those that break constraints of the sweep: one takes 1 to 14 ms, more
with more choices."""
_IN_VAIN = 500
"""Architectures that turn out refused, or isomorphic to others, in each part of the choice: the likeliest, those of the
best score, the random ones. To build one takes 2 ms (stages) to 0.3 s (cells of DARTS), with weights or without, and
nothing is reported meanwhile."""

_One = TypeVar("_One")


class Choosing:
    """The architectures that are worth training from scratch, and random ones beside them.

    None of them breaks a limit that is known before training, or a constraint of the sweep that reads nothing but the
    architecture. The sweep's prefilter does not count here: it compares with networks drawn over all parameters of the
    sweep, and its scores would take as long as the supernet's own. The search refuses what is below it, and the report
    says how many.

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
        self._searchable = searchable
        self._supernet = supernet
        self._data = data
        self._device = device
        self._space = Space(architecture.parameters(), options["constraints"])
        self._screen = Screen(architecture, self._space, [Limit(**limit) for limit in options["limits"]], seed=seed)
        self._rng = np.random.default_rng([seed, 1])
        self._configs: set[Config] = set()
        self._seen: set[str] = set()  # keys of networks, which take longer to find
        self._left = _IN_VAIN
        self._gave_up = False
        self._went_through = False

    def candidates(self) -> Iterator[Candidate]:
        """The top ones, best first, then the random ones; no two are isomorphic.

        No random one is isomorphic to what is trained anyway either, such as the default: it would check nothing.
        """
        best = self._top(self._options["top"])
        yield from best
        refused = {config for config in self._configs if self._screen.refuses(config)}
        self._configs = refused | {one.config for one in best}  # what was only scored may be drawn again
        given = map(Config, self._options["given"])
        self._seen = {self._screen.key(config) for config in (*given, *(one.config for one in best))}
        self._left = _IN_VAIN
        for config in itertools.islice(self._random(), self._options["samples"]):
            yield Candidate(config, "sample", self._score(config))

    @property
    def ended(self) -> str:
        """That not all was looked at, in words; empty when it was."""
        said = []
        if self._went_through:
            said.append(f"of the {_MOST_PROBABLE} likeliest architectures too few meet the constraints")
        if self._gave_up:
            told = self._screen.told
            why = f" ({told}): make the limits or the space wider" if told else ""
            vain = f"looking for architectures ended after {_IN_VAIN} that were refused or isomorphic to others{why}"
            said.append(vain)
        return "; ".join(said)

    def _top(self, wanted: int) -> list[Candidate]:
        """What the supernet prefers; what scores best with its weights where it prefers nothing, or too few.

        What has a probability stands in the supernet's own order, before what fills up; all else by score.
        """
        best: list[Candidate] = []
        independent = self._supernet.independent
        if independent:
            best += itertools.islice(self._probable(), wanted)
        elif self._supernet.learns:
            best += self._scored(self._drawn())
        if len(best) < wanted:
            self._left = _IN_VAIN
            count = self._options["candidates"] - len(best)
            found = evolve(self._space, self._score, self._is_new, self._random(), self._rng, count)
            best += [Candidate(config, "top", score) for config, score in found]
            if not independent:
                best.sort(key=_best_first)
        return best[:wanted]

    def _probable(self) -> Iterator[Candidate]:
        pairs = most_probable(self._supernet.probabilities(), self._supernet.several, self._searchable.config_of)
        looked = 0
        for config, probability in self._while_it_pays(itertools.islice(pairs, _MOST_PROBABLE)):
            looked += 1
            if self._is_new(config):
                yield Candidate(config, "top", self._score(config), probability)
        self._went_through = looked == _MOST_PROBABLE

    def _scored(self, source: Iterator[Config]) -> list[Candidate]:
        """The first of ``source``, the best first."""
        drawn = itertools.islice(source, self._options["candidates"])
        return sorted((Candidate(one, "top", self._score(one)) for one in drawn), key=_best_first)

    def _drawn(self) -> Iterator[Config]:
        """What the supernet prefers: its export, then draws."""
        first = self._supernet.likeliest()
        draws = (self._supernet.draw() for _ in range(self._options["candidates"] * 2))
        samples: Iterable[Sample] = itertools.chain([] if first is None else [first], draws)
        configs = map(self._searchable.config_of, self._while_it_pays(samples))
        return (config for config in configs if self._is_new(config))

    def _random(self) -> Iterator[Config]:
        wanted = max(self._options["candidates"], self._options["samples"])
        for _ in self._while_it_pays(range(_TRIES)):
            yield from (config for config in self._space.sample_many(self._rng, wanted) if self._is_new(config))

    def _while_it_pays(self, source: Iterable[_One]) -> Iterator[_One]:
        return itertools.takewhile(lambda _: self._left, source)

    def _is_new(self, config: Config) -> bool:
        if not self._left or config in self._configs or not self._space.feasible(config):
            return False
        self._configs.add(config)
        # The limits first: to trace a model space takes twice as long as to build and count it, and isomorphic
        # networks need not be of one size, so that what is refused says nothing of the others.
        if not self._screen.refuses(config):
            key = self._screen.key(config)
            if key not in self._seen:
                self._seen.add(key)
                return True
        self._left -= 1
        self._gave_up |= not self._left
        return False

    def _score(self, config: Config) -> float:
        return self._supernet.score(self._searchable.sample_of(config), self._data, self._device)


def _best_first(candidate: Candidate) -> float:
    return best_first(candidate.score)
