"""Checkpoints: what is committed is whole and comes back as it was; what is not whole never counts."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import pickle
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import TrainableError, UsageError
from assay.trainables.checkpoints import (
    CheckpointCorrupt,
    CheckpointError,
    CheckpointMissing,
    CheckpointStore,
    is_local,
    join,
    open_checkpoint,
)

Tree = dict[str, bytes | None]
"""Files by path; None stands for an empty folder."""

OLD: Tree = {"model": b"old" * 100, "sub/state": b"1"}
NEW: Tree = {"model": b"new" * 200, "sub/other": b"22", "log": b""}
KINDS = ["folder", "memory"]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def new_root(kind: str) -> Iterator[str]:
    """The address of a trial that has no folder yet."""
    if kind == "folder":
        with tempfile.TemporaryDirectory() as folder:
            yield join(folder, "trials", "00003")
        return
    bucket = f"memory://{uuid.uuid4().hex}"
    try:
        yield join(bucket, "trials", "00003")
    finally:
        if MemoryFileSystem().exists(bucket):
            MemoryFileSystem().rm(bucket, recursive=True)


@pytest.fixture(params=KINDS)
def root(request: pytest.FixtureRequest) -> Iterator[str]:
    with new_root(request.param) as address:
        yield address


@pytest.fixture
def store(root: str) -> CheckpointStore:
    return CheckpointStore(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "00003"


@pytest.fixture
def local(folder: Path) -> CheckpointStore:
    return CheckpointStore(str(folder))


def staged(store: CheckpointStore, tree: Tree) -> Path:
    folder = store.stage()
    for path, content in tree.items():
        (folder / path if content is None else (folder / path).parent).mkdir(parents=True, exist_ok=True)
        if content is not None:
            (folder / path).write_bytes(content)
    return folder


def save(store: CheckpointStore, name: str = "step-000001", tree: Tree = OLD) -> str:
    return store.commit(staged(store, tree), name)


def tree_of(folder: Path) -> Tree:
    """All files but the manifest, and the empty folders."""
    tree: Tree = {}
    for here, folders, files in os.walk(folder):
        below = Path(here).relative_to(folder)
        tree |= {(below / name).as_posix(): Path(here, name).read_bytes() for name in files}
        if not folders and not files and Path(here) != folder:
            tree[below.as_posix()] = None
    del tree["manifest.json"]
    return tree


def load(url: str) -> Tree:
    with open_checkpoint(url) as opened:
        return tree_of(opened.folder)


def everything(root: str) -> list[str]:
    """What lies directly in the trial's folder."""
    if is_local(root):
        return sorted(os.listdir(root)) if Path(root).exists() else []  # noqa: PTH208
    files, path = fsspec.core.url_to_fs(root)
    return sorted(Path(entry).name for entry in files.ls(path, detail=False)) if files.exists(path) else []


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


# Missing and damaged


def test_missing_and_damaged_are_told_apart() -> None:
    assert not issubclass(CheckpointMissing, CheckpointCorrupt) and not issubclass(CheckpointCorrupt, CheckpointMissing)
    assert issubclass(CheckpointError, TrainableError) and issubclass(CheckpointError, UsageError)


def test_a_checkpoint_that_is_not_there(store: CheckpointStore) -> None:
    url = join(store.root, "step-000001")
    for _ in range(2):
        with pytest.raises(CheckpointMissing, match=f"^checkpoint {re.escape(url)} is not there, seen from "):
            open_checkpoint(url)
        save(store, "step-000002")


def test_a_checkpoint_without_a_manifest(store: CheckpointStore) -> None:
    url = save(store)
    fsspec.core.url_to_fs(url)[0].rm_file(join(url, "manifest.json"))
    with pytest.raises(CheckpointMissing, match=f"^checkpoint {re.escape(url)} is not complete: it has no manifest"):
        open_checkpoint(url)
    assert store.names() == []


def test_a_file_in_its_place(local: CheckpointStore, folder: Path) -> None:
    folder.mkdir()
    (folder / "step-000001").touch()
    with pytest.raises(CheckpointMissing, match="is not there"):
        open_checkpoint(str(folder / "step-000001"))


