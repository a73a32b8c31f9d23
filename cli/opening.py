"""What the arguments of a command stand for: a sweep, a training function, a store, results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces.errors import SweepError

if TYPE_CHECKING:
    from ..analysis import Results
    from ..cluster import Where
    from ..search import Sweep
    from .changes import Changes


def where_of(store: str | None, workers: int | None = None, address: str | None = None, inline: bool = False) -> Where:
    from ..cluster.launch import Where

    if inline and address in (os.environ.get("ASSAY_ADDRESS"), os.environ.get("RAY_ADDRESS")):
        address = None  # a habit of this shell, not a wish for this run
    return Where(store, workers, address, inline)


def results_of(name: str, store: str | None) -> Results:
    from ..analysis import load

    return load(name, store)


def sweep_of(file: Path, changes: Changes | None = None) -> Sweep:
    """The file, with the command line's changes, checked."""
    from ..search import read_sweep

    return read_sweep(file, changes)


def trainable_of(sweep: Sweep, file: Path) -> Any:
    from ..trainables import TrainableRef

    if sweep.trainable is None:
        raise SweepError(f"{file}: trainable is missing: write file.py:function, such as train.py:train")
    return TrainableRef(sweep.trainable, str(file.absolute().parent))
