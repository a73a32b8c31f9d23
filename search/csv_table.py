"""CSV files as text, and what their cells mean."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..spaces import UsageError, Value
from ..spaces.integer import LARGEST
from .imported import is_number

_WHOLE = re.compile(r"[-+]?[0-9]{1,300}")
_REAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?inf(inity)?|nan", re.IGNORECASE)
_TIMEDELTA = re.compile(r"(?:(\d+) days?,? )?(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True)
class Table:
    """A file as text: the header and, for each row, the line on which it ends and its cells."""

    path: Path
    header: list[str]
    rows: list[tuple[int, dict[str, str]]]

    def texts(self, column: str) -> list[str]:
        """The cells of a column."""
        return [row[column] for _, row in self.rows]


def read_table(path: Path) -> Table:
    """A CSV file with a header, separated by commas, or by semicolons or tabs where the header has no comma.

    Raises:
        UsageError: when it cannot be read, has no rows, or a row or the header is damaged.
    """
    lines, header = _lines(path)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UsageError(f"{path}: column {twice[0]!r} is there {header.count(twice[0])} times: rename one")
    for line, row in lines:
        if len(row) != len(header):
            raise UsageError(f"{path}:{line}: {len(row)} cells, but the header has {len(header)}: mend the row")
    if not lines:
        raise UsageError(f"{path}: has no rows: expected a header and one row for each trial")
    return Table(path, header, [(line, dict(zip(header, row, strict=True))) for line, row in lines])


def _lines(path: Path) -> tuple[list[tuple[int, list[str]]], list[str]]:
    """Rows, each with the line on which it ends, and the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows = csv.reader(file, delimiter=_delimiter(first), strict=True)
            header = next(rows, [])
            lines = [(rows.line_num, row) for row in rows if row]
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise UsageError(f"{path}: is a folder, expected a CSV file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text (byte {error.start + 1}): save it as UTF-8") from None
    except csv.Error as error:
        raise UsageError(f"{path}: is not CSV: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    return lines, header


def _delimiter(header: str) -> str:
    """A comma, or what stands in its place where there is none."""
    return max(",;\t", key=lambda letter: (letter == "," and "," in header, header.count(letter)))


# Cells


def read_cell(text: str) -> Value:
    """What a cell means: a number, true or false, None when empty, and text otherwise."""
    word = text.strip()
    if not word:
        return None
    if word in ("True", "true", "TRUE", "False", "false", "FALSE"):
        return word.lower() == "true"
    if _WHOLE.fullmatch(word):
        return int(word)
    return float(word) if _REAL.fullmatch(word) else word


def parameter_values(texts: Sequence[str]) -> list[Value]:
    """The cells of a parameter; None where it is absent.

    pandas writes the whole numbers of a column with absent values as ``3.0``: they are whole numbers again.
    """
    values = [None if _is_nan(value := read_cell(text)) else value for text in texts]
    given = [value for value in values if value is not None]
    if len(given) < len(values) and all(is_number(v) and abs(v) <= LARGEST and v == int(v) for v in given):
        return [int(value) if is_number(value) else None for value in values]
    return values


def _is_nan(value: Value) -> bool:
    return isinstance(value, float) and math.isnan(value)


def all_numbers(texts: Iterable[str]) -> bool:
    """Whether a column has numbers, and nothing else."""
    given = [value for value in map(read_cell, texts) if value is not None]
    return bool(given) and all(map(is_number, given))


def as_seconds(text: str) -> float | None:
    """Seconds; None when it is something else."""
    if match := _TIMEDELTA.fullmatch(text):
        days, hours, minutes, seconds = match.groups()
        return int(days or 0) * 86400.0 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return _number(text)


def as_moment(text: str) -> float | None:
    """Seconds since the epoch; None when it is something else."""
    number = _number(text)
    if number is not None:
        return number
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _number(text: str) -> float | None:
    value = read_cell(text)
    return float(value) if is_number(value) and math.isfinite(value) else None
