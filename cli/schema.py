"""The command that prints the JSON Schema of sweep files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .printing import note, print_or_write


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of sweep files, with which editors complete and check them."""
    from ..search import Sweep
    from ..search.json_schema import schema_text

    print_or_write(schema_text(Sweep.model_json_schema()), output)
    if output is not None:
        note(f"first line of a sweep file beside it: # yaml-language-server: $schema={output.name}")
