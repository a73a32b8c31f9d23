"""Ledgers of earlier versions are upgraded when they are opened: all of it or nothing, once, by anyone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config as Alembic
from alembic.script import ScriptDirectory

from assay.search import Artifact, Ledger, Phase, Report, State, SweepRecord, Trial, migrations, tables
from assay.search.database import open_database, reading, writing
from assay.search.store import Place
from assay.search.sweep_lock import SweepLock
from assay.spaces import AssayError, Config

from .samples import SPAWN, one_line, sweep

VERSION_1 = (Path(__file__).parent / "ledger_v1.sql").read_text(encoding="utf-8")
FOLDER = Path(migrations.__file__).parent
LR, BIG = "lr", "big"


def make_version_1(file: Path) -> None:
    """A ledger as version 0.1 left it."""
    file.parent.mkdir(exist_ok=True)
    raw = sqlite3.connect(file)
    raw.executescript(VERSION_1)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.close()


def alembic(connection: sa.Connection) -> Alembic:
    config = Alembic()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


@pytest.fixture
def old(new_store: Callable[[Path], str], tmp_path: Path) -> Place:
    """A store of version 1. On a server there never was one: it is as if there had been."""
    place = Place.of(new_store(tmp_path / "store"))
    if place.file is not None:
        make_version_1(place.file)
        return place
    make_version_1(tmp_path / "v1" / "ledger.db")
    source, target = open_database(Place.of(tmp_path / "v1")), open_database(place)
    metadata = sa.MetaData()
    metadata.reflect(source)
    with reading(source).connect() as old, writing(target).begin() as new:
        command.upgrade(alembic(new), "0001")
        for name in ("sweeps", "trials", "reports", "artifacts"):
            rows = [dict(row._mapping) for row in old.execute(metadata.tables[name].select())]
            new.execute(metadata.tables[name].insert(), rows)
    source.dispose()
    target.dispose()
    return place


def points(step: int) -> Report:
    metrics = {"loss": 1 / step, "n": 2**63, "none": None, "text": "it's; ü"}
    return Report(step, metrics, 1.5 * step, step + 1, f"/c/{step}" if step > 1 else None, 0.25 * step)


CONFIGS = [Config({LR: 0.1 / (k + 1), BIG: (-1) ** k * 2**63}) for k in range(3)]
HELLO = [
    Trial(
        0, Phase.SEARCH, State.COMPLETE, CONFIGS[0], 2**62, 0, attempts=1, seconds=1.0, ended=6, resplit=True,
        testable=True, data_id="0123456789ab", reports=(points(1), points(2), points(3)),
    ),
    Trial(
        1, Phase.SEARCH, State.STOPPED, CONFIGS[1], 7, 0, attempts=2, seconds=0.75, asked=1, started=1, ended=7,
        reports=(Report(1, {"loss": 0.125}, 2.0, 5, None, 0.5),),
    ),
    Trial(
        2, Phase.REPLICATE, State.FAILED, CONFIGS[0], 8, 3, parent=0, attempts=1, reason=r"no file caf\udce9",
        detail="Traceback:\n  it's \"over\"", asked=8, started=8, ended=9,
    ),
]  # fmt: skip
OTHER = [
    Trial(
        0, Phase.SEARCH, State.RUNNING, CONFIGS[2], 9, 0, attempts=1, seconds=0.5,
        reports=(Report(1, {"loss": 2.0}, 1.0, 1, "/c/9", 0.5),),
    )
]  # fmt: skip
FILES = [
    Artifact(0, "model", "m.pt", "b" * 64, 0),
    Artifact(0, "validation", "hello/predictions/trial-00000-validation.npz", "a" * 64, 10**9),
]


def check_everything(ledger: Ledger) -> None:
    hello, other = ledger.sweeps()
    facts = (hello.name, hello.directory, hello.state, hello.note, hello.created)
    assert facts == ("hello", r"/home/me/caf\udce9", "finished", "it's done; ünïcode", 1790000000.25)
    assert (other.name, other.state, ledger.wished(other)) == ("other", "running", "")
    assert (ledger.trials(hello), ledger.trials(other)) == (HELLO, OTHER)
    assert ledger.artifacts(hello) == FILES
    for record in (hello, other):
        assert (ledger.events(record), ledger.revisions(record)) == ([], [(0, record.sweep)])


def schema(place: Place) -> dict[str, Any]:
    """All that the database says of the tables; on SQLite also their text."""
    engine = open_database(place)
    found: dict[str, Any] = {}
    with reading(engine).connect() as connection:
        look = sa.inspect(connection)
        for name in look.get_table_names():
            columns = [{**column, "type": repr(column["type"])} for column in look.get_columns(name)]
            keys = (look.get_pk_constraint(name), look.get_foreign_keys(name), look.get_unique_constraints(name))
            found[name] = (columns, *keys, look.get_indexes(name))
        if place.file is not None:
            text = sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            found |= {f"sql of {name}": " ".join(sql.split()) for name, sql in connection.execute(text)}
    engine.dispose()
    return found


def plain(found: dict[str, Any], place: Place) -> str:
    """Without the schema that a test's tables are in."""
    text = repr(sorted(found.items()))
    name = str(place.url.query.get("options", "")).rpartition("=")[2]
    return text.replace(name, "here") if name else text


