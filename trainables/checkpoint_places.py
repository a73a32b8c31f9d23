"""Where the checkpoints of a trial lie: a folder of a file system, or an object store."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote_from_bytes

from .checkpoint_errors import CheckpointCorrupt, CheckpointError, CheckpointMissing, damaged, without_passwords
from .checkpoint_manifest import DATA, MANIFEST, Manifest, describe, parse, token, verify

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_STAGING, _ASIDE, _REMOVED = ".staging-", ".aside-", ".removed-"
_REMOVED_OR_ELSEWHERE = ": it was removed, or the store is not on a path that every node sees"


def join(root: str, *parts: str) -> str:
    """``parts`` below ``root``, which is a path or a URL."""
    for part in parts:
        root = f"{root}{part}" if not root or root.endswith("/") else f"{root}/{part}"
    return root


class Place(Protocol):
    """Where checkpoints are kept."""

    def stage(self) -> Path: ...

    def commit(self, staged: Path, name: str) -> None: ...

    def open(self, name: str) -> Path: ...

    def names(self) -> set[str]: ...

    def remove(self, name: str) -> None: ...

    def sweep(self) -> None: ...


class Folder:
    """A folder of the file system; a rename commits."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stage(self) -> Path:
        staged = self._root / f"{_STAGING}{token()}"
        staged.mkdir(parents=True)
        return staged

    def commit(self, staged: Path, name: str) -> None:
        final, aside = self._root / name, self._root / f"{_ASIDE}{name}"
        (staged / MANIFEST).write_bytes(describe(staged).as_json())
        if final.exists():
            _hide_and_remove(aside)
            final.rename(aside)
        staged.rename(final)
        _hide_and_remove(aside)

    def open(self, name: str) -> Path:
        final = self._root / name
        for folder in (final, self._root / f"{_ASIDE}{name}", final):  # again: it may just have been replaced
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                manifest = parse((folder / MANIFEST).read_bytes(), str(final))
                verify(folder, manifest, str(final))
                return folder
        raise _missing(str(final), final.is_dir(), _REMOVED_OR_ELSEWHERE)

    def names(self) -> set[str]:
        names = ((entry, entry.name.removeprefix(_ASIDE)) for entry in self._entries())
        return {name for entry, name in names if NAME.fullmatch(name) and (entry / MANIFEST).is_file()}

    def remove(self, name: str) -> None:
        _hide_and_remove(self._root / f"{_ASIDE}{name}")  # first: nothing may bring it back
        _hide_and_remove(self._root / name)

    def sweep(self) -> None:
        for entry in self._entries():
            if entry.name.startswith(_ASIDE):
                self._recover(entry)
            elif entry.name.startswith((_STAGING, _REMOVED)):
                shutil.rmtree(entry, ignore_errors=True)

    def _recover(self, aside: Path) -> None:
        final = self._root / aside.name.removeprefix(_ASIDE)
        if final.exists():
            _hide_and_remove(aside)
        else:
            with contextlib.suppress(FileNotFoundError):
                aside.rename(final)

    def _entries(self) -> list[Path]:
        try:
            return list(self._root.iterdir())
        except FileNotFoundError:
            return []


def _hide_and_remove(folder: Path) -> None:
    """Rename first: removing takes longer, and a kill may come at any time."""
    hidden = folder.with_name(f"{_REMOVED}{token()}")
    if folder.is_dir():
        with contextlib.suppress(FileNotFoundError):
            folder.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)


