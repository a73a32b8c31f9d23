"""A checkpoint that is missing, damaged or refused is told, with its cause and a cure."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import known_implementations

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

from .checkpoint_samples import OLD, failing, load, new_root, save, staged

pytestmark = pytest.mark.usefixtures("temporary")

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


# What the file system refuses


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
