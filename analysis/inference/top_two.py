"""Replicates go to the configs between which it is least clear who is best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...spaces import UsageError
from .best_set import Floats
from .posterior import gather
from .scaled import largest

_SHARE = 0.5  # of the replicates that go to the one that seems best
_DRAWS = 1000
_LEAST = 2


def next_replicates(
    scores: Mapping[int, Floats],
    count: int,
    rng: np.random.Generator,
    search: Mapping[int, float] | None = None,
    most: int | None = None,
) -> list[int]:
    """Which configs get the next ``count`` replicates: top-two Thompson sampling.

    Each config gets 2 first. Then values are drawn from the posterior of empirical Bayes (:func:`.believe`); half of
    the replicates go to the best of a draw, half to the best of another draw that has another best. A config's next
    replicate is the one after its last, so that configs go on sharing seeds and splits. Russo, Operations Research 68
    (2020); with fixed noise the chance of missing the best falls at the best possible rate.

    Args:
        scores: scores of each finalist, replicate by replicate, larger is better; lengths may differ.
        search: scores of all configs of the search, one run each, the finalists among them.
        most: replicates that a config may have.

    Returns:
        Keys of ``scores``; one may be there several times. Fewer than ``count`` when all have as many as they may.

    Raises:
        UsageError: for scores that are not finite, or a finalist that is not in ``search``.
    """
    counts = {one: len(values) for one, values in scores.items()}
    open_ = [one for one in counts if most is None or counts[one] < most]
    picked: list[int] = []
    while len(picked) < count and open_:
        short = [one for one in open_ if counts[one] < _LEAST]
        chosen = min(short, key=lambda one: counts[one]) if short else None
        if chosen is None:
            break
        picked.append(chosen)
        counts[chosen] += 1
        open_ = [one for one in open_ if most is None or counts[one] < most]
    if len(picked) == count or not open_:
        return picked
    if min(len(values) for values in scores.values()) < _LEAST:  # what was just handed out is not known yet
        return picked
    draws = _draws(scores, search, rng)
    ids, winners = list(scores), draws.argmax(axis=1)
    for turn in range(count - len(picked)):
        values = draws[turn % len(draws)]
        leader = winners[turn % len(draws)]
        if rng.random() >= _SHARE:
            others = np.flatnonzero(winners != leader)
            values = (
                draws[rng.choice(others)] if len(others) else np.where(np.arange(len(ids)) == leader, -np.inf, values)
            )
        ordered = (ids[int(place)] for place in np.argsort(-values))
        chosen = next((one for one in ordered if one in open_), None)  # the next best, where the best may have no more
        if chosen is None:
            break
        picked.append(chosen)
        counts[chosen] += 1
        open_ = [one for one in open_ if most is None or counts[one] < most]
    return picked


def _draws(scores: Mapping[int, Floats], search: Mapping[int, float] | None, rng: np.random.Generator) -> Floats:
    """Draws of the finalists' true means, shape (draws, k)."""
    replicates = np.full((len(scores), max(len(values) for values in scores.values())), np.nan)
    for row, values in enumerate(scores.values()):
        replicates[row, : len(values)] = values
    known = replicates[~np.isnan(replicates)]
    scale = largest(known)
    if not np.isfinite(known).all():
        raise UsageError("top_two: a score is not finite: leave out configs with replicates that failed")
    if search is None:
        evidence = gather(replicates / scale, None, None)
    else:
        missing = [one for one in scores if one not in search]
        if missing:
            raise UsageError(f"top_two: finalists {missing} are not among the configs of the search")
        places = {one: place for place, one in enumerate(search)}
        searched = np.array(list(search.values()), dtype=float) / scale
        evidence = gather(replicates / scale, searched, [places[one] for one in scores])
    chosen = evidence.finalists
    return evidence.prior.draw(evidence.centers[chosen], evidence.variances[chosen], _DRAWS, rng)
