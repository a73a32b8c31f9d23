"""At most one process runs a sweep, and a dead one holds nothing; the same for files and servers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.search import Ledger
from assay.search.sweep_lock import SweepLock
from assay.spaces import SweepExistsError

HOLDER = """
import sys, time
from assay.search import Ledger
lock = Ledger(sys.argv[1]).lock("hello")
lock.acquire("hello")
print("held", flush=True)
time.sleep(60)
"""


def test_it_is_taken_once_and_given_back(ledger: Ledger) -> None:
    first, second = ledger.lock("hello"), ledger.lock("hello")
    assert not first.held
    assert not (ledger.store / "hello").exists()
    first.acquire("hello")
    assert first.held
    assert second.held
    assert not ledger.lock("other").held
    with pytest.raises(SweepExistsError, match=r"^sweep 'hello' is being run by another process: .*`assay show hello`"):
        second.acquire("hello")
    first.release()
    first.release()
    assert not first.held
    assert not second.held
    second.acquire("hello")
    second.release()


def test_looking_does_not_take_it(ledger: Ledger) -> None:
    lock = ledger.lock("hello")
    lock.acquire("hello")
    assert [ledger.lock("hello").held for _ in range(3)] == [True] * 3
    lock.release()
    assert [lock.held for _ in range(3)] == [False] * 3
    again = ledger.lock("hello")
    again.acquire("hello")
    again.release()


def test_it_is_kept_though_the_ledger_is_closed(ledger: Ledger) -> None:
    lock = ledger.lock("hello")
    lock.acquire("hello")
    ledger.close()
    assert Ledger(ledger.place).lock("hello").held
    lock.release()
    assert not Ledger(ledger.place).lock("hello").held


def test_a_lock_file_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "hello").touch()
    with pytest.raises(Exception, match=r"^sweep 'hello' cannot be run: .*/hello: .*: name a store that you may write"):
        SweepLock(tmp_path / "hello").acquire("hello")


@pytest.mark.faults
def test_a_killed_process_holds_nothing(ledger: Ledger) -> None:
    place = ledger.place
    store = str(place) if place.file is None else str(place.files)
    process = subprocess.Popen([sys.executable, "-c", HOLDER, store], stdout=subprocess.PIPE, text=True)
    lock = ledger.lock("hello")
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert lock.held
        with pytest.raises(SweepExistsError):
            lock.acquire("hello")
    finally:
        process.kill()
        process.communicate()
    deadline = time.monotonic() + 10  # a server has to notice
    while lock.held and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not lock.held
    lock.acquire("hello")
    lock.release()
