"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path, typer.Argument(help="Sweep file (YAML or JSON).", show_default=False)]
Name = Annotated[str, typer.Argument(help="Name of a sweep; @last is the newest.", show_default=False)]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        envvar="ASSAY_STORE",
        help="Folder of results, or postgresql://user@host/database; default assay-results.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Trials = Annotated[int | None, typer.Option("--trials", min=1, help="Trials of the search.", show_default=False)]
NewName = Annotated[str | None, typer.Option("--name", help="Instead of the file's name.", show_default=False)]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Instead of what the file says, such as scheduler.eta=4; may be repeated. PATH=null removes.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Trials at a time; default: all that fit.", show_default=False)
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar=["ASSAY_ADDRESS", "RAY_ADDRESS"],
        help="A running Ray cluster: auto or host:port. Without it, a private one on this machine.",
        show_default=False,
    ),
]
Inline = Annotated[bool, typer.Option("--inline", help="Run trials in this process, without Ray, for debugging.")]
