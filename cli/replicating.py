"""More replicates for a sweep that is over, and how many of them a difference needs."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import UsageError
from .arguments import Address, AsJson, Inline, Name, Store, Workers
from .opening import config_in, results_of, where_of
from .printing import display_here, finish, note, print_json

if TYPE_CHECKING:
    from ..search import Sweep


def replicate(
    name: Name,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=2, help="Replicates of each finalist.", show_default=False)
    ] = None,
    top: Annotated[int | None, typer.Option("--top", min=1, help="Finalists.", show_default=False)] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            "--config",
            help="YAML or JSON file with a config to compare with, such as the one in production; may be repeated.",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option("--budget", min=2, help="race, top_two: replicates in all.", show_default=False)
    ] = None,
    confirm: Annotated[
        int | None, typer.Option("--confirm", min=0, help="Replicates of the winner alone.", show_default=False)
    ] = None,
    workers: Workers = None,
    address: Address = None,
    store: Store = None,
    inline: Inline = False,
    as_json: AsJson = False,
) -> None:
    """Train finalists again on more seeds, or more finalists, or configs of yours on the same seeds as theirs."""
    from ..cluster.launch import extend
    from ..trainables import TrainableRef

    results = results_of(name, store)
    wished = {"seeds": seeds, "top": top, "budget": budget, "confirm": confirm}
    changes: dict[str, Any] = {key: value for key, value in wished.items() if value is not None}
    rivals = [config_in(path, results.sweep) for path in config or ()]
    if not changes and not rivals:
        raise UsageError("replicate: nothing to do: give --seeds, --top, --budget, --confirm or --config")
    sweep = with_replication(results.sweep, changes, rivals)
    if sweep.trainable is None:
        raise UsageError(
            f"sweep {sweep.name!r} was started with a Python function: call assay.run(sweep, function) with the new "
            "leaderboard section"
        )
    where = where_of(store, workers, address, inline)
    ref = TrainableRef(sweep.trainable, results.record.directory)
    with display_here() as display, redirect_stdout(sys.stderr):
        results = extend(sweep, ref, where, display)
    if as_json:
        print_json(results.leaderboard().to_dict())
    else:
        finish(results)


def with_replication(sweep: Sweep, changes: dict[str, Any], rivals: list[dict[str, Any]]) -> Sweep:
    """The sweep with another plan of replication; rivals that it has already are not added again.

    Raises:
        SweepError: when that is no sweep.
    """
    known = sweep.given
    new = [rival for rival in rivals if sweep.parameters.complete(rival) not in known]
    if len(new) < len(rivals):
        note("a config given with --config takes part already")
    document = sweep.model_dump(mode="json")
    document["leaderboard"] |= changes
    document["leaderboard"]["rivals"] = [*document["leaderboard"]["rivals"], *new]
    trials = document["budget"]["trials"]
    if trials is not None:
        document["budget"]["trials"] = max(trials, len(document["leaderboard"]["rivals"]) + 1)
    return type(sweep).make(document)
