"""Results in a CSV file: exports of Optuna, Ray Tune, Weights & Biases and Assay itself, or written by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ..spaces import UsageError, Value, did_you_mean
from ..spaces.errors import shown
from .csv_table import Table, all_numbers, as_moment, as_seconds, parameter_values, read_cell, read_table
from .imported import Foreign, Imported, Point, find_name, find_objective, is_number, left_out
from .trial import State

_PREFIXES = ("config/", "config.", "params_", "params.", "param_", "param.")
_USUAL: dict[str, tuple[str, ...]] = {
    "trial": ("trial", "trial_id", "number"),
    "step": ("step", "training_iteration", "epoch", "_step"),
    "state": ("state", "State", "status"),
    "reason": ("reason", "error"),
    "seconds": ("seconds", "time_total_s", "duration", "_runtime", "Runtime", "runtime"),
    "at": ("timestamp", "_timestamp"),
    "began": ("datetime_start", "start_time"),
    "ended": ("datetime_complete", "end_time"),
}
_STATES = {
    State.COMPLETE: ("complete", "completed", "finished", "terminated", "done", "success", "succeeded"),
    State.STOPPED: ("stopped", "pruned", "early_stopped", "killed"),
    State.FAILED: ("failed", "fail", "error", "crashed"),
    None: ("running", "waiting", "pending", "paused", "queued", "preempting"),
}
_STATE_OF = {word: state for state, words in _STATES.items() for word in words}


def read_csv(
    path: str | Path,
    metric: str | None = None,
    goal: str | None = None,
    config_columns: Iterable[str] | None = None,
    *,
    trial: str | None = None,
    step: str | None = None,
    state: str | None = None,
) -> Foreign:
    """The trials in a CSV file: one row for each, or several rows with the same entry in the trial column.

    Columns with usual names (``state``, ``step``, ``trial_id``, ``datetime_start``, ...) are found by themselves. An
    empty cell is an absent parameter, or null where a sweep file has null as a choice. A column of whole numbers that
    has empty cells holds whole numbers, although pandas writes them as ``3.0``. Without a state column every trial
    counts as trained in full.

    Args:
        config_columns: the parameters; without them all columns that begin with ``config/``, ``config.``, ``params_``,
            ``params.``, ``param_`` or ``param.``.
        trial: column that tells which rows belong together.
        step: column with the step of a row.
        state: column with words such as COMPLETE, PRUNED, FAIL, RUNNING, finished, crashed.

    Raises:
        UsageError: for a file that cannot be read, columns that are not there, and cells that make no sense.
        SpaceError: when ``goal`` is neither maximize nor minimize.
    """
    table = read_table(Path(path).expanduser())
    parameters = _parameters(table, config_columns)
    taken = {*parameters, *([metric] if metric else [])}
    named = {"trial": trial, "step": step, "state": state}
    columns = {role: _column(table, role, named.get(role), taken) for role in _USUAL}
    free = [name for name in table.header if name not in taken and name not in columns.values()]
    metrics = [name for name in free if all_numbers(table.texts(name))]
    if metric in table.header and metric not in parameters:
        metrics = [metric, *metrics]
    objective = find_objective(metric, goal, metrics, str(path))
    reader = _Reader(table, parameters, columns, metrics)
    trials, notes = reader.trials()
    return Foreign(
        name=find_name(table.path.stem),
        metric=objective.metric,
        goal=objective.goal,
        trials=tuple(trials),
        origin=f"the CSV file {table.path.resolve()}",
        directory=str(table.path.resolve().parent),
        unit="epoch" if columns["step"] == "epoch" else "step",
        notes=tuple(notes),
        empty_is_null=True,
    )


class _Reader:
    """Makes trials of the rows of a table.

    Args:
        parameters: names of the parameters by column.
        columns: the column of each role; None when there is none.
        metrics: columns with what was measured, that of the objective first.
    """

    def __init__(
        self,
        table: Table,
        parameters: Mapping[str, str],
        columns: Mapping[str, str | None],
        metrics: Sequence[str],
    ) -> None:
        self._table = table
        self._columns = columns
        self._metrics = metrics
        self._parameters = {name: parameter_values(table.texts(column)) for column, name in parameters.items()}

    def trials(self) -> tuple[list[Imported], list[str]]:
        """Those that have ended, and notes on what was left out or assumed."""
        groups = self._groups()
        numbers = _numbers(list(groups))
        states = [self._state(rows) for rows in groups.values()]
        trials = [
            self._trial(number, state, rows)
            for number, state, rows in zip(numbers, states, groups.values(), strict=True)
            if state is not None
        ]
        count = states.count(None)
        notes = [left_out(count, "trial", "that had not ended")] if count else []
        assumed = "no column tells how trials ended: all with a score count as trained in full"
        if self._columns["trial"] is None and self._columns["step"] is not None:
            notes.append(f"no column names the trial: every row is one, trained for its {self._columns['step']!r}")
        return trials, [*notes, *([] if self._columns["state"] else [assumed])]

    def _groups(self) -> dict[str, list[int]]:
        """Row indices of each trial."""
        column = self._columns["trial"]
        if column is None:
            return {str(index): [index] for index in range(len(self._table.rows))}
        groups: dict[str, list[int]] = {}
        for index, text in enumerate(self._table.texts(column)):
            if not text.strip():
                raise UsageError(f"{self._where(index)}: {column!r} is empty: every row needs its trial")
            groups.setdefault(text.strip(), []).append(index)
        several = next((name for name, rows in groups.items() if len(rows) > 1), None)
        if several is not None and self._columns["step"] is None:
            raise UsageError(
                f"{self._table.path}: trial {several!r} has {len(groups[several])} rows, and no column tells their "
                "steps: name it with --step"
            )
        return groups

    def _state(self, rows: Sequence[int]) -> State | None:
        """How a trial ended, by its last row; None when it had not."""
        text = self._text("state", rows[-1])
        if not text:
            return State.COMPLETE
        word = text.rpartition(".")[2].lower().replace(" ", "_")  # Optuna's TrialState.COMPLETE
        if word not in _STATE_OF:
            raise UsageError(
                f"{self._where(rows[-1])}: state {text!r} is not known{did_you_mean(word, _STATE_OF)}: "
                f"write one of {', '.join(_STATE_OF)}"
            )
        return _STATE_OF[word]

    def _trial(self, number: int, state: State, rows: Sequence[int]) -> Imported:
        seen = {name: [values[row] for row in rows if values[row] is not None] for name, values in self._all(rows)}
        return Imported(
            number=number,
            parameters={name: values[0] for name, values in seen.items()},
            state=state,
            curve=tuple(self._point(row) for row in rows),
            reason=self._reason(rows[-1]) if state is State.FAILED else "",
            seconds=self._amount("seconds", rows[-1], as_seconds),
            began=self._amount("began", rows[0], as_moment),
            ended=self._amount("ended", rows[-1], as_moment),
            changed=frozenset(name for name, values in seen.items() if len(set(map(str, values))) > 1),
        )

    def _all(self, rows: Sequence[int]) -> Iterable[tuple[str, list[Value]]]:
        return (item for item in self._parameters.items() if any(item[1][row] is not None for row in rows))

    def _point(self, row: int) -> Point:
        cells = self._table.rows[row][1]
        metrics = {name: read_cell(cells[name]) for name in self._metrics}
        name, value = next(iter(metrics.items()))
        if value is not None and not is_number(value):
            raise UsageError(f"{self._where(row)}: {name} is {shown(value)}, expected a number or an empty cell")
        at, seconds = self._amount("at", row, as_moment), self._amount("seconds", row, as_seconds)
        return Point(self._step(row), metrics, at, seconds)

    def _step(self, row: int) -> int:
        text = self._text("step", row)
        value = read_cell(text) if text else 1
        if not is_number(value) or not math.isfinite(float(value or 0)) or int(value or 0) != value:
            raise UsageError(f"{self._where(row)}: {self._columns['step']} is {text!r}, expected a whole number")
        return int(value)

    def _reason(self, row: int) -> str:
        return " ".join(self._text("reason", row).split()) or "failed; the file does not say why"

    def _amount(self, role: str, row: int, meaning: Callable[[str], float | None]) -> float | None:
        text = self._text(role, row)
        return meaning(text) if text else None

    def _text(self, role: str, row: int) -> str:
        column = self._columns[role]
        return "" if column is None else self._table.rows[row][1][column].strip()

    def _where(self, row: int) -> str:
        return f"{self._table.path}:{self._table.rows[row][0]}"


# Columns


def _parameters(table: Table, named: Iterable[str] | None) -> dict[str, str]:
    """Names of the parameters by column."""
    columns = list(named or [name for name in table.header if name.startswith(_PREFIXES)])
    for column in columns:
        if column not in table.header:
            raise UsageError(_no_column(table, column))
    if not columns:
        raise UsageError(
            f"{table.path}: no column begins with {', '.join(_PREFIXES)}: name the parameters with --param "
            f"({_shown(table.header)})"
        )
    return {column: _without_prefix(column) for column in columns}


def _without_prefix(column: str) -> str:
    prefix = next((prefix for prefix in _PREFIXES if column.startswith(prefix)), "")
    return column[len(prefix) :].replace("/", ".")


def _column(table: Table, role: str, named: str | None, taken: Iterable[str]) -> str | None:
    """The column that was named for a role, or one with a usual name."""
    if named is not None and named not in table.header:
        raise UsageError(_no_column(table, named))
    usual = (name for name in _USUAL[role] if name in table.header and name not in taken)
    return named if named is not None else next(usual, None)


def _no_column(table: Table, name: str) -> str:
    return f"{table.path}: has no column {name!r}{did_you_mean(name, table.header)}: {_shown(table.header)}"


def _shown(header: Sequence[str]) -> str:
    return f"it has {', '.join(header[:20])}{', ...' if len(header) > 20 else ''}"


def _numbers(names: Sequence[str]) -> list[int]:
    """The trials' own numbers, or those of their order when they have none."""
    own = [int(name) for name in names if name.isdecimal() and len(name) < 10]
    return own if len(set(own)) == len(names) else list(range(len(names)))
