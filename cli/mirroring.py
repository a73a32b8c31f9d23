"""Commands for the views of other tools."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from .arguments import AsJson, Name, Store
from .opening import results_of
from .printing import note, print_json


def mirror(
    name: Name,
    to: Annotated[
        str, typer.Option("--to", metavar="optuna|tensorboard|csv", help="The tool that is to read it.")
    ] = "optuna",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Write the search's trials for another tool, and print where; what is there already is made anew."""
    from ..search.store import near

    path = results_of(name, store).mirror(to).absolute()
    if as_json:
        print_json({"to": to, "path": str(path)})
        return
    print(path)
    if to == "tensorboard":
        note(f"to look at it: tensorboard --logdir {near(path)}")
    elif to == "optuna":
        note(f"to look at it: assay dashboard {name}, or optuna-dashboard {near(path)}")


def dashboard(
    name: Name,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of 127.0.0.1; 0 takes a free one.")] = 8080,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    store: Store = None,
) -> None:
    """Look at a sweep in optuna-dashboard, also while it runs, until Ctrl-C; nothing can be changed there."""
    from ..analysis.mirrors.dashboard import Dashboard

    results = results_of(name, store)
    shown = Dashboard(results.ledger, results.record, port)
    print(shown.url, flush=True)
    if open_it and not typer.launch(shown.url):
        note(f"no browser here: open {shown.url}")
    with suppress(KeyboardInterrupt):  # the way to end it
        shown.serve()
