"""Two fitted models on the same examples: what is said holds for these models, not for their configs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..search import Phase
from ..spaces import UsageError
from .inference.fitted import SPEAKS_OF, DeLong, McNemar, delong, mcnemar, paired_bootstrap
from .inference.pairs import PairTest
from .plain import finite_or_none
from .predictions import Part, PredictionSet
from .scorers import Array, Floats, Scorer, default_scorer, fits, get_scorer

if TYPE_CHECKING:
    from .results import Results


@dataclass(frozen=True)
class ModelComparison:
    """Two fitted models; differences are first minus second, in units of the metric.

    Args:
        scores: metric of each.
        difference: of the metric, by the paired bootstrap over examples.
        mcnemar: exact test of equal accuracy; None for other predictions than of classes.
        delong: areas under the ROC curve; None for other than two classes.
    """

    first: int
    second: int
    part: Part
    metric: str
    goal: str
    examples: int
    alpha: float
    scores: tuple[float, float]
    difference: PairTest
    mcnemar: McNemar | None = None
    delong: DeLong | None = None
    speaks_of: str = SPEAKS_OF
    notes: list[str] = field(default_factory=list)

    @property
    def p_value(self) -> float:
        """Two-sided, of no difference: the exact test's where the metric is a share of right answers."""
        return self._exact.p_value if self._exact else self.difference.p_value

    @property
    def _exact(self) -> McNemar | None:
        return self.mcnemar if self.metric in ("accuracy", "error") else None

    @property
    def headline(self) -> str:
        """One sentence with the answer."""
        pair = self.first, self.second
        where = f"on {self.examples} {self.part} examples"
        level = f"{100 * (1 - self.alpha):g} %, {'McNemar, exact' if self._exact else self.difference.test}"
        if self.p_value > self.alpha:
            return f"the models of trials {pair[0]} and {pair[1]} cannot be told apart {where} ({level})"
        better, worse = pair if (self.difference.difference > 0) == (self.goal == "maximize") else pair[::-1]
        return f"the model of trial {better} is better than that of trial {worse} {where} ({level})"

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""

        def plain(found: Any) -> dict[str, Any] | None:
            if found is None:
                return None
            return {key: finite_or_none(v) if isinstance(v, float) else v for key, v in asdict(found).items()}

        document = {name: getattr(self, name) for name in ("first", "second", "part", "metric", "goal", "examples")}
        return document | {
            "alpha": self.alpha,
            "headline": self.headline,
            "p_value": finite_or_none(self.p_value),
            "scores": list(map(finite_or_none, self.scores)),
            "difference": plain(self.difference),
            "mcnemar": plain(self.mcnemar),
            "delong": plain(self.delong),
            "speaks_of": self.speaks_of,
            "notes": self.notes,
        }


def compare_models(results: Results, first: int, second: int, part: Part = "validation") -> ModelComparison:
    """McNemar's test for classes, DeLong's for two of them, the paired bootstrap for the sweep's metric.

    Args:
        first, second: trials that keep predictions.
        part: ``"validation"``, or the sealed ``"test"`` part where it was opened.

    Raises:
        NotFoundError: when neither keeps predictions.
        UsageError: when they did not predict the same examples.
    """
    if first == second:
        raise UsageError(f"trial {first} would be compared with itself: name two")
    found = results.predictions.read([first, second], part)
    if found.left_out:
        number, why = next(iter(found.left_out.items()))
        raise UsageError(f"trial {number} {why}: two models are compared on the same {part} examples")
    values = found.of(first), found.of(second)
    scorer = _scorer(results, found)
    sign = 1.0 if scorer.goal == "maximize" else -1.0

    def metric(targets: Array, predicted: Array) -> float:
        return sign * scorer.compute(predicted, targets)

    alpha = results.sweep.leaderboard.alpha
    gap = paired_bootstrap(metric, found.targets, *values, alpha=alpha, seed=results.sweep.seed)
    return ModelComparison(
        first=first,
        second=second,
        part=part,
        metric=scorer.name,
        goal=scorer.goal,
        examples=len(found.targets),
        alpha=alpha,
        scores=(scorer.compute(values[0], found.targets), scorer.compute(values[1], found.targets)),
        difference=_turned(gap) if sign < 0 else gap,
        mcnemar=_mcnemar(found, *values),
        delong=_delong(found, *values, alpha),
        notes=_notes(results, part, {first, second}),
    )


def _turned(gap: PairTest) -> PairTest:
    return PairTest(gap.test, -gap.difference, -gap.high, -gap.low, gap.p_value, gap.speaks_of)


def _scorer(results: Results, found: PredictionSet) -> Scorer:
    name = results.sweep.objective.known_scorer
    values = found.values[0]
    return get_scorer(name) if name is not None and fits(name, values, found.kind) else default_scorer(values)


def _mcnemar(found: PredictionSet, first: Floats, second: Floats) -> McNemar | None:
    if found.kind != "classes":
        return None
    return mcnemar(first.argmax(axis=1) == found.targets, second.argmax(axis=1) == found.targets)


def _delong(found: PredictionSet, first: Floats, second: Floats, alpha: float) -> DeLong | None:
    if found.kind != "classes" or first.shape[1] != 2:
        return None
    positives = np.asarray(found.targets == 1)
    if min(positives.sum(), (~positives).sum()) < 2:
        return None
    return delong(positives, first[:, 1].astype(float), second[:, 1].astype(float), alpha)


def _notes(results: Results, part: Part, numbers: set[int]) -> list[str]:
    notes = ["the answer is for these two fitted models; another seed may turn it round: compare replicates for that"]
    searched: Mapping[int, Any] = {trial.number: trial for trial in results.phase(Phase.SEARCH)}
    if part == "validation" and numbers & searched.keys():
        notes.append("models of the search were chosen on these validation examples, which flatters the better one")
    return notes
