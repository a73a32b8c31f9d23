"""Whether something was recorded of a sweep since one looked last, without reading its trials."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from . import tables


def read_mark(connection: sa.Connection, sweep_id: int) -> tuple[Any, ...]:
    """Counts and sums over a sweep's rows, which the database works out: reports are counted by their key alone.

    Every write of a driver changes one of them: it adds rows, or changes the state, attempts, seconds or end of a
    trial. Files that replace others are seen with their trial, which was run again, or by their bytes.
    """
    trials = tables.trials
    parts: list[tuple[sa.Table, list[sa.ColumnElement[Any]], list[sa.ColumnElement[Any]]]] = [
        (trials, [trials.c.phase, trials.c.state], _of_trials()),
        (tables.reports, [], [sa.func.count()]),
        (tables.segments, [], [sa.func.count()]),
        (tables.events, [], [sa.func.max(tables.events.c.order)]),
        (tables.artifacts, [], _of_artifacts()),
    ]
    found: list[tuple[Any, ...]] = []
    for table, groups, facts in parts:
        query = sa.select(*groups, *facts).select_from(table).where(table.c.sweep_id == sweep_id)
        found += [tuple(row) for row in connection.execute(query.group_by(*groups).order_by(*groups))]
    sweeps = tables.sweeps
    told = sa.select(sweeps.c.id, sweeps.c.state, sweeps.c.note, sweeps.c.wish, sa.cast(sweeps.c.spec, sa.Text))
    found += [tuple(row) for row in connection.execute(told.where(sweeps.c.id == sweep_id))]
    return tuple(found)


def _of_trials() -> list[sa.ColumnElement[Any]]:
    column = tables.trials.c
    summed = [column.attempts, column.seconds, column.ended, column.train_rows, column.validation_rows]
    texts = [column.reason, column.detail, column.data_id, column.config_id]
    flags = [sa.case((flag, 1), else_=0) for flag in (column.resplit, column.testable)]
    sums = [sa.func.sum(one) for one in (*summed, *flags, *map(sa.func.length, texts))]
    return [sa.func.count(), sa.func.max(column.number), *sums]


def _of_artifacts() -> list[sa.ColumnElement[Any]]:
    column = tables.artifacts.c
    return [sa.func.count(), sa.func.sum(column.bytes), sa.func.min(column.sha256), sa.func.max(column.sha256)]
