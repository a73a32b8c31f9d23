"""Which trials of the search train the architectures that a supernet found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..search import State, Sweep, Trial
from ..search.nas.one_shot.found import Candidate
from ..spaces import Config, SpaceError
from ..spaces.networks.measures import BEFORE_TRAINING
from .plain import finite_or_none

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
        """Plain data; a score that is not finite is None."""
        return vars(self) | {"score": finite_or_none(self.score), "words": str(self)}

    def __str__(self) -> str:
        """``1st choice`` or ``random check``."""
        if self.kind == "sample":
            return "random check"
        ending = "th" if self.place % 100 in (11, 12, 13) else _ENDINGS.get(self.place % 10, "th")
        return f"{self.place}{ending} choice"


@dataclass(frozen=True)
class Tried:
    """What became of an architecture of the supernet.

    Args:
        config: what the search tries for it; None where constraints forbid it.
        trial: that trained it from scratch; None without one.
    """

    config: Config | None
    trial: Trial | None

    def score(self, metric: str) -> float | None:
        """Of a full run; None without one, and for a number that is not finite."""
        if self.trial is None or self.trial.state is not State.COMPLETE:
            return None
        return finite_or_none(self.trial.value(metric))


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


def trained(candidates: Sequence[Candidate], each: Sequence[Tried], search: Sequence[Trial], sweep: Sweep) -> Trained:
    """Which trials of a search are whose; its searcher goes through the candidates in their order, then draws.

    Args:
        each: what :func:`trial_of_each` says of the candidates.
    """
    given = set(sweep.given)
    known = given.union(one.config for one in each if one.config is not None)
    random = tuple(trial.number for trial in search if trial.config not in known)
    come_to = max(
        (place for place, one in enumerate(each) if one.trial is not None and one.config not in given), default=-1
    )
    untried = [place for place, one in enumerate(each) if one.trial is None]
    refused = [place for place in untried if random or place < come_to or each[place].config is None]

    def of(kind: str) -> tuple[int, ...]:
        both = zip(candidates, each, strict=True)
        return tuple(tried.trial.number for one, tried in both if tried.trial is not None and one.origin == kind)

    reasons = tuple(_reasons(sweep))
    return Trained(of("top"), of("sample"), random, len(refused), len(untried) - len(refused), reasons)


def trial_of_each(candidates: Sequence[Candidate], search: Sequence[Trial], sweep: Sweep) -> list[Tried]:
    """For each candidate what the search tries for it, and the first trial that did.

    It is found by the whole config: other trials of the search may have drawn the same architecture with other
    parameters beside it.
    """
    first = {trial.config: trial for trial in reversed(search)}
    configs = [_completed(one.config, sweep) for one in candidates]
    return [Tried(config, first.get(config) if config is not None else None) for config in configs]


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
    return {tried.trial.number: origin for tried, origin in reversed(both) if tried.trial is not None}


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
