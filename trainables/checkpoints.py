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
import errno
import hashlib
import json
import os
import re
import shutil
import socket
import stat
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Protocol
from urllib.parse import quote_from_bytes

from ..spaces import TrainableError

_MANIFEST = "manifest.json"
_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DATA = re.compile(r"data-[0-9a-f]{8}")
_STAGING, _ASIDE, _REMOVED = ".staging-", ".aside-", ".removed-"
_URL = re.compile(r"[A-Za-z][\w+.-]*(::[A-Za-z][\w+.-]*)*://")
_FILE_URL = re.compile(r"^(file|local)://")
_SECRET = re.compile(r"(?<=://)[^/@:\s]*:[^/@\s]+@")


class CheckpointError(TrainableError):
    """A checkpoint that cannot be saved, read, listed or removed."""


class CheckpointMissing(CheckpointError):
    """There is no such checkpoint, or it was never completed."""


class CheckpointCorrupt(CheckpointError):
    """A committed checkpoint is not what was saved."""


def is_local(url: str) -> bool:
    """Whether it is a path of this machine's file system: a plain one, or a URL with ``file://``."""
    return _URL.match(url) is None or _FILE_URL.match(url) is not None


def join(root: str, *parts: str) -> str:
    """``parts`` below ``root``, which is a path or a URL."""
    for part in parts:
        root = f"{root}{part}" if not root or root.endswith("/") else f"{root}/{part}"
    return root


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
            return place.open(name)
        except CheckpointCorrupt:
            if name not in place.names():
                raise CheckpointMissing(_message(f"checkpoint {url} was removed while it was opened")) from None
            raise


class CheckpointStore:
    """The checkpoints of one trial. Holds only the address, so it can be sent to any process.

    Args:
        root: folder or fsspec URL of the trial; a relative path is taken from the folder the process is in now.
    """

    def __init__(self, root: str) -> None:
        self.root = _normal(root)

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

    def _place(self) -> _Place:
        return _place(self.root)

    def _name(self, url_or_name: str) -> str | None:
        if "/" not in url_or_name:
            return _plain_name(url_or_name)
        root, name = _split(url_or_name)
        return name if root == self.root and _NAME.fullmatch(name) else None


class _Place(Protocol):
    """Where checkpoints are kept."""

    def stage(self) -> Path: ...

    def commit(self, staged: Path, name: str) -> None: ...

    def open(self, name: str) -> OpenedCheckpoint: ...

    def names(self) -> set[str]: ...

    def remove(self, name: str) -> None: ...

    def sweep(self) -> None: ...


def _place(root: str) -> _Place:
    return _Folder(Path(root)) if is_local(root) else _ObjectStore(root)


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
    if not _NAME.fullmatch(name):
        raise ValueError(f"a checkpoint's name is made of letters, digits and ._-, got {name!r}")
    return name


