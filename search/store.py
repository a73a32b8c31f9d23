"""Where results go when nothing is said."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def default_store() -> Path:
    """``ASSAY_STORE``, or ``assay-results`` in the current folder."""
    return Path(os.environ.get("ASSAY_STORE") or "assay-results").expanduser()


def trial_folder(store: Path, name: str, number: int) -> Path:
    """Where a trial of sweep ``name`` keeps its checkpoints and what it printed."""
    return store / name / "trials" / f"{number:05d}"


OUTPUT = "output.log"
"""What a trial printed on a worker, in its folder."""


def near(path: Path) -> str:
    """Relative to the current folder when it is inside it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def as_words(name: str, store: Path) -> str:
    """A sweep as a command has to name it here: ``hello``, or ``hello --store elsewhere``."""
    at_default = store.absolute() == default_store().absolute()
    return name if at_default else f"{name} --store {shlex.quote(near(store.absolute()))}"
