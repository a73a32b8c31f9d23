"""What a checkpoint holds: the size and checksum of every file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from .checkpoint_errors import CheckpointError, damaged

MANIFEST = "manifest.json"
DATA = re.compile(r"data-[0-9a-f]{8}")
_VERSION = 1


@dataclass(frozen=True)
class _File:
    """A file: path from the checkpoint's folder with ``/``, size and checksum."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint holds: all files, the empty folders, and which sub-folder of an object store has the files."""

    files: tuple[_File, ...]
    folders: tuple[str, ...]
    data: str = ""

    def as_json(self) -> bytes:
        return json.dumps({"version": _VERSION, **asdict(self)}, indent=1).encode()


def describe(staged: Path, data: str = "") -> Manifest:
    """The manifest of a staged folder, whose links to files become copies of them."""
    files, folders = [], []
    for here, subfolders, names in os.walk(staged, onerror=_raise):
        for name in subfolders:
            if Path(here, name).is_symlink():
                raise _refused(staged, Path(here, name), "is a symbolic link to a folder: copy the folder instead")
        if not subfolders and not names and Path(here) != staged:
            folders.append(Path(here).relative_to(staged).as_posix())
        files += [_described(staged, Path(here, name)) for name in names]
    return Manifest(tuple(sorted(files, key=lambda file: file.path)), tuple(sorted(folders)), data)


def parse(text: bytes, url: str) -> Manifest:
    """Raises:
    CheckpointCorrupt: when it is no manifest, or names files outside the checkpoint.
    """
    try:
        given = json.loads(text)
        if given["version"] != _VERSION:
            raise damaged(url, f"{MANIFEST} should be of version {_VERSION}, and is of {given['version']!r}")
        files = tuple(_File(file["path"], file["bytes"], file["sha256"]) for file in given["files"])
        manifest = Manifest(files, tuple(given["folders"]), given["data"])
        outside = [path for path in (*(file.path for file in files), *manifest.folders) if not _is_inside(path)]
        if manifest.data != "" and not DATA.fullmatch(manifest.data):
            raise ValueError(manifest.data)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged(url, f"{MANIFEST} cannot be read") from None
    if outside:
        raise damaged(url, f"{MANIFEST} names {outside[0]!r}, which is no path inside the checkpoint")
    return manifest


def verify(folder: Path, manifest: Manifest, url: str) -> None:
    """Raises:
    CheckpointCorrupt: for the first file that is missing or is another one.
    """
    inside = Path(os.path.realpath(folder))
    for file in manifest.files:
        path = folder / file.path
        if not Path(os.path.realpath(path)).is_relative_to(inside):
            raise damaged(url, f"file {file.path!r} is a link that leads out of the checkpoint")
        if not path.is_file():
            raise damaged(url, f"file {file.path!r} is missing")
        size, checksum = path.stat().st_size, file.sha256
        if size == file.bytes:
            size, checksum = _size_and_checksum(path)
        if size != file.bytes:
            raise damaged(url, f"file {file.path!r} should have {file.bytes} bytes, and has {size}")
        if checksum != file.sha256:
            raise damaged(url, f"file {file.path!r} should have SHA-256 {file.sha256}, and has {checksum}")
    for empty in manifest.folders:
        if not (folder / empty).is_dir():
            raise damaged(url, f"folder {empty!r} is missing")


def token() -> str:
    return uuid.uuid4().hex[:8]


def _described(staged: Path, path: Path) -> _File:
    if path.is_symlink():
        _copy_in_place(staged, path)
    elif not stat.S_ISREG(path.lstat().st_mode):
        raise _refused(staged, path, "is no regular file")
    relative = path.relative_to(staged).as_posix()
    if relative.casefold() == MANIFEST:
        raise _refused(staged, path, "has the name of the checkpoint's own list of files: choose another name")
    return _File(relative, *_size_and_checksum(path))


def _copy_in_place(staged: Path, link: Path) -> None:
    """Put the file in place of a link to it: a checkpoint has to hold all that it needs."""
    if not link.is_file():
        raise _refused(staged, link, "is a symbolic link to no file")
    copy = link.with_name(token())
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


def _is_inside(path: str) -> bool:
    return "\0" not in path and not {"", ".", ".."} & set(path.split("/"))
