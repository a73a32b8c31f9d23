"""The ledger as a file: in any folder, on read-only systems, and nothing else is taken for a ledger."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.search import Ledger
from assay.spaces import AssayError, NotFoundError, UsageError

from .samples import SPAWN, new_trial, one_line, report, sweep
from .test_upgrade import make_version_1


@pytest.mark.parametrize("folder", ["a b", "what?x=1", "50%20#1", "ü'\"", "c:d"])
def test_any_folder_can_be_a_store(tmp_path: Path, folder: str) -> None:
    ledger = Ledger(tmp_path / folder / "deep", create=True)
    ledger.create_sweep(sweep(), "")
    ledger.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder]
    assert Ledger(str(tmp_path / folder / "deep")).sweep("@last").name == "hello"


def test_a_file_can_be_named(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/team.db"
    ledger = Ledger(store, create=True)
    record = ledger.create_sweep(sweep(), "")
    assert (str(ledger.place), ledger.store) == (store, tmp_path)
    assert (tmp_path / "team.db").is_file()
    lock = ledger.lock("hello")
    lock.acquire("hello")
    assert (tmp_path / "hello" / "lock").is_file()
    lock.release()
    for name in ("team.db", "team.db-wal"):
        with pytest.raises(UsageError, match=rf"'{name}' is the name of a file in"):
            ledger.lock(name)
    elsewhere = Ledger(f"{store}?files={tmp_path}/files")
    assert (elsewhere.sweeps(), elsewhere.store) == ([record], tmp_path / "files")
    assert Ledger(f"sqlite:///{tmp_path}/new/folder/team.db?files={tmp_path}/files", create=True).sweeps() == []


# Files that are no ledger


def test_a_store_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        Ledger(tmp_path / "none")
    assert one_line(caught) == (
        f"no sweeps in {tmp_path / 'none'}: run one there, or name another store with --store or ASSAY_STORE"
    )
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_ledger_only_by_writing(tmp_path: Path) -> None:
    """One process has made the file, and not yet the tables."""
    (tmp_path / "ledger.db").touch()
    with pytest.raises(NotFoundError, match="no sweeps in"):
        Ledger(tmp_path)
    assert Ledger(tmp_path, create=True).sweeps() == []
    assert Ledger(tmp_path).sweeps() == []


@pytest.mark.parametrize("content", [b"hello, I am no database" * 99, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.db").write_bytes(content)
    for create in (False, True):
        with pytest.raises(AssayError) as caught:
            Ledger(tmp_path, create=create)
        assert one_line(caught).startswith(f"{tmp_path / 'ledger.db'} cannot be opened as a ledger: ")
    assert (tmp_path / "ledger.db").read_bytes() == content


def test_a_store_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for store in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(AssayError) as caught:
            Ledger(store, create=True)
        assert "cannot be opened as a ledger" in one_line(caught)
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(AssayError, match="cannot be opened as a ledger: unable to open database file"):
        Ledger(tmp_path, create=True)


# Stores that may only be read

ONLY_READ = "{} may only be read: copy the store to a folder that you may write to, or get the right to write"


def make_store(folder: Path) -> Ledger:
    """One sweep, with one report, that was run and is over."""
    ledger = Ledger(folder, create=True)
    record = ledger.create_sweep(sweep(), "")
    ledger.add_trial(record, new_trial())
    ledger.add_report(record, 0, report(1))
    lock = ledger.lock("hello")
    lock.acquire("hello")
    lock.release()
    return ledger


def make_stores(folder: Path) -> None:
    """A store that was closed, one copied without the index after a kill, and one of version 1."""
    ledger = make_store(folder / "closed")
    (folder / "killed").mkdir()
    for name in ("ledger.db", "ledger.db-wal"):
        shutil.copy(folder / "closed" / name, folder / "killed")
    ledger.close()
    assert [path.name for path in (folder / "closed").glob("ledger.db*")] == ["ledger.db"]
    make_version_1(folder / "old" / "ledger.db")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Which others may enter."""
    made = Path(tempfile.mkdtemp(dir="/tmp"))
    yield made
    for path in [made, *made.iterdir()]:
        path.chmod(0o755)
    shutil.rmtree(made)


def told(act: Any) -> Any:
    try:
        return act()
    except AssayError as error:
        return str(error)


def use(folder: Path) -> dict[str, Any]:
    """What can be done with the stores of a folder that may only be read."""
    found: dict[str, Any] = {}
    for name in ("closed", "killed", "running"):
        if not (folder / name).exists():
            continue
        ledger = Ledger(folder / name)
        record = ledger.sweep("hello")
        lock = ledger.lock("hello")
        found[name] = {
            "trials": ledger.trials(record),
            "held": lock.held,
            "acquire": told(lambda lock=lock: lock.acquire("hello")),
            "write": told(lambda ledger=ledger, record=record: ledger.set_state(record, "stopped")),
            "create": told(lambda name=name: str(Ledger(folder / name, create=True).place)),
        }
        ledger.close()
    found["old"] = told(lambda: Ledger(folder / "old"))
    found["new"] = told(lambda: Ledger(folder / "new", create=True))
    return found


def use_as_nobody(folder: Path, results: Any) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    results.put(use(folder))


def check(found: dict[str, Any], folder: Path, names: list[str]) -> None:
    for name in names:
        facts = found[name]
        assert [(trial.number, trial.reports) for trial in facts["trials"]] == [(0, (report(1),))], name
        assert facts["write"] == ONLY_READ.format(folder / name)
        assert facts["acquire"].startswith("sweep 'hello' "), facts["acquire"]
        assert facts["create"] == str(folder / name)
    assert found["old"] == (
        f"{folder / 'old'} was written by an older version of Assay, and may only be read: copy it to a folder that "
        "you may write to, where it will be upgraded"
    )
    assert found["new"].startswith(f"{folder / 'new' / 'ledger.db'} cannot be opened as a ledger: ")


def test_a_store_of_somebody_else_can_be_read(folder: Path) -> None:
    """Also while its sweep runs there."""
    make_stores(folder)
    running = make_store(folder / "running")
    lock = running.lock("hello")
    lock.acquire("hello")
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    results = SPAWN.SimpleQueue()
    process = SPAWN.Process(target=use_as_nobody, args=(folder, results))
    process.start()
    found = results.get()
    process.join()
    lock.release()
    running.close()
    check(found, folder, ["closed", "killed", "running"])
    assert [found[name]["held"] for name in ("closed", "killed", "running")] == [False, False, True]
    assert found["running"]["acquire"].startswith("sweep 'hello' cannot be run: ")


def test_a_store_on_a_read_only_file_system(folder: Path, tmp_path: Path) -> None:
    make_stores(folder)
    bind = subprocess.run(["mount", "--bind", folder, tmp_path], capture_output=True)
    if bind.returncode:
        pytest.skip("only root may mount a file system, and not everywhere")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", tmp_path], check=True)
        found = use(tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    check(found, tmp_path, ["closed", "killed"])
    assert "Read-only file system" in found["closed"]["acquire"]
    assert "Read-only file system" in found["new"]
