"""Results as tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from rich import box
from rich.table import Column, Table
from rich.text import Text

from ..search import Phase, State, Trial
from ..spaces import Condition, Expression, Space
from . import text
from .leaderboard import Leaderboard
from .results import Results

_MOST_COLUMNS = 8


def leaderboard_table(board: Leaderboard) -> Table:
    """Finalists, best first."""
    tested = any(row.test is not None for row in board.rows)
    table = _table("rank", "trial", f"{board.metric} ({100 * (1 - board.alpha):g} %)", "n", "p", "tied", "optimism")
    for name in ("sealed test", "training") if tested else ("training",):
        table.add_column(Text(name))
    for row in board.rows:
        cells = [
            str(row.rank or "–"),
            f"{row.trial}{' default' if row.default else ''}",
            text.interval(row.fresh) if row.fresh else f"{text.number(row.search_score)} (search)",
            str(row.fresh.count if row.fresh else 0),
            text.p_value(row),
            "yes" if row.tied else "",
            text.signed(row.optimism),
            *([text.interval(row.test)] if tested else []),
            text.seconds(row.cost),
        ]
        _add(table, *cells, style="bold" if row.trial == board.winner else None)
    return table


def config_table(board: Leaderboard) -> Table:
    """The parameters in which the configs on the board differ; one a line when there are many."""
    names = text.differing(board.rows)
    if len(names) > _MOST_COLUMNS:
        table = _table("parameter", *(f"trial {row.trial}" for row in board.rows))
        for name in names:
            _add(table, name, *(text.parameter(row.config[name]) if name in row.config else "" for row in board.rows))
        return table
    table = _table("trial", *names)
    for row in board.rows:
        values = (text.parameter(row.config[name]) if name in row.config else "" for name in names)
        _add(table, str(row.trial), *values, style="bold" if row.trial == board.winner else None)
    return table


def summary_lines(results: Results) -> list[str]:
    """What a reader needs besides the table: ensemble, sealed test, notes."""
    board, ensemble = results.leaderboard(), results.ensemble()
    lines = [board.headline]
    if ensemble is not None:
        lines += ["", "ensemble", *(f"  {line}" for line in text.ensemble_lines(ensemble))]
    elif board.replicated:
        lines += ["", results.ensemble_note]
    tests = text.test_lines(board, ensemble)
    if tests:
        lines += ["", f"sealed test, {board.metric}", *(f"  {line}" for line in tests)]
    return [*lines, "", *(f"note: {note}" for note in board.notes)] if board.notes else lines


def sweeps_table(sweeps: Iterable[tuple[Results, str]]) -> Table:
    """One line per sweep; each comes with its state in words."""
    table = _table("sweep", "state", "trials", "failed", "best", "started")
    for results, state in sweeps:
        counts = Counter(trial.state for trial in results.trials)
        best = best_value(results)
        started = datetime.fromtimestamp(results.record.created).strftime("%Y-%m-%d %H:%M")
        over = sum(count for kind, count in counts.items() if kind.over)
        _add(table, results.record.name, state, str(over), str(counts[State.FAILED]), text.number(best), started)
    return table


def best_value(results: Results) -> float | None:
    """Fresh mean of the winner; before replication the best search score; None without any."""
    board = results.leaderboard()
    if not board.rows:
        return None
    best = board.rows[0] if board.winner is None else board.row(board.winner)
    return best.fresh.mean if best.fresh else best.search_score


def trials_table(trials: Iterable[Trial], metric: str, test_scores: Mapping[int, float] | None = None) -> Table:
    """One line per trial; the value of a test trial is that on the sealed test part, given by the model's trial."""
    tested = test_scores or {}
    table = _table("trial", "phase", "state", metric, "steps", "time", "config")
    for trial in trials:
        test = trial.phase is Phase.TEST
        value = text.number(tested.get(trial.parent or 0) if test else trial.value(metric))
        outcome = trial.reason or text.config_line(trial.config, list(trial.config))
        time = text.seconds(trial.seconds)
        _add(table, str(trial.number), trial.phase, trial.state, value, str(trial.last_step), time, outcome)
    return table


def space_table(space: Space) -> Table:
    """One line per parameter: range, default, condition."""
    table = _table("parameter", "range", "default", "active when")
    for name, parameter in space.items():
        condition = " and ".join(_condition(one) for one in parameter.conditions)
        _add(table, name, parameter.describe(), text.parameter(parameter.default_value), condition)
    return table


def _condition(condition: Condition | Expression) -> str:
    if isinstance(condition, Expression):
        return condition.text
    if len(condition.values) == 1:
        return f"{condition.parent} = {text.parameter(condition.values[0])}"
    return f"{condition.parent} in {', '.join(map(text.parameter, condition.values))}"


def _table(*columns: str) -> Table:
    return Table(*(Column(Text(name)) for name in columns), box=box.SIMPLE, pad_edge=False, highlight=False)


def _add(table: Table, *cells: str, style: str | None = None) -> None:
    """A row of plain text: names and reasons may hold brackets, which rich would take for markup."""
    table.add_row(*map(Text, cells), style=style)
