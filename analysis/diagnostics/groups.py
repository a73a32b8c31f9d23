"""How predictions differ between the values of a sensitive column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..scorers import Floats, get_scorer
from .diagnosis import CONFIDENCE, Estimate, Gap, GroupRow, Groups
from .pool import Pool
from .proportions import divided

FEWEST = 30
"""Examples below which a group is too small to say anything of it."""
_DRAWS = 1000
_CHUNK = 100

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Metric:
    """A sum over predictions divided by another, by example, shape (E,); the root of it, for the one that is."""

    name: str
    part: Floats
    whole: Floats
    root: bool = False

    def of(self, part: Floats, whole: Floats) -> Floats:
        """The metric from sums."""
        share = divided(part, whole)
        return np.sqrt(share) if self.root else share


def groups(pool: Pool, column: npt.NDArray[np.str_], seed: int) -> Groups:
    """The metrics of each group, and how far groups are apart.

    Rates of true and false positives are those of equalised odds (Hardt, Price & Srebro, NeurIPS 2016), for two
    classes; ``positive_rate`` is the share predicted to be of the second class (demographic parity).

    Args:
        column: value of the sensitive column for each prediction, shape (N,).
        seed: of bootstrap and exchange.
    """
    names, codes = _of_examples(pool, column)
    metrics = _metrics(pool)
    sizes = np.bincount(codes, minlength=len(names))
    large = np.flatnonzero(sizes >= FEWEST)
    rng = np.random.default_rng(seed)
    drawn = _bootstrap(metrics, codes, len(names), rng)  # (draws, metrics, groups)
    found = np.array([_by_group(metric, codes, len(names)) for metric in metrics])
    rows = [
        GroupRow(
            name=str(name),
            count=int(sizes[place]),
            small=bool(sizes[place] < FEWEST),
            metrics={m.name: _estimate(found[i, place], drawn[:, i, place]) for i, m in enumerate(metrics)},
        )
        for place, name in enumerate(names)
    ]
    gaps = [
        _gap(metric, found[i], drawn[:, i], names, codes, large, rng)
        for i, metric in enumerate(metrics)
        if np.isfinite(found[i, large]).sum() >= 2
    ]
    two = pool.kind == "classes" and pool.values.shape[1] == 2
    return Groups(tuple(rows), tuple(gaps), FEWEST, pool.names[1] if two else None)


def _of_examples(pool: Pool, column: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.str_], Codes]:
    """Names of the groups, and the group of each example, shape (E,)."""
    names, codes = np.unique(column, return_inverse=True)
    of_example = np.zeros(pool.count, dtype=np.int64)
    of_example[pool.examples] = codes
    return names, of_example


def _metrics(pool: Pool) -> list[_Metric]:
    everything = np.ones(len(pool.targets))
    if pool.kind == "outputs":
        rest = pool.targets - pool.values
        return [
            _summed(pool, "mae", np.abs(rest), everything),
            _summed(pool, "rmse", rest**2, everything, root=True),
            _summed(pool, "bias", rest, everything),
        ]
    if pool.kind == "labels":
        return [_summed(pool, name, _losses(pool, name), everything) for name in ("hamming_loss", "log_loss")]
    predicted = pool.values.argmax(axis=1)
    metrics = [
        _summed(pool, "accuracy", predicted == pool.targets, everything),
        _summed(pool, "log_loss", _losses(pool, "log_loss"), everything),
    ]
    if pool.values.shape[1] == 2:
        said, there = predicted == 1, pool.targets == 1
        metrics += [
            _summed(pool, "positive_rate", said, everything),
            _summed(pool, "true_positive_rate", said & there, there),
            _summed(pool, "false_positive_rate", said & ~there, ~there),
        ]
    return metrics


def _losses(pool: Pool, name: str) -> Floats:
    losses = get_scorer(name).losses
    return np.zeros(len(pool.targets)) if losses is None else losses(pool.values, pool.targets)


def _summed(pool: Pool, name: str, part: npt.NDArray[Any], whole: npt.NDArray[Any], root: bool = False) -> _Metric:
    return _Metric(name, _sums(pool.examples, part), _sums(pool.examples, whole), root)


def _by_group(metric: _Metric, codes: Codes, count: int) -> Floats:
    """The metric of each group, shape (G,)."""
    return metric.of(_sums(codes, metric.part, count), _sums(codes, metric.whole, count))


def _sums(codes: Codes, values: npt.NDArray[Any], count: int = 0) -> Floats:
    """By code."""
    return np.asarray(np.bincount(codes, weights=values.astype(np.float64), minlength=count), dtype=np.float64)


def _bootstrap(metrics: list[_Metric], codes: Codes, count: int, rng: np.random.Generator) -> Floats:
    """Metrics of groups whose examples are drawn again with replacement, shape (draws, metrics, groups)."""
    drawn = np.empty((_DRAWS, len(metrics), count))
    for group in range(count):
        members = np.flatnonzero(codes == group)
        parts = np.array([metric.part[members] for metric in metrics]).T
        wholes = np.array([metric.whole[members] for metric in metrics]).T
        for start in range(0, _DRAWS, _CHUNK):
            # How often each example is drawn: a multinomial over the examples of the group.
            times = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=_CHUNK)
            part, whole = times @ parts, times @ wholes
            for place, metric in enumerate(metrics):
                drawn[start : start + _CHUNK, place, group] = metric.of(part[:, place], whole[:, place])
    return drawn


def _estimate(value: float, draws: Floats) -> Estimate:
    known = draws[np.isfinite(draws)]
    if not (np.isfinite(value) and len(known)):
        return Estimate(float(value), np.nan, np.nan)
    tail = (1 - CONFIDENCE) / 2
    return Estimate(float(value), *map(float, np.quantile(known, [tail, 1 - tail])))


def _gap(
    metric: _Metric,
    found: Floats,
    drawn: Floats,
    names: npt.NDArray[np.str_],
    codes: Codes,
    large: Codes,
    rng: np.random.Generator,
) -> Gap:
    known = large[np.isfinite(found[large])]
    values = found[known]
    spans = np.ptp(drawn[:, known], axis=1)
    highest, lowest = known[values.argmax()], known[values.argmin()]
    return Gap(
        metric=metric.name,
        value=_estimate(float(np.ptp(values)), spans),
        p_value=_exchanged(metric, codes, known, rng),
        highest=str(names[highest]),
        lowest=str(names[lowest]),
    )


def _exchanged(metric: _Metric, codes: Codes, known: Codes, rng: np.random.Generator) -> float:
    """Chance of a gap at least as large when examples that count for the metric are dealt to the groups anew."""
    inside = np.flatnonzero(np.isin(codes, known) & (metric.whole > 0))
    places = np.searchsorted(known, codes[inside])
    only = _Metric(metric.name, metric.part[inside], metric.whole[inside], metric.root)
    seen = float(np.ptp(_by_group(only, places, len(known))))
    dealt = (float(np.ptp(_by_group(only, rng.permutation(places), len(known)))) for _ in range(_DRAWS))
    return (1 + sum(one >= seen - 1e-12 for one in dealt)) / (1 + _DRAWS)
