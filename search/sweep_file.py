"""Sweep files: read, checked, and answered with file:line:column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from yaml.reader import ReaderError

from ..spaces import Problem, SweepError
from .architecture_parameters import translated
from .sweep import Sweep
from .yaml_reader import Document, read_yaml

Change = Callable[[Document], Document]
"""What the command line makes of a file's content."""


def read_sweep(path: str | Path, change: Change | None = None) -> Sweep:
    """The sweep in a YAML or JSON file.

    Args:
        change: of the content, before it is checked.

    Raises:
        SweepError: when the file is missing, is not YAML, or holds mistakes: one line for each.
    """
    document = read_document(path)
    if document.value is None:
        raise SweepError(f"{path}: the file is empty: a sweep needs name, trainable, objectives, parameters, budget")
    document = change(document) if change else document
    problems = list(document.duplicates)
    try:
        sweep = Sweep.make(translated(document.value, Path(path).absolute().parent))
    except SweepError as error:
        problems += error.problems
    if problems:
        raise SweepError(at_lines(path, document, problems))
    return sweep


def read_document(path: str | Path) -> Document:
    """The content of a YAML or JSON file, with the place of everything in it.

    Raises:
        SweepError: when the file is missing, or is not YAML.
    """
    text = _text(path)
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        raise SweepError(_syntax(path, error)) from error


def at_lines(path: str | Path, document: Document, problems: list[Problem]) -> str:
    """``file:line:column: mistake``, in the order of the file."""
    return "\n".join(_located(path, document, problem) for problem in _in_order(document, problems))


@contextmanager
def at_lines_of(path: str | Path, change: Change | None = None) -> Iterator[None]:
    """Mistakes that are found after the file was read, such as what cannot run, with their lines in the file.

    Args:
        change: with which it was read.

    Raises:
        SweepError: instead of the one without lines.
    """
    try:
        yield
    except SweepError as error:
        if not error.problems:
            raise
        document = read_yaml(_text(path))
        document = change(document) if change else document
        lines = [
            _located(path, document, one) if one.where else str(one) for one in _in_order(document, error.problems)
        ]
        raise SweepError("\n".join(lines)) from error


def _text(path: str | Path) -> str:
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SweepError(f"{path}: there is no such file{_candidates(file.parent)}") from None
    except IsADirectoryError:
        raise SweepError(f"{path}: is a folder, expected a sweep file{_candidates(file)}") from None
    except UnicodeDecodeError as error:
        raise SweepError(f"{path}: is not UTF-8 text (byte {error.start + 1}): save it as UTF-8") from None
    except OSError as error:
        raise SweepError(f"{path}: cannot be read: {error.strerror or error}") from error
    # Tabs may indent JSON but not YAML; neither has one inside a value as it stands.
    return text.replace("\t", " ") if file.suffix == ".json" else text


def _in_order(document: Document, problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: document.mark(problem.where))


def _located(path: str | Path, document: Document, problem: Problem) -> str:
    return f"{document.place(path, problem.where)}: {problem}"


_YAML_CURES = {
    "found character '\\t'": ": indent with spaces",
    "mapping values are not allowed": ": put text with a colon in quotes",
}


def _syntax(path: str | Path, error: yaml.YAMLError) -> str:
    if isinstance(error, ReaderError):
        return f"{path}: not YAML: character {error.position + 1} is {error.character:#04x}, which no text has"
    mark = getattr(error, "problem_mark", None)
    where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    what = getattr(error, "problem", None) or str(error)
    context = getattr(error, "context", None)
    hint = next((cure for words, cure in _YAML_CURES.items() if words in what), "")
    return f"{path}{where}: not YAML: {what}{f' ({context})' if context else ''}{hint}"


def _candidates(folder: Path) -> str:
    found = sorted(str(other) for other in folder.glob("*.y*ml")) if folder.is_dir() else []
    return f"; there is: {', '.join(found[:5])}" if found else ""
