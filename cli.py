"""The command ``assay``. Data go to stdout, everything else to stderr; heavy imports happen inside the commands."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__
from .spaces.errors import AssayError, SweepError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from rich.console import Console
    from rich.table import Table

    from .analysis import Results
    from .cluster import Where
    from .search import Sweep, Trial

app = typer.Typer(
    name="assay",
    help="Find the best configuration of a model on a Ray cluster, and prove that it is the best.",
    epilog="Exit codes: 0 done, 1 internal error, 2 cannot be used as written, 3 no trial gave a score, 4 not found, "
    "5 cluster, 6 a replayed decision differs, 130 or 143 stopped by Ctrl-C or SIGTERM (resumable).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"assay {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """What goes before a command."""


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


@app.command()
def run(
    file: File,
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
    from .cluster.launch import start
    from .search.store import near

    if new + resume + extend > 1:
        raise UsageError(
            "--new starts another sweep, --resume goes on with the recorded one, --extend changes it: give one of them"
        )
    sweep = _sweep(file, name, trials)
    ref = _trainable(sweep, file)
    ref.check()
    where = _where(store, workers, address, inline)
    recorded = where.recorded()
    if extend:
        _extend(sweep, ref, where)
        return
    if resume and sweep.name in recorded:
        if recorded[sweep.name].model_dump() != sweep.model_dump():
            _note(f"{sweep.name!r} goes on as recorded: what has changed in {file} or the options does not count")
        _resume(sweep.name, where, str(file.absolute().parent))
        return
    if new:
        sweep = sweep.model_copy(update={"name": _free_name(sweep.name, recorded)})
    where.refuse_existing(sweep.name)
    _note(f"sweep {sweep.name!r} in {near(where.place)}")
    with _display() as display, redirect_stdout(sys.stderr):
        results = start(sweep, ref, where, display)
    _finish(results)


@app.command()
def resume(
    name: Name, workers: Workers = None, address: Address = None, store: Store = None, inline: Inline = False
) -> None:
    """Go on with a sweep that was stopped or killed."""
    _resume(name, _where(store, workers, address, inline))


@app.command()
def stop(name: Name, store: Store = None) -> None:
    """Let a running sweep start no more trials: those that run end, then it is replicated, tested and reported."""
    _wish(name, store, "stop", "running trials end, then the finalists are replicated")


@app.command()
def pause(name: Name, store: Store = None) -> None:
    """End the trials of a running sweep at their next report; `assay resume` goes on with all of them."""
    _wish(name, store, "pause", "its trials end at their next report")


@app.command()
def cancel(name: Name, store: Store = None) -> None:
    """End everything of a running sweep at once; what was reported stays, and `assay resume` can go on."""
    _wish(name, store, "cancel", "its trials are ended now")


@app.command()
def replay(name: Name, store: Store = None, as_json: AsJson = False) -> None:
    """Make every decision of a recorded search again, and report the first that comes out differently."""
    from dataclasses import asdict

    from .cluster.replay import replay as make_again

    results = _results(name, store)
    made = make_again(results.ledger, results.record)
    if as_json:
        _print_json(asdict(made))
    elif made.difference is None:
        print(f"{made.decisions} decisions made again, all as recorded")
    else:
        step = made.difference
        print(f"{made.decisions} decisions made again; the last one differs, at event {step.order}")
        print(f"{step.what}\n  recorded: {step.recorded}\n  made now: {step.made}")
    if made.difference is not None:
        raise typer.Exit(6)


@app.command()
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
    name: NewName = None,
    trials: Trials = None,
    workers: Workers = None,
    store: Annotated[str, typer.Option("--store", help="Folder of results on the head node.")] = "~/assay-results",
    resume: Annotated[bool, typer.Option("--resume", help="If the name is taken, go on with that sweep.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a sweep as a Ray job; the sweep file's folder is sent to the cluster."""
    from .cluster.jobs import submit as submit_job

    sweep = _sweep(file, name, trials)
    _trainable(sweep, file).check()
    given = {"--name": name, "--trials": trials, "--workers": workers}
    options = [word for option, value in given.items() if value is not None for word in (option, str(value))]
    job = submit_job(sweep, file, address, store=store, options=options + ["--resume"] * resume)
    if as_json:
        _print_json({"job": job.id, "sweep": sweep.name, "address": address, "store": store})
    else:
        print(job.id)
    _note(f"watch:   {job.watch}\nstop:    {job.stop}\nresults: {job.results}   (on the head node)")


