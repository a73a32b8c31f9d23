"""A kill at any moment leaves the old checkpoint or the new one, and what it leaves besides is swept."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from assay.trainables.checkpoints import CheckpointMissing, CheckpointStore, is_local, join, open_checkpoint

from .checkpoint_samples import KINDS, NEW, OLD, Tree, everything, load, new_root, save, staged

pytestmark = pytest.mark.usefixtures("temporary")


class Killed(BaseException):
    """Stands for the end of the process."""


class Death:
    """Ends the process before its n-th change to a file system; what is done after the end has no effect."""

    def __init__(self, patch: pytest.MonkeyPatch, step: int) -> None:
        self.left = step
        for owner, name in [
            *((os, name) for name in ("mkdir", "rename", "replace", "unlink", "rmdir")),
            *((MemoryFileSystem, name) for name in ("put_file", "_rm", "rmdir")),
        ]:
            patch.setattr(owner, name, self._counted(getattr(owner, name)))
        patch.setattr(Path, "write_bytes", self._halved(Path.write_bytes))

    def happened(self) -> bool:
        return self.left < 0

    def _step(self) -> None:
        self.left -= 1
        if self.happened():
            raise Killed

    def _counted(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **options: Any) -> Any:
            self._step()
            return act(*given, **options)

        return counted

    def _halved(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def halved(path: Path, content: bytes) -> Any:
            if self.left == 0:
                write(path, content[: len(content) // 2])
            self._step()
            return write(path, content)

        return halved


def deaths(kind: str, prepare: Callable[[CheckpointStore], Any], act: Callable[[Any], Any]) -> Iterator[str]:
    """The trial's address after ``act`` was killed before each of its steps in turn."""
    for step in itertools.count():
        with new_root(kind) as root, pytest.MonkeyPatch.context() as patch:
            given = prepare(CheckpointStore(root))
            death = Death(patch, step)
            with suppress(Killed):
                act(given)
            patch.undo()
            yield root
            if not death.happened():
                assert step >= 2, "the simulation found nothing to kill"
                return


def assert_swept(root: str, temporary: Path, tree: Tree | None) -> None:
    """After a sweep the trial has nothing but the checkpoint that it had before."""
    store = CheckpointStore(root)
    store.sweep()
    assert store.names() == everything(root) == ([] if tree is None else ["step-000001"])
    assert tree is None or load(join(root, "step-000001")) == tree
    store.sweep()
    assert store.names() == ([] if tree is None else ["step-000001"])
    assert not list(temporary.glob("assay-*"))


