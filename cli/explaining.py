"""Commands that tell why: which parameters matter, what each change brings, what a model looks at."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..spaces.errors import UsageError
from .arguments import Address, AsJson, Inline, Name, Store, Workers
from .opening import results_of, where_of
from .printing import display_here, print_json

if TYPE_CHECKING:
    from ..analysis.explain.ablation_report import AblationReport

_Metric = Annotated[str | None, typer.Option("--metric", help="Instead of the objective's.", show_default=False)]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the forest and of resampling.")]


def importance(
    name: Name,
    method: Annotated[str, typer.Option("--method", help="fanova, ped_anova or forest.")] = "fanova",
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            help="Show how the score depends on it; give two for both together.",
            show_default=False,
        ),
    ] = None,
    metric: _Metric = None,
    seed: _Seed = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Which parameters matter, with intervals, and how far that can be believed."""
    results = results_of(name, store)
    if parameter:
        if method != "fanova":
            raise UsageError("--method is for the importance of all parameters: leave it out with --parameter")
        _show(results.partial_dependence(*parameter, metric=metric, seed=seed), as_json)
    else:
        _show(results.importance(method, metric=metric, seed=seed), as_json)


def ablation(
    name: Name,
    run: Annotated[bool, typer.Option("--run", help="Train the configs on the way, and compare them.")] = False,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=2, help="Replicates of each config.", show_default=False)
    ] = None,
    called: Annotated[
        str | None, typer.Option("--name", help="Of the sweep that runs them; NAME-ablation.", show_default=False)
    ] = None,
    workers: Workers = None,
    address: Address = None,
    store: Store = None,
    inline: Inline = False,
    as_json: AsJson = False,
) -> None:
    """What each change on the way from the default config to the best brings."""
    from ..cluster.ablating import run_ablation, verified_ablation

    results = results_of(name, store)
    where = where_of(store, workers, address, inline)
    report: AblationReport
    if run:
        with display_here() as display, redirect_stdout(sys.stderr):
            report = run_ablation(results, where, display, seeds=seeds, name=called)
    elif seeds is not None or inline or workers is not None:
        raise UsageError("--seeds, --workers and --inline are for --run, which trains the configs on the way")
    else:
        report = verified_ablation(results, where, called)
    _show(report, as_json)


def explain(
    name: Name,
    trial: Annotated[
        int | None, typer.Argument(help="A trial's number; default: the winner's first replicate.", show_default=False)
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="permutation, shap, captum or captum_ablation.")
    ] = "permutation",
    rows: Annotated[
        int | None, typer.Option("--rows", min=2, help="Validation rows to look at.", show_default=False)
    ] = None,
    correlated: Annotated[
        float | None,
        typer.Option(
            "--correlated",
            help="permutation: features with at least this rank correlation count as one.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all choices.")] = 0,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Which inputs a trained model uses; the model is restored here, or trained again."""
    from ..cluster.explaining import explain_trial

    results = results_of(name, store)
    with redirect_stdout(sys.stderr):  # what the training function prints
        made = explain_trial(results, trial, method=method, rows=rows, correlated=correlated, seed=seed)
    _show(made, as_json)


def _show(made: Any, as_json: bool) -> None:
    if as_json:
        print_json(made.to_dict())
    else:
        print("\n".join(made.lines()))
