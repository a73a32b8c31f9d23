"""Tables as this version needs them: made for a new store, brought up to date in one of an earlier version."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ..spaces import NotFoundError, UsageError
from . import tables
from .database import may_write, reading, writing
from .migrations import FIRST, upgrade
from .store import Place

_REVISION = sa.select(tables.revision.c.version_num)
_ANY_TEXT = ("UTF8", "SQL_ASCII")  # the second keeps the bytes that it is given, and we give UTF-8
_ONE_AT_A_TIME = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('assay upgrade ' || current_schema(), 0))")


def prepare(engine: sa.Engine, place: Place, *, create: bool, runs: Callable[[str], bool]) -> None:
    """Make the tables, or upgrade them, in one transaction; nothing, when they are up to date.

    Args:
        create: make the tables where there are none.
        runs: whether some process runs the sweep of this name.

    Raises:
        NotFoundError: when there are no tables and ``create`` is false.
        UsageError: when a newer version of Assay wrote them, they are of something else, or they are old and may not be
            written to or are in use.
    """
    if _up_to_date(engine):
        return
    with reading(engine).connect() as connection:
        found = _revision(connection, place)
    if found is None and not create:
        raise no_sweeps(place)
    if not may_write(place):
        raise UsageError(
            f"{place} was written by an older version of Assay, and may only be read: copy it to a folder that you may "
            "write to, where it will be upgraded"
        )
    with writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(_ONE_AT_A_TIME)
        _bring_up_to_date(connection, place, runs)


def no_sweeps(place: Place) -> NotFoundError:
    """The error of a store that is not there."""
    return NotFoundError(f"no sweeps in {place}: run one there, or name another store with --store or ASSAY_STORE")


def _up_to_date(engine: sa.Engine) -> bool:
    try:
        with reading(engine).connect() as connection:
            return connection.scalar(_REVISION) == tables.REVISION
    except (sa.exc.OperationalError, sa.exc.ProgrammingError):  # no such table
        return False


def _revision(connection: sa.Connection, place: Place) -> str | None:
    """The revision of the tables; None where there are none."""
    known = set(sa.inspect(connection).get_table_names())
    if not known:
        return None
    found = ""
    if {"alembic_version", "sweeps"} <= known:
        found = connection.scalar(_REVISION) or ""
    elif {"schema_version", "sweeps"} <= known:
        found = f"{connection.scalar(sa.select(tables.released.c.version)) or 0:04d}"
    if not (found.isdigit() and len(found) == len(FIRST) and found >= FIRST):
        raise UsageError(f"{place.file or place} is a database of something else: name another store")
    if found > tables.REVISION:
        raise UsageError(
            f"{place} was written by a newer version of Assay (schema {int(found)}, this version reads "
            f"{int(tables.REVISION)}): upgrade assay"
        )
    return found


def _bring_up_to_date(connection: sa.Connection, place: Place, runs: Callable[[str], bool]) -> None:
    found = _revision(connection, place)
    if found == tables.REVISION:  # another process was first
        return
    if found is None:
        _create(connection, place)
        return
    _refuse_running(connection, place, runs)
    stamped = sa.inspect(connection).has_table(tables.revision.name)
    upgrade(connection, stamp=None if stamped else FIRST)


def _create(connection: sa.Connection, place: Place) -> None:
    if connection.dialect.name == "postgresql" and connection.scalar(sa.text("SHOW server_encoding")) not in _ANY_TEXT:
        raise UsageError(f"{place} cannot hold all text: make it with createdb --encoding UTF8 --template template0")
    tables.metadata.create_all(connection)
    connection.execute(tables.revision.insert().values(version_num=tables.REVISION))
    connection.execute(tables.released.insert().values(version=int(tables.REVISION)))


def _refuse_running(connection: sa.Connection, place: Place, runs: Callable[[str], bool]) -> None:
    """An older version that runs a sweep would not find its tables any more."""
    for name in connection.scalars(sa.text("SELECT name FROM sweeps WHERE state = 'running'")):
        if runs(name):
            raise UsageError(
                f"{place} was written by an older version of Assay, which runs sweep {name!r} there: let it end"
            )
