"""Commands that run sweeps, and that tell running ones what to do."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import UsageError
from .arguments import Address, AsJson, File, Inline, Name, NewName, Settings, Store, Trials, Workers
from .changes import Changes
from .opening import results_of, sweep_of, trainable_of, where_of
from .previewing import print_preview
from .printing import display_here, finish, metrics_line, note, print_json, state_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..cluster import Where
    from ..search import Sweep


def run(
    file: File,
    settings: Settings = None,
    name: NewName = None,
    trials: Trials = None,
    workers: Workers = None,
    address: Address = None,
    store: Store = None,
    inline: Inline = False,
    new: Annotated[bool, typer.Option("--new", help="If the name is taken, use NAME-2, NAME-3, ...")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="If the name is taken, go on with that sweep.")] = False,
    extend: Annotated[
        bool,
        typer.Option("--extend", help="Go on with that sweep as the file says now: more trials, longer runs."),
    ] = False,
) -> None:
    """Search, replicate the finalists, test them, report. Ctrl-C once stops gracefully."""
    from ..cluster.launch import start
    from ..search import at_lines_of
    from ..search.store import near

    if new + resume + extend > 1:
        raise UsageError(
            "--new starts another sweep, --resume goes on with the recorded one, --extend changes it: give one of them"
        )
    changes = Changes.of(settings, name, trials)
    sweep = sweep_of(file, changes)
    where = where_of(store, workers, address, inline)
    recorded = where.recorded()
    if not (resume and sweep.name in recorded):
        with at_lines_of(file, changes):
            where.refuse(sweep, file.absolute().parent)
    ref = trainable_of(sweep, file)
    ref.check()
    if extend:
        _extend(sweep, ref, where)
        return
    if resume and sweep.name in recorded:
        if recorded[sweep.name].model_dump() != sweep.model_dump():
            note(f"{sweep.name!r} goes on as recorded: what has changed in {file} or the options does not count")
        _resume(sweep.name, where, str(file.absolute().parent))
        return
    if new:
        sweep = sweep.model_copy(update={"name": _free_name(sweep.name, recorded)})
    where.refuse_existing(sweep.name)
    note(f"sweep {sweep.name!r} in {near(where.place)}")
    with display_here() as display, redirect_stdout(sys.stderr):
        results = start(sweep, ref, where, display)
    finish(results)


def resume(
    name: Name, workers: Workers = None, address: Address = None, store: Store = None, inline: Inline = False
) -> None:
    """Go on with a sweep that was stopped or killed."""
    _resume(name, where_of(store, workers, address, inline))


def stop(name: Name, store: Store = None) -> None:
    """Let a running sweep start no more trials: those that run end, then it is replicated, tested and reported."""
    _wish(name, store, "stop", "running trials end, then the finalists are replicated")


def pause(name: Name, store: Store = None) -> None:
    """End the trials of a running sweep at their next report; `assay resume` goes on with all of them."""
    _wish(name, store, "pause", "its trials end at their next report")


def cancel(name: Name, store: Store = None) -> None:
    """End everything of a running sweep at once; what was reported stays, and `assay resume` can go on."""
    _wish(name, store, "cancel", "its trials are ended now")


def submit(
    file: File,
    address: Annotated[
        str,
        typer.Option(
            "--address",
            envvar=["ASSAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "RAY_ADDRESS"],
            help="Needed: the dashboard of the cluster's head, http://HEAD:8265.",
            show_default=False,
        ),
    ] = "",
    settings: Settings = None,
    name: NewName = None,
    trials: Trials = None,
    workers: Workers = None,
    store: Annotated[str, typer.Option("--store", help="Folder of results on the head node.")] = "~/assay-results",
    resume: Annotated[bool, typer.Option("--resume", help="If the name is taken, go on with that sweep.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a sweep as a Ray job; the sweep file's folder is sent to the cluster."""
    from ..cluster.jobs import submit as submit_job
    from ..cluster.launch import refuse_what_cannot_be_submitted
    from ..search import at_lines_of

    changes = Changes.of(settings, name, trials)
    sweep = sweep_of(file, changes)
    with at_lines_of(file, changes):
        refuse_what_cannot_be_submitted(sweep, file.absolute().parent)
    trainable_of(sweep, file).check()
    words = [word for one in settings or () for word in ("--set", one)]
    given = {"--name": name, "--trials": trials, "--workers": workers}
    words += [word for option, value in given.items() if value is not None for word in (option, str(value))]
    job = submit_job(sweep, file, address, store=store, options=words + ["--resume"] * resume)
    if as_json:
        print_json({"job": job.id, "sweep": sweep.name, "address": address, "store": store})
    else:
        print(job.id)
    note(f"watch:   {job.watch}\nstop:    {job.stop}\nresults: {job.results}   (on the head node)")
    to = sweep.export.to
    if to is not None and not Path(to).is_absolute():
        text = "lies in the job's copy of this folder, which Ray deletes: `assay export` writes it again"
        note(f"export:  {to!r} {text}")


def check(
    file: File,
    settings: Settings = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Also train the default config for one report.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a sweep file and its training function; show the space, the rungs, the runs and what they can decide."""
    from ..cluster import preview
    from ..cluster.environment import Environment, Site
    from ..cluster.launch import refuse_what_cannot_run, refuse_what_does_not_fit
    from ..search import at_lines_of

    changes = Changes.of(settings)
    sweep, directory = sweep_of(file, changes), file.absolute().parent
    site = Site.of(sweep.cluster.address)
    with at_lines_of(file, changes):
        refuse_what_cannot_run(sweep, directory, site)
    ref = trainable_of(sweep, file)
    first: dict[str, Any] = {}
    surrounded = Environment.of(sweep.cluster, directory, site).entered()
    with at_lines_of(file, changes), redirect_stdout(sys.stderr), surrounded as surroundings:
        trainable = ref.load()
        refuse_what_does_not_fit(sweep, trainable)
        if smoke:
            first = preview.smoke(sweep, trainable, surroundings, directory)
    known = preview.preview(sweep)
    if as_json:
        document = {"sweep": sweep.model_dump(mode="json"), **known.to_dict()}
        print_json(document | ({"smoke": first} if smoke else {}))
        return
    print_preview(sweep, known)
    if smoke:
        print(f"{'smoke:':<13}{metrics_line(first['metrics'])} after {first['seconds']:.2f} s")


def _free_name(name: str, taken: Collection[str]) -> str:
    names = [name] + [f"{name[:57]}-{count}" for count in range(2, len(taken) + 3)]  # names have up to 63 letters
    return next(candidate for candidate in names if candidate not in taken)


def _resume(name: str, where: Where, directory: str | None = None) -> None:
    from ..cluster.launch import resume as resume_sweep

    with display_here() as display, redirect_stdout(sys.stderr):
        results = resume_sweep(name, where, display, directory=directory)
    finish(results)


def _extend(sweep: Sweep, trainable: Any, where: Where) -> None:
    from ..cluster.launch import extend as extend_sweep

    with display_here() as display, redirect_stdout(sys.stderr):
        results = extend_sweep(sweep, trainable, where, display)
    finish(results)


def _wish(name: str, store: str | None, wish: str, what: str) -> None:
    """Leave a wish for the process that runs a sweep."""
    results = results_of(name, store)
    name = results.record.name
    if not results.ledger.lock(name).held:
        raise UsageError(f"sweep {name!r} is not running: it is {state_of(results)}")
    results.ledger.wish(name, wish)
    note(f"sweep {name!r}: {what}; watch it with `assay show {name}`")
