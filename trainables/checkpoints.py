"""Checkpoints of one trial, on a path that every node sees: atomic, and with a checksum of every file.

On a file system a checkpoint is a folder that a rename puts in its place, with ``manifest.json`` beside its files:

    ROOT/step-000012/            committed
    ROOT/.aside-step-000012/     the one that is being replaced; it counts while the other is not there
    ROOT/.staging-* .removed-*   do not count; :meth:`CheckpointStore.sweep` removes them

In an object store, which has no rename, it counts from when its manifest is written, the last of all. Files lie in a
folder of their own per commit, so that a new one does not touch those that an older manifest names:

    ROOT/step-000012/data-1f0c2b9a/model.pt
    ROOT/step-000012/manifest.json

The kill of a process at any moment leaves the old checkpoint or the new one. A power cut is not provided for.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from .checkpoint_errors import (
    CheckpointCorrupt,
    CheckpointError,
    CheckpointMissing,
    cause_and_cure,
    without_passwords,
)
from .checkpoint_places import NAME, Folder, ObjectStore, Place, join

__all__ = [
    "CheckpointCorrupt",
    "CheckpointError",
    "CheckpointMissing",
    "CheckpointStore",
    "OpenedCheckpoint",
    "is_local",
    "join",
    "open_checkpoint",
]

_URL = re.compile(r"[A-Za-z][\w+.-]*(::[A-Za-z][\w+.-]*)*://")
_FILE_URL = re.compile(r"^(file|local)://")


def is_local(url: str) -> bool:
    """Whether it is a path of this machine's file system: a plain one, or a URL with ``file://``."""
    return _URL.match(url) is None or _FILE_URL.match(url) is not None


@dataclass(frozen=True)
class OpenedCheckpoint:
    """The files of a checkpoint, which were verified when it was opened.

    Attributes:
        folder: the checkpoint itself when it is local, otherwise a download.
        temporary: whether :meth:`close` removes the folder.
    """

    folder: Path
    temporary: bool = False

    def close(self) -> None:
        """Remove a download; a second call does nothing."""
        if self.temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> OpenedCheckpoint:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_checkpoint(url: str) -> OpenedCheckpoint:
    """The checkpoint that :meth:`CheckpointStore.commit` called ``url``; every file has its size and checksum.

    Files that are not in the manifest are not looked at.

    Raises:
        CheckpointMissing: when there is no such folder, or no manifest in it.
        CheckpointCorrupt: when a file is missing or is another one, or the manifest cannot be used.
        CheckpointError: when the file system does not let us read it.
    """
    root, name = _split(url)
    with _explained("open checkpoint", url):
        place = _place(root)
        try:
            return OpenedCheckpoint(place.open(name), temporary=not is_local(url))
        except CheckpointCorrupt:
            if name not in place.names():
                raise CheckpointMissing(
                    without_passwords(f"checkpoint {url} was removed while it was opened")
                ) from None
            raise


class CheckpointStore:
    """The checkpoints of one trial. Holds only the address, so it can be sent to any process.

    Args:
        root: folder or fsspec URL of the trial; a relative path is taken from the folder the process is in now.
    """

    def __init__(self, root: str) -> None:
        self.root = _normal(root)

    def check(self) -> None:
        """Nothing, when there is a file system for the address; it is not asked for anything.

        Raises:
            CheckpointError: when there is none.
        """
        with _explained("keep checkpoints in", self.root):
            self._place()

    def stage(self) -> Path:
        """A new empty local folder to write a checkpoint into.

        Raises:
            CheckpointError: when it cannot be made.
        """
        with _explained("make a checkpoint in", self.root):
            return self._place().stage()

    def commit(self, staged: Path, name: str) -> str:
        """Make a staged folder the checkpoint ``name``, in place of an older one of that name; return its address.

        Sub-folders, empty ones too, are kept. A symbolic link to a file becomes a copy of the file. After an error
        the staged folder can only be discarded.

        Raises:
            CheckpointError: when the folder holds what cannot be kept (a link to a folder or to nothing, a pipe, a
                file called manifest.json), or when the file system refuses.
            ValueError: when ``name`` is no plain name.
        """
        url = join(self.root, _plain_name(name))
        with _explained("save checkpoint", url):
            self._place().commit(staged, name)
        return url

    def discard(self, staged: Path) -> None:
        """Remove a staged folder; one that is gone already is no error."""
        shutil.rmtree(staged, ignore_errors=True)

    def names(self) -> list[str]:
        """The committed checkpoints, sorted.

        Raises:
            CheckpointError: when they cannot be listed.
        """
        with _explained("list checkpoints in", self.root):
            return sorted(self._place().names())

    def remove(self, url_or_names: Iterable[str]) -> None:
        """Remove checkpoints by name or address; those that are gone, or lie elsewhere, are left alone.

        A kill in between leaves no checkpoint that looks whole and is not.

        Raises:
            CheckpointError: when the file system refuses.
            ValueError: when a name is no plain name.
        """
        given = [url_or_names] if isinstance(url_or_names, str) else url_or_names
        for name in filter(None, map(self._name, given)):
            with _explained("remove checkpoint", join(self.root, name)):
                self._place().remove(name)

    def sweep(self) -> None:
        """Remove what killed processes left, and nothing committed; call it while nothing is staged in this trial.

        What they left in the temporary directory of another node stays there.

        Raises:
            CheckpointError: when the file system refuses.
        """
        with _explained("sweep", self.root):
            self._place().sweep()

    def _place(self) -> Place:
        return _place(self.root)

    def _name(self, url_or_name: str) -> str | None:
        if "/" not in url_or_name:
            return _plain_name(url_or_name)
        root, name = _split(url_or_name)
        return name if root == self.root and NAME.fullmatch(name) else None


def _place(root: str) -> Place:
    return Folder(Path(root)) if is_local(root) else ObjectStore(root)


def _normal(url: str) -> str:
    """A path without ``file://`` and absolute, so that it means the same in every process; a URL as it is."""
    if is_local(url):
        return os.path.abspath(_FILE_URL.sub("", url, count=1))  # noqa: PTH100 - without following links
    return url if url.endswith("://") else url.rstrip("/")


def _split(url: str) -> tuple[str, str]:
    """Where a checkpoint is kept, and its name."""
    root, _, name = _normal(url).rpartition("/")
    return f"{root}/" if root.endswith(":/") or not root else root, name


def _plain_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"a checkpoint's name is made of letters, digits and ._-, got {name!r}")
    return name


@contextlib.contextmanager
def _explained(action: str, url: str) -> Iterator[None]:
    """Turn errors of the file system into a :class:`CheckpointError`; those of object stores have no common base."""
    kinds = OSError if is_local(url) else Exception
    try:
        yield
    except CheckpointError:
        raise
    except kinds as error:
        raise CheckpointError(without_passwords(f"cannot {action} {url}: {cause_and_cure(error)}")) from error
