"""At most one process runs a sweep, and a dead one holds nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from assay.search.sweep_lock import SweepLock
from assay.spaces import SweepExistsError

HOLDER = """
import sys, time
from pathlib import Path
from assay.search.sweep_lock import SweepLock
lock = SweepLock(Path(sys.argv[1]))
lock.acquire("hello")
print("held", flush=True)
time.sleep(60)
"""


def test_it_is_taken_once_and_given_back(tmp_path: Path) -> None:
    folder = tmp_path / "store" / "hello"
    first, second = SweepLock(folder), SweepLock(folder)
    assert not first.held
    assert not folder.exists()
    first.acquire("hello")
    assert first.held
    assert second.held
    with pytest.raises(SweepExistsError, match=r"^sweep 'hello' is being run by another process: .*`assay show hello`"):
        second.acquire("hello")
    first.release()
    assert not first.held
    assert not second.held
    second.acquire("hello")
    second.release()


def test_looking_does_not_take_it(tmp_path: Path) -> None:
    lock = SweepLock(tmp_path)
    lock.acquire("hello")
    assert [lock.held for _ in range(3)] == [True] * 3
    lock.release()
    assert [lock.held for _ in range(3)] == [False] * 3
    SweepLock(tmp_path).acquire("hello")


@pytest.mark.faults
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    lock = SweepLock(tmp_path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert lock.held
        with pytest.raises(SweepExistsError):
            lock.acquire("hello")
    finally:
        process.kill()
        process.communicate()
    assert not lock.held
    lock.acquire("hello")
    lock.release()