def key_of(url: str, path: str) -> str:
    """Where the file ``path`` of a checkpoint lies."""
    data = json.loads(fsspec.core.url_to_fs(url)[0].cat_file(join(url, "manifest.json")))["data"]
    return join(url, data, path) if data else join(url, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "file 'model' is missing"),
        (b"", "file 'model' should have 300 bytes, and has 0"),
        (b"old" * 101, "file 'model' should have 300 bytes, and has 303"),
        (b"odd" * 100, "file 'model' should have SHA-256 [0-9a-f]{64}, and has [0-9a-f]{64}"),
    ],
)
def test_a_damaged_file(store: CheckpointStore, temporary: Path, content: bytes | None, message: str) -> None:
    url = save(store)
    files, key = fsspec.core.url_to_fs(key_of(url, "model"))
    files.rm_file(key)
    if content is not None:
        files.pipe_file(key, content)
    with pytest.raises(CheckpointCorrupt, match=f"^checkpoint {re.escape(url)} is damaged: {message}$"):
        open_checkpoint(url)
    assert store.names() == ["step-000001"], "it was committed"
    assert is_local(url) or not list(temporary.iterdir())


def test_a_folder_in_place_of_a_file(local: CheckpointStore) -> None:
    url = save(local)
    Path(url, "model").unlink()
    Path(url, "model").mkdir()
    with pytest.raises(CheckpointCorrupt, match="file 'model' is missing"):
        open_checkpoint(url)


def test_an_empty_folder_that_is_gone(local: CheckpointStore) -> None:
    url = save(local, tree={"empty": None})
    Path(url, "empty").rmdir()
    with pytest.raises(CheckpointCorrupt, match="folder 'empty' is missing"):
        open_checkpoint(url)


def test_more_files_do_no_harm(local: CheckpointStore) -> None:
    url = save(local)
    Path(url, "notes").touch()
    assert load(url) == {**OLD, "notes": b""}


GOOD = {"path": "model", "bytes": 300, "sha256": hashlib.sha256(b"old" * 100).hexdigest()}


def manifest(**changes: Any) -> bytes:
    return json.dumps({"version": 1, "files": [GOOD], "folders": [], "data": "", **changes}).encode()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (manifest()[:-9], "cannot be read"),
        (b"[]", "cannot be read"),
        (b"{}", "cannot be read"),
        (manifest(files=["model"]), "cannot be read"),
        (manifest(files=[{**GOOD, "path": 1}]), "cannot be read"),
        (manifest(folders=[None]), "cannot be read"),
        (manifest(data=None), "cannot be read"),
        (manifest(data=".."), "cannot be read"),
        (manifest(version=2), "should be of version 1, and is of 2"),
        (manifest(files=[{**GOOD, "path": "../secret"}]), "names '../secret', which is no path inside"),
        (manifest(files=[{**GOOD, "path": "/secret"}]), "names '/secret', which is no path inside"),
        (manifest(files=[{**GOOD, "path": "sub/../../secret"}]), "names 'sub/../../secret', which"),
        (manifest(files=[{**GOOD, "path": ""}]), "names '', which"),
        (manifest(files=[{**GOOD, "path": "a\0b"}]), "which is no path"),
        (manifest(folders=["../folder"]), "names '../folder', which"),
        (manifest(files=[{**GOOD, "bytes": "300"}]), "file 'model' should have"),
        (manifest(files=[{**GOOD, "sha256": None}]), "file 'model' should have SHA-256 None"),
    ],
)
def test_a_damaged_manifest(store: CheckpointStore, temporary: Path, text: bytes, message: str) -> None:
    url = save(store)
    files, path = fsspec.core.url_to_fs(url)
    good = files.cat_file(join(path, "manifest.json"))
    files.pipe_file(join(path, "model"), b"old" * 100)
    files.pipe_file(join(path, "manifest.json"), text)
    with pytest.raises(CheckpointCorrupt, match=f"{re.escape(url)} is damaged: .*{re.escape(message)}") as caught:
        open_checkpoint(url)
    assert "\n" not in str(caught.value)
    store.sweep()
    assert store.names() == ["step-000001"], "it was committed once, so it is not swept"
    files.pipe_file(join(path, "manifest.json"), good)
    assert load(url).items() >= OLD.items()
    assert is_local(url) or not list(temporary.iterdir())


def test_a_good_manifest_may_be_moved_to_another_store(store: CheckpointStore) -> None:
    url = join(store.root, "step-000001")
    for path, content in {"model": b"old" * 100, "manifest.json": manifest(), "data-0000000a/x": b""}.items():
        files, key = fsspec.core.url_to_fs(join(url, path))
        files.makedirs(files._parent(key), exist_ok=True)
        files.pipe_file(key, content)
    store.sweep()
    assert load(url)["model"] == b"old" * 100
    assert fsspec.core.url_to_fs(url)[0].exists(join(url, "data-0000000a/x")), "a folder of the training function"


