"""``assay.run``: a sweep from Python."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from ..analysis import Results
from ..search import Sweep, at_lines_of
from ..spaces import SweepError
from ..trainables import Trainable, TrainableRef
from .display import display_for
from .launch import Where, start
from .launch import resume as resume_sweep


def run(
    sweep: Sweep | dict[str, Any] | str | Path,
    train: Trainable | None = None,
    *,
    store: str | Path | None = None,
    workers: int | None = None,
    address: str | None = None,
    inline: bool = False,
    resume: bool = False,
    progress: bool = True,
) -> Results:
    """Search, replicate the finalists, test them, export when the sweep says where to; returns when all is done.

    Args:
        sweep: a :class:`Sweep`, the mapping of a sweep file, or the path of one.
        train: the training function; without one the sweep's ``trainable`` is used.
        store: folder for results; ASSAY_STORE or ``assay-results`` when None.
        workers: trials at the same time; as many as the resources allow when None.
        address: a running Ray cluster; a private one on this machine when None.
        inline: run trials in this process, for debugging.
        resume: go on with the sweep of this name if the store has it.
        progress: show it on stderr.

    Raises:
        SweepError, TrainableError, SweepExistsError: for what cannot be used as it is.
        ClusterError: when the cluster cannot be used.
        NoResultError: when no trial gave a score.
        SweepInterrupted: after Ctrl-C; call again with ``resume=True``.
    """
    directory = str(Path(sweep).absolute().parent) if isinstance(sweep, (str, Path)) else str(Path.cwd())
    checked = _as_sweep(sweep)
    if train is not None:
        checked = checked.model_copy(update={"trainable": None})
    elif checked.trainable is None:
        raise SweepError("no training function: call assay.run(sweep, train), or name one with `trainable`")
    where = Where(store, workers, address, inline)
    with at_lines_of(sweep) if isinstance(sweep, (str, Path)) else nullcontext():
        where.refuse(checked, directory)
    with display_for(Console(stderr=True, quiet=not progress)) as display:
        if resume and checked.name in where.recorded():
            results = resume_sweep(checked.name, where, display, function=train, directory=directory)
        else:
            name = checked.trainable or str(getattr(train, "__qualname__", type(train).__name__))
            results = start(checked, TrainableRef(name, directory, train), where, display)
        if results.sweep.export.to is not None:
            bundle = results.export(or_best=True)
            for text in (f"exported to {bundle.folder}", *bundle.notes):
                display.message(text)
    return results


def _as_sweep(sweep: Sweep | dict[str, Any] | str | Path) -> Sweep:
    if isinstance(sweep, Sweep):
        return sweep
    return Sweep.make(sweep) if isinstance(sweep, dict) else Sweep.from_yaml(sweep)
