"""The ablation of a sweep, verified by real runs."""

from __future__ import annotations

from pathlib import Path

from ..analysis import Results
from ..analysis.explain.ablation_report import AblationReport
from ..analysis.explain.ablation_runs import ablation_name, ablation_sweep, with_runs
from ..spaces import UsageError
from ..trainables import Trainable, TrainableRef
from .launch import Where, resume, start
from .progress import Observer


def verified_ablation(results: Results, where: Where, name: str | None = None) -> AblationReport:
    """The ablation, with what its runs say when the store has them.

    Args:
        name: of the sweep that made them; ``NAME-ablation`` when None.

    Raises:
        UsageError, NoResultError: see :meth:`~assay.analysis.Results.ablation`.
    """
    called = name or ablation_name(results.record.name)
    if called not in where.recorded():
        return results.ablation()
    return with_runs(results.ablation(), Results(where.ledger(), where.ledger().sweep(called)))


def run_ablation(
    results: Results,
    where: Where,
    observer: Observer | None = None,
    *,
    seeds: int | None = None,
    name: str | None = None,
    function: Trainable | None = None,
    directory: str | Path | None = None,
) -> AblationReport:
    """Run the configs on the way from the default to the best, and compare them; see :func:`.ablation_sweep`.

    A sweep that was started before is gone on with.

    Args:
        seeds: replicates of each config.
        name: of the sweep that runs them; ``NAME-ablation`` when None.
        function: the training function, when the sweep was started with a Python function.
        directory: where the training function is now; where it was when None.

    Raises:
        UsageError: when there is no way to run, or the store has another sweep of that name.
        SweepError, TrainableError, ClusterError, SweepInterrupted: see :func:`.launch.start`.
    """
    report = results.ablation()
    sweep = ablation_sweep(results.sweep, report, seeds, name)
    recorded = where.recorded()
    folder = str(directory or results.record.directory)
    if sweep.name not in recorded:
        ref = TrainableRef(sweep.trainable or str(getattr(function, "__qualname__", "")), folder, function)
        _refuse_unknown(results, function)
        return with_runs(report, start(sweep, ref, where, observer))
    if recorded[sweep.name].given != sweep.given:
        raise UsageError(
            f"sweep {sweep.name!r} ran other configs than the way to trial {report.trial}: choose another name (--name)"
        )
    return with_runs(report, resume(sweep.name, where, observer, function=function, directory=folder))


def _refuse_unknown(results: Results, function: Trainable | None) -> None:
    if function is None and not results.sweep.trainable:
        raise UsageError(
            f"sweep {results.record.name!r} was started with a Python function, which the store does not hold: "
            "give it as function=..., from Python"
        )
