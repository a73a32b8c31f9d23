"""Bayesian optimisation with a Gaussian process, made for choices, conditions and noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..spaces import Config, Objective, Space
from .gaussian_process import Floats, Groups, Kernel, Posterior, fit, one_thread
from .gaussian_rows import FeatureRanks, Mask, Pool, Rows
from .modelled import ModelledSearch
from .observations import Observations
from .searcher import Features, Searcher, SearcherOptions

_RANDOM_SHARE = 1 / 3
_RUNG = 16
_DRAWN, _PARENTS = 150, 10
_ROUNDS, _CLIMBERS, _STEPS = 8, 4, 60
_MOST_FITTED = 128
_SHORTLIST, _LOOKED_AT = 16, 100

Indices = NDArray[np.int64]


class GaussianProcessSearch(ModelledSearch):
    """Proposes the config that is expected to improve most on the best so far.

    The distance of two configs is a weighted sum over parameters, with weights fitted to the scores: a choice adds 1
    where the values differ (Hamming), a number or an ordered choice the squared difference of its shares, and a
    parameter that is active in one of them only adds 1. Scores count by rank, as quantiles of a normal distribution,
    so that networks that learn nothing do not squash the differences between good ones; what is beyond the limits
    ranks last. The best so far is the highest expectation, not the highest score, which may be luck.

    Expected improvement is looked for among random configs, then uphill by changes of the best found. The less the
    scores are predicted, each by the others, the more proposals are random instead.

    Under early stopping the scores of one rung count, the highest that enough trials have reached, and a third of the
    proposals is random, as in BOHB: the model sees nothing of the others.

    Kandasamy et al., Neural Architecture Search with Bayesian Optimisation and Optimal Transport, NeurIPS 2018; Ru et
    al., Interpretable NAS via Bayesian Optimisation, ICLR 2021; ranks: Salinas et al., A Quantile-based Approach for
    Hyperparameter Transfer Learning, ICML 2020, section 4.

    Args:
        startup: scores to learn from before the model is used; until then proposals are random. A rung needs up to
            16, two for each parameter: of fewer, which are those of the best only, little can be learnt.
        rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
        features: numbers known before training, such as parameters, FLOPs or zero-cost proxies, as further inputs; by
            rank, so their scale does not matter. They are asked for what was tried, and for a few of the best
            candidates of each proposal.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        startup: int,
        rungs: Sequence[int] = (),
        features: Features | None = None,
    ) -> None:
        enough = max(startup, min(2 * len(space.searched), _RUNG)) if len(rungs) > 1 else startup
        super().__init__(space, seed, Observations(objective, rungs, enough))
        self._random = _RANDOM_SHARE if len(rungs) > 1 else 0.0
        self._features = FeatureRanks(features) if features else None
        self._rows = Rows(space)
        self._shares: Floats = np.empty((0, len(space)))  # of each config seen
        self._active: Mask = np.empty((0, len(space)), dtype=np.bool_)
        self._known: Floats = np.empty((0, len(self._rows.groups)))
        self._fitted: dict[bytes, Kernel] = {}

    def _propose(self, level: float, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
        """The best candidate; None in the share of proposals that is random."""
        if len(self._rows.groups) == 0 or rng.random() < self._random:
            return None
        with one_thread():
            return self._best(level, rng, taken)

    def _best(self, level: float, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
        """The best candidate that is not taken; None when those looked at all are, and often when scores are noise."""
        new = self._rows.of(self._seen.configs[len(self._shares) :])
        self._shares = np.concatenate([self._shares, new.shares])
        self._active = np.concatenate([self._active, new.active])
        self._known = np.concatenate([self._known, new.rows])
        ranked, running = self._seen.ranked(level), self._seen.running(level)
        values = self._quantiles(level, ranked)
        rows, pending = self._known[ranked], self._known[running]
        posterior = Posterior(self._kernel(rows, values, self._rows.groups), rows, values, pending)
        guide = self._guide(ranked, running, values) if self._features else None
        agreement = max(one.agreement for one in (posterior, guide) if one)
        if rng.random() < (1 - agreement) ** 2:
            return None
        parents = np.array(ranked)[np.argsort(-posterior.expected, kind="stable")[:_PARENTS]]
        found = self._candidates(posterior.log_improvement, parents, rng)
        free = (config for config in islice(found.configs(), _LOOKED_AT) if config not in taken)
        if guide is None:
            return next(free, None)
        shortlist = list(islice(free, _SHORTLIST))
        if not shortlist:
            return None
        rows = self._with_features(self._rows.of(shortlist).rows, shortlist, ranked)
        return shortlist[int(guide.log_improvement(rows).argmax())]

    def _quantiles(self, level: float, ranked: Sequence[int]) -> Floats:
        """Of the scores at a rung, the best first: the normal quantiles of their ranks, equal for equal scores."""
        from scipy.special import ndtri
        from scipy.stats import rankdata

        keys = [(self._seen.excess(index), -self._seen.score(level, index)) for index in ranked]
        places = {key: place for place, key in reversed(list(enumerate(keys)))}
        ranks = rankdata([-places[key] for key in keys])
        values = ndtri((ranks - 0.5) / len(ranked))
        spread = float(values.std())
        return values / spread if spread > 0 else values  # type: ignore[no-any-return]

    def _kernel(self, rows: Floats, values: Floats, groups: Groups) -> Kernel:
        """Fitted to the best half of the most that are looked at, and to others spread over all ranks."""
        if len(rows) > _MOST_FITTED:
            half = _MOST_FITTED // 2
            chosen = np.r_[:half, np.linspace(half, len(rows) - 1, _MOST_FITTED - half).astype(int)]
            rows, values = rows[chosen], values[chosen]
        key = rows.tobytes() + values.tobytes()
        if key not in self._fitted:
            if len(self._fitted) > 1:  # that of the rows, and that of the rows with features
                self._fitted.clear()
            self._fitted[key] = fit(rows, groups, values)
        return self._fitted[key]

    def _candidates(self, score: Callable[[Floats], Floats], parents: Indices, rng: np.random.Generator) -> Pool:
        """Configs drawn, and near the parents, then uphill from the best of all."""
        found = Pool(score)
        found.add(self._rows.drawn(rng, _DRAWN))
        found.add(self._rows.near(self._shares[parents], self._active[parents], _DRAWN, rng))
        for _ in range(_ROUNDS):
            before = found.best
            if before > -math.inf:
                found.add(self._rows.near(*found.top(_CLIMBERS), _STEPS, rng))
            if found.best <= before:
                break
        return found

    def _guide(self, ranked: Sequence[int], running: Sequence[int], values: Floats) -> Posterior:
        """A second model, which sees features too."""
        rows, pending = (
            self._with_features(self._known[indices], [self._seen.configs[index] for index in indices], ranked)
            for indices in (ranked, running)
        )
        extra = np.arange(rows.shape[1] - len(self._rows.groups)) + int(self._rows.groups.max()) + 1
        return Posterior(self._kernel(rows, values, np.r_[self._rows.groups, extra]), rows, values, pending)

    def _with_features(self, rows: Floats, configs: Sequence[Config], ranked: Sequence[int]) -> Floats:
        """Rows of configs, and their features by rank among the configs with a score."""
        if self._features is None:
            return rows
        return np.hstack([rows, self._features.of(configs, [self._seen.configs[index] for index in ranked])])


class GPOptions(SearcherOptions):
    """Bayesian optimisation with a Gaussian process, for architectures and mixed spaces."""

    type: Literal["gp"] = "gp"
    startup: int = Field(default=5, ge=1)
    """Random trials before the model is used."""

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return self.guided(space, objective, seed, rungs, None)

    def guided(
        self, space: Space, objective: Objective, seed: int, rungs: Sequence[int], features: Features | None
    ) -> Searcher:
        """As :meth:`build`, with what is known of a config before training; see :class:`GaussianProcessSearch`."""
        return GaussianProcessSearch(space, objective, seed, self.startup, rungs, features)
