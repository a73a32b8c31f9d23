"""Results as tables for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rich import box
from rich.table import Column, Table
from rich.text import Text

from ..search import Phase, State, Sweep, Trial
from ..spaces import Condition, Expression, Space
from . import text
from .board import Leaderboard, Row
from .network_text import NETWORK, NetworkWords, readable
from .results import Results
from .supernet import SupernetReport, supernet_lines
from .supernet_trials import origin_of_each

_MOST_COLUMNS = 8


def leaderboard_table(board: Leaderboard, *, wide: bool = True) -> Table:
    """Finalists, best first.

    Args:
        wide: with the columns that not every reader needs.
    """
    columns = [column for column in _COLUMNS if column.always or wide]
    columns[3:3] = [_other(name) for name in dict.fromkeys(name for row in board.rows for name in row.others)]
    first, *others = columns
    columns = [first, *(one for one in others if any(one.cell(row) not in ("", "–") for row in board.rows))]
    level = f"{100 * (1 - board.alpha):g} %"
    table = plain_table(*(column.title.format(metric=board.metric, level=level) for column in columns))
    for row in board.rows:
        style = "bold" if row.trial == board.winner else None
        add_row(table, *(column.cell(row) for column in columns), style=style)
    return table


@dataclass(frozen=True)
class _Column:
    """A column; it is left out where no row has anything to say."""

    title: str
    cell: Callable[[Row], str]
    always: bool = True


def _name(row: Row) -> str:
    return f"{row.trial}{' default' if row.default else ' rival' if row.rival else ''}"


def _other(metric: str) -> _Column:
    """Of another objective, or of a metric that breaks ties."""
    title = metric.replace("{", "{{").replace("}", "}}")
    return _Column(f"{title} ({{level}})", lambda row: text.interval(row.others.get(metric)))


def _in_set(row: Row) -> str:
    if row.tied:
        return "yes"
    return "in ROPE" if row.in_rope else f"left after {row.left_after}" if row.left_after else ""


_COLUMNS = (
    _Column("rank", lambda row: str(row.rank or "–")),
    _Column("trial", _name),
    _Column(
        "{metric} ({level})",
        lambda row: text.interval(row.fresh) if row.fresh else f"{text.number(row.search_score)} (search)",
    ),
    _Column("n", lambda row: str(row.fresh.count if row.fresh else 0)),
    _Column("to best", lambda row: text.difference(row), always=False),
    _Column("p", text.p_value),
    _Column("tied", _in_set),
    _Column("front", lambda row: "yes" if row.on_front else ""),
    _Column("supernet", lambda row: str(row.supernet or "")),
    _Column("P(best)", lambda row: text.chance(row.p_best), always=False),
    _Column("P(best > it)", lambda row: text.chance(row.p_superior), always=False),
    _Column("shrunk", lambda row: text.number(row.shrunk), always=False),
    _Column("optimism", lambda row: text.signed(row.optimism)),
    _Column("sealed test", lambda row: text.interval(row.test)),
    _Column("training", lambda row: text.seconds(row.cost)),
)


def config_table(board: Leaderboard) -> Table:
    """The parameters in which the configs on the board differ, or all of a single one; a line each when many."""
    names = text.differing(board.rows) if len(board.rows) != 1 else list(board.rows[0].readable)
    if len(names) > _MOST_COLUMNS:
        table = plain_table("parameter", *(f"trial {row.trial}" for row in board.rows))
        for name in names:
            add_row(
                table, name, *(text.parameter(row.readable[name]) if name in row.readable else "" for row in board.rows)
            )
        return table
    table = plain_table("trial", *names)
    for row in board.rows:
        values = (text.parameter(row.readable[name]) if name in row.readable else "" for name in names)
        add_row(table, str(row.trial), *values, style="bold" if row.trial == board.winner else None)
    return table


def summary_lines(results: Results, board: Leaderboard | None = None) -> list[str]:
    """What a reader needs besides the table: ensemble, sealed test, notes.

    Args:
        board: instead of the sweep's.
    """
    board, ensemble = board or results.leaderboard(), results.ensemble()
    lines = [board.headline, *text.claim_lines(board), *_front_lines(results, board)]
    if ensemble is not None:
        lines += ["", "ensemble", *(f"  {line}" for line in text.ensemble_lines(ensemble))]
    elif board.replicated:
        lines += ["", results.ensemble_note]
    tests = text.test_lines(board, ensemble)
    if tests:
        lines += ["", f"sealed test, {board.metric}", *(f"  {line}" for line in tests)]
    if supernet := supernet_lines(results):
        lines += ["", *supernet]
    notes = [*board.notes, *(f"left out: {one}" for one in results.damaged)]
    return [*lines, "", *(f"note: {note}" for note in notes)] if notes else lines


def _front_lines(results: Results, board: Leaderboard) -> list[str]:
    if not results.sweep.objective.others or not board.rows or (board.broken and not board.replicated):
        return []
    front = results.front()
    return [f"{front.headline}; front: trials {', '.join(map(str, front.trials))} (`assay front`)"]


def sweeps_table(sweeps: Iterable[tuple[Results, str]]) -> Table:
    """One line per sweep; each comes with its state in words."""
    table = plain_table("sweep", "state", "trials", "failed", "best", "started")
    for results, state in sweeps:
        counts: Counter[State] = Counter()
        for (_, kind), count in results.counts.items():
            counts[kind] += count
        best = best_value(results)
        started = datetime.fromtimestamp(results.record.created).strftime("%Y-%m-%d %H:%M")
        over = sum(count for kind, count in counts.items() if kind.over)
        add_row(table, results.record.name, state, str(over), str(counts[State.FAILED]), text.number(best), started)
    return table


def best_value(results: Results) -> float | None:
    """Fresh mean of the winner; before replication the best search score; None without any."""
    board = results.leaderboard()
    if not board.rows:
        return None
    best = board.rows[0] if board.winner is None else board.row(board.winner)
    return best.fresh.mean if best.fresh else best.search_score


def trials_table(trials: Iterable[Trial], sweep: Sweep, test_scores: Mapping[int, float] | None = None) -> Table:
    """One line per trial; the value of a test trial is that on the sealed test part, given by the model's trial."""
    metric = sweep.objective.metric
    tested, trials = test_scores or {}, list(trials)
    networks = NetworkWords(sweep).short(trial.config for trial in trials)
    table = plain_table("trial", "phase", "state", metric, "steps", "time", "config")
    for trial, network in zip(trials, networks, strict=True):
        test = trial.phase is Phase.TEST
        value = text.number(tested.get(trial.parent or 0) if test else trial.value(metric))
        config = readable(trial.config, network)
        outcome = trial.reason or text.config_line(config, [*config])
        time = text.seconds(trial.seconds)
        add_row(table, str(trial.number), trial.phase, trial.state, value, str(trial.last_step), time, outcome)
    return table


