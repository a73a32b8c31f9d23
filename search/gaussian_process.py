"""A Gaussian process over the rows of a matrix: what is expected of a new row, and how surely."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]

_ROOT5 = math.sqrt(5.0)
_LEAST_NOISE = 1e-5
_JITTER = 1e-8
_ITERATIONS = 30
_REJECTED = 1e10


@dataclass(frozen=True)
class Kernel:
    """Matern 5/2 of a distance to which every group of columns adds with a weight of its own, and noise.

    Attributes:
        scales: square root of the weight of each column; columns of a group have the same.
        signal: variance of the function.
        noise: variance of an observation.
    """

    scales: Floats
    signal: float
    noise: float

    def between(self, left: Floats, right: Floats) -> Floats:
        """Covariance of the function at all rows of one matrix with that at all rows of another."""
        return self.signal * _matern(_squares(left * self.scales, right * self.scales))[0]

    def among(self, rows: Floats) -> Floats:
        """Covariance of observations."""
        matrix = self.between(rows, rows)
        matrix[np.diag_indices_from(matrix)] += self.noise + _JITTER
        return matrix


def one_thread() -> AbstractContextManager[Any]:
    """Linear algebra without threads of its own, as long as this lasts.

    For matrices this small threads gain nothing, and where workers train on the same cores they wait for each other
    many times as long as they compute. Nor do proposals depend on the number of cores, by which sums are split.
    """
    found: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return found


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401 - only libraries that are loaded are controlled
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def fit(rows: Floats, groups: Groups, values: Floats) -> Kernel:
    """The kernel of the highest marginal likelihood times its prior, found by L-BFGS.

    The priors are log-normal: weights around 2 divided by the number of groups, so that a random pair of rows is about
    as far apart with many groups as with few (Hvarfner et al., Vanilla Bayesian Optimization Performs Great in High
    Dimensions, ICML 2024); signal around 1, noise around 0.05, for values of variance 1.

    Args:
        rows: n x columns.
        groups: of each column, counted from 0.
        values: n, of mean 0 and variance 1.
    """
    from scipy.optimize import minimize

    count = int(groups.max()) + 1
    centre = np.array([math.log(2 / count)] * count + [0.0, math.log(0.05)])
    spread = np.array([1.5] * count + [1.0, 2.0])
    bounds = [(-9.0, 6.0)] * count + [(-4.0, 4.0), (math.log(_LEAST_NOISE), 1.0)]

    def cost(theta: Floats) -> tuple[float, Floats]:
        away = (theta - centre) / spread
        value, slope = _cost(theta, rows, groups, values)
        return value + 0.5 * float(away @ away), slope + away / spread

    found = minimize(cost, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _ITERATIONS}).x
    return Kernel(np.exp(0.5 * found[:count])[groups], math.exp(found[-2]), math.exp(found[-1]))


class Posterior:
    """The function given what was observed.

    Args:
        pending: rows that are being observed. What is expected of them counts as their value (kriging believer), so
            that they change how sure one is and nothing else. Ginsbourger et al., Kriging Is Well-Suited to Parallelize
            Optimization, 2010, section 3.2.
    """

    def __init__(self, kernel: Kernel, rows: Floats, values: Floats, pending: Floats) -> None:
        from scipy.linalg import cho_factor, cho_solve

        self._kernel = kernel
        self._rows = rows
        self._values = values
        self._factor = cho_factor(kernel.among(rows), lower=True)
        self._alpha: Floats = cho_solve(self._factor, values)
        self._known, self._lower = rows, self._factor[0]
        if len(pending):
            self._known = np.concatenate([rows, pending])
            self._lower = cho_factor(kernel.among(self._known), lower=True)[0]

    def mean(self, rows: Floats) -> Floats:
        """What is expected at rows."""
        found: Floats = self._kernel.between(rows, self._rows) @ self._alpha
        return found

    @cached_property
    def expected(self) -> Floats:
        """What is expected where it was observed."""
        return self.mean(self._rows)

    @property
    def agreement(self) -> float:
        """How well the observations are predicted, each by the others: the correlation, 0 where it is negative.

        Leave-one-out means are those of Rasmussen and Williams 2006, equation 5.12.
        """
        from scipy.linalg import solve_triangular

        half = solve_triangular(self._factor[0], np.eye(len(self._rows)), lower=True)
        predicted = self._values - self._alpha / (half**2).sum(axis=0)  # the diagonal of the inverse
        if min(np.ptp(predicted), np.ptp(self._values)) < _JITTER:
            return 0.0
        return max(0.0, float(np.corrcoef(predicted, self._values)[0, 1]))

    def log_improvement(self, rows: Floats) -> Floats:
        """Logarithm of the augmented expected improvement on the highest expectation of what was observed.

        It counts less where one more observation tells little: noise would have the same place looked at again and
        again.

        Huang et al., Global Optimization of Stochastic Black-Box Systems via Sequential Kriging Meta-Models, Journal of
        Global Optimization 2006, equation 11.
        """
        mean, deviation = self.at(rows)
        told = -np.expm1(-0.5 * np.log1p(deviation**2 / self._kernel.noise))  # 1 - sqrt(noise / (noise + variance))
        return log_expected_improvement(mean, deviation, float(self.expected.max())) + np.log(told)

    def at(self, rows: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the function, which are without the noise of an observation."""
        from scipy.linalg import solve_triangular

        cross = self._kernel.between(rows, self._known)
        half = solve_triangular(self._lower, cross.T, lower=True, check_finite=False)
        variance = self._kernel.signal - (half**2).sum(axis=0)
        return cross[:, : len(self._rows)] @ self._alpha, np.sqrt(np.maximum(variance, 1e-12))


