"""Which parameters of a search matter, with intervals, and how far that can be believed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...spaces import UsageError, did_you_mean, one_of
from .evidence import Evidence, gather
from .fanova import Fanova, cells_of
from .surrogate import Surrogate

if TYPE_CHECKING:
    from ..results import Results

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

METHODS = {
    "fanova": "share of the variance that a parameter explains alone, over the whole space (fANOVA)",
    "ped_anova": "what separates the best trials from the others, as shares of 1 (PED-ANOVA)",
    "forest": "fall of the out-of-bag R2 of a random forest when the parameter is shuffled",
}
"""What each method answers."""

RESAMPLES = 50
_TREES_RESAMPLED = 16
_CONFIDENCE = 0.95
_BELIEVABLE_R2 = 0.5
_MOST_PAIRED = 16
_SHOWN_PAIRS = 5


@dataclass(frozen=True)
class ParameterImportance:
    """How much one parameter matters.

    Args:
        share: see :data:`METHODS`; 0 is nothing.
        low, high: 95 % interval, from resampling the trials; it is widened to hold the share.
        active: share of the trials in which the parameter is active; what it does elsewhere is nothing.
        mdi: method forest: mean decrease of impurity, which counts noise as well; None for others.
    """

    name: str
    share: float
    low: float
    high: float
    active: float
    mdi: float | None = None


@dataclass(frozen=True)
class Interaction:
    """The share of the variance that two parameters explain together, beyond what each explains alone."""

    first: str
    second: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class ImportanceReport:
    """The parameters of a search by importance.

    Args:
        words: what ``share`` means.
        trials: how many were learned from.
        step: the report at which they were compared; None: the last of whole runs.
        sampling: ``random`` when they were drawn from the space, ``all`` when a searcher proposed some.
        r2: share of the variance that a forest predicts out of bag. Low: nothing is known of what acts.
        parameters: the most important first.
        interactions: the strongest pairs, for fanova; empty for others.
        rest: fanova: share of the variance that neither single parameters nor any pair explains; None for others, and
            when not all pairs were looked at.
        left_out: how many trials of the search do not count, by reason.
        notes, warnings: what a reader has to know; warnings say why the numbers may mislead.
    """

    sweep: str
    method: str
    words: str
    metric: str
    trials: int
    step: int | None
    sampling: str
    r2: float
    parameters: list[ParameterImportance]
    interactions: list[Interaction]
    rest: float | None
    left_out: dict[str, int]
    notes: list[str]
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        document = asdict(self)
        document["r2"] = self.r2 if math.isfinite(self.r2) else None
        return document

    def lines(self) -> list[str]:
        """For people, one parameter a line."""
        wide = max(len(one.name) for one in self.parameters)
        found = [f"{self.sweep}: {self.metric}, {self.words}"]
        for one in self.parameters:
            where = "" if one.active == 1 else f"   active in {one.active:.0%} of the trials"
            found.append(f"  {one.name:<{wide}}  {one.share:6.3f}  [{one.low:.3f}, {one.high:.3f}]{where}")
        for pair in self.interactions:
            found.append(f"  {pair.first} with {pair.second}: {pair.share:.3f}  [{pair.low:.3f}, {pair.high:.3f}]")
        if self.rest is not None:
            found.append(f"  everything else together: {self.rest:.3f}")
        found.append(f"a forest predicts {max(0.0, self.r2):.0%} of the variance of trials that it has not seen")
        found += self.notes
        return found + [f"WARNING: {text}" for text in self.warnings]


def importance(
    results: Results,
    method: str = "fanova",
    *,
    metric: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> ImportanceReport:
    """How much each parameter of a search matters for a metric.

    Args:
        method: a key of :data:`METHODS`.
        metric: what the trials reported; the objective's when None.
        seed: of the forest and of resampling.
        resamples: of the trials, for the intervals.

    Raises:
        UsageError: for another method, or a metric that no trial reported.
        NoResultError: when there are too few trials to learn from; see :func:`~.evidence.gather`.
    """
    if method not in METHODS:
        raise UsageError(f"importance: method must be {one_of(METHODS)}, got {method!r}{did_you_mean(method, METHODS)}")
    evidence = gather(results.sweep, results.trials, metric)
    rng = np.random.default_rng(seed)
    forest = Surrogate(evidence.matrix(rng), evidence.values, seed)
    r2 = forest.r2()
    made = {"fanova": _fanova, "ped_anova": _ped_anova, "forest": _forest}[method]
    parameters, interactions, rest = made(evidence, forest, seed, resamples)
    return ImportanceReport(
        sweep=results.record.name,
        method=method,
        words=METHODS[method],
        metric=evidence.metric,
        trials=len(evidence),
        step=evidence.step,
        sampling=evidence.sampling,
        r2=r2,
        parameters=sorted(parameters, key=lambda one: -one.share),
        interactions=interactions,
        rest=rest,
        left_out=evidence.left_out,
        notes=[*evidence.notes, *_conditional(evidence)],
        warnings=[*evidence.warnings, *doubts(r2)],
    )


def doubts(r2: float) -> list[str]:
    """Why a model that predicts so little is not to be believed; empty when it predicts enough."""
    if r2 >= _BELIEVABLE_R2:
        return []
    known = "nothing" if not r2 > 0 else f"only {r2:.0%}"
    return [
        f"a forest predicts {known} of the variance of trials that it has not seen (below {_BELIEVABLE_R2:.0%}): what "
        "acts on the score is not known; more trials help, unless it is noise"
    ]


def resampled(count: int, resamples: int, seed: int) -> list[tuple[Rows, np.random.Generator]]:
    """Rows of trials drawn with replacement, with a generator for what follows from them."""
    generators = np.random.default_rng([seed, 1]).spawn(resamples)
    return [(np.sort(rng.integers(count, size=count)), rng) for rng in generators]


def interval(share: float, draws: Floats) -> tuple[float, float]:
    """The middle 95 % of what resampling gave, widened to hold the share itself."""
    if not len(draws):
        return share, share
    low, high = np.quantile(draws, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return min(share, float(low)), max(share, float(high))


def _conditional(evidence: Evidence) -> list[str]:
    some = [name for name, share in evidence.active.items() if share < 1]
    if not some:
        return []
    return [f"not always active: {', '.join(some)}; importance counts over all trials, also where they do nothing"]


_Found = tuple[list[ParameterImportance], list[Interaction], float | None]


def _listed(evidence: Evidence, shares: Floats, draws: Floats, mdi: Floats | None = None) -> list[ParameterImportance]:
    """One entry for each column; ``draws`` has shape (resamples, d)."""
    active = evidence.active
    return [
        ParameterImportance(
            name,
            float(shares[column]),
            *interval(float(shares[column]), draws[:, column]),
            active=active[name],
            mdi=None if mdi is None else float(mdi[column]),
        )
        for column, name in enumerate(evidence.names)
    ]


def _fanova(evidence: Evidence, forest: Surrogate, seed: int, resamples: int) -> _Found:
    cells, names = cells_of(evidence.space), evidence.names
    whole = Fanova(forest.trees, cells)
    mains = np.array([whole.main(axis) for axis in range(len(names))])
    leading = np.argsort(-mains, kind="stable")[:_MOST_PAIRED]
    pairs = {(a, b): whole.pair(a, b) for a, b in combinations(sorted(leading.tolist()), 2)}
    shown = sorted(pairs, key=lambda pair: -pairs[pair])[:_SHOWN_PAIRS]
    draws, drawn = [], []
    for rows, rng in resampled(len(evidence), resamples, seed):
        again = Surrogate(evidence.matrix(rng)[rows], evidence.values[rows], _state(rng), _TREES_RESAMPLED)
        made = Fanova(again.trees, cells)
        draws.append([made.main(axis) for axis in range(len(names))])
        drawn.append([made.pair(*pair) for pair in shown])
    parameters = _listed(evidence, mains, np.array(draws).reshape(resamples, len(names)))
    columns = np.array(drawn).reshape(resamples, len(shown)).T
    interactions = [
        Interaction(names[pair[0]], names[pair[1]], pairs[pair], *interval(pairs[pair], column))
        for pair, column in zip(shown, columns, strict=True)
    ]
    all_paired = len(names) <= _MOST_PAIRED
    return parameters, interactions, max(0.0, 1 - float(mains.sum()) - sum(pairs.values())) if all_paired else None


def _ped_anova(evidence: Evidence, forest: Surrogate, seed: int, resamples: int) -> _Found:
    from .ped_anova import PedAnova

    if evidence.goal is None:
        raise UsageError(
            f"ped_anova asks what makes {evidence.metric} good, and no objective says whether larger or smaller is: "
            "take method fanova"
        )
    study = PedAnova(evidence.space, evidence.configs, evidence.values, evidence.goal)
    shares = study.shares(np.arange(len(evidence)))
    draws = [study.shares(rows) for rows, _ in resampled(len(evidence), resamples, seed)]
    return _listed(evidence, shares, np.array(draws).reshape(resamples, len(shares))), [], None


def _forest(evidence: Evidence, forest: Surrogate, seed: int, resamples: int) -> _Found:
    columns = range(len(evidence.names))
    rng = np.random.default_rng([seed, 2])
    falls = np.array([forest.permuted(column, rng) for column in columns])
    draws = []
    for rows, own in resampled(len(evidence), resamples, seed):
        again = Surrogate(evidence.matrix(own)[rows], evidence.values[rows], _state(own), 2 * _TREES_RESAMPLED, rows)
        draws.append([again.permuted(column, own, repeats=1) for column in columns])
    return _listed(evidence, falls, np.array(draws), forest.decrease_of_impurity), [], None


def _state(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))
