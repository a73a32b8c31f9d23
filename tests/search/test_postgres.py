"""A ledger on a PostgreSQL server: what can be wrong on the way to it, with the cure in one line."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from assay.search import Ledger, sweep_lock
from assay.search.store import Place
from assay.spaces import AssayError, ClusterError, NotFoundError, UsageError

from ..postgres import PostgresServer
from .samples import new_trial, one_line, report, sweep

PASSWORD = "open sesame"


@pytest.fixture(scope="session")
def locked(postgres: PostgresServer) -> str:
    """A database of the user ``locked``, who needs a password."""
    postgres.execute(f"CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'")
    name = postgres.new_database()
    postgres.execute(f"ALTER DATABASE {name} OWNER TO locked")
    return postgres.url(name, "locked")


def refused(kind: type[AssayError], store: str, cure: str, *, create: bool = True) -> None:
    with pytest.raises(kind, match=cure) as caught:
        Ledger(store, create=create)
    assert type(caught.value) is kind
    text = one_line(caught)
    assert PASSWORD not in text and "wrong!" not in text


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PGPASSWORD", "PGPASSFILE", "PGUSER", "PGHOST", "PGDATABASE", "PGSERVICE", "ASSAY_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASSAY_FILES", str(tmp_path))


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    refused(UsageError, "postgresql://me@localhost/db", r"^postgresql://me@localhost/db needs .* 'assay\[postgres\]'")


def test_nobody_answers() -> None:
    refused(ClusterError, f"postgresql://me:{PASSWORD}@127.0.0.1:1/db", "^postgresql://me@127.0.0.1:1/db cannot be rea")
    refused(ClusterError, "postgresql://me@no-such-host.invalid/db", "cannot be reached: .*no-such-host")
    refused(ClusterError, "postgresql://me@/db?host=/nowhere", "cannot be reached: .*No such file or directory")
    assert ClusterError.exit_code == 5


def test_passwords(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused(UsageError, locked, "refuses the user: .*put the password into PGPASSWORD")
    refused(UsageError, locked.replace("locked@", "locked:wrong!@"), "refuses the user: .*password")
    refused(UsageError, f"{locked}&password=wrong!", "refuses the user: .*password")
    given = Ledger(locked.replace("locked@", f"locked:{PASSWORD.replace(' ', '%20')}@"), create=True)
    given.create_sweep(sweep(), "")
    assert PASSWORD not in f"{given.place} {given.place!r}"
    with pytest.raises(NotFoundError, match="no sweep 'other'") as caught:
        given.sweep("other")
    assert "sesame" not in str(caught.value)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert Ledger(locked).sweep("hello").name == "hello"


def test_no_such_database_or_user(postgres: PostgresServer) -> None:
    refused(UsageError, postgres.url("nowhere"), 'database "nowhere" does not exist: make it with createdb')
    refused(UsageError, postgres.url("postgres", "nobody"), 'role "nobody" does not exist: make it with .*createuser')


def test_a_user_without_rights(postgres: PostgresServer) -> None:
    name = postgres.new_database()
    postgres.execute("CREATE ROLE guest LOGIN")
    postgres.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", name)
    refused(UsageError, postgres.url(name, "guest"), "permission denied for schema public.*GRANT")
    ledger = Ledger(postgres.url(name), create=True)
    ledger.create_sweep(sweep(), "")
    postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest", name)
    guest = Ledger(postgres.url(name, "guest"))
    assert guest.sweep("hello").name == "hello"
    with pytest.raises(UsageError, match=r"permission denied for table sweeps.*GRANT"):
        guest.wish("hello", "stop")


def test_encodings(postgres: PostgresServer) -> None:
    name = postgres.new_database("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    ledger = Ledger(postgres.url(name), create=True)
    record = ledger.create_sweep(sweep(), "/home/ü 🚀")
    assert Ledger(postgres.url(name)).sweeps() == [record]
    name = postgres.new_database("ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    refused(UsageError, postgres.url(name), "make it with createdb --encoding UTF8 --template template0")


def test_a_database_that_may_only_be_read(postgres: PostgresServer, tmp_path: Path) -> None:
    store = postgres.new_store(tmp_path)
    ledger = Ledger(store, create=True)
    record = ledger.create_sweep(sweep(), "")
    only_read = Ledger(f"{store}%20-cdefault_transaction_read_only=on")
    assert only_read.sweeps() == [record]
    for write in (lambda: only_read.set_state(record, "failed"), lambda: only_read.add_trial(record, new_trial())):
        with pytest.raises(UsageError, match="may only be read") as caught:
            write()
        one_line(caught)


def test_a_store_is_not_made_by_looking(postgres: PostgresServer, tmp_path: Path) -> None:
    store = postgres.new_store(tmp_path / "files")
    with pytest.raises(NotFoundError, match=r"^no sweeps in postgresql://assay@/postgres\?.*: run one there"):
        Ledger(store)
    assert not (tmp_path / "files").exists()
    ledger = Ledger(store, create=True)
    assert (ledger.sweeps(), ledger.store) == ([], tmp_path / "files")
    assert ledger.store.is_dir()


def test_files_that_cannot_be_made(postgres: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot be opened as a ledger: .*/file/deep"):
        Ledger(postgres.new_store(tmp_path / "file" / "deep"), create=True)


def test_a_lost_connection(postgres: PostgresServer, tmp_path: Path) -> None:
    """The write fails, nothing of it is left, and the next goes through."""
    ledger = Ledger(postgres.new_store(tmp_path), create=True)
    record = ledger.create_sweep(sweep(), "")
    journal = ledger.journal(record)
    journal.add(new_trial())
    journal.commit()
    postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'assay'")
    journal.report(0, report(1))
    with pytest.raises(ClusterError, match=r"^the connection to postgresql://.* was lost: ") as caught:
        journal.commit()
    one_line(caught)
    assert ledger.trial(record, 0).reports == ()
    journal.commit()
    assert ledger.trial(record, 0).reports == (report(1),)
    ledger.close()


def test_a_server_that_was_started_again(postgres: PostgresServer, tmp_path: Path) -> None:
    ledger = Ledger(postgres.new_store(tmp_path), create=True)
    record = ledger.create_sweep(sweep(), "")
    lock = ledger.lock("hello")
    lock.acquire("hello")
    postgres.stop()
    with pytest.raises(ClusterError):
        ledger.sweeps()
    postgres.start()
    assert ledger.sweeps() == [record]
    assert not lock.held
    lock.release()
    lock.acquire("hello")
    assert lock.held
    lock.release()


@pytest.fixture
def held(postgres: PostgresServer, tmp_path: Path) -> Iterator[sweep_lock.ServerLock]:
    """A lock that is taken."""
    ledger = Ledger(postgres.new_store(tmp_path), create=True)
    lock = ledger.lock("hello")
    lock.acquire("hello")
    assert isinstance(lock, sweep_lock.ServerLock)
    yield lock
    ledger.close()


def test_a_lock_is_free_before_its_connection_is_closed(
    held: sweep_lock.ServerLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may take its time to notice the end of a connection."""
    connection = held._connection
    assert connection is not None
    monkeypatch.setattr(connection, "close", lambda: None)
    held.release()
    assert not held.held
    monkeypatch.undo()
    connection.close()