def state(root: str) -> Tree | None:
    names = CheckpointStore(root).names()
    try:
        tree = load(join(root, "step-000001"))
    except CheckpointMissing:
        tree = None
    assert names == ([] if tree is None else ["step-000001"])
    return tree


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process leaves is what a dead process left."""
    monkeypatch.setattr("assay.trainables.checkpoint_places._is_alive", lambda process: process != os.getpid())


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("old", [None, OLD])
def test_a_killed_commit_leaves_the_old_or_the_new(kind: str, temporary: Path, old: Tree | None) -> None:
    def prepare(store: CheckpointStore) -> Callable[[], str]:
        if old is not None:
            save(store, tree=old)
        folder = staged(store, NEW)
        return lambda: store.commit(folder, "step-000001")

    found = []
    for root in deaths(kind, prepare, lambda commit: commit()):
        tree = state(root)
        assert tree in (old, NEW)
        assert_swept(root, temporary, tree)
        found.append(tree)
    assert old in found
    assert found[-1] == NEW
    assert found == sorted(found, key=lambda tree: tree == NEW), "once there, it stays"


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("kind", KINDS)
def test_a_commit_after_a_killed_one_and_no_sweep(kind: str, temporary: Path) -> None:
    def prepare(store: CheckpointStore) -> CheckpointStore:
        save(store, tree=OLD)
        return store

    for root in deaths(kind, prepare, lambda store: save(store, tree=NEW)):
        again: Tree = {"model": b"3"}
        assert load(save(CheckpointStore(root), tree=again)) == again
        assert_swept(root, temporary, again)


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_removal_leaves_all_or_nothing(kind: str, temporary: Path) -> None:
    def prepare(store: CheckpointStore) -> CheckpointStore:
        save(store, tree=OLD)
        return store

    found = []
    for root in deaths(kind, prepare, lambda store: store.remove(["step-000001"])):
        tree = state(root)
        assert tree in (OLD, None)
        assert_swept(root, temporary, tree)
        found.append(tree)
    assert (found[0], found[-1]) == (OLD, None)


def test_what_was_removed_does_not_come_back(local: CheckpointStore, folder: Path) -> None:
    save(local)
    (folder / "step-000001").rename(folder / ".aside-step-000001")
    assert local.names() == ["step-000001"]
    local.remove(["step-000001"])
    local.sweep()
    assert everything(str(folder)) == []


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_sweep_loses_nothing(kind: str, temporary: Path) -> None:
    def prepare(store: CheckpointStore) -> CheckpointStore:
        save(store, tree=OLD)
        staged(store, NEW)
        if is_local(store.root):
            Path(store.root, "step-000001").rename(Path(store.root, ".aside-step-000001"))
            Path(store.root, ".removed-1").mkdir()
        else:
            for path in ("000001/data-00000000", "000002/data-00000001", "000002/data-00000002"):
                MemoryFileSystem().pipe_file(join(store.root, f"step-{path}", "model"), b"half")
        return store

    for root in deaths(kind, prepare, lambda store: store.sweep()):
        assert state(root) == OLD
        assert_swept(root, temporary, OLD)


def test_a_sweep_leaves_what_is_not_ours(store: CheckpointStore) -> None:
    save(store)
    files, path = fsspec.core.url_to_fs(store.root)
    for other in ("logs/train.txt", "output.log", "logs/data-augmented/x"):
        files.makedirs(files._parent(join(path, other)), exist_ok=True)
        files.pipe_file(join(path, other), b"x")
    store.sweep()
    assert everything(store.root) == ["logs", "output.log", "step-000001"]


def test_a_sweep_leaves_the_temporary_folders_of_the_living(temporary: Path) -> None:
    with new_root("memory") as root:
        store = CheckpointStore(root)
        opened, folder = open_checkpoint(save(store)), store.stage()
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        left = Path(str(folder).replace(f"-{os.getpid()}-", f"-{gone.pid}-"))
        left.mkdir()
        others = temporary / f"assay-checkpoint-0123456789ab-{gone.pid}-x"
        others.mkdir()
        store.sweep()
        assert not left.exists()
        assert all(kept.exists() for kept in (opened.folder, folder, others))


_COMMITS = """
import os, random, sys
from assay.trainables.checkpoints import CheckpointStore

store = CheckpointStore(sys.argv[1])
print("ready", flush=True)
for number in range(1_000_000):
    folder = store.stage()
    (folder / "sub").mkdir()
    for path in ("model", "sub/state", "log"):
        (folder / path).write_bytes(os.urandom(random.randrange(300_000)))
    store.commit(folder, f"step-{number % 4:06d}")
    if number % 3 == 2:
        store.remove([f"step-{(number + 2) % 4:06d}"])
"""


@pytest.mark.faults
def test_real_kills(local: CheckpointStore, folder: Path) -> None:
    chance = random.Random(0)
    seen = 0
    for _ in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", _COMMITS, str(folder)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.05, 0.4))
            os.kill(process.pid, signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        names = local.names()
        for name in names:
            assert set(load(join(local.root, name))) == {"model", "sub/state", "log"}
        local.sweep()
        assert local.names() == everything(local.root) == names
        seen += len(names)
    assert seen >= 6
