"""Checkpoints to save, load and look into."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem

from assay.trainables.checkpoints import CheckpointStore, is_local, join, open_checkpoint

Tree = dict[str, bytes | None]
"""Files by path; None stands for an empty folder."""

OLD: Tree = {"model": b"old" * 100, "sub/state": b"1"}
NEW: Tree = {"model": b"new" * 200, "sub/other": b"22", "log": b""}
KINDS = ["folder", "memory"]


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


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail
