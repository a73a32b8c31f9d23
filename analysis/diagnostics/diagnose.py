"""The diagnosis of a config, from what its trials stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...search import Phase, State, Trial
from ...spaces import SCORERS, UsageError, did_you_mean, one_of
from ..network_files import refuse_supernet
from ..predictions import Part
from ..scorers import fits, get_scorer
from .calibration import calibration
from .classes import class_rows, confusion_matrix, label_rows
from .diagnosis import ClassRow, Diagnosis
from .groups import groups
from .pool import Pool, pool
from .residuals import residuals

if TYPE_CHECKING:
    from ..results import Results

PARTS: tuple[Part, ...] = ("validation", "test")


def diagnose(results: Results, trial: int | None = None, part: str = "validation") -> Diagnosis:
    """What stored predictions say of a config.

    Args:
        trial: a trial of the search, whose replicates are pooled where there are some; or one replicate; the winner
            when left out.
        part: ``validation``, or ``test`` where the sealed part was opened.

    Raises:
        NotFoundError: when there is no such trial, or it keeps no predictions of the part.
        NoResultError: when no trial is named, and none has a score.
        UsageError: for another part, and for a supernet.
    """
    chosen = next((one for one in PARTS if one == part), None)
    if chosen is None:
        raise UsageError(f"diagnose: part must be {one_of(PARTS)}, got {part!r}{did_you_mean(part, PARTS)}")
    number = results.best_trial.number if trial is None else trial
    of = results.ledger.trial(results.record, number)
    refuse_supernet(results, of)
    runs, notes = _runs(results, of, chosen)
    made = pool(results.predictions, runs, chosen)
    seed = results.sweep.seed
    return Diagnosis(
        sweep=results.record.name,
        trial=number,
        part=chosen,
        kind=made.kind,
        runs=tuple(runs),
        examples=made.count,
        predictions=len(made.targets),
        scores=_scores(made),
        names=made.names,
        confusion=confusion_matrix(made) if made.kind == "classes" else None,
        classes=_class_rows(made),
        calibration=calibration(made) if made.kind != "outputs" else None,
        residuals=residuals(made) if made.kind == "outputs" else None,
        groups=groups(made, made.groups, seed) if made.groups is not None else None,
        notes=notes + _pool_notes(made, runs),
    )


def _runs(results: Results, trial: Trial, part: Part) -> tuple[list[int], list[str]]:
    """The trials whose predictions are looked at, and what that means."""
    if trial.phase is not Phase.SEARCH:
        return [trial.parent if trial.phase is Phase.TEST and trial.parent is not None else trial.number], []
    stored = set(results.predictions.numbers(part))
    replicates = [
        run.number
        for run in results.trials
        if run.phase in (Phase.REPLICATE, Phase.CONFIRM)
        and run.parent == trial.number
        and run.state is State.COMPLETE
        and run.number in stored
    ]
    if replicates or part == "test":
        return replicates or [trial.number], []
    flattered = (
        f"trial {trial.number} has no replicates with predictions: it was chosen by its score on these very examples, "
        "which flatters it"
    )
    return [trial.number], [flattered]


def _pool_notes(made: Pool, runs: list[int]) -> list[str]:
    if len(runs) == 1:
        return []
    seen = f"{made.count} different examples" if made.count < len(made.targets) else f"{made.count} examples"
    return [
        f"{len(runs)} replicates pooled: {len(made.targets)} predictions for {seen}; intervals are over examples, each "
        "counted once, and leave out how runs differ"
    ]


def _scores(made: Pool) -> dict[str, float]:
    """Each metric that fits, mean over the runs."""
    found = {}
    for name in SCORERS:
        if fits(name, made.values, made.kind):
            parts = [made.runs == run for run in np.unique(made.runs)]
            found[name] = float(np.mean([get_scorer(name).compute(made.values[p], made.targets[p]) for p in parts]))
    return found


def _class_rows(made: Pool) -> tuple[ClassRow, ...]:
    if made.kind == "outputs":
        return ()
    return class_rows(made) if made.kind == "classes" else label_rows(made)