class ObjectStore:
    """Any file system of fsspec; the manifest commits, which has to appear as a whole."""

    def __init__(self, root: str) -> None:
        self._url = root
        self._fs, self._path = _file_system(root)
        self._fs.invalidate_cache()  # other processes write here too
        self._temporary = f"assay-checkpoint-{hashlib.sha256(root.encode()).hexdigest()[:12]}-"

    def stage(self) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{self._temporary}{os.getpid()}-"))

    def commit(self, staged: Path, name: str) -> None:
        manifest, folder = describe(staged, f"data-{token()}"), join(self._path, name)
        (staged / MANIFEST).write_bytes(manifest.as_json())
        if manifest.files:
            self._fs.put(_local_paths(staged, manifest), _remote_paths(folder, manifest))
        self._fs.put_file(str(staged / MANIFEST), join(folder, MANIFEST))
        shutil.rmtree(staged, ignore_errors=True)

    def open(self, name: str) -> Path:
        folder, url = join(self._path, name), join(self._url, name)
        try:
            text = self._fs.cat_file(join(folder, MANIFEST))
        except FileNotFoundError:
            raise _missing(url, self._has(folder)) from None
        manifest, target = parse(text, url), self.stage()
        try:
            self._download(folder, manifest, target, url)
            (target / MANIFEST).write_bytes(text)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return target

    def _download(self, folder: str, manifest: Manifest, target: Path, url: str) -> None:
        for empty in manifest.folders:
            (target / empty).mkdir(parents=True, exist_ok=True)
        remote = _remote_paths(folder, manifest)
        try:
            if remote:
                self._fs.get(remote, _local_paths(target, manifest))
        except FileNotFoundError:
            for file, path in zip(manifest.files, remote, strict=True):
                if not self._has(path):
                    raise damaged(url, f"file {file.path!r} is missing") from None
            raise
        verify(target, manifest, url)

    def names(self) -> set[str]:
        names = {_last(path) for path in self._list(self._path)}
        return {name for name in names if NAME.fullmatch(name) and self._has(join(self._path, name, MANIFEST))}

    def remove(self, name: str) -> None:
        folder = join(self._path, name)
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(join(folder, MANIFEST))
        self._remove_tree(folder)

    def sweep(self) -> None:
        for folder in self._list(self._path):
            if NAME.fullmatch(_last(folder)):
                self._sweep_folder(folder)
        _remove_left_by_the_dead(self._temporary)

    def _sweep_folder(self, folder: str) -> None:
        """Remove data that the folder's manifest does not name, or all of it when there is no manifest."""
        try:
            used = parse(self._fs.cat_file(join(folder, MANIFEST)), folder).data
        except FileNotFoundError:
            used = None
        except CheckpointCorrupt:
            return
        if used == "":  # copied from a folder, with names of its own
            return
        for path in self._list(folder):
            if DATA.fullmatch(_last(path)) and _last(path) != used:
                self._remove_tree(path)
        if used is None and not self._entries(folder):
            with contextlib.suppress(OSError):
                self._fs.rmdir(folder)

    def _remove_tree(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(path, recursive=True)
        self._fs.invalidate_cache()

    def _list(self, path: str) -> list[str]:
        """The folders in ``path``."""
        return [entry["name"].rstrip("/") for entry in self._entries(path) if entry["type"] == "directory"]

    def _entries(self, path: str) -> list[dict[str, Any]]:
        try:
            return list(self._fs.ls(path, detail=True))
        except FileNotFoundError:
            return []

    def _has(self, path: str) -> bool:
        """Unlike fsspec's ``exists``, which also says no when it could not find out."""
        try:
            self._fs.info(path)
        except FileNotFoundError:
            return False
        return True


def _file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    from fsspec.core import url_to_fs  # type: ignore[import-untyped, unused-ignore]
    from fsspec.registry import get_filesystem_class  # type: ignore[import-untyped, unused-ignore]

    protocol, known = re.split("::|://", url, maxsplit=1)[0], "a URL that fsspec knows, such as s3://, gs:// or abfs://"
    try:
        get_filesystem_class(protocol)
    except ValueError:
        message = f"{url}: unknown protocol {protocol!r}: give a path that every node sees, or {known}"
        raise CheckpointError(without_passwords(message)) from None
    if set(url) & set("*?["):  # fsspec would remove all that match
        raise CheckpointError(
            without_passwords(f"{url}: an address of an object store has none of * ? [ in it: rename it")
        )
    return url_to_fs(url)  # type: ignore[no-any-return, unused-ignore]


def _remove_left_by_the_dead(prefix: str) -> None:
    """Folders in the temporary directory; the number of the process that made them follows ``prefix``."""
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        number = folder.name.removeprefix(prefix).partition("-")[0]
        if number.isdigit() and not _is_alive(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        pass
    return True


def _missing(url: str, has_folder: bool, why: str = "") -> CheckpointMissing:
    absent = f"is not there, seen from {socket.gethostname()}{why}"
    found = f"is not complete: it has no {MANIFEST}" if has_folder else absent
    return CheckpointMissing(without_passwords(f"checkpoint {url} {found}"))


def _local_paths(folder: Path, manifest: Manifest) -> list[str]:
    return [str(folder / file.path) for file in manifest.files]


def _remote_paths(folder: str, manifest: Manifest) -> list[str]:
    """Percent-encoded, with ! for %: URLs and object stores give meanings to many characters."""
    base = join(folder, manifest.data) if manifest.data else folder
    return [join(base, quote_from_bytes(os.fsencode(file.path)).replace("%", "!")) for file in manifest.files]


def _last(path: str) -> str:
    return path.rpartition("/")[2]