@app.command()
def check(
    file: File,
    smoke: Annotated[bool, typer.Option("--smoke", help="Also train the default config for one report.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a sweep file and its training function; show the space, the rungs and how many runs there will be."""
    from .analysis.terminal import space_table
    from .cluster import preview

    sweep = _sweep(file)
    facts: dict[str, Any] = {**preview.plan_facts(sweep)}
    with redirect_stdout(sys.stderr):
        trainable = _trainable(sweep, file).load()
        if smoke:
            facts["smoke"] = preview.smoke(sweep, trainable)
    if as_json:
        _print_json({"sweep": sweep.model_dump(mode="json"), "default": sweep.parameters.default().nested(), **facts})
        return
    if smoke:
        facts["smoke"] = f"{_line(facts['smoke']['metrics'])} after {facts['smoke']['seconds']:.2f} s"
    _print(space_table(sweep.parameters))
    for label, value in facts.items():
        print(f"{label}: {value}")


@app.command("list")
def list_sweeps(store: Store = None, as_json: AsJson = False) -> None:
    """All sweeps of the store."""
    from .analysis import Results
    from .analysis.terminal import best_value, sweeps_table

    ledger = _where(store).ledger()
    found = [Results(ledger, record) for record in ledger.sweeps()]
    if not as_json:
        _print(sweeps_table((results, _state(results)) for results in found))
        return
    _print_json({"sweeps": [_sweep_dict(results, best_value(results)) for results in found]})


@app.command()
def leaderboard(name: Name, store: Store = None, as_json: AsJson = False) -> None:
    """Who is best, and who is statistically tied with the best."""
    from dataclasses import asdict

    results = _results(name, store)
    if not results.leaderboard().rows:
        results.require_a_score()
    if as_json:
        board, ensemble = results.leaderboard(), results.ensemble()
        members = {"ensemble": asdict(ensemble) if ensemble else None, "ensemble_note": results.ensemble_note}
        _print_json(board.to_dict() | members)
    else:
        _print_leaderboard(results)


@app.command()
def show(
    name: Name,
    trial: Annotated[int | None, typer.Argument(help="A trial's number.", show_default=False)] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """A sweep with its trials, or one trial with its curve and, if it failed, the traceback."""
    results = _results(name, store)
    if trial is not None:
        _show_trial(results.ledger.trial(results.record, trial), results, as_json)
        return
    if as_json:
        trials = [_trial_dict(one) for one in results.trials]
        spec = results.sweep.model_dump(mode="json")
        _print_json({"name": results.record.name, "state": _state(results), "sweep": spec, "trials": trials})
        return
    from .analysis.terminal import trials_table

    print(f"{results.record.name}: {_state(results)}{': ' if results.record.note else ''}{results.record.note}")
    _print(trials_table(results.trials, results.sweep.objective.metric, results.test_scores))


@app.command("import")
def import_sweep(
    kind: Annotated[str, typer.Argument(metavar="ray|optuna|csv", help="What the source is.", show_default=False)],
    source: Annotated[
        str,
        typer.Argument(
            help="Experiment folder of Ray Tune; database URL, SQLite or journal file of Optuna; CSV file.",
            show_default=False,
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Instead of the source's.", show_default=False)] = None,
    metric: Annotated[str | None, typer.Option("--metric", help="What was optimised.", show_default=False)] = None,
    goal: Annotated[str | None, typer.Option("--goal", help="maximize or minimize.", show_default=False)] = None,
    study: Annotated[str | None, typer.Option("--study", help="optuna: of several.", show_default=False)] = None,
    sweep: Annotated[
        Path | None, typer.Option("--sweep", help="Sweep file whose space the configs have to fit.", show_default=False)
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", help="Parameter to leave out; may be repeated.", show_default=False)
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="csv: column of a parameter; may be repeated.", show_default=False),
    ] = None,
    trial: Annotated[str | None, typer.Option("--trial", help="csv: column of the trial.", show_default=False)] = None,
    step: Annotated[str | None, typer.Option("--step", help="csv: column of the step.", show_default=False)] = None,
    state: Annotated[str | None, typer.Option("--state", help="csv: column of the state.", show_default=False)] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Record the results of another tool as a finished sweep."""
    from .analysis import Results
    from .search.imported import to_sweep
    from .search.importing import import_results, read_results

    template = _sweep(sweep) if sweep else None
    foreign = read_results(
        kind,
        source,
        metric=metric,
        goal=goal,
        study=study,
        param=param or (),
        trial=trial,
        step=step,
        state=state,
        sweep=template,
    )
    to_sweep(foreign, name, sweep=template, drop=drop or ())  # refused before there is a store
    ledger = _where(store).ledger(create=True)
    directory = str(sweep.absolute().parent) if sweep else None
    record = import_results(ledger, foreign, name, sweep=template, drop=drop or (), directory=directory)
    results = Results(ledger, record)
    if as_json:
        _print_json({"sweep": record.name, "trials": len(results.trials), "note": record.note})
        return
    _note(f"sweep {record.name!r}, {len(results.trials)} trials: {record.note}")
    results.require_a_score()
    results.report()
    _finish(results)


@app.command()
def report(
    name: Name,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.", show_default=False)] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Write the HTML report, one file that needs nothing else, and print its path."""
    path = _results(name, store).report(output).absolute()
    if as_json:
        _print_json({"path": str(path)})
    else:
        print(path)
    if open_it and not typer.launch(path.as_uri()):
        _note(f"no browser here: open {path.as_uri()}")


@app.command()
def export(
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")] = Path("best"),
    trial: Annotated[int | None, typer.Option("--trial", help="Instead of the winner.", show_default=False)] = None,
    format: Annotated[list[str] | None, typer.Option("--format", help="yaml, json; default both.")] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Write the winning config for production training."""
    results = _results(name, store)
    bundle = results.export(output, tuple(format) if format else ("yaml", "json"), trial)
    if as_json:
        _print_json({"trial": bundle.trial, "config": bundle.config, "files": [str(file) for file in bundle.files]})
    else:
        print("\n".join(str(file) for file in bundle.files))
    if not results.leaderboard().replicated:
        _note("not replicated: the score of this config comes from the search and flatters it")
    _note(f"trial {bundle.trial}; next: start your training with {bundle.files[0]}")


def main() -> None:
    """Run the command line; a mistake of the user is one line and an exit code, never a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal without ± must not end a command
    try:
        with nullcontext() if sys.argv[1:] else redirect_stdout(sys.stderr):  # help that nobody asked for is no data
            code = app(prog_name="assay", standalone_mode=False)
        print(end="", flush=True)  # here, where a broken pipe is caught
    except AssayError as error:
        for note in filter(None, getattr(error, "__notes__", [])):  # a traceback of the user's code
            _note(note)
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        _fail(_explained(error), error.exit_code)
    except BrokenPipeError:
        _leave_pipe()
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # Rich and Typer make it an exit with 1
            _leave_pipe()
        raise
    except Exception as error:
        if os.environ.get("ASSAY_DEBUG"):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        _fail(f"internal error: {text[:500]} (ASSAY_DEBUG=1 shows the traceback)", 1)
    else:
        if code == 130:  # what Typer makes of Ctrl-C
            _fail("stopped at once; `assay list` shows what can be resumed", 130)
        sys.exit(code)


def _fail(message: str, code: int) -> None:
    _note("\n".join(f"error: {line}" for line in message.splitlines()))
    sys.exit(code)


def _explained(error: typer.TyperException) -> str:
    """A mistake on the command line, with the command whose help has the cure; empty when help was shown already."""
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    return f"{text} (`{context.command_path} --help` tells more)" if text and context else text


def _leave_pipe() -> None:
    """The reader of a pipe left, as `head` does: nothing is wrong, and nothing more can be said."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _print_json(document: Any) -> None:
    if isinstance(document, dict):
        document = {"schema_version": 1} | document
    print(json.dumps(document, indent=2, allow_nan=False))


def _print(table: Table) -> None:
    _console().print(table)


def _console() -> Console:
    from rich.console import Console

    # A pipe has no width: give tables the room they need instead of folding them at 80 columns.
    return Console(width=None if sys.stdout.isatty() else 200)


def _display() -> Any:
    from rich.console import Console

    from .cluster.display import display_for

    return display_for(Console(stderr=True))


def _where(store: str | None, workers: int | None = None, address: str | None = None, inline: bool = False) -> Where:
    from .cluster.launch import Where

    if inline and address in (os.environ.get("ASSAY_ADDRESS"), os.environ.get("RAY_ADDRESS")):
        address = None  # a habit of this shell, not a wish for this run
    return Where(store, workers, address, inline)


def _results(name: str, store: str | None) -> Results:
    from .analysis import load

    return load(name, store)


def _sweep(file: Path, name: str | None = None, trials: int | None = None) -> Sweep:
    """The file with the command line's changes, checked again."""
    from .search import Sweep, read_sweep

    sweep = read_sweep(file)
    if name is None and trials is None:
        return sweep
    raw = sweep.model_dump(mode="json")
    raw["name"] = name if name is not None else raw["name"]
    raw["budget"]["trials"] = trials if trials is not None else raw["budget"]["trials"]
    return Sweep.make(raw)


def _trainable(sweep: Sweep, file: Path) -> Any:
    from .trainables import TrainableRef

    if sweep.trainable is None:
        raise SweepError(f"{file}: trainable is missing: write file.py:function, such as train.py:train")
    return TrainableRef(sweep.trainable, str(file.absolute().parent))


def _free_name(name: str, taken: Collection[str]) -> str:
    names = [name] + [f"{name[:57]}-{count}" for count in range(2, len(taken) + 3)]  # names have up to 63 letters
    return next(candidate for candidate in names if candidate not in taken)


def _resume(name: str, where: Where, directory: str | None = None) -> None:
    from .cluster.launch import resume as resume_sweep

    with _display() as display, redirect_stdout(sys.stderr):
        results = resume_sweep(name, where, display, directory=directory)
    _finish(results)


def _extend(sweep: Sweep, trainable: Any, where: Where) -> None:
    from .cluster.launch import extend as extend_sweep

    with _display() as display, redirect_stdout(sys.stderr):
        results = extend_sweep(sweep, trainable, where, display)
    _finish(results)


def _wish(name: str, store: str | None, wish: str, what: str) -> None:
    """Leave a wish for the process that runs a sweep."""
    results = _results(name, store)
    name = results.record.name
    if not results.ledger.lock(name).held:
        raise UsageError(f"sweep {name!r} is not running: it is {_state(results)}")
    results.ledger.wish(name, wish)
    _note(f"sweep {name!r}: {what}; watch it with `assay show {name}`")


def _finish(results: Results) -> None:
    from .search.store import as_words, near

    _print_leaderboard(results)
    words = as_words(results.record.name, results.ledger.place)
    _note(f"\nreport: {near(results.folder / 'report.html')}\nnext:   assay export {words}   |   assay show {words}")


def _print_leaderboard(results: Results) -> None:
    from .analysis.terminal import config_table, leaderboard_table, summary_lines

    _print(leaderboard_table(results.leaderboard()))
    _print(config_table(results.leaderboard()))
    print("\n".join(summary_lines(results)))


def _state(results: Results) -> str:
    """The recorded state; a sweep that nobody runs any more was interrupted."""
    state = results.record.state
    return "interrupted" if state == "running" and not results.ledger.lock(results.record.name).held else state


def _sweep_dict(results: Results, best: float | None) -> dict[str, Any]:
    facts = {"name": results.record.name, "state": _state(results), "trials": len(results.trials)}
    return facts | {"best": best, "created": results.record.created}


def _trial_dict(trial: Trial) -> dict[str, Any]:
    plain = ("phase", "state", "seed", "split", "parent", "attempts", "reason", "seconds")
    return {
        "trial": trial.number,
        **{name: getattr(trial, name) for name in plain},
        "config_id": trial.config.config_id,
        "config": trial.config.nested(),
        "reports": [{"step": report.step, "metrics": report.metrics} for report in trial.reports],
    }


def _show_trial(trial: Trial, results: Results, as_json: bool) -> None:
    if as_json:
        _print_json(_trial_dict(trial) | {"detail": trial.detail})
        return
    from .analysis import text
    from .analysis.yaml_writer import dump_yaml
    from .search.store import near, trial_folder
    from .trainables.spec import OUTPUT

    facts = {"seed": trial.seed, "split": trial.split, "attempts": trial.attempts, "repeats trial": trial.parent}
    print(f"trial {trial.number} of {results.record.name}: {trial.phase}, {trial.state}, {text.seconds(trial.seconds)}")
    print("  ".join(f"{label} {value}" for label, value in facts.items() if value is not None))
    print(f"\n{dump_yaml(trial.config.nested())}")
    for line in trial.reports:
        print(f"step {line.step}: {_line(line.metrics)}")
    printed = trial_folder(results.ledger.store, results.record.name, trial.number) / OUTPUT
    if printed.exists():
        print(f"\nprinted: {near(printed)}")
    if trial.reason:
        print(f"\n{trial.reason}\n{trial.detail}".rstrip())


def _line(metrics: dict[str, Any]) -> str:
    shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in metrics.items()}
    return "  ".join(f"{name} {value}" for name, value in shown.items())
