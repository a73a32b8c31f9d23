"""Recording the results of another tool as a finished sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from ..spaces import SweepExistsError, UsageError, did_you_mean, one_of
from .imported import Foreign, left_out, to_sweep
from .imported_space import renamed
from .ledger import Ledger, SweepRecord
from .sweep import Sweep
from .trial import Trial

_OPTIONS = {
    "ray": ("metric", "goal"),
    "optuna": ("metric", "study"),
    "csv": ("metric", "goal", "param", "trial", "step", "state"),
}
"""The kinds of sources, and what each has to be told."""


def read_results(
    kind: str,
    source: str,
    *,
    metric: str | None = None,
    goal: str | None = None,
    study: str | None = None,
    param: Sequence[str] = (),
    trial: str | None = None,
    step: str | None = None,
    state: str | None = None,
    sweep: Sweep | None = None,
) -> Foreign:
    """The results in ``source``, which is of a ``kind``: ray, optuna or csv.

    Args:
        metric, goal: those of ``sweep`` when left out.
        sweep: what the results have to fit.
        study: of an Optuna storage.
        param, trial, step, state: columns of a CSV file.

    Raises:
        UsageError: for another kind, an option that does not belong to it, and whatever its reader refuses.
    """
    given = {"metric": metric, "goal": goal, "study": study, "param": param, "trial": trial, "step": step}
    given |= {"state": state}
    _refuse_unfit(kind, [name for name, value in given.items() if value])
    if sweep is not None:
        metric = metric or sweep.objective.metric
        goal = goal or sweep.objective.goal
    if kind == "ray":
        from .from_ray_tune import read_ray_tune

        return read_ray_tune(source, metric, goal)
    if kind == "optuna":
        from .from_optuna import read_optuna

        return read_optuna(source, study, metric)
    from .from_csv import read_csv

    return read_csv(source, metric, goal, param, trial=trial, step=step, state=state)


def import_results(
    ledger: Ledger,
    foreign: Foreign,
    name: str | None = None,
    *,
    sweep: Sweep | None = None,
    drop: Iterable[str] = (),
    directory: str | None = None,
) -> SweepRecord:
    """Record results as a finished sweep, all trials in the search; see :func:`to_sweep` for what they become.

    Nothing is written when anything is refused. The sweep's note says where the results come from and what was done to
    them. The seeds of the trials, which no source records, are 0.

    Args:
        name: instead of the source's.
        sweep: what the results have to fit; without it the space is what was seen.
        drop: parameters to leave out.
        directory: folder from which the sweep's training function is seen; the source's when left out.

    Raises:
        SweepExistsError: when the ledger has a sweep of this name.
        UsageError, SpaceError, SweepError: as :func:`to_sweep`.
    """
    dropped = list(drop)
    made, trials = to_sweep(foreign, name, sweep=sweep, drop=dropped)
    if made.name in {record.name for record in ledger.sweeps()}:
        raise SweepExistsError(
            f"sweep {made.name!r} is already in {ledger.place}: import under another name, such as --name "
            f"{made.name[:57]}-2"
        )
    lock = ledger.lock(made.name)
    lock.acquire(made.name)
    try:
        record = ledger.create_sweep(made, directory or foreign.directory or str(ledger.store))
        _write(ledger, record, trials, _note(foreign, trials, dropped))
    finally:
        lock.release()
    return ledger.sweep(made.name)


def _refuse_unfit(kind: str, given: Sequence[str]) -> None:
    if kind not in _OPTIONS:
        raise UsageError(f"there are no results of kind {kind!r}{did_you_mean(kind, _OPTIONS)}: use {one_of(_OPTIONS)}")
    for name in given:
        if name not in _OPTIONS[kind]:
            why = "; a study has its own direction" if (kind, name) == ("optuna", "goal") else ""
            raise UsageError(f"--{name} does not belong to {kind}{why}: leave it out")


def _write(ledger: Ledger, record: SweepRecord, trials: Sequence[Trial], note: str) -> None:
    try:
        with closing(ledger.journal(record)) as journal:
            for trial in trials:
                journal.add(trial)
                for report in trial.reports:
                    journal.report(trial.number, report)
                journal.update(trial)
            journal.commit()
    except BaseException:  # a full disk, Ctrl-C: what is there must not be taken for all
        ledger.set_state(record, "failed", "the import was interrupted: import again under another name")
        raise
    ledger.set_state(record, "finished", note)


def _note(foreign: Foreign, trials: Sequence[Trial], dropped: Sequence[str]) -> str:
    lost = len(foreign.trials) - len(trials)
    lines = [f"imported from {foreign.origin}", *foreign.notes]
    if lost:
        lines.append(left_out(lost, "failed trial", "with other parameters than the rest"))
    if dropped:
        lines.append(f"parameters left out: {', '.join(dropped)}")
    names = renamed([trial.parameters for trial in foreign.trials], dropped)
    if names:
        lines.append(f"parameters renamed: {', '.join(f'{old} is {new}' for old, new in names.items())}")
    return "; ".join(lines)
