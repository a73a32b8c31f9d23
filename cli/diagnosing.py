"""The command that shows what a model gets wrong."""

from __future__ import annotations

from typing import Annotated

import typer

from .arguments import AsJson, Name, Store
from .opening import results_of
from .printing import print_json


def diagnose(
    name: Name,
    trial: Annotated[int | None, typer.Argument(help="A trial's number; the winner.", show_default=False)] = None,
    part: Annotated[str, typer.Option("--part", metavar="validation|test", help="Part of the data.")] = "validation",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """What the model of a trial gets wrong: by class, label, size of the prediction or group; and its calibration."""
    found = results_of(name, store).diagnose(trial, part)
    if as_json:
        print_json(found.to_dict())
    else:
        print("\n".join(found.lines()))