def test_version_1_is_read_like_a_new_one(old: Place) -> None:
    ledger = Ledger(old)
    check_everything(ledger)
    ledger.close()
    again = Ledger(old)
    check_everything(again)
    assert again.create_sweep(sweep("new"), "").id == 4
    again.close()


def test_all_ways_give_the_same_tables(old: Place, new_store: Callable[[Path], str], tmp_path: Path) -> None:
    new, migrated = (Place.of(new_store(tmp_path / name)) for name in ("new", "migrated"))
    Ledger(new, create=True).close()
    Ledger(old).close()
    migrated.files.mkdir()
    engine = open_database(migrated)
    with writing(engine).begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    wanted = plain(schema(new), new)
    assert plain(schema(old), old) == wanted
    assert plain(schema(migrated), migrated) == wanted
    assert Ledger(migrated).sweeps() == []


def test_the_newest_migration_makes_the_tables_of_this_version() -> None:
    scripts = ScriptDirectory(str(FOLDER))
    assert scripts.get_heads() == [tables.REVISION]
    assert scripts.get_bases() == [migrations.FIRST]


def test_version_1_asks_for_its_own_upgrade(new_store: Callable[[Path], str], tmp_path: Path, old: Place) -> None:
    """It looks for its table, and takes a number above 1 for a newer version."""
    for ledger in (Ledger(new_store(tmp_path / "new"), create=True), Ledger(old)):
        with ledger._reads.connect() as connection:
            assert connection.execute(sa.text("SELECT version FROM schema_version")).all() == [(3,)]
        ledger.close()


@pytest.mark.parametrize("create", [True, False])
def test_alembic_is_not_loaded_for_what_is_up_to_date(tmp_path: Path, create: bool) -> None:
    if not create:
        Ledger(tmp_path, create=True).close()
    script = f"import sys; from assay.search import Ledger; Ledger({str(tmp_path)!r}, create={create}).sweeps()"
    checked = f"{script}; assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", checked], check=True)


def test_a_percent_sign_in_the_path_of_the_package(old: Place, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "50%s").symlink_to(FOLDER)
    monkeypatch.setattr(migrations, "__file__", str(tmp_path / "50%s" / "__init__.py"))
    check_everything(Ledger(old))


def test_version_2_keeps_its_trials(new_store: Callable[[Path], str], tmp_path: Path) -> None:
    """It knew no rows of the split: they are unknown, as in a trial that is new."""
    place = Place.of(new_store(tmp_path / "store"))
    place.files.mkdir(exist_ok=True)
    engine, metadata = open_database(place), sa.MetaData()
    with writing(engine).begin() as connection:
        command.upgrade(alembic(connection), "0002")
        metadata.reflect(connection)
        spec = sweep("hello").model_dump(mode="json")
        row = {"name": "hello", "spec": spec, "directory": "", "state": "running", "created": 0.0}
        connection.execute(tables.sweeps.insert().values(row))
        names = [column.name for column in metadata.tables["trials"].c]
        for trial in HELLO:
            known = {name: getattr(trial, name) for name in names if hasattr(trial, name)}
            more = {"sweep_id": 1, "config": dict(trial.config), "config_id": trial.config.config_id}
            connection.execute(metadata.tables["trials"].insert().values(known | more))
    engine.dispose()
    ledger = Ledger(place)
    record = ledger.sweep("hello")
    assert ledger.trials(record) == [replace(trial, reports=()) for trial in HELLO]
    assert {(trial.train_rows, trial.validation_rows) for trial in ledger.trials(record)} == {(0, 0)}
    changed = replace(HELLO[0], reports=(), train_rows=70, validation_rows=30)
    ledger.update_trial(record, changed)
    assert ledger.trial(record, 0) == changed
    ledger.close()


