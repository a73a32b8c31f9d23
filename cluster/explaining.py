"""Models of recorded trials, opened here to be explained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..analysis import Results
from ..analysis.explain.explanation import Explanation
from ..analysis.explain.model import explain_model
from ..analysis.network_files import refuse_supernet
from ..analysis.scorers import default_scorer, fits, get_scorer, kind_of
from ..search import Phase, State, SweepRecord, Trial
from ..spaces import NotFoundError, SweepError, TrainableError, UsageError
from ..trainables import Predictions, Split, Trainable, TrainableRef, TrialSpec
from ..trainables.opened_model import OpenedModel, open_model
from ..trainables.predictions import as_predictions
from ..trainables.reason import one_line
from ..trainables.targets import as_targets
from .environment import Environment, Site
from .files import parents_weights
from .open_trial import OpenTrial


@contextmanager
def opened(
    results: Results,
    trial: int,
    *,
    function: Trainable | None = None,
    directory: str | Path | None = None,
    open_test: bool = False,
) -> Iterator[OpenedModel]:
    """The model of a recorded trial, restored in this process; see :func:`~assay.trainables.opened_model.open_model`.

    The training function runs in the sweep's environment, in one process whatever ``resources`` says.

    Args:
        trial: a number of the search, of a replicate, or of the test phase, which stands for the model it scored.
        function: the training function, when the sweep was started with a Python function.
        directory: where the training function is now; where it was when None.
        open_test: hand over the sealed test part, too.

    Raises:
        NotFoundError: when there is no such trial.
        UsageError: when it has no model: it failed, is not over, or the function is not known.
        TrainableError: when the training function cannot be imported, or fails.
    """
    model = model_trial(results, trial)
    ref = _reference(results.record, function, directory)
    spec = replace(_spec(results, model), open_test=open_test)
    environment = Environment.of(results.sweep.cluster, ref.directory, Site.INLINE)
    with environment.entered():
        trainable = ref.load()
        stopped = model.state is State.STOPPED
        with open_model(trainable, spec, model.last_step, stopped=stopped) as one:
            yield one


def explain_trial(
    results: Results,
    trial: int | None = None,
    *,
    method: str = "permutation",
    rows: int | None = None,
    correlated: float | None = None,
    seed: int = 0,
    function: Trainable | None = None,
    directory: str | Path | None = None,
) -> Explanation:
    """Which inputs the model of a trial uses, on its validation part; see :func:`.explain_model`.

    Args:
        trial: see :func:`opened`; when None the first replicate of the winner, before replication the best trial.
        method, rows, correlated, seed: see :func:`.explain_model`.
        function, directory: see :func:`opened`.

    Raises:
        NotFoundError, UsageError, TrainableError: see :func:`opened` and :func:`.explain_model`.
        NoResultError: when no trial has a score.
    """
    number = default_model(results) if trial is None else trial
    with opened(results, number, function=function, directory=directory) as model:
        if model.split is None:
            raise UsageError(
                "explain: the training function does not call trial.split(inputs, targets), so that the rows to "
                "explain are not known"
            )
        made = _explained(results, model, model.split, method, rows, correlated, seed)
    again = f"{model.trained_again} reports were trained again: no checkpoint of the last was kept"
    notes = [again, *made.notes] if model.trained_again else made.notes
    return replace(made, notes=notes, sweep=results.record.name, trial=model_trial(results, number).number)


def default_model(results: Results) -> int:
    """The first complete replicate of the winner; before replication the best trial of the search.

    Raises:
        NoResultError: when no trial has a score.
    """
    best = results.best_trial.number
    runs = [t for t in results.phase(Phase.REPLICATE) if t.parent == best and t.state is State.COMPLETE]
    return runs[0].number if runs else best


def _explained(
    results: Results,
    model: OpenedModel,
    split: Split,
    method: str,
    rows: int | None,
    correlated: float | None,
    seed: int,
) -> Explanation:
    predictor = _Predictor(model, split)
    checked = predictor.checked(split.x_val, as_targets(split.y_val))
    known = results.sweep.objective.known_scorer
    scorer = default_scorer(checked.values)
    if known and fits(known, checked.values, kind_of(checked.targets)):
        scorer = get_scorer(known)
    return explain_model(
        predictor,
        split.x_val,
        checked.targets,
        scorer,
        method=method,
        background=split.x_train,
        network=model.network,
        rows=rows,
        correlated=correlated,
        seed=seed,
    )


class _Predictor:
    """Predictions in the form in which they are stored."""

    def __init__(self, model: OpenedModel, split: Split) -> None:
        if model.predict is None:
            raise UsageError(
                "explain: the training function gives no function to trial.save_predictions: give model.predict_proba "
                "or the like, not an array"
            )
        self._predict, self._classes, self._targets = model.predict, split.classes, as_targets(split.y_val)

    def __call__(self, inputs: Any) -> npt.NDArray[Any]:
        count = len(inputs)
        targets = np.resize(self._targets, (count, *self._targets.shape[1:]))  # only their kind counts
        return self.checked(inputs, targets).values

    def checked(self, inputs: Any, targets: npt.NDArray[Any]) -> Predictions:
        """Predictions with their true values."""
        try:
            answer = self._predict(inputs)
        except Exception as error:  # it is the user's
            raise TrainableError(
                f"explain: the function given to trial.save_predictions failed: {one_line(error)}"
            ) from error
        return as_predictions(answer, targets, self._classes)


def model_trial(results: Results, number: int) -> Trial:
    """The trial that trained the model which ``number`` stands for.

    Raises:
        NotFoundError, UsageError: see :func:`opened`.
    """
    trials = {trial.number: trial for trial in results.trials}
    trial = trials.get(number)
    if trial is not None and trial.phase is Phase.TEST and trial.parent is not None:
        trial = trials.get(trial.parent)
    if trial is None:
        raise NotFoundError(f"sweep {results.record.name!r} has no trial {number}: `assay show` lists them")
    refuse_supernet(results, trial)
    if trial.state is State.FAILED or not trial.state.over or not trial.reports:
        why = f"it failed: {trial.reason}" if trial.state is State.FAILED else f"it is {trial.state}"
        raise UsageError(f"trial {trial.number} has no model, {why}; name one that is complete")
    return trial


def _reference(record: SweepRecord, function: Trainable | None, directory: str | Path | None) -> TrainableRef:
    if function is None and not record.sweep.trainable:
        raise SweepError(
            f"sweep {record.name!r} was started with a Python function, which the store does not hold: "
            "give it as function=..., from Python"
        )
    name = record.sweep.trainable or str(getattr(function, "__qualname__", type(function).__name__))
    return TrainableRef(name, str(directory or record.directory), function)


def _spec(results: Results, trial: Trial) -> TrialSpec:
    """What the trial's last attempt was told, with all its checkpoints."""
    sweep = results.sweep
    one = OpenTrial.of(trial)
    if sweep.granted is not None:
        one.length = sweep.granted.max
    one.restore = tuple(reversed(trial.checkpoints))
    data_id = trial.data_id or next((other.data_id for other in results.trials if other.data_id), "")
    spec = one.spec(
        sweep,
        directory=results.record.directory,
        data_id=data_id,
        checkpoints="",
        folder="",
        inherit=parents_weights(results.ledger.store, results.record.name, trial),
    )
    return replace(spec, checkpoints=None, folder=None)
