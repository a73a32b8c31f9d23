"""Trials and their reports as tables that any program opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..results import Results


def write_csv(results: Results) -> Path:
    """Write ``csv/trials.csv`` and ``csv/reports.csv`` into the sweep's folder; returns that folder.

    Raises:
        OSError: when they cannot be written.
    """
    folder = results.folder / "csv"
    folder.mkdir(parents=True, exist_ok=True)
    for level in ("trials", "reports"):
        hidden = folder / f".{level}.csv"
        results.to_frame(level).to_csv(hidden, index=False)
        hidden.replace(folder / f"{level}.csv")
    return folder
