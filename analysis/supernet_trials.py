"""Which trials of the search train the architectures that a supernet found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..search import Sweep, Trial
from ..search.nas.one_shot.found import Candidate
from ..spaces import Config, SpaceError
from ..spaces.networks.measures import BEFORE_TRAINING

_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


@dataclass(frozen=True)
class Origin:
    """Where a config of the search comes from.

    Args:
        kind: ``top``: the supernet proposed it; ``sample``: it was drawn, to see what the supernet's scores are worth.
        place: among those of its kind, from 1.
        score: with the supernet's weights, larger is better.
    """

    kind: Literal["top", "sample"]
    place: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return vars(self) | {"words": str(self)}

    def __str__(self) -> str:
        """``1st choice`` or ``random check``."""
        if self.kind == "sample":
            return "random check"
        ending = "th" if self.place % 100 in (11, 12, 13) else _ENDINGS.get(self.place % 10, "th")
        return f"{self.place}{ending} choice"


@dataclass(frozen=True)
class Trained:
    """Which trials of the search are whose.

    Args:
        top, samples: numbers of the trials of the supernet's architectures, and of the random ones beside them; of the
            default config too, where its architecture is among them.
        random: of the configs that the search drew when these were tried.
        refused: architectures of the supernet that the search went past.
        waiting: those that it did not come to.
        reasons: what may be wrong with those refused, in words.
    """

    top: tuple[int, ...] = ()
    samples: tuple[int, ...] = ()
    random: tuple[int, ...] = ()
    refused: int = 0
    waiting: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def left_out(self) -> list[str]:
        """What was not trained, for people."""
        lines = []
        every = f"{len({*self.top, *self.samples}) + self.refused + self.waiting} architectures of the supernet"
        if self.refused:
            lines.append(f"{self.refused} of {every} were not trained: they {', or '.join(self.reasons)}")
        if self.waiting:
            lines.append(f"{self.waiting} of {every} were not trained: the search did not come to them")
        return lines


def trained(candidates: Sequence[Candidate], search: Sequence[Trial], sweep: Sweep) -> Trained:
    """Which trials of a search are whose; its searcher goes through the candidates in their order, then draws."""
    given, numbers = set(sweep.given), _numbers(search)
    configs = [_completed(one.config, sweep) for one in candidates]
    random = tuple(one.number for one in search if one.config not in given and one.config not in configs)
    come_to = max((place for place, one in enumerate(configs) if one in numbers and one not in given), default=-1)
    untried = [place for place, one in enumerate(configs) if one not in numbers]
    refused = [place for place in untried if random or place < come_to or configs[place] is None]

    def of(kind: str) -> tuple[int, ...]:
        both = zip(candidates, configs, strict=True)
        return tuple(numbers[config] for one, config in both if config in numbers and one.origin == kind)

    reasons = tuple(_reasons(sweep))
    return Trained(of("top"), of("sample"), random, len(refused), len(untried) - len(refused), reasons)


def trial_of_each(candidates: Sequence[Candidate], search: Sequence[Trial], sweep: Sweep) -> list[int | None]:
    """For each candidate the trial that trained it from scratch, if there is one."""
    numbers: Mapping[Config | None, int] = _numbers(search)
    return [numbers.get(_completed(one.config, sweep)) for one in candidates]


def origin_of_each(candidates: Sequence[Candidate]) -> list[Origin]:
    """Where each candidate comes from."""
    counts: Counter[str] = Counter()
    found = []
    for one in candidates:
        counts[one.origin] += 1
        found.append(Origin(one.origin, counts[one.origin], one.score))
    return found


def origins(candidates: Sequence[Candidate], search: Sequence[Trial], sweep: Sweep) -> dict[int, Origin]:
    """By the number of a trial, why it was tried; of several reasons the first."""
    both = [*zip(trial_of_each(candidates, search, sweep), origin_of_each(candidates), strict=True)]
    return {number: origin for number, origin in reversed(both) if number is not None}


def _numbers(search: Sequence[Trial]) -> dict[Config | None, int]:
    """The first trial of each config."""
    return {trial.config: trial.number for trial in reversed(search)}


def _completed(architecture: Config, sweep: Sweep) -> Config | None:
    """What the search tries for an architecture; None where constraints forbid it."""
    try:
        return sweep.parameters.complete(architecture)
    except SpaceError:
        return None


def _reasons(sweep: Sweep) -> Iterator[str]:
    """For which a search goes past an architecture."""
    if sweep.parameters.constraints:
        yield "break constraints"
    limits = [limit.metric for limit in sweep.objective.limits if limit.metric in BEFORE_TRAINING]
    if limits:
        yield f"break limits on {', '.join(dict.fromkeys(limits))}"
    if sweep.architecture is not None and sweep.architecture.prefilter is not None:
        yield "are below the prefilter"
    yield "are the same network as one that was tried"
