"""The command that prints the JSON Schema of sweep files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..spaces.errors import UsageError
from .printing import note


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of sweep files, with which editors complete and check them."""
    from ..search import Sweep
    from ..search.json_schema import schema_text

    text = schema_text(Sweep.model_json_schema())
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output: {output} cannot be written: {error.strerror or error}") from error
    print(output)
    note(f"first line of a sweep file beside it: # yaml-language-server: $schema={output.name}")
