"""How configs are spread before their replicates are seen: empirical Bayes, by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from .best_set import Floats

SKEWED = 0.5
"""Skewness of the scores from which a normal prior is not believed."""

_POINTS = 150
_ROUNDS = 300
_FEWEST = 20  # scores that a skewness needs to mean something


@dataclass(frozen=True)
class NormalPrior:
    """Configs are spread as a normal distribution."""

    mean: float
    sd: float
    kind: str = "normal"

    def draw(self, centers: Floats, variances: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Draws from the posteriors of configs with normal evidence, shape (count, n)."""
        means, sds = self.posterior(centers, variances)
        return means + sds * rng.standard_normal((count, len(means)))

    def posterior(self, centers: Floats, variances: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations, each of shape (n,); evidence of infinite variance is none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = np.where(np.isfinite(variances), self.sd**2 / (self.sd**2 + variances), 0.0)
        weight = np.nan_to_num(weight, nan=1.0)  # neither spread nor noise: the evidence is the truth
        center = np.where(np.isfinite(variances), centers, self.mean)
        remaining = np.where(np.isfinite(variances), weight * np.where(weight > 0, variances, 0.0), self.sd**2)
        return self.mean + weight * (center - self.mean), np.sqrt(remaining)


@dataclass(frozen=True)
class GridPrior:
    """Configs are spread over ``points`` with ``weights``: nothing is assumed of the shape."""

    points: Floats
    weights: Floats
    kind: str = "npmle"

    def draw(self, centers: Floats, variances: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Draws from the posteriors of configs with normal evidence, shape (count, n)."""
        shares = self._shares(centers, variances).cumsum(axis=1)
        uniform = rng.random((count, len(centers)))
        half = (self.points[1] - self.points[0]) / 2
        picked = np.stack([np.searchsorted(row, column) for row, column in zip(shares, uniform.T, strict=True)], axis=1)
        # Points stand for the cells around them: without it, configs would be equal far too often.
        return np.asarray(
            self.points[np.minimum(picked, len(self.points) - 1)] + rng.uniform(-half, half, picked.shape)
        )

    def posterior(self, centers: Floats, variances: Floats) -> tuple[Floats, Floats]:
        """Means and standard deviations, each of shape (n,)."""
        shares = self._shares(centers, variances)
        means = shares @ self.points
        return means, np.sqrt(np.maximum(0.0, shares @ self.points**2 - means**2))

    def _shares(self, centers: Floats, variances: Floats) -> Floats:
        logarithms = np.log(np.maximum(self.weights, 1e-300)) + _log_density(self.points, centers, variances)
        return np.asarray(special.softmax(logarithms, axis=1))


Prior = NormalPrior | GridPrior


def fit_prior(scores: Floats, variances: Floats) -> Prior:
    """The prior under which ``scores``, shape (n,), with known noise ``variances`` are most likely.

    Normal; where the scores are skewed (|skewness| > .5, 20 scores or more), as when many configs lie close to a
    ceiling, the nonparametric maximum likelihood estimate on a grid: Jiang & Zhang, Ann. Statist. 37 (2009).
    """
    if len(scores) >= _FEWEST and np.ptp(scores) > 0 and variances.max() > 0:
        standardised = (scores - scores.mean()) / np.sqrt(scores.var() + 1e-300)
        if abs(float(stats.skew(standardised))) > SKEWED:
            return _npmle(scores, variances)
    return _normal(scores, variances)


def _normal(scores: Floats, variances: Floats) -> NormalPrior:
    """Maximum likelihood by expectation maximisation."""
    mean, spread = float(scores.mean()), max(float(scores.var() - variances.mean()), 0.0)
    if np.ptp(variances) == 0:  # then this is the maximum
        return NormalPrior(mean, float(np.sqrt(spread)))
    spread = max(spread, float(variances.mean()) / 100)
    for _ in range(_ROUNDS):
        weight = spread / (spread + variances)
        centers = mean + weight * (scores - mean)
        mean = float(centers.mean())
        spread = float(((centers - mean) ** 2 + weight * variances).mean())
    return NormalPrior(mean, float(np.sqrt(spread)))


def _npmle(scores: Floats, variances: Floats) -> GridPrior:
    """Expectation maximisation over the weights of a grid as wide as the scores."""
    points = np.linspace(scores.min(), scores.max(), _POINTS)
    width = points[1] - points[0]
    likelihood = _log_density(points, scores, np.maximum(variances, width**2))  # no finer than the grid
    likelihood = np.exp(likelihood - likelihood.max(axis=1, keepdims=True))
    weights = np.full(_POINTS, 1 / _POINTS)
    for _ in range(_ROUNDS):
        shares = likelihood * weights
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
    return GridPrior(points, weights)


def _log_density(points: Floats, centers: Floats, variances: Floats) -> Floats:
    """Of normal evidence at each point, up to a constant of the row; shape (n, points)."""
    width = (points[1] - points[0]) ** 2 / 12
    usable = np.where(np.isfinite(variances), np.maximum(variances, width), 1.0)[:, None]
    density = -((points - np.where(np.isfinite(variances), centers, 0.0)[:, None]) ** 2) / (2 * usable)
    return np.where(np.isfinite(variances)[:, None], density, 0.0)
