"""The command that hands the winning config over to production."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import AsJson, Name, Store
from .opening import results_of
from .printing import note, print_json, tell_of_bundle

if TYPE_CHECKING:
    from ..analysis import ExportBundle


def export(
    name: Name,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder to write; default: export.to, or best.", show_default=False),
    ] = None,
    trial: Annotated[int | None, typer.Option("--trial", help="Instead of the winner.", show_default=False)] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="yaml, json, argparse, hydra, lightning or hf; may be repeated. Default: the sweep's export section.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Read each file as its consumer does, and compare.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Write the winning config for production training."""
    from ..search.store import near

    results = results_of(name, store)
    bundle = results.export(output, tuple(format) if format else None, trial)
    checked = bundle.check() if check else None
    if as_json:
        print_json(_as_dict(bundle) | ({"checked": checked} if checked is not None else {}))
    else:
        print("\n".join(near(file) for file in bundle.files))
    for line in checked or ():
        note(f"checked: {line}")
    if not results.leaderboard().replicated:
        note("not replicated: the score of this config comes from the search and flatters it")
    tell_of_bundle(bundle)


def _as_dict(bundle: ExportBundle) -> dict[str, object]:
    from ..search.store import near

    facts = {"trial": bundle.trial, "config": bundle.config, "files": [near(file) for file in bundle.files]}
    return facts | {"next": bundle.next, "notes": bundle.notes}
