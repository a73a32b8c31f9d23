"""Checkpoints: what is committed is whole and comes back as it was; what is not whole never counts."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import re
import sys
import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.trainables.checkpoints import (
    CheckpointError,
    CheckpointMissing,
    CheckpointStore,
    is_local,
    join,
    open_checkpoint,
)

from .checkpoint_samples import KINDS, NEW, OLD, Tree, everything, failing, load, new_root, save, staged

pytestmark = pytest.mark.usefixtures("temporary")

# What comes back


@pytest.mark.parametrize("tree", [{}, OLD, NEW, {"a/b/c": None}, {"ä b#?%*[x]::~": b"1", "!20": b"2", " ": b"3"}])
def test_what_is_saved_comes_back(store: CheckpointStore, tree: Tree) -> None:
    assert load(save(store, tree=tree)) == tree


def _components() -> st.SearchStrategy[str]:
    """Names of files as the system has them: any bytes."""
    raw = st.binary(min_size=1, max_size=40) | st.text(min_size=1, max_size=20).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
    forbidden = {b".", b".."}
    return raw.filter(lambda name: not {b"/"[0], 0} & set(name) and name not in forbidden).map(os.fsdecode)


def _no_clash(paths: dict[tuple[str, ...], Any]) -> Tree:
    """Drop what would lie in a file, or would be the manifest."""
    folders = {path[:depth] for path in paths for depth in range(1, len(path))}
    kept = {path: content for path, content in paths.items() if path not in folders}
    return {"/".join(path): content for path, content in kept.items() if path[0].casefold() != "manifest.json"}


TREES = st.dictionaries(
    st.lists(_components(), min_size=1, max_size=3).map(tuple), st.none() | st.binary(max_size=300), max_size=8
).map(_no_clash)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(first=TREES, second=TREES)
def test_any_tree_comes_back(kind: str, first: Tree, second: Tree) -> None:
    with new_root(kind) as root:
        store = CheckpointStore(root)
        urls = save(store, "step-000001", first), save(store, "step-000002", second)
        assert [load(url) for url in urls] == [first, second]
        assert save(store, "step-000001", second) == urls[0]
        assert load(urls[0]) == second
        store.sweep()
        store.remove(urls[1:])
        assert (store.names(), load(urls[0])) == (["step-000001"], second)


def test_the_manifest_lists_size_and_checksum(local: CheckpointStore) -> None:
    manifest = json.loads(Path(save(local), "manifest.json").read_text())
    assert manifest["files"] == [
        {"path": path, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, content in sorted(OLD.items())
        if content is not None
    ]


def test_a_local_checkpoint_is_its_folder(local: CheckpointStore, folder: Path) -> None:
    url = save(local)
    assert url == str(folder / "step-000001")
    opened = open_checkpoint(url)
    opened.close()
    assert opened.folder == Path(url)
    assert load(url) == OLD, "closing removes only downloads"


def test_a_download_is_removed_when_it_is_closed(temporary: Path) -> None:
    with new_root("memory") as root:
        url = save(CheckpointStore(root))
        assert url == f"{root}/step-000001"
        opened = open_checkpoint(url)
        assert opened.folder.is_relative_to(temporary)
        opened.close()
        opened.close()
    assert not list(temporary.iterdir())


def test_staging(store: CheckpointStore, temporary: Path) -> None:
    first, second = store.stage(), store.stage()
    assert first != second
    assert not [*first.iterdir(), *second.iterdir()]
    assert first.parent == (Path(store.root) if is_local(store.root) else temporary)
    store.discard(first)
    store.discard(first)
    assert not first.exists()
    assert store.names() == []


def test_an_old_one_is_replaced(store: CheckpointStore) -> None:
    assert save(store, tree=OLD) == save(store, tree=NEW)
    assert load(join(store.root, "step-000001")) == NEW
    assert everything(store.root) == ["step-000001"]


def test_names_are_those_that_are_committed(store: CheckpointStore) -> None:
    assert store.names() == []
    for name in ("step-000010", "s1-step-000002", "step-000009"):
        save(store, name)
    store.stage()
    if is_local(store.root):
        Path(store.root, "output.log").write_text("printed")
        Path(store.root, "step-000011").mkdir()
    else:
        MemoryFileSystem().pipe_file(join(store.root, "output.log"), b"printed")
        MemoryFileSystem().pipe_file(join(store.root, "step-000011", "data-00000000", "model"), b"half")
    assert store.names() == ["s1-step-000002", "step-000009", "step-000010"]


def test_a_store_travels(store: CheckpointStore) -> None:
    save(store)
    assert pickle.loads(pickle.dumps(store)).names() == ["step-000001"]
    assert vars(store) == {"root": store.root}


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = CheckpointStore("trials/1")
    monkeypatch.chdir("/")
    assert save(store) == str(tmp_path / "trials/1/step-000001")


def test_a_file_url_is_a_path(folder: Path) -> None:
    url = save(CheckpointStore(f"file://{folder}"))
    assert url == str(folder / "step-000001")
    assert load(f"file://{url}") == load(f"local://{url}/") == OLD


def test_directly_in_the_bucket() -> None:
    store = CheckpointStore("memory://")
    url = save(store, "step-of-nobody")
    assert (url, load(url)) == ("memory://step-of-nobody", OLD)
    store.remove([url])
    assert "step-of-nobody" not in store.names()


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a b", "../x"])
def test_a_name_is_plain(local: CheckpointStore, name: str) -> None:
    with pytest.raises(ValueError, match="name is made of letters"):
        save(local, name)
    assert local.names() == []


@pytest.mark.parametrize(
    ("url", "local"),
    [
        *((url, True) for url in ("/a/b", "a", "file:///a", "local://a", "/a/s3://b", "a::b", "")),
        *((url, False) for url in ("s3://b/a", "memory://a", "simplecache::s3://b/a", "s3://b/file://a")),
    ],
)
def test_is_local(url: str, local: bool) -> None:
    assert is_local(url) is local


@pytest.mark.parametrize(
    ("root", "parts", "joined"),
    [
        ("/a", ("b", "c"), "/a/b/c"),
        ("/", ("b",), "/b"),
        ("a/", ("b",), "a/b"),
        ("", ("b", "c"), "b/c"),
        ("s3://bucket", ("b",), "s3://bucket/b"),
        ("memory://", ("b", "c"), "memory://b/c"),
        ("/a", (), "/a"),
    ],
)
def test_join(root: str, parts: tuple[str, ...], joined: str) -> None:
    assert join(root, *parts) == joined


def test_names_in_an_object_store_are_tame() -> None:
    with new_root("memory") as root:
        save(CheckpointStore(root), tree={"ä b#?%*[x]::~!": b"1", "plain/model-1.pt": b"2"})
        keys = [key for key in MemoryFileSystem.store if root.removeprefix("memory://") in key]
    assert all(re.fullmatch(r"[A-Za-z0-9_./!~-]*", key) for key in keys)
    assert any(key.endswith("/plain/model-1.pt") for key in keys)


def test_big_files_are_read_in_pieces(local: CheckpointStore) -> None:
    path = staged(local, {})
    with (path / "model").open("wb") as stream:
        stream.truncate(64 * 2**20)
    tracemalloc.start()
    try:
        open_checkpoint(local.commit(path, "step-000001"))
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


# What cannot be kept


def test_a_link_becomes_a_copy(store: CheckpointStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"weights")
    path = staged(store, {"model": b"own"})
    (path / "sub").mkdir()
    (path / "sub" / "linked").symlink_to(outside)
    (path / "last").symlink_to("model")
    (path / "absolute").symlink_to(path / "model")
    url = store.commit(path, "step-000001")
    outside.write_bytes(b"others!")
    assert load(url) == {"model": b"own", "last": b"own", "absolute": b"own", "sub/linked": b"weights"}


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a link to a folder": (lambda folder: (folder / "x").symlink_to("/"), "'x' is a symbolic link to a folder"),
    "a link to nothing": (lambda folder: (folder / "x").symlink_to("gone"), "'x' is a symbolic link to no file"),
    "a link to itself": (lambda folder: (folder / "x").symlink_to("x"), "'x' is a symbolic link to no file"),
    "a pipe": (lambda folder: os.mkfifo(folder / "x"), "'x' is no regular file"),
    "a manifest": (lambda folder: (folder / "manifest.json").touch(), "'manifest.json' has the name of the"),
    "a Manifest": (lambda folder: (folder / "Manifest.JSON").touch(), "'Manifest.JSON' has the name of the"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_kept_is_refused(store: CheckpointStore, what: str) -> None:
    add, message = REFUSED[what]
    path = staged(store, OLD)
    add(path)
    with pytest.raises(CheckpointError, match=message):
        store.commit(path, "step-000001")
    assert store.names() == []
    store.discard(path)
    assert everything(store.root) == []


def test_a_manifest_in_a_sub_folder_is_a_file(store: CheckpointStore) -> None:
    tree: Tree = {"sub/manifest.json": b"{}"}
    assert load(save(store, tree=tree)) == tree


def test_a_folder_that_cannot_be_read_is_no_empty_one(local: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    path = staged(local, OLD)
    scandir = os.scandir

    def refuse(folder: Any) -> Any:
        if str(folder).endswith("/sub"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    with monkeypatch.context() as patch, pytest.raises(CheckpointError, match=r"not allowed .*sub"):
        patch.setattr(os, "scandir", refuse)
        local.commit(path, "step-000001")
    assert local.names() == []


# Removal


def test_remove(store: CheckpointStore) -> None:
    urls = [save(store, f"step-{step:06d}") for step in range(5)]
    store.remove(urls[:2])
    store.remove(iter(["step-000002", urls[1], "step-000099"]))
    assert store.names() == ["step-000003", "step-000004"]
    store.remove("step-000003")
    assert everything(store.root) == ["step-000004"]
    store.remove([])
    assert load(urls[4]) == OLD


def test_only_checkpoints_of_this_trial_are_removed(store: CheckpointStore) -> None:
    other = CheckpointStore(join(store.root.rpartition("/")[0], "00004"))
    save(store)
    store.remove([save(other), join(store.root, "sub", "step-000001"), join(store.root, ".."), "/step-000001"])
    assert (store.names(), other.names()) == (["step-000001"], ["step-000001"])
    if is_local(store.root):
        Path(store.root, "output.log").touch()
        store.remove(["output.log"])
        assert "output.log" in everything(store.root)
    with pytest.raises(ValueError, match="name is made of"):
        store.remove([".."])


def test_many_remove_at_the_same_time(local: CheckpointStore) -> None:
    tree: Tree = {f"{part}/state": b"x" for part in range(20)}
    names = [save(local, f"step-{step:06d}", tree).rpartition("/")[2] for step in range(20)]
    kept = save(local, "kept")
    start = threading.Barrier(8)

    def remove(number: int) -> None:
        start.wait()
        CheckpointStore(local.root).remove(names if number % 2 else reversed(names))
        assert local.names() == ["kept"]
        local.sweep()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(remove, range(8)))
    assert (everything(local.root), load(kept)) == (["kept"], OLD)


def test_another_process_removes_it_first() -> None:
    with new_root("memory") as root, pytest.MonkeyPatch.context() as patch:
        store = CheckpointStore(root)
        save(store)
        remove = MemoryFileSystem.rm

        def late(self: MemoryFileSystem, path: str, recursive: bool = False) -> None:
            remove(self, path, recursive=recursive)
            remove(self, path, recursive=recursive)

        patch.setattr(MemoryFileSystem, "rm", late)
        store.remove(["step-000001"])
        assert store.names() == []


def test_the_manifest_is_removed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with new_root("memory") as root:
        store = CheckpointStore(root)
        url = save(store)
        with monkeypatch.context() as patch, pytest.raises(CheckpointError, match="cannot remove checkpoint"):
            patch.setattr(MemoryFileSystem, "rm", failing(OSError(errno.EIO, "Input/output error")))
            store.remove([url])
        assert store.names() == []
        store.sweep()
        assert everything(root) == []


def test_other_processes_write_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with new_root("memory") as root:
        store = CheckpointStore(root)
        calls = []
        list_folder = MemoryFileSystem.ls

        def listed(*given: Any, **options: Any) -> Any:
            calls.append("listed")
            return list_folder(*given, **options)

        monkeypatch.setattr(MemoryFileSystem, "ls", listed)
        monkeypatch.setattr(MemoryFileSystem, "invalidate_cache", lambda *_: calls.append("forgotten"))
        store.names()
        assert calls == ["forgotten", "listed"]


def test_removed_while_it_is_opened(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    url = save(store)
    verify = "assay.trainables.checkpoint_places.verify" if is_local(url) else "fsspec.spec.AbstractFileSystem.get"
    module, _, name = verify.rpartition(".")
    owner = fsspec.spec.AbstractFileSystem if name == "get" else sys.modules[module]
    act = getattr(owner, name)

    def after_removal(*given: Any, **options: Any) -> Any:
        store.remove([url])
        return act(*given, **options)

    monkeypatch.setattr(owner, name, after_removal)
    with pytest.raises(CheckpointMissing, match="was removed while it was opened"):
        open_checkpoint(url)
