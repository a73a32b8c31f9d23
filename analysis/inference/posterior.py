"""What a model believes of the configs: shrunk means, who is best, and what better ones may have been missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from ...spaces import UsageError
from .best_set import Floats
from .blocks import Blocks, blocks
from .prior import NormalPrior, Prior, fit_prior
from .scaled import ROUNDING

_DRAWS = 20_000
_MOST = 8_000_000  # numbers drawn in all
_SEED = 0
_NOISES = 20


@dataclass(frozen=True)
class Posterior:
    """Beliefs about the finalists, and about all configs of the search. Units of the metric, on fresh replicates.

    Args:
        means: shrunk means of the finalists, shape (k,).
        sds: their standard deviations, shape (k,).
        p_best: chance that each is the best of the finalists, shape (k,).
        p_best_among_finalists: chance that the best of all configs is a finalist; None without search scores.
        expected_regret: by how much the best of all configs (of the finalists, without search scores) is expected to
            be better than the winner.
        prior: ``normal`` or ``npmle``.
        noise: standard deviation of one run.
    """

    means: Floats
    sds: Floats
    p_best: Floats
    p_best_among_finalists: float | None
    expected_regret: float
    prior: str
    noise: float


@dataclass(frozen=True)
class Evidence:
    """Normal evidence on each config, and the prior: what draws are made from. Larger is better; scaled units."""

    centers: Floats
    variances: Floats
    prior: Prior
    blocks: Blocks
    finalists: list[int]


def believe(
    replicates: Floats,
    search: Floats | None = None,
    finalists: Sequence[int] | None = None,
    winner: int | None = None,
) -> Posterior:
    """Empirical Bayes: the spread of configs is learned from all of them, and each is drawn towards it.

    A finalist's search score is evidence as good as one replicate; the search's own level (its one split is easier or
    harder than others) is worked out from the finalists, so selection by search score does no harm: what was selected
    on is in the model. Efron, Large-Scale Inference, 2010, chapter 1. The chances are a model's opinion: where many
    configs lie close to a ceiling it is too sure that a better one was missed.

    Args:
        replicates: larger is better, shape (k, r), NaN where a finalist has no such replicate.
        search: scores of all N configs, of one run each, on one seed and split; None: finalists alone.
        finalists: positions of the finalists in ``search``, in the order of ``replicates``.
        winner: which finalist regret is measured from; the best mean without one.

    Raises:
        UsageError: for shapes that do not fit, scores that are not finite, or nothing to see noise in.
    """
    replicates, search, scale, center = _scaled(replicates, search, finalists)
    evidence = gather(replicates, search, finalists)
    rng = np.random.default_rng(_SEED)
    means, sds = evidence.prior.posterior(evidence.centers, evidence.variances)
    chosen = evidence.finalists
    best = int(np.nanargmax(evidence.blocks.means)) if winner is None else winner
    draws = max(1000, min(_DRAWS, _MOST // len(means)))
    wins, inside, regret = np.zeros(len(chosen)), 0.0, 0.0
    factors = _noise_factors(evidence.blocks.degrees)
    draws = -(-draws // len(factors)) * len(factors)
    at_once = min(draws // len(factors), max(1, _MOST // 8 // len(means)))
    for factor in factors:
        for start in range(0, draws // len(factors), at_once):
            count = min(at_once, draws // len(factors) - start)
            drawn = evidence.prior.draw(evidence.centers, evidence.variances * factor, count, rng)
            own = drawn[:, chosen]
            top, own_top = drawn.max(axis=1), own.max(axis=1)
            winners = own >= own_top[:, None] - ROUNDING
            wins += (winners / winners.sum(axis=1, keepdims=True)).sum(axis=0)
            inside += float((own_top >= top - ROUNDING).sum())
            regret += float((top - own[:, best]).sum())
    among = None if search is None else inside / draws
    with np.errstate(over="ignore"):
        return Posterior(
            (means[chosen] + center) * scale,
            sds[chosen] * scale,
            wins / draws,
            among,
            regret / draws * scale,
            evidence.prior.kind,
            evidence.blocks.noise * scale,
        )


def _noise_factors(degrees: int) -> Floats:
    """True over estimated variance of the noise, at even shares of its scaled inverse chi-squared posterior."""
    shares = (np.arange(_NOISES) + 0.5) / _NOISES
    return np.asarray(degrees / special.chdtri(degrees, shares))


def gather(replicates: Floats, search: Floats | None, finalists: Sequence[int] | None) -> Evidence:
    """Evidence and prior, from scaled scores as :func:`believe` takes them."""
    seen = blocks(replicates)
    variance = seen.noise**2
    fresh = np.where(seen.counts > 0, variance / np.maximum(seen.counts, 1), np.inf)
    if search is None or finalists is None:
        known = np.isfinite(fresh)
        prior: Prior = fit_prior(seen.means[known], fresh[known])
        return Evidence(np.nan_to_num(seen.means), fresh, prior, seen, list(range(len(replicates))))
    prior = fit_prior(search, np.full(len(search), variance))
    chosen = np.asarray(finalists)
    from_search, _ = prior.posterior(search[chosen], np.full(len(chosen), variance))
    known = np.isfinite(fresh)
    weights = seen.counts[known] / seen.counts[known].sum()
    shift = float(weights @ (seen.means[known] - from_search[known]))  # level of fresh replicates over the search's
    centers, variances = search + shift, np.full(len(search), variance)
    total = 1 + seen.counts
    centers[chosen] = (centers[chosen] + seen.counts * np.nan_to_num(seen.means)) / total
    variances[chosen] = variance / total
    return Evidence(centers, variances, _moved(prior, shift), seen, [int(one) for one in chosen])


def _moved(prior: Prior, shift: float) -> Prior:
    if isinstance(prior, NormalPrior):
        return NormalPrior(prior.mean + shift, prior.sd)
    return type(prior)(prior.points + shift, prior.weights)


def _scaled(
    replicates: Floats, search: Floats | None, finalists: Sequence[int] | None
) -> tuple[Floats, Floats | None, float, float]:
    """Scores around 0 and at most 1 in size, with what makes units of the metric of them: (x + center) * scale."""
    replicates = np.asarray(replicates, dtype=float)
    known = replicates[~np.isnan(replicates)]
    if replicates.ndim != 2 or not known.size or not np.isfinite(known).all():
        raise UsageError(f"expected finite scores of shape (configs, replicates), got shape {replicates.shape}")
    if search is not None:
        search = np.asarray(search, dtype=float)
        if search.ndim != 1 or not np.isfinite(search).all():
            raise UsageError("search scores: expected one finite score of each config")
        places = list(finalists or ())
        if len(places) != len(replicates) or len({*places}) != len(places) or not {*places} <= {*range(len(search))}:
            raise UsageError(f"finalists: expected a place in the search for each of {len(replicates)}, got {places}")
    scale = float(np.abs(known).max()) or 1.0
    center = float(np.median(known / scale))
    moved = None if search is None else search / scale - center
    return replicates / scale - center, moved, scale, center
