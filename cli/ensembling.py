"""The command that combines the models of a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..spaces.errors import UsageError
from .arguments import AsJson, Name, Store
from .opening import results_of
from .printing import note, print_json, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from ..analysis import EnsembleReport, Results


def ensemble(
    name: Name,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            help="auto (the best cross-fitted), greedy, uniform, weighted, hard_voting, nnls, stacking, bagging, soup.",
        ),
    ] = "auto",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="soup: safetensors file for the averaged weights.", show_default=False),
    ] = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Combine the models of the search, and say whether that is better than the best one alone."""
    from ..analysis import text

    results = results_of(name, store)
    if method == "soup":
        _soup(results, output, as_json)
        return
    if output is not None:
        raise UsageError("--output goes with --method soup; `assay ensemble NAME --json` prints any other ensemble")
    report, why_not = results.ensemble_or_why(method)
    if as_json:
        print_json(
            {"sweep": results.record.name, "ensemble": report.to_dict() if report else None, "ensemble_note": why_not}
        )
        return
    if report is None:
        print(why_not)
        return
    if report.methods:
        print_table(_methods_table(report))
    lines = [line for line in text.ensemble_lines(report) if not line.startswith("refused: ")]
    print("\n".join([f"{report.method}: {report.verdict}", *lines, *_facts(report)]))
    tests = text.test_lines(results.leaderboard(), report)
    if tests:
        print("\n".join(["", f"sealed test, {report.metric}", *(f"  {line}" for line in tests)]))


def _soup(results: Results, output: Path | None, as_json: bool) -> None:
    from ..cluster.soups import make_soup

    report = make_soup(results, output=output)
    if as_json:
        print_json({"sweep": results.record.name, "ensemble": report.to_dict(), "ensemble_note": ""})
    else:
        print("\n".join([f"soup: {report.verdict}", *report.lines()]))
    if output is not None:
        note(f"written: {output}" if report.accepted else f"{output} was not written: the soup is refused")


def _methods_table(report: EnsembleReport) -> Table:
    from rich.table import Table

    from ..analysis import text
    from ..analysis.ensembles import METHODS

    table = Table(box=None, title="", show_edge=False)
    for column in ("method", "", f"{report.metric}, cross-fitted", "temperature"):
        table.add_column(column, justify="left" if column in ("method", "") else "right")
    for one in report.methods:
        chosen = "*" if one.method == report.method else ""
        words = METHODS[one.method].words
        table.add_row(f"{one.method}{chosen}", words, text.number(one.score), text.number(one.temperature, 2))
    own = text.number(report.single_temperature, 2)
    table.add_row("single", "the best single model, chosen the same way", text.number(report.single_score), own)
    return table


def _facts(report: EnsembleReport) -> list[str]:
    """Diversity and cost."""
    from ..analysis import text

    if len(report.weights) == 1:
        return []
    facts = [f"cost: {len(report.weights)} models to run instead of one"]
    if report.training_seconds is not None:
        facts.append(f"trained in {text.seconds(report.training_seconds)}")
    if report.latency_ms is not None:
        facts.append(f"latency_ms {text.number(report.latency_ms)}")
    lines = [", ".join(facts)]
    if report.diversity is not None:
        found = report.diversity
        decide = f"decide differently on {found.disagreement:.1%}; " if found.disagreement is not None else ""
        lines.append(f"two members: {decide}correlation of their errors {text.number(found.error_correlation, 2)}")
    return lines
