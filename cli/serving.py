"""Commands that show a sweep as a page: in a file, or live in the browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, Name, Store
from .opening import results_of, where_of
from .printing import note, print_json


def report(
    name: Name,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.", show_default=False)] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Write the HTML report, one file that needs nothing else, and print its path."""
    results = results_of(name, store)
    path = results.report(output).absolute()
    if as_json:
        from ..analysis.page.data import page_data

        print_json({"path": str(path), "page": page_data(results)})
    else:
        print(path)
    _open(path.as_uri(), open_it)


def ui(
    name: Annotated[
        str | None, typer.Argument(help="Name of a sweep; @last follows the newest. Without: all.", show_default=False)
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on. Other than this machine's own, it wants a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Default: 8787, or the next that is free.", show_default=False),
    ] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Serve the report live until Ctrl-C. It can only be read, and changes while the sweep runs."""
    from ..analysis.page.server import PageServer

    server = PageServer(where_of(store).ledger(), name, host, port)
    with server:
        if as_json:
            print_json({"url": server.url})
        else:
            print(server.url)
        sys.stdout.flush()  # who reads a pipe waits for it
        note("Ctrl-C ends it")
        _open(server.url, open_it)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            note("ended")


def _open(url: str, wanted: bool) -> None:
    if wanted and not typer.launch(url):
        note(f"no browser here: open {url}")
