"""At most one process runs a sweep."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import closing, suppress
from pathlib import Path

import filelock
import sqlalchemy as sa

from ..spaces import ClusterError, SweepExistsError, UsageError


class Lock(ABC):
    """Held by the process that runs a sweep; it ends with the process, however that dies."""

    @abstractmethod
    def acquire(self, name: str) -> None:
        """Take the lock of sweep ``name``.

        Raises:
            SweepExistsError: when another process has it.
        """

    @abstractmethod
    def release(self) -> None:
        """Give the lock back."""

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether some process runs the sweep now."""


class SweepLock(Lock):
    """A lock file in the sweep's folder, for stores whose database is a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Whoever asks whether it is held takes it for an instant: wait that long.
        self._lock = filelock.FileLock(str(folder / "lock"), timeout=1)

    def acquire(self, name: str) -> None:
        """Take the lock.

        Raises:
            SweepExistsError: when another process has it.
            UsageError: when the folder cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except filelock.Timeout:
            raise _taken(name) from None
        except OSError as error:
            raise UsageError(
                f"sweep {name!r} cannot be run: {self._folder}: {error.strerror}: name a store that you may write to"
            ) from error

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    @property
    def held(self) -> bool:
        """Whether some process runs the sweep now."""
        if self._lock.is_locked:
            return True
        if not (self._folder / "lock").exists():
            return False
        try:
            with self._lock.acquire(timeout=0):
                return False
        except filelock.Timeout:
            return True
        except OSError:  # the file may only be read
            return _flocked(self._folder / "lock")


class ServerLock(Lock):
    """An advisory lock of PostgreSQL, which the server frees when the connection ends.

    Args:
        engine: of the store's database. The lock has a connection of its own, so one of the pool cannot give it back.
        name: of the sweep.
    """

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")  # else idle in a transaction for days
        self._name = {"name": name}
        self._connection: sa.Connection | None = None

    def acquire(self, name: str) -> None:
        """Take the lock.

        Raises:
            SweepExistsError: when another process has it.
            ClusterError: when the server cannot be reached.
        """
        if self._connection is not None:
            return
        connection = self._engine.connect()
        connection.detach()
        if not connection.scalar(_TAKE, self._name):
            connection.close()
            raise _taken(name)
        self._connection = connection
        connection.execute(_STAY)

    def release(self) -> None:
        """Give the lock back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # The end of the connection frees it too, whatever becomes of this, but only when the server notices.
            with closing(connection), suppress(ClusterError, sa.exc.SQLAlchemyError):
                connection.execute(_GIVE, self._name)

    @property
    def held(self) -> bool:
        """Whether some process runs the sweep now."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(_LOOK, self._name))


_KEY = "hashtextextended('assay sweep ' || current_schema() || ' ' || :name, 0)"
_TAKE = sa.text(f"SELECT pg_try_advisory_lock({_KEY})")
_GIVE = sa.text(f"SELECT pg_advisory_unlock({_KEY})")
_LOOK = sa.text(
    f"""SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE datname = current_database() AND locktype = 'advisory' AND objsubid = 1
    AND ((classid::bigint << 32) | objid::bigint) = {_KEY})"""
)
# The server finds out within a minute that a host has vanished, and does not end a connection that is idle.
_STAY = sa.text(
    """SELECT set_config(name, wanted, false) FROM pg_settings JOIN (VALUES ('tcp_keepalives_idle', '30'),
    ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0')
    ) AS stay (name, wanted) USING (name)"""
)


def _flocked(path: Path) -> bool:
    import fcntl  # not on Windows

    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _taken(name: str) -> SweepExistsError:
    return SweepExistsError(f"sweep {name!r} is being run by another process: watch it with `assay show {name}`")
