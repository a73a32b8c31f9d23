"""SQLite and PostgreSQL as the ledger uses them: real transactions, reads of one instant, errors with a cure."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from ..spaces import AssayError, ClusterError, UsageError
from .store import Place

_BUSY_SECONDS = 30
_CONNECT_SECONDS = 10
_TO_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode  # NaN is no JSON on PostgreSQL
_REFUSED_USER = re.compile(r"authentication failed|no password supplied|pg_hba\.conf")
_UNKNOWN = re.compile(r'(database|role) ".*" does not exist')
_NO_RIGHT, _READ_ONLY = "42501", "25006"  # SQLSTATEs insufficient_privilege, read_only_sql_transaction


def open_database(place: Place) -> sa.Engine:
    """An engine on the store's database; :func:`reading` and :func:`writing` make it fit for use.

    Its connections raise :class:`UsageError` and :class:`ClusterError` for what a person can mend.

    Raises:
        UsageError: when the driver of PostgreSQL is not installed.
    """
    if place.file is None:
        return _open_server(place)
    return _open_file(place, place.file) if may_write(place) else _open_for_reading(place, place.file)


def may_write(place: Place) -> bool:
    """Whether the database may be written to, as far as its file tells. SQLite also makes files beside it."""
    file = place.file
    return file is None or not file.exists() or (os.access(file, os.W_OK) and os.access(file.parent, os.W_OK))


def reading(engine: sa.Engine) -> sa.Engine:
    """The same, for transactions that only read: all that one reads is of the same instant."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(begin="BEGIN")
    return engine.execution_options(isolation_level="REPEATABLE READ")


def writing(engine: sa.Engine) -> sa.Engine:
    """The same, for transactions that write: they wait for their turn at the start, where there is one writer."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")


# SQLite


def _open_file(place: Place, file: Path) -> sa.Engine:
    """Python's driver would begin a transaction only at the first write, so we begin them."""
    engine = sa.create_engine(place.url, connect_args={"timeout": _BUSY_SECONDS}, json_serializer=_TO_JSON)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # no transactions by the driver
        cursor = connection.cursor()
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous=NORMAL")  # survives the kill of any process; FULL adds power loss
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return _with_transactions(engine, place)


def _open_for_reading(place: Place, file: Path) -> sa.Engine:
    """Each transaction opens the file anew, because how it can be read may change between two."""
    engine = sa.create_engine(place.url, creator=partial(_connect_for_reading, file), poolclass=sa.NullPool)
    return _with_transactions(engine, place)


def _connect_for_reading(file: Path) -> sqlite3.Connection:
    """Read what is there without writing anything, also not the files that SQLite keeps beside a database.

    Commits wait in ``-wal``. A process that writes, or the kill of one, leaves it with an index, ``-shm``. A copy may
    lack the index: then it is made in memory, without locks. Without ``-wal`` the file is complete, and nobody writes.
    """
    log, index = (file.with_name(file.name + ending) for ending in ("-wal", "-shm"))
    how = "&immutable=1" if not log.exists() else "" if index.exists() else "&vfs=unix-none"
    connection = sqlite3.connect(
        f"file:{quote(str(file))}?mode=ro{how}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None
    )
    if how == "&vfs=unix-none":
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
    return connection


def _with_transactions(engine: sa.Engine, place: Place) -> sa.Engine:
    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    _explain_errors(engine, partial(_explain_file_error, place))
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


def _explain_file_error(place: Place, error: BaseException, lost: bool) -> AssayError | None:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return UsageError(read_only_text(place)) if code == sqlite3.SQLITE_READONLY else None


def read_only_text(place: Place) -> str:
    """What is wrong when a store that may only be read is to be written to, and the cure."""
    return f"{place} may only be read: copy the store to a folder that you may write to, or get the right to write"


# PostgreSQL


def _open_server(place: Place) -> sa.Engine:
    wanted = {"connect_timeout": _CONNECT_SECONDS, "application_name": "assay", "client_encoding": "utf8"}
    options = {name: value for name, value in wanted.items() if name not in place.url.query}
    try:
        engine = sa.create_engine(place.url, connect_args=options, json_serializer=_TO_JSON, pool_pre_ping=True)
    except ImportError as error:
        raise UsageError(f"{place} needs the driver of PostgreSQL: pip install 'assay[postgres]' ({error})") from error
    _explain_errors(engine, partial(_explain_server_error, place))
    return engine


def _explain_server_error(place: Place, error: BaseException, lost: bool) -> AssayError | None:
    """What a person can mend; None for what is no fault of the server, its settings or the way to it."""
    text = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None)
    if lost:
        return ClusterError(f"the connection to {place} was lost: {text}")
    if state == _NO_RIGHT:
        return UsageError(f"{place}: {text}: let the owner of the database GRANT the user what it needs")
    if state == _READ_ONLY:
        return UsageError(f"{place} may only be read ({text}): name a database that you may write to")
    if state is not None or "OperationalError" not in {kind.__name__ for kind in type(error).__mro__}:
        return None
    if _REFUSED_USER.search(text):
        return UsageError(f"{place} refuses the user: {text}: put the password into PGPASSWORD, ~/.pgpass or the URL")
    if _UNKNOWN.search(text):
        return UsageError(f"{place} cannot be opened: {text}: make it with createdb or createuser, or name another")
    return ClusterError(f"{place} cannot be reached: {text}")


def _explain_errors(engine: sa.Engine, explain: Callable[[BaseException, bool], AssayError | None]) -> None:
    @sa.event.listens_for(engine, "handle_error")
    def _explain(context: sa.ExceptionContext) -> AssayError | None:
        return explain(context.original_exception, context.is_disconnect)