def test_a_link_that_leads_out_is_not_followed(local: CheckpointStore, tmp_path: Path) -> None:
    url = save(local)
    shutil.move(Path(url, "sub"), tmp_path / "sub")
    Path(url, "sub").symlink_to(tmp_path / "sub")
    with pytest.raises(CheckpointCorrupt, match="'sub/state' is a link that leads out"):
        open_checkpoint(url)


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
    verify = "assay.trainables.checkpoints._verify" if is_local(url) else "fsspec.spec.AbstractFileSystem.get"
    module, _, name = verify.rpartition(".")
    owner = fsspec.spec.AbstractFileSystem if name == "get" else sys.modules[module]
    act = getattr(owner, name)

    def after_removal(*given: Any, **options: Any) -> Any:
        store.remove([url])
        return act(*given, **options)

    monkeypatch.setattr(owner, name, after_removal)
    with pytest.raises(CheckpointMissing, match="was removed while it was opened"):
        open_checkpoint(url)


# What the file system refuses


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), r"no space left \(OSError: .*\): free some there or in "),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "no space left .*quota"),
        (PermissionError(errno.EACCES, "Permission denied"), r"not allowed \(PermissionError: .*credentials"),
        (OSError(errno.EIO, "Input/output\n error"), "OSError: .Errno 5. Input/output error: check the address"),
    ],
)
def test_what_the_file_system_says(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, error: OSError, message: str
) -> None:
    path = staged(store, OLD)
    owner = Path if is_local(store.root) else MemoryFileSystem
    monkeypatch.setattr(owner, "rename" if owner is Path else "put_file", failing(error))
    url = join(store.root, "step-000001")
    with pytest.raises(CheckpointError, match=f"^cannot save checkpoint {re.escape(url)}: {message}") as caught:
        store.commit(path, "step-000001")
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, CheckpointMissing | CheckpointCorrupt)


class Refusal(Exception):
    """What a client of an object store raises: no OSError."""


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("cat_file", lambda store: open_checkpoint(join(store.root, "step-000001"))),
        ("ls", lambda store: store.names()),
        ("info", lambda store: store.names()),
        ("rm_file", lambda store: store.remove(["step-000001"])),
        ("ls", lambda store: store.sweep()),
        ("cat_file", lambda store: store.sweep()),
    ],
)
def test_an_object_store_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, method: str, act: Callable[[CheckpointStore], Any]
) -> None:
    with new_root("memory") as root:
        store = CheckpointStore(root)
        url = save(store)
        with monkeypatch.context() as patch, pytest.raises(CheckpointError, match="Refusal: no signal: check") as error:
            patch.setattr(MemoryFileSystem, method, failing(Refusal("no\nsignal")))
            act(store)
        assert not isinstance(error.value, CheckpointMissing | CheckpointCorrupt)
        assert load(url) == OLD, "nothing was taken for missing, and removed"


def test_a_root_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = CheckpointStore(str(tmp_path / "file" / "00001"))
    with pytest.raises(CheckpointError, match=r"cannot make a checkpoint in .*file/00001: NotADirectoryError"):
        store.stage()


def test_an_unknown_protocol() -> None:
    store = CheckpointStore("s4://b/1")
    for act in (store.stage, store.names, lambda: open_checkpoint("s4://b/1/x")):
        with pytest.raises(CheckpointError, match=r"^s4://b/1.*unknown protocol 's4': give a path .*s3://"):
            act()


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"class": "no_such_package.Files", "err": "Install no_such_package to access it"}
    monkeypatch.setitem(known_implementations, "elsewhere", entry)
    message = "cannot make a checkpoint in elsewhere://b/1: Install no_such_package to access it: install it on every"
    with pytest.raises(CheckpointError, match=message):
        CheckpointStore("elsewhere://b/1").stage()


def test_a_pattern_is_no_address() -> None:
    for act in (CheckpointStore("memory://run[1]/1").stage, lambda: open_checkpoint("memory://run*/1/x")):
        with pytest.raises(CheckpointError, match=r"^memory://run.*: an address of an object store has none of"):
            act()


def test_no_password_is_told() -> None:
    with pytest.raises(CheckpointError) as error:
        CheckpointStore("s4://user:secret@host/1").stage()
    assert "***@host" in str(error.value)
    assert "secret" not in str(error.value)
    with pytest.raises(CheckpointError, match="s4://container@account/1"):
        CheckpointStore("s4://container@account/1").stage()


# Kills


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
    monkeypatch.setattr("assay.trainables.checkpoints._is_alive", lambda process: process != os.getpid())


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