def log_expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Logarithm of how far above ``best`` a normal variable is expected; finite also where that underflows.

    Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization, NeurIPS 2023, equation 9.
    """
    from scipy.special import erfcx, ndtr

    z = (mean - best) / deviation
    near, far = np.maximum(z, -1.0), np.minimum(z, -1.0)
    density = np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi)
    # Far below: phi(z) (1 - |z| Phi(z) / phi(z)), of which the bracket goes to 1 / z^2.
    bracket = 1 + far * math.sqrt(math.pi / 2) * erfcx(-far / math.sqrt(2))
    bracket = np.where(far > -1e3, np.maximum(bracket, 1e-12), far**-2)
    tail = -0.5 * far**2 - 0.5 * math.log(2 * math.pi) + np.log(bracket)
    found: Floats = np.where(z > -1, np.log(density + near * ndtr(near)), tail) + np.log(deviation)
    return found


def _squares(left: Floats, right: Floats) -> Floats:
    """Squared distances of all rows of one matrix to all of another."""
    found = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    return np.maximum(found, 0.0)  # type: ignore[no-any-return]


def _matern(squares: Floats) -> tuple[Floats, Floats]:
    """Matern 5/2 at squared distances, and its derivative by them. Rasmussen and Williams 2006, equation 4.17."""
    distance = _ROOT5 * np.sqrt(squares)
    fading = np.exp(-distance)
    return (1 + distance + distance**2 / 3) * fading, -5 / 6 * (1 + distance) * fading


def _cost(theta: Floats, rows: Floats, groups: Groups, values: Floats) -> tuple[float, Floats]:
    """Minus the logarithm of the marginal likelihood, up to a constant, and its gradient.

    Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 5.8 and 5.9.

    Args:
        theta: logarithms of the weight of each group, of the signal and of the noise.
    """
    from scipy.linalg.lapack import dpotrf, dpotri

    count = len(theta) - 2
    signal, noise = np.exp(theta[-2:]).tolist()
    scaled = rows * np.exp(0.5 * theta[:count])[groups]
    shape, slope = _matern(_squares(scaled, scaled))
    matrix = signal * shape
    matrix[np.diag_indices_from(matrix)] += noise + _JITTER
    lower, failed = dpotrf(matrix, lower=1)
    if failed:
        return _REJECTED, np.zeros_like(theta)
    inverse = np.tril(dpotri(lower, lower=1)[0])
    inverse += np.tril(inverse, -1).T
    alpha = inverse @ values
    by_matrix = 0.5 * (inverse - np.outer(alpha, alpha))
    by_square = signal * by_matrix * slope
    # The derivative of the squared distance of rows j and k by the log weight of column c is (s_jc - s_kc)^2.
    by_column = 2 * (by_square.sum(axis=1) @ scaled**2 - (scaled * (by_square @ scaled)).sum(axis=0))
    gradient = np.empty_like(theta)
    gradient[:count] = np.bincount(groups, by_column, minlength=count)
    gradient[-2] = signal * (by_matrix * shape).sum()
    gradient[-1] = noise * np.trace(by_matrix)
    return 0.5 * float(values @ alpha) + float(np.log(np.diag(lower)).sum()), gradient