class _Folder:
    """A folder of the file system; a rename commits."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def stage(self) -> Path:
        staged = self._root / f"{_STAGING}{_token()}"
        staged.mkdir(parents=True)
        return staged

    def commit(self, staged: Path, name: str) -> None:
        final, aside = self._root / name, self._root / f"{_ASIDE}{name}"
        (staged / _MANIFEST).write_bytes(_describe(staged).as_json())
        if final.exists():
            _hide_and_remove(aside)
            final.rename(aside)
        staged.rename(final)
        _hide_and_remove(aside)

    def open(self, name: str) -> OpenedCheckpoint:
        final = self._root / name
        for folder in (final, self._root / f"{_ASIDE}{name}", final):  # again: it may just have been replaced
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                manifest = _parse((folder / _MANIFEST).read_bytes(), str(final))
                _verify(folder, manifest, str(final))
                return OpenedCheckpoint(folder)
        raise _missing(str(final), final.is_dir())

    def names(self) -> set[str]:
        names = ((entry, entry.name.removeprefix(_ASIDE)) for entry in self._entries())
        return {name for entry, name in names if _NAME.fullmatch(name) and (entry / _MANIFEST).is_file()}

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
    hidden = folder.with_name(f"{_REMOVED}{_token()}")
    if folder.is_dir():
        with contextlib.suppress(FileNotFoundError):
            folder.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)


class _ObjectStore:
    """Any file system of fsspec; the manifest commits, which has to appear as a whole."""

    def __init__(self, root: str) -> None:
        self._url = root
        self._fs, self._path = _file_system(root)
        self._fs.invalidate_cache()  # other processes write here too
        self._temporary = f"assay-checkpoint-{hashlib.sha256(root.encode()).hexdigest()[:12]}-"

    def stage(self) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{self._temporary}{os.getpid()}-"))

    def commit(self, staged: Path, name: str) -> None:
        manifest, folder = _describe(staged, f"data-{_token()}"), join(self._path, name)
        (staged / _MANIFEST).write_bytes(manifest.as_json())
        if manifest.files:
            self._fs.put(_local_paths(staged, manifest), _remote_paths(folder, manifest))
        self._fs.put_file(str(staged / _MANIFEST), join(folder, _MANIFEST))
        shutil.rmtree(staged, ignore_errors=True)

    def open(self, name: str) -> OpenedCheckpoint:
        folder, url = join(self._path, name), join(self._url, name)
        try:
            text = self._fs.cat_file(join(folder, _MANIFEST))
        except FileNotFoundError:
            raise _missing(url, self._has(folder)) from None
        manifest, target = _parse(text, url), self.stage()
        try:
            self._download(folder, manifest, target, url)
            (target / _MANIFEST).write_bytes(text)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
        return OpenedCheckpoint(target, temporary=True)

    def _download(self, folder: str, manifest: _Manifest, target: Path, url: str) -> None:
        for empty in manifest.folders:
            (target / empty).mkdir(parents=True, exist_ok=True)
        remote = _remote_paths(folder, manifest)
        try:
            if remote:
                self._fs.get(remote, _local_paths(target, manifest))
        except FileNotFoundError:
            for file, path in zip(manifest.files, remote, strict=True):
                if not self._has(path):
                    raise _corrupt(url, f"file {file.path!r} is missing") from None
            raise
        _verify(target, manifest, url)

    def names(self) -> set[str]:
        names = {_last(path) for path in self._list(self._path)}
        return {name for name in names if _NAME.fullmatch(name) and self._has(join(self._path, name, _MANIFEST))}

    def remove(self, name: str) -> None:
        folder = join(self._path, name)
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(join(folder, _MANIFEST))
        self._remove_tree(folder)

    def sweep(self) -> None:
        for folder in self._list(self._path):
            if _NAME.fullmatch(_last(folder)):
                self._sweep_folder(folder)
        _remove_left_by_the_dead(self._temporary)

    def _sweep_folder(self, folder: str) -> None:
        """Remove data that the folder's manifest does not name, or all of it when there is no manifest."""
        try:
            used = _parse(self._fs.cat_file(join(folder, _MANIFEST)), folder).data
        except FileNotFoundError:
            used = None
        except CheckpointCorrupt:
            return
        if used == "":  # copied from a folder, with names of its own
            return
        for path in self._list(folder):
            if _DATA.fullmatch(_last(path)) and _last(path) != used:
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
        raise CheckpointError(_message(message)) from None
    if set(url) & set("*?["):  # fsspec would remove all that match
        raise CheckpointError(_message(f"{url}: an address of an object store has none of * ? [ in it: rename it"))
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