# What may not be upgraded


def test_an_older_version_that_runs_a_sweep_is_left_alone(tmp_path: Path) -> None:
    make_version_1(tmp_path / "ledger.db")
    lock = SweepLock(tmp_path / "other")
    lock.acquire("other")
    with pytest.raises(AssayError) as caught:
        Ledger(tmp_path)
    lock.release()
    assert one_line(caught) == (
        f"{tmp_path} was written by an older version of Assay, which runs sweep 'other' there: let it end"
    )
    check_everything(Ledger(tmp_path))


@pytest.mark.parametrize("change", ["alembic", "schema"])
def test_a_newer_ledger_is_refused(new_store: Callable[[Path], str], tmp_path: Path, change: str) -> None:
    """Also one that lacks what this version looks at first."""
    ledger = Ledger(new_store(tmp_path), create=True)
    with ledger._writes.begin() as connection:
        if change == "alembic":
            connection.execute(tables.revision.update().values(version_num="0004"))
        else:
            tables.revision.drop(connection)
            connection.execute(tables.released.update().values(version=4))
        tables.artifacts.drop(connection)
    with pytest.raises(AssayError) as caught:
        Ledger(ledger.place)
    assert one_line(caught) == (
        f"{ledger.place} was written by a newer version of Assay (schema 4, this version reads 3): upgrade assay"
    )
    with ledger._reads.connect() as connection:
        assert not sa.inspect(connection).has_table("artifacts")
    ledger.close()


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE trials (x INTEGER)"],
        ["CREATE TABLE schema_version (version INTEGER)", "INSERT INTO schema_version VALUES (1)"],
        [
            "CREATE TABLE alembic_version (version_num VARCHAR(32))",
            "INSERT INTO alembic_version VALUES ('v3.2.0.a')",
            "CREATE TABLE sweeps (x INTEGER)",
        ],
        ["CREATE TABLE alembic_version (version_num VARCHAR(32))", "CREATE TABLE sweeps (x INTEGER)"],
    ],
)
def test_another_database_is_refused_and_left_alone(
    new_store: Callable[[Path], str], tmp_path: Path, statements: list[str]
) -> None:
    place = Place.of(new_store(tmp_path))
    engine = open_database(place)
    with writing(engine).begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        before = sa.inspect(connection).get_table_names()
    for create in (True, False):
        with pytest.raises(AssayError) as caught:
            Ledger(place, create=create)
        assert one_line(caught) == f"{place.file or place} is a database of something else: name another store"
    with reading(engine).connect() as connection:
        assert sa.inspect(connection).get_table_names() == before
    engine.dispose()


# Several processes


def open_there(place: Place, together: Any, results: Any) -> None:
    together.wait()
    try:
        check_everything(Ledger(place))
        results.put("fine")
    except Exception as error:  # noqa: BLE001 - whatever it is, the test has to hear of it
        results.put(repr(error))


def test_several_processes_upgrade_at_once(old: Place) -> None:
    results, together = SPAWN.SimpleQueue(), SPAWN.Barrier(3)
    processes = [SPAWN.Process(target=open_there, args=(old, together, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get() for _ in processes] == ["fine"] * 3
    for process in processes:
        process.join()


def die_before(place: Place, instant: str) -> None:
    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def die(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if " ".join(statement.split()).startswith(instant):
            os.kill(os.getpid(), signal.SIGKILL)

    @sa.event.listens_for(sa.Engine, "commit")
    def die_at_the_end(connection: Any) -> None:
        if instant == "COMMIT":
            os.kill(os.getpid(), signal.SIGKILL)

    Ledger(place)


@pytest.mark.faults
def test_a_kill_in_the_middle_leaves_the_old_one(old: Place) -> None:
    before = plain(schema(old), old)
    for instant in ("DROP TABLE trials", "INSERT INTO reports", "UPDATE schema_version", "COMMIT"):
        process = SPAWN.Process(target=die_before, args=(old, instant))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert plain(schema(old), old) == before
    ledger = Ledger(old)
    check_everything(ledger)
    ledger.close()


def test_the_record_of_a_running_sweep_can_be_gone_on_with(old: Place) -> None:
    ledger = Ledger(old)
    record: SweepRecord = ledger.sweep("other")
    ledger.add_report(record, 0, Report(2, {"loss": 1.0}, 2.0, 2))
    assert [report.step for report in ledger.trial(record, 0).reports] == [1, 2]
    ledger.close()
