"""SQLite as the ledger uses it: one writer beside any number of readers, real transactions."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

_BUSY_SECONDS = 30


def open_database(file: Path) -> sa.Engine:
    """An engine on ``file``, in WAL mode.

    Reads of one connection see one instant, until it is closed: Python's driver would begin a transaction only at the
    first write, so we begin them.
    """
    url = sa.URL.create("sqlite", database=str(file))  # a path may hold ? and #
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # no transactions by the driver
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")  # survives the kill of any process; FULL adds power loss
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Turn WAL mode on. SQLite does not wait when another process is doing so, unlike everywhere else."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def writing(engine: sa.Engine) -> sa.Engine:
    """The same, for transactions that read before they write: they wait for their turn at the start."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")
