"""Tables for the terminal: plain text in every cell."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from assay.analysis import Results
from assay.analysis.terminal import (
    best_value,
    config_table,
    leaderboard_table,
    space_table,
    summary_lines,
    sweeps_table,
    trials_table,
)
from assay.search import State

from .conftest import Recorder


def shown(table: Table) -> str:
    console = Console(width=200, record=True, quiet=False, file=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_leaderboard(finished: Results) -> None:
    text = shown(leaderboard_table(finished.leaderboard(), wide=False))
    header, first, _, third = [line for line in text.splitlines() if line.strip(" ─")]
    assert "accuracy (95 %)" in header
    assert "sealed test" in header
    assert first.split()[:7] == ["1", "1", "0.9200", "±", "0.0430", "3", "best"]
    assert "0 default" in third
    assert shown(config_table(finished.leaderboard())).count("0.025") == 1


def test_a_wide_leaderboard_says_more(finished: Results) -> None:
    narrow, wide = (shown(leaderboard_table(finished.leaderboard(), wide=wide)) for wide in (False, True))
    assert "to best" in wide
    assert "to best" not in narrow
    assert "0.0033 [" in wide, "the difference with its simultaneous interval"


def test_summary(finished: Results) -> None:
    lines = summary_lines(finished)
    assert lines[0] == finished.leaderboard().headline
    assert "sealed test, accuracy" in lines
    assert "  trial 1 (winner): 0.7500 ± 0.0000 over 3 models" in lines
    assert any(line.startswith("note: intervals and p-values come from fresh replicates alone") for line in lines)


def test_brackets_are_text_not_markup(recorder: Callable[..., Recorder]) -> None:
    made = recorder(objectives=[{"metric": "m[/bold]", "goal": "maximize"}])
    made.search([], {"lr": 0.5, "name": "[red]x[/nothing]"}, state=State.FAILED, reason="shape [batch, 3] [/x] :smile:")
    made.search([0.5], {"lr": 0.1, "name": "[red]x[/nothing]"})
    made.search([0.5], {"lr": 0.1, "name": "[/y]"})
    results = made.results()
    trials = shown(trials_table(results.trials, results.sweep))
    assert "shape [batch, 3] [/x] :smile:" in trials
    assert "m[/bold]" in trials
    board = results.leaderboard()
    assert "[red]x[/nothing]" in shown(config_table(board))
    assert "m[/bold]" in shown(leaderboard_table(board))


def test_best_value_is_the_winners(recorder: Callable[..., Recorder]) -> None:
    made = recorder(leaderboard={"top": 2, "seeds": 3, "tie_break": "cost"})
    assert best_value(made.results()) is None
    dear, cheap = made.search([0.9]), made.search([0.8])
    assert best_value(made.results()) == 0.9
    made.replicate(dear, [0.9, 0.92, 0.94], seconds=5.0)
    made.replicate(cheap, [0.92, 0.9, 0.91], seconds=1.0)
    assert best_value(made.results()) == made.results().leaderboard().row(1).fresh.mean  # type: ignore[union-attr]


def test_sweeps_and_space(finished: Results, recorder: Callable[..., Recorder]) -> None:
    text = shown(sweeps_table([(finished, "finished"), (recorder().results(), "running")]))
    assert "0.9200" in text
    assert "running" in text
    assert "lr" in shown(space_table(finished.sweep.parameters))
