"""The command that writes a first sweep."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from ..spaces.errors import UsageError
from .printing import note
from .starting_files import SCHEMA_FILE, SWEEP, TRAIN


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[NAME]", help="Folder to write; . is this one.", show_default=False)
    ] = Path(),
) -> None:
    """Write a commented sweep file and a training function that runs at once."""
    from ..search import Sweep
    from ..search.json_schema import schema_text

    texts = {
        folder / "sweep.yaml": SWEEP.format(name=sweep_name(folder)),
        folder / "train.py": TRAIN,
        folder / SCHEMA_FILE: schema_text(Sweep.model_json_schema()),
    }
    try:
        taken = [path for path in texts if os.path.lexists(path)]
        if taken:
            raise UsageError("\n".join(f"{path} is there already and is kept: give another NAME" for path in taken))
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            print(path)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written to: {error.strerror or error}") from error
    file_name = shlex.quote(str(folder / "sweep.yaml"))
    note(f"next:   assay check {file_name}   |   assay run {file_name}")


def sweep_name(folder: Path) -> str:
    """A sweep's name made of that of its folder."""
    from ..search.sweep import slug

    return slug(folder.resolve().name)
