"""Where results go when nothing is said."""

from __future__ import annotations

import os
from pathlib import Path


def default_store() -> Path:
    """``ASSAY_STORE``, or ``assay-results`` in the current folder."""
    return Path(os.environ.get("ASSAY_STORE") or "assay-results").expanduser()


def trial_folder(store: Path, name: str, number: int) -> Path:
    """Where a trial of sweep ``name`` keeps its checkpoints and what it printed."""
    return store / name / "trials" / f"{number:05d}"


OUTPUT = "output.log"
"""What a trial printed on a worker, in its folder."""
