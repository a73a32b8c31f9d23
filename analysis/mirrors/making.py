"""Making mirrors of a sweep from its record, when nobody wrote them while it ran."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...search import Phase
from ...spaces import UsageError, did_you_mean, one_of
from . import MIRRORS, Mirrored, fill
from .csv_mirror import write_csv

if TYPE_CHECKING:
    from ..results import Results

KINDS = (*MIRRORS, "csv")


def make_mirror(results: Results, kind: str) -> Path:
    """Write a mirror anew from the ledger, in the place of an earlier one; returns its file or folder.

    Args:
        kind: ``"optuna"``, ``"tensorboard"`` or ``"csv"``.

    Raises:
        UsageError: for another kind, a mirror that a running sweep is writing, and a folder that cannot be written to.
    """
    if kind not in KINDS:
        raise UsageError(f"mirror: expected {one_of(KINDS)}, got {kind!r}{did_you_mean(kind, KINDS)}")
    name = results.record.name
    if getattr(results.sweep.tracking, kind, False) and results.ledger.lock(name).held:
        raise UsageError(f"sweep {name!r} runs and writes its {kind} mirror itself: it is in {results.folder}")
    try:
        return write_csv(results) if kind == "csv" else _make(results, kind)
    except OSError as error:
        raise UsageError(
            f"the {kind} mirror of sweep {name!r} cannot be written: {error.filename or results.folder}: "
            f"{error.strerror or error}"
        ) from error


def _make(results: Results, kind: str) -> Path:
    mirror = MIRRORS[kind](Mirrored.of(results.ledger, results.record))
    try:
        fill(mirror, results.ledger.trials(results.record, Phase.SEARCH))
    finally:
        mirror.close()
    return mirror.path
