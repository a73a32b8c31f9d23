"""What is known of a model's mistakes: plain numbers, for people, plots and programs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from ..scorers import Kind

CONFIDENCE = 0.95
"""Of all intervals of a diagnosis."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; NaN where there is nothing to go by."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassRow:
    """One class, or one label.

    Args:
        support: predictions for examples that are of it; ``predicted``: predictions that say so.
        precision, recall, f1: with Wilson intervals, which count each example once however many models predicted it.
        roc_auc, average_precision, log_loss: of a label by itself; None for classes.
    """

    name: str
    support: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    roc_auc: float | None = None
    average_precision: float | None = None
    log_loss: float | None = None


@dataclass(frozen=True)
class CalibrationBin:
    """Predictions between ``low`` and ``high``.

    Args:
        count: how many.
        predicted: their mean probability.
        observed: share of them that came true, with its Wilson interval.
    """

    low: float
    high: float
    count: int
    predicted: float
    observed: Estimate


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities can be taken at their word (Guo et al., ICML 2017, section 2).

    Args:
        of: which probabilities: of the second of two classes, of the predicted class, or of all labels.
        bins: those that hold predictions, out of ``bin_count`` of equal width from 0 to 1.
        ece: expected calibration error: mean distance of ``observed`` from ``predicted``, weighted by count.
        largest: the largest such distance.
        brier: mean squared distance of probabilities from what came true: summed over classes for three and more, of
            the second class for two, mean over labels.
        log_loss: mean over predictions, and labels.
    """

    of: str
    bins: tuple[CalibrationBin, ...]
    bin_count: int
    ece: float
    largest: float
    brier: float
    log_loss: float


@dataclass(frozen=True)
class ResidualBin:
    """Predictions between ``low`` and ``high``, and the mean and standard deviation of their residuals."""

    low: float
    high: float
    count: int
    mean: float
    sd: float


@dataclass(frozen=True)
class WorstExample:
    """A prediction that was far off, by the trial that made it.

    Args:
        row: number of the example in the data set that was split; None when it is not known.
    """

    trial: int
    row: int | None
    target: float
    prediction: float
    residual: float


@dataclass(frozen=True)
class Residuals:
    """Target minus prediction.

    Args:
        mean: the bias, with a t interval over examples.
        quantiles: by their share, as in ``{"0.5": ...}``.
        bins: tenths of the predictions, smallest first.
        worst: largest residuals first, each example once.
    """

    mean: Estimate
    sd: float
    skew: float
    rmse: float
    mae: float
    r2: float
    quantiles: dict[str, float]
    bins: tuple[ResidualBin, ...]
    worst: tuple[WorstExample, ...]


@dataclass(frozen=True)
class GroupRow:
    """Examples with one value of the sensitive column.

    Args:
        count: different examples.
        small: too few to say anything of the group.
        metrics: by name, with bootstrap intervals over examples.
    """

    name: str
    count: int
    small: bool
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class Gap:
    """How far groups are apart in a metric: the highest minus the lowest, of the groups that are not small.

    Args:
        value: with a bootstrap interval over examples. It is above 0 also when groups are alike; ``p_value`` tells.
        p_value: chance of a gap at least this large when groups are alike, by exchanging examples between groups.
        highest, lowest: which groups.
    """

    metric: str
    value: Estimate
    p_value: float
    highest: str
    lowest: str


@dataclass(frozen=True)
class Groups:
    """How predictions differ between the values of the sensitive column.

    Args:
        fewest: examples below which a group is small.
        positive: the class that rates of true and false positives are about; None for other than two classes.
    """

    rows: tuple[GroupRow, ...]
    gaps: tuple[Gap, ...]
    fewest: int
    positive: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """What stored predictions of a config say, pooled over the replicates of a finalist.

    Args:
        trial: whose config it is; ``runs`` are the trials whose predictions are pooled.
        part: ``validation``, or the sealed ``test``.
        kind: ``classes``, ``labels`` or ``outputs``.
        examples: different ones; ``predictions``: of all runs together.
        scores: every metric that fits, mean over the runs.
        names: of the classes or labels, in the order of ``confusion`` and ``classes``.
        confusion: predictions by true class (row) and predicted class (column); None for other kinds.
        classes: a row for each class or label; empty for outputs.
        calibration: None for outputs; ``residuals``: None for all but outputs.
        groups: None without a sensitive column.
        notes: what a reader has to know to judge the numbers.
    """

    sweep: str
    trial: int
    part: str
    kind: Kind
    runs: tuple[int, ...]
    examples: int
    predictions: int
    scores: dict[str, float]
    names: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] | None = None
    classes: tuple[ClassRow, ...] = ()
    calibration: Calibration | None = None
    residuals: Residuals | None = None
    groups: Groups | None = None
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it: None for what is not a number."""
        found: dict[str, Any] = _plain(asdict(self) | {"confidence": CONFIDENCE})
        return found

    def lines(self) -> list[str]:
        """As text."""
        from .text import diagnosis_lines

        return diagnosis_lines(self)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