def supernet_table(report: SupernetReport, sweep: Sweep) -> Table:
    """The architectures that a supernet found: its score of each beside that of the trial that trained it."""
    candidates = report.found.candidates
    known = any(one.probability is not None for one in candidates)
    networks = NetworkWords(sweep).short(one.config for one in candidates)
    likely = ["probability"] * known
    table = plain_table("origin", "its score", *likely, "trial", f"{sweep.objective.metric} there", NETWORK)
    every = zip(candidates, origin_of_each(candidates), report.outcomes, networks, strict=True)
    for one, origin, (trial, score), network in every:
        likely = [text.number(one.probability)] * known
        cells = (str(origin), text.number(one.score), *likely, "–" if trial is None else str(trial), text.number(score))
        add_row(table, *cells, network)
    return table


def space_table(space: Space) -> Table:
    """One line per parameter: range, default, condition."""
    table = plain_table("parameter", "range", "default", "active when")
    for name, parameter in space.items():
        condition = " and ".join(_condition(one) for one in parameter.conditions)
        add_row(table, name, parameter.describe(), text.parameter(parameter.default_value), condition)
    return table


def _condition(condition: Condition | Expression) -> str:
    if isinstance(condition, Expression):
        return condition.text
    if len(condition.values) == 1:
        return f"{condition.parent} = {text.parameter(condition.values[0])}"
    return f"{condition.parent} in {', '.join(map(text.parameter, condition.values))}"


def plain_table(*columns: str) -> Table:
    """A table without frame, with columns of these titles."""
    return Table(*(Column(Text(name)) for name in columns), box=box.SIMPLE, pad_edge=False, highlight=False)


def add_row(table: Table, *cells: str, style: str | None = None) -> None:
    """A row of plain text: names and reasons may hold brackets, which rich would take for markup."""
    table.add_row(*map(Text, cells), style=style)
