"""Packages that trials need: read from a sweep or a requirements file, and compared with what is installed here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from ..spaces import Problem, SweepError
from ..spaces.errors import Location, shown

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTIONS = re.compile(r"\s--?[a-z].*$")  # of one package, such as --hash=sha256:...
_OF_A_PATH = re.compile(r"(-r|--requirement|-c|--constraint|-e|--editable|-f|--find-links)\b")
_WHERE: Location = ("cluster", "pip")


def requirements(pip: str | list[str], directory: str | Path) -> tuple[str, ...]:
    """What pip is to install, one line for each.

    Args:
        pip: a requirements file, or the lines themselves.
        directory: the sweep file's folder, from which the file is seen.

    Raises:
        SweepError: with every line that nodes could not install, or when there is no such file.
    """
    if isinstance(pip, str):
        file = requirements_file(pip, directory)
        found = [(_WHERE, f"{pip}:{number}: ", line) for number, line in _lines(_text(file, pip))]
    else:
        found = [((*_WHERE, index), "", line.strip()) for index, line in enumerate(pip)]
    problems = [Problem(where, before + wrong) for where, before, line in found if (wrong := _mistake(line))]
    if problems:
        raise SweepError(problems)
    return tuple(line for _, _, line in found)


def requirements_file(pip: str, directory: str | Path) -> Path:
    """Where the requirements file is."""
    return Path(directory, Path(pip).expanduser())


def unmet(packages: Iterable[str]) -> list[str]:
    """Those that are not installed in this Python, or of which it cannot be told."""
    return [line for line in packages if not _met(line)]


def _text(file: Path, given: str) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        cure = f"name a requirements file, seen from the sweep file's folder, or write a list: [{given}]"
        raise SweepError([Problem(_WHERE, f"there is no file {file}: {cure}")]) from None
    except UnicodeDecodeError:
        raise SweepError([Problem(_WHERE, f"{file} is not UTF-8 text: save it as UTF-8")]) from None
    except OSError as error:
        raise SweepError([Problem(_WHERE, f"{file} cannot be read: {error.strerror or error}")]) from error


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines that say something, each with its number, continued ones put together and without comments."""
    kept, began = "", 1
    for number, raw in enumerate([*text.splitlines(), ""], 1):
        began = began if kept else number
        if raw.endswith("\\"):
            kept += raw[:-1]
            continue
        line, kept = _COMMENT.sub("", kept + raw).strip(), ""
        if line:
            yield began, line


def _mistake(line: str) -> str:
    """Why nodes could not install it; empty when they may."""
    if "://" in line or "${" in line:  # fetched from elsewhere, or a path that Ray fills in on the node
        return ""
    if _OF_A_PATH.match(line):
        return f"{shown(line)} names a path, which nodes do not have: write the packages themselves"
    if not line.startswith("-") and _requirement(line) is None:
        return f"{shown(line)} is not a package: write timm, timm==1.0.9 or name @ https://..."
    return ""


def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(_OPTIONS.sub("", line))
    except InvalidRequirement:
        return None


def _met(line: str) -> bool:
    if line.startswith("-") and not _OF_A_PATH.match(line):
        return True  # says how to install, not what
    requirement = _requirement(line)
    if requirement is None or requirement.url:
        return False
    return (requirement.marker is not None and not requirement.marker.evaluate()) or _installed(requirement)


def _installed(requirement: Requirement) -> bool:
    """Whether it is there, with what its extras add."""
    try:
        version, needs = metadata.version(requirement.name), metadata.requires(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if not requirement.specifier.contains(version, prereleases=True):
        return False
    added = [need for need in map(Requirement, needs or ()) if need.marker and not need.marker.evaluate({"extra": ""})]
    return all(
        _installed(need)
        for need in added
        for extra in requirement.extras
        if need.marker and need.marker.evaluate({"extra": extra})
    )
