"""What the arguments of a command stand for: a sweep, a training function, a store, results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces.errors import SweepError, UsageError

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


def config_in(path: Path, sweep: Sweep) -> dict[str, Any]:
    """The config in a YAML or JSON file, flat, in the sweep's names; production's names are understood as well.

    Raises:
        SweepError: when the file cannot be read.
        UsageError: when it is no config of the sweep's space, with every mistake.
    """
    from ..search.production import search_values
    from ..search.sweep_file import read_document
    from ..spaces.errors import SpaceError

    content = read_document(path).value
    if not isinstance(content, dict) or not content:
        raise UsageError(f"{path}: expected a config, such as `lr: 0.01`, got {type(content).__name__}")
    try:
        values = search_values(content, sweep.parameters, sweep.export)
        sweep.parameters.complete(values)
    except SpaceError as error:
        raise UsageError("\n".join(f"{path}: {problem}" for problem in error.problems)) from error
    return values