def test_a_lock_that_cannot_be_given_back_ends_with_its_connection(
    held: sweep_lock.ServerLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_lock, "_GIVE", sa.text("SELECT 1 / 0 WHERE :name <> ''"))
    held.release()  # which does not hide what became of the sweep
    deadline = time.monotonic() + 20
    while held.held and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not held.held


def test_the_lock_stays_though_its_connection_is_idle(postgres: PostgresServer, tmp_path: Path) -> None:
    ledger = Ledger(postgres.new_store(tmp_path) + "%20-cidle_session_timeout=100", create=True)
    lock = ledger.lock("hello")
    lock.acquire("hello")
    with ledger._engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_sleep(0.5)"))
    assert ledger.lock("hello").held
    lock.release()


def test_schemas_of_one_database_are_stores_of_their_own(postgres: PostgresServer, tmp_path: Path) -> None:
    first, second = (Ledger(postgres.new_store(tmp_path), create=True) for _ in range(2))
    first.create_sweep(sweep(), "")
    assert second.sweeps() == []
    locks = [ledger.lock("hello") for ledger in (first, second)]
    for lock in locks:
        lock.acquire("hello")
    locks[0].release()
    assert [lock.held for lock in locks] == [False, True]
    locks[1].release()


def test_all_forms_of_the_url(postgres: PostgresServer) -> None:
    name = postgres.new_database()
    store = postgres.url(name)
    Ledger(store, create=True).create_sweep(sweep(), "")
    for scheme in ("postgres", "postgresql+psycopg", "POSTGRESQL"):
        again = Ledger(re.sub("^postgresql", scheme, store))
        assert again.sweep("@last").name == "hello"
        assert str(again.place) == store
    assert Ledger(Place.of(store)).sweep("hello").name == "hello"
