"""Commands that read what was recorded, and that take in what other tools recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..spaces.errors import UsageError
from .arguments import AsJson, Name, Store
from .opening import results_of, sweep_of, where_of
from .printing import (
    finish,
    note,
    print_json,
    print_leaderboard,
    print_or_write,
    print_table,
    show_trial,
    state_of,
    sweep_dict,
    trial_dict,
)

if TYPE_CHECKING:
    from ..analysis import Results
    from ..search import Sweep


def list_sweeps(store: Store = None, as_json: AsJson = False) -> None:
    """All sweeps of the store."""
    from ..analysis import Results
    from ..analysis.terminal import best_value, sweeps_table

    ledger = where_of(store).ledger()
    found = [Results(ledger, record) for record in ledger.sweeps()]
    if not as_json:
        print_table(sweeps_table((results, state_of(results)) for results in found))
        return
    print_json({"sweeps": [sweep_dict(results, best_value(results)) for results in found]})


def leaderboard(
    name: Name,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            metavar="auto|mcb|paired_t|nadeau_bengio|pooled|mrmc|sign_flip|bayes_signed_rank",
            help="Who is tied for best, by another test than the sweep's.",
            show_default=False,
        ),
    ] = None,
    rope: Annotated[
        float | None, typer.Option("--rope", help="A difference too small to matter.", show_default=False)
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Who is best, and who is statistically tied with the best."""
    results = results_of(name, store)
    board = results.leaderboard(test, rope)
    if not board.rows:
        results.require_a_score()
    if as_json:
        from ..analysis.supernet import supernet_facts

        ensemble = results.ensemble()
        members = {"ensemble": ensemble.to_dict() if ensemble else None, "ensemble_note": results.ensemble_note}
        print_json(board.to_dict() | members | supernet_facts(results))
    else:
        print_leaderboard(results, board)


def show(
    name: Name,
    trial: Annotated[int | None, typer.Argument(help="A trial's number.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Newest trials to list; 0: all.")] = 1000,
    graph: Annotated[bool, typer.Option("--graph", help="Draw the trial's network as SVG.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="--graph: the file (.svg); default: network-NUMBER.svg.", show_default=False
        ),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """A sweep with its trials, or one trial with its curve and, if it failed, the traceback."""
    results = results_of(name, store)
    if graph:
        _draw_network(results, trial, output)
        return
    if output is not None:
        raise UsageError("--output is the file of --graph: add --graph")
    if trial is not None:
        show_trial(results.ledger.trial(results.record, trial), results, as_json)
        return
    if as_json:
        trials = [trial_dict(one) for one in results.trials]
        spec = results.sweep.model_dump(mode="json")
        print_json({"name": results.record.name, "state": state_of(results), "sweep": spec, "trials": trials})
        return
    from ..analysis.terminal import trials_table

    print(f"{results.record.name}: {state_of(results)}{': ' if results.record.note else ''}{results.record.note}")
    shown = results.trials[-limit:]
    print_table(trials_table(shown, results.sweep, results.test_scores))
    if len(shown) < len(results.trials):
        note(f"the newest {len(shown)} of {len(results.trials)} trials; --limit 0 lists all, --json has all")


def _draw_network(results: Results, trial: int | None, output: Path | None) -> None:
    from ..analysis.network_files import network_drawing

    if trial is None:
        raise UsageError(f"--graph draws the network of one trial: assay show {results.record.name} NUMBER --graph")
    if output is not None and output.suffix.lower() != ".svg":
        raise UsageError(f"--output: --graph draws SVG: the name of {output} must end in '.svg'")
    drawing = network_drawing(results, trial)
    print_or_write(drawing, output or Path(f"network-{trial}.svg"))


def replay(name: Name, store: Store = None, as_json: AsJson = False) -> None:
    """Make every decision of a recorded search again, and report the first that comes out differently."""
    from dataclasses import asdict

    from ..cluster.replay import replay as make_again

    results = results_of(name, store)
    made = make_again(results.ledger, results.record)
    if as_json:
        print_json(asdict(made))
    elif made.difference is None:
        print(f"{made.decisions} decisions made again, all as recorded")
    else:
        step = made.difference
        print(f"{made.decisions} decisions made again; the last one differs, at event {step.order}")
        print(f"{step.what}\n  recorded: {step.recorded}\n  made now: {step.made}")
    if made.difference is not None:
        raise typer.Exit(6)


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
    from ..analysis import Results
    from ..search.imported import to_sweep
    from ..search.importing import import_results, read_results

    template = _runnable(sweep) if sweep else None
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
    ledger = where_of(store).ledger(create=True)
    directory = str(sweep.absolute().parent) if sweep else None
    record = import_results(ledger, foreign, name, sweep=template, drop=drop or (), directory=directory)
    results = Results(ledger, record)
    if as_json:
        print_json({"sweep": record.name, "trials": len(results.trials), "note": record.note})
        return
    note(f"sweep {record.name!r}, {len(results.trials)} trials: {record.note}")
    results.require_a_score()
    results.report()
    finish(results)


def _runnable(file: Path) -> Sweep:
    """The sweep in a file, refused where this version has no engine for it."""
    from ..cluster.launch import refuse_what_has_no_engine
    from ..search import at_lines_of

    sweep = sweep_of(file)
    with at_lines_of(file):
        refuse_what_has_no_engine(sweep)
    return sweep
