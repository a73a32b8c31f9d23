"""What a supernet has learnt, in plain numbers: probabilities, the most probable samples, skip connections."""

from __future__ import annotations

import heapq
import itertools
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

_SKIP = re.compile(r"skip|identity", re.IGNORECASE)
_MOST_SUBSETS = 10_000
Made = TypeVar("Made", bound=Hashable)
Probabilities = Mapping[str, Mapping[Any, float]]
"""Of each choice: its options with their probabilities."""


def entropy(probabilities: Probabilities) -> float:
    """Mean over the choices, as a share of the largest possible; 1 when there is none."""
    shares = [_entropy_share(list(options.values())) for options in probabilities.values() if len(options) > 1]
    return sum(shares) / len(shares) if shares else 1.0


def _entropy_share(weights: list[float]) -> float:
    total = sum(weights)
    return -sum(p * math.log(p) for p in (w / total for w in weights) if p > 0) / math.log(len(weights))


def most_probable(
    probabilities: Probabilities, chosen: Mapping[str, int], made: Callable[[dict[str, Any]], Made]
) -> Iterator[tuple[Made, float]]:
    """What samples make, each once and with its probability; the choices are independent of each other.

    They come in the order of their most probable sample, the best first. That is the supernet's own order: by their
    probability shallow networks would lead, which have fewer choices. A choice that changes nothing, such as the
    operation of a layer beyond the depth, is not gone through, and does not count in the probability. Whatever decides
    that a choice counts has to be another choice.

    Args:
        chosen: choices that take several options at once, and how many; their sample is a sorted list.
        made: what a sample stands for.
    """
    labels = sorted(probabilities)
    ranked = [_ranked(probabilities[label], chosen.get(label)) for label in labels]
    start = (0,) * len(labels)

    def made_of(ranks: tuple[int, ...]) -> Made:
        values = (options[rank][0] for options, rank in zip(ranked, ranks, strict=True))
        return made(dict(zip(labels, values, strict=True)))

    def cost(ranks: tuple[int, ...]) -> float:
        return -sum(options[rank][1] for options, rank in zip(ranked, ranks, strict=True))

    heap, seen, told = [(cost(start), start)], {start}, set()
    while heap:
        _, ranks = heapq.heappop(heap)
        found = made_of(ranks)
        if found in told:
            continue
        told.add(found)
        logarithm = 0.0
        for place, rank in enumerate(ranks):
            after = (*ranks[:place], (rank + 1) % len(ranked[place]), *ranks[place + 1 :])
            if made_of(after) == found:
                continue
            logarithm += ranked[place][rank][1]
            if after[place] and after not in seen:
                seen.add(after)
                heapq.heappush(heap, (cost(after), after))
        yield found, math.exp(logarithm)


def _ranked(options: Mapping[Any, float], count: int | None) -> list[tuple[Any, float]]:
    """Options or sets of them with the logarithm of their probability, the most probable first.

    Sets are weighed by the product of their members, as if drawn one after the other and the same set again and again
    until all are different: exact for one, in the right order for several.
    """
    total = sum(options.values())
    logs = {option: math.log(max(weight / total, 1e-300)) for option, weight in options.items()}
    if count is None:
        return sorted(logs.items(), key=lambda item: -item[1])
    sets = itertools.islice(itertools.combinations(sorted(logs, key=lambda one: -logs[one]), count), _MOST_SUBSETS)
    weighed = [(sorted(members), sum(logs[one] for one in members)) for members in sets]
    largest = max(weight for _, weight in weighed)
    norm = largest + math.log(sum(math.exp(weight - largest) for _, weight in weighed))
    return sorted(((members, weight - norm) for members, weight in weighed), key=lambda item: -item[1])


def is_skip(option: Any) -> bool:
    """Whether an option says by its name that it passes its input on as it is."""
    return isinstance(option, str) and _SKIP.search(option) is not None


def count_skips(sample: Mapping[str, Any], skips: Mapping[str, Iterable[Any]]) -> int:
    """Choices of ``sample`` that fell on a skip connection; ``skips`` has the options that are one, by choice."""
    return sum(sample.get(label) in set(options) for label, options in skips.items())
