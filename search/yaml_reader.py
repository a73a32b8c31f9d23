"""YAML as people mean it: 1.2 numbers and booleans, duplicate keys refused, every value with its line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..spaces import Problem
from ..spaces.errors import Location, shown


@dataclass(frozen=True)
class Document:
    """A parsed file: plain Python values, where each one stands (1-based line and column), and duplicate keys.

    Args:
        options: what the command line put at a place instead, as it was written there.
    """

    value: Any
    marks: dict[Location, tuple[int, int]]
    duplicates: list[Problem]
    options: Mapping[Location, str] = field(default_factory=dict)

    def mark(self, where: Location) -> tuple[int, int]:
        """Line and column of the value at ``where``, or of the nearest thing around it."""
        while where and where not in self.marks:
            where = where[:-1]
        return self.marks.get(where, (1, 1))

    def place(self, path: object, where: Location) -> str:
        """``path:line:column`` of the value at ``where``, or the option that put it there."""
        for length in range(len(where), 0, -1):
            if where[:length] in self.options:
                return self.options[where[:length]]
        line, column = self.mark(where)
        return f"{path}:{line}:{column}"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the core schema of YAML 1.2: ``1e-5`` is a number, ``no`` and ``010`` are what they look like."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def _whole(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole)

_MOST = 50_000
"""Values in one document. Aliases of aliases could stand for billions."""


def read_yaml(text: str) -> Document:
    """Parse one document.

    Raises:
        yaml.YAMLError: when it is not YAML, or has merge keys; ``problem_mark`` tells where.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        reader = _Reader(loader)
        value = reader.read(node, ()) if node is not None else None
    except RecursionError:
        raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=loader.get_mark()) from None
    finally:
        loader.dispose()
    return Document(value, reader.marks, reader.duplicates)


_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class _Reader:
    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self.marks: dict[Location, tuple[int, int]] = {}
        self.duplicates: list[Problem] = []
        self._open: set[int] = set()
        self._count = 0

    def read(self, node: yaml.Node, where: Location) -> Any:
        self._mark(node, where)
        self._count += 1
        if self._count > _MOST:
            raise _refusal(f"more than {_MOST:,} values, counting what aliases (*) repeat", node)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in _COLLECTIONS:
            raise _refusal(f"{node.tag} is not part of a sweep file: remove the tag", node)
        if id(node) in self._open:
            raise _refusal("this anchor (&) contains itself", node)
        self._open.add(id(node))
        value = self._mapping(node, where) if isinstance(node, yaml.MappingNode) else self._sequence(node, where)
        self._open.remove(id(node))
        return value

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (ValueError, LookupError, AttributeError):  # `!!int x`, or an int of more than 4,300 digits
            text = f"{shown(node.value)} cannot be read as {node.tag.rpartition(':')[2]}"
            raise _refusal(f"{text}: put it in quotes if it is text", node) from None
        return _whole_characters(value) if isinstance(value, str) else value

    def _sequence(self, node: yaml.Node, where: Location) -> list[Any]:
        return [self.read(item, (*where, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, where: Location) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            inner = (*where, key)
            if key in values:
                first = self.marks[inner][0]
                text = f"{shown(key)} is given twice (first in line {first}): keep one"
                self.duplicates.append(Problem(inner, text))
            values[key] = self.read(value_node, inner)
            self._mark(key_node, inner)
        return values

    def _key(self, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode) or not isinstance(key := self._scalar(node), (str, int)):
            raise _refusal("a key must be text", node)
        if key == "<<" and node.style is None:
            raise _refusal("merge keys (<<) are not part of YAML 1.2: write the keys out", node)
        return key

    def _mark(self, node: yaml.Node, where: Location) -> None:
        self.marks[where] = (node.start_mark.line + 1, node.start_mark.column + 1)


def _refusal(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _whole_characters(text: str) -> str:
    """With the halves of a character beyond 16 bits joined: JSON writes them as two escapes."""
    if text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