@dataclass(frozen=True)
class _File:
    """A file: path from the checkpoint's folder with ``/``, size and checksum."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class _Manifest:
    """What a checkpoint holds: all files, the empty folders, and which sub-folder of an object store has the files."""

    files: tuple[_File, ...]
    folders: tuple[str, ...]
    data: str = ""

    def as_json(self) -> bytes:
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=1).encode()


def _describe(staged: Path, data: str = "") -> _Manifest:
    """The manifest of a staged folder, whose links to files become copies of them."""
    files, folders = [], []
    for here, subfolders, names in os.walk(staged, onerror=_raise):
        for name in subfolders:
            if Path(here, name).is_symlink():
                raise _refused(staged, Path(here, name), "is a symbolic link to a folder: copy the folder instead")
        if not subfolders and not names and Path(here) != staged:
            folders.append(Path(here).relative_to(staged).as_posix())
        files += [_described(staged, Path(here, name)) for name in names]
    return _Manifest(tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(folders)), data)


def _described(staged: Path, path: Path) -> _File:
    if path.is_symlink():
        _copy_in_place(staged, path)
    elif not stat.S_ISREG(path.lstat().st_mode):
        raise _refused(staged, path, "is no regular file")
    relative = path.relative_to(staged).as_posix()
    if relative.casefold() == _MANIFEST:
        raise _refused(staged, path, "has the name of the checkpoint's own list of files: choose another name")
    return _File(relative, *_size_and_checksum(path))


def _copy_in_place(staged: Path, link: Path) -> None:
    """Put the file in place of a link to it: a checkpoint has to hold all that it needs."""
    if not link.is_file():
        raise _refused(staged, link, "is a symbolic link to no file")
    copy = link.with_name(_token())
    shutil.copyfile(link, copy)
    copy.replace(link)


def _refused(staged: Path, path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"save_checkpoint: {path.relative_to(staged).as_posix()!r} {why}")


def _raise(error: OSError) -> NoReturn:
    raise error


def _size_and_checksum(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
        return stream.tell(), checksum


def _parse(text: bytes, url: str) -> _Manifest:
    """Raises:
    CheckpointCorrupt: when it is no manifest, or names files outside the checkpoint.
    """
    try:
        given = json.loads(text)
        if given["version"] != _VERSION:
            raise _corrupt(url, f"{_MANIFEST} should be of version {_VERSION}, and is of {given['version']!r}")
        files = tuple(_File(file["path"], file["bytes"], file["sha256"]) for file in given["files"])
        manifest = _Manifest(files, tuple(given["folders"]), given["data"])
        outside = [path for path in (*(file.path for file in files), *manifest.folders) if not _is_inside(path)]
        if manifest.data != "" and not _DATA.fullmatch(manifest.data):
            raise ValueError(manifest.data)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _corrupt(url, f"{_MANIFEST} cannot be read") from None
    if outside:
        raise _corrupt(url, f"{_MANIFEST} names {outside[0]!r}, which is no path inside the checkpoint")
    return manifest


def _is_inside(path: str) -> bool:
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))


def _verify(folder: Path, manifest: _Manifest, url: str) -> None:
    """Raises:
    CheckpointCorrupt: for the first file that is missing or is another one.
    """
    inside = Path(os.path.realpath(folder))
    for file in manifest.files:
        path = folder / file.path
        if not Path(os.path.realpath(path)).is_relative_to(inside):
            raise _corrupt(url, f"file {file.path!r} is a link that leads out of the checkpoint")
        if not path.is_file():
            raise _corrupt(url, f"file {file.path!r} is missing")
        size, checksum = path.stat().st_size, file.sha256
        if size == file.bytes:
            size, checksum = _size_and_checksum(path)
        if size != file.bytes:
            raise _corrupt(url, f"file {file.path!r} should have {file.bytes} bytes, and has {size}")
        if checksum != file.sha256:
            raise _corrupt(url, f"file {file.path!r} should have SHA-256 {file.sha256}, and has {checksum}")
    for empty in manifest.folders:
        if not (folder / empty).is_dir():
            raise _corrupt(url, f"folder {empty!r} is missing")


def _corrupt(url: str, what: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(_message(f"checkpoint {url} is damaged: {what}"))


def _missing(url: str, has_folder: bool) -> CheckpointMissing:
    found = (
        f"is not complete: it has no {_MANIFEST}" if has_folder else f"is not there, seen from {socket.gethostname()}"
    )
    if is_local(url) and not has_folder:
        found += ": it was removed, or the store is not on a path that every node sees"
    return CheckpointMissing(_message(f"checkpoint {url} {found}"))


def _local_paths(folder: Path, manifest: _Manifest) -> list[str]:
    return [str(folder / file.path) for file in manifest.files]


def _remote_paths(folder: str, manifest: _Manifest) -> list[str]:
    """Percent-encoded, with ! for %: URLs and object stores give meanings to many characters."""
    base = join(folder, manifest.data) if manifest.data else folder
    return [join(base, quote_from_bytes(os.fsencode(file.path)).replace("%", "!")) for file in manifest.files]


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _token() -> str:
    return uuid.uuid4().hex[:8]


@contextlib.contextmanager
def _explained(action: str, url: str) -> Iterator[None]:
    """Turn errors of the file system into a :class:`CheckpointError`; those of object stores have no common base."""
    kinds = OSError if is_local(url) else Exception
    try:
        yield
    except CheckpointError:
        raise
    except kinds as error:
        raise CheckpointError(_message(f"cannot {action} {url}: {_cause_and_cure(error)}")) from error


def _cause_and_cure(error: Exception) -> str:
    text = f"{type(error).__name__}{': ' if str(error) else ''}{' '.join(str(error).split())[:300]}"
    if isinstance(error, ImportError):
        return f"{' '.join(str(error).split())}: install it on every node"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left ({text}): free some there or in {tempfile.gettempdir()}, or save less"
    if isinstance(error, PermissionError):
        return f"not allowed ({text}): give this user or these credentials the right to write there, or another store"
    return f"{text}: check the address, the credentials, and that {socket.gethostname()} reaches it"


def _message(text: str) -> str:
    """Without the passwords that a URL may hold."""
    return _SECRET.sub("***@", text)
