"""The ensembles of a recorded sweep."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...search import State
from ...spaces import UsageError
from ..finalists import rank_search
from ..predictions import PredictionSet
from ..scorers import Kind, Scorer, fits, get_scorer
from .bagging import BAGGING, bagging_report
from .choosing import AUTO, choose_ensemble, refuse_unknown
from .gain import gain_of
from .library import Library
from .mixture import tempered
from .report import EnsembleReport

if TYPE_CHECKING:
    from ..results import Results

_FEWEST_EXAMPLES = 20
_FEWEST_OF_A_CLASS = 5
_SOUP = "soup"
_IN_MEMORY = 2**26
"""Bytes. To open a file for each look at a model takes longer than the look, where models predict little."""


def recorded_ensemble(results: Results, method: str = AUTO) -> tuple[EnsembleReport | None, str]:
    """The ensemble of what a sweep's trials predicted, or why there is none.

    Args:
        method: of :data:`METHODS`, ``auto``, or ``bagging``: the winner's replicates, which need no choice.

    Raises:
        UsageError: for an unknown method, or one that cannot combine such predictions.
    """
    if method == _SOUP:
        raise UsageError(
            "ensemble: soup runs the training function: use `assay ensemble NAME --method soup`, or "
            "assay.cluster.soups.make_soup(results)"
        )
    refuse_unknown(method, BAGGING, _SOUP)
    if method == BAGGING:
        return bagging_report(results)
    predicted, why_not = _validation_predictions(results)
    if predicted is None:
        return None, why_not
    scorer = scorer_for(results, predicted.kind)
    report = choose_ensemble(library_of(predicted), scorer, results.sweep.seed, method)
    return _with_test(results, _with_cost(results, report), scorer), ""


def library_of(predicted: PredictionSet) -> Library:
    """Stored predictions as a library of models: in memory when they are few, else as memory maps."""
    first = predicted.values[0]
    small = first.size * first.itemsize * len(predicted) <= _IN_MEMORY
    values = [np.array(one) for one in predicted.values] if small else predicted.values
    return Library(predicted.trials, values, predicted.targets)


def scorer_for(results: Results, kind: Kind) -> Scorer:
    """The sweep's metric where it can be computed from such predictions, else log loss or the mean squared error."""
    name = results.sweep.objective.known_scorer
    if name is not None and fits(name, np.empty(0 if kind == "outputs" else (0, 2)), kind):
        return get_scorer(name)
    return get_scorer("rmse" if kind == "outputs" else "log_loss")


def _validation_predictions(results: Results) -> tuple[PredictionSet | None, str]:
    """Of fully trained search trials within the limits, all for the same examples."""
    kept = results.predictions.numbers("validation")
    ranked = rank_search(results.trials, results.sweep.objective) if kept else []
    usable = {trial.number for trial in ranked if trial.state is State.COMPLETE}
    stored = [number for number in kept if number in usable]
    if not stored:
        return None, "no ensemble: the training function keeps no predictions (trial.save_predictions)"
    predicted = results.predictions.read(stored, "validation")
    if len(predicted) < 2:
        return None, "no ensemble: it needs two fully trained models with predictions for the same examples"
    if len(predicted.targets) < _FEWEST_EXAMPLES or _rarest(predicted) < _FEWEST_OF_A_CLASS:
        return None, (
            f"no ensemble: choosing members honestly needs {_FEWEST_EXAMPLES} validation examples and "
            f"{_FEWEST_OF_A_CLASS} of each class"
        )
    return predicted, ""


def _rarest(predicted: PredictionSet) -> int:
    if predicted.kind != "classes":
        return _FEWEST_OF_A_CLASS
    return int(np.bincount(predicted.targets, minlength=predicted.values[0].shape[1]).min())


def _with_cost(results: Results, report: EnsembleReport) -> EnsembleReport:
    members = [trial for trial in results.trials if trial.number in report.weights]
    reported = [trial.metrics.get("latency_ms") for trial in members]
    latencies = [float(value) for value in reported if isinstance(value, int | float)]
    return replace(
        report,
        training_seconds=sum(trial.seconds for trial in members),
        latency_ms=sum(latencies) if len(latencies) == len(members) else None,
    )


def _with_test(results: Results, report: EnsembleReport, scorer: Scorer) -> EnsembleReport:
    """With the score of the members on the sealed part, and the difference to the best single model there.

    Each at the temperature that was fitted on the validation examples.
    """
    mixture, wanted = report.mixture, [*report.weights]
    tested = tested_together(results, {*wanted, report.single})
    if tested is None:
        tested = tested_together(results, wanted)
    if tested is None or mixture is None:
        return report
    library = library_of(tested)
    blended = mixture.of(library)
    score = scorer.compute(blended, tested.targets)
    if report.single not in tested.trials:
        return replace(report, test_score=score)
    single = tempered(library.member(library.index(report.single)), report.single_temperature, library.kind)
    gain = gain_of(blended, [single], tested.targets, scorer, results.sweep.seed)
    return replace(report, test_score=score, single_test_score=scorer.compute(single, tested.targets), test_gain=gain)


def tested_together(results: Results, models: Iterable[int]) -> PredictionSet | None:
    """Predictions of the sealed part by all of the models; None unless all predicted the same examples."""
    wanted = set(models)
    if not wanted <= set(results.predictions.numbers("test")):
        return None
    predicted = results.predictions.read(sorted(wanted), "test")
    return predicted if set(predicted.trials) == wanted else None
