"""What commands print: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..analysis import ExportBundle, Leaderboard, Results
    from ..search import Trial


_WIDE = 150


def note(text: str) -> None:
    print(text, file=sys.stderr)


def print_json(document: Any) -> None:
    if isinstance(document, dict):
        document = {"schema_version": 1} | document
    print(json.dumps(document, indent=2, allow_nan=False))


def print_table(table: Table) -> None:
    console().print(table)


def console() -> Console:
    from rich.console import Console

    # A pipe has no width: give tables the room they need instead of folding them at 80 columns.
    return Console(width=None if sys.stdout.isatty() else 200)


def display_here() -> Any:
    from rich.console import Console

    from ..cluster.display import display_for

    return display_for(Console(stderr=True))


def finish(results: Results) -> None:
    from ..search.store import as_words, near

    print_leaderboard(results)
    words = as_words(results.record.name, results.ledger.place)
    note(f"\nreport: {near(results.folder / 'report.html')}")
    if results.sweep.export.to is not None:
        bundle = results.export(or_best=True)
        files = ", ".join(str(file.relative_to(bundle.folder)) for file in bundle.files)
        note(f"export: {near(bundle.folder)} ({files})")
        tell_of_bundle(bundle)
    else:
        note(f"next:   assay export {words}   |   assay show {words}")


def tell_of_bundle(bundle: ExportBundle) -> None:
    """What to know of an export, and how to start a training with it."""
    for text in bundle.notes:
        note(f"note: {text}")
    for command in bundle.next:
        note(f"trial {bundle.trial}; next: {command}")


def print_leaderboard(results: Results, board: Leaderboard | None = None) -> None:
    """The sweep's leaderboard, or the given one, with all that belongs to it."""
    from ..analysis.terminal import config_table, leaderboard_table, summary_lines

    board = board or results.leaderboard()
    print_table(leaderboard_table(board, wide=console().width >= _WIDE))
    print_table(config_table(board))
    print("\n".join(summary_lines(results, board)))


def state_of(results: Results) -> str:
    """The recorded state; a sweep that nobody runs any more was interrupted."""
    state = results.record.state
    return "interrupted" if state == "running" and not results.ledger.lock(results.record.name).held else state


def sweep_dict(results: Results, best: float | None) -> dict[str, Any]:
    facts = {"name": results.record.name, "state": state_of(results), "trials": sum(results.counts.values())}
    return facts | {"best": best, "created": results.record.created}


def trial_dict(trial: Trial) -> dict[str, Any]:
    known = ("phase", "state", "seed", "split", "parent", "attempts", "reason", "seconds")
    plain = (*known, "train_rows", "validation_rows")
    return {
        "trial": trial.number,
        **{name: getattr(trial, name) for name in plain},
        "config_id": trial.config.config_id,
        "config": trial.config.nested(),
        "reports": [{"step": report.step, "metrics": report.metrics} for report in trial.reports],
    }


def show_trial(trial: Trial, results: Results, as_json: bool) -> None:
    from ..analysis.network_trial import NetworkFacts
    from ..analysis.terminal import supernet_table

    network = NetworkFacts.of(results, trial)
    if as_json:
        print_json(trial_dict(trial) | {"detail": trial.detail} | network.to_dict())
        return
    from ..analysis import text
    from ..analysis.yaml_writer import dump_yaml
    from ..search.store import near, trial_folder
    from ..trainables.spec import OUTPUT

    of = "made from trial" if trial.phase == "search" else "repeats trial"
    facts = {"seed": trial.seed, "split": trial.split, "attempts": trial.attempts, of: trial.parent}
    print(f"trial {trial.number} of {results.record.name}: {trial.phase}, {trial.state}, {text.seconds(trial.seconds)}")
    print("  ".join(f"{label} {value}" for label, value in facts.items() if value is not None))
    print("".join(f"{line}\n" for line in network.lines), end="")
    print(f"\n{dump_yaml(trial.config.nested())}")
    for line in trial.reports:
        print(f"step {line.step}: {metrics_line(line.metrics)}")
    if network.report is not None:
        print()
        print_table(supernet_table(network.report, results.sweep))
        print("\n".join(network.report.lines()))
    printed = trial_folder(results.ledger.store, results.record.name, trial.number) / OUTPUT
    if printed.exists():
        print(f"\nprinted: {near(printed)}")
    if trial.reason:
        print(f"\n{trial.reason}\n{trial.detail}".rstrip())


def metrics_line(metrics: dict[str, Any]) -> str:
    shown = {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in metrics.items()}
    return "  ".join(f"{name} {value}" for name, value in shown.items())


def print_or_write(text: str, output: Path | None) -> None:
    """Text to stdout; or into a file, whose name is printed."""
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output: {output} cannot be written: {error.strerror or error}") from error
    print(output)
