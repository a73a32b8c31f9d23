"""Values filled into a YAML or JSON file that somebody wrote; all else stays as it is, byte by byte.

The file is composed only for the places of its values; new text replaces old text there. A round trip through a YAML
library would keep comments, but not the alignment, the indentation and the line lengths of the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from ..search.production import same
from ..spaces import Problem, SpaceError, Value
from .yaml_writer import one_line

_PROPERTIES = re.compile(r"(?:(?P<anchor>&[^\s,\[\]{}]+)|!\S*)\s+")
_EMPTY = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class Patched:
    """A file with other values.

    Args:
        added: names that the file did not have.
        anchored: names whose value stands under an anchor that is used elsewhere too, so that it changes there as well.
    """

    text: str
    added: tuple[str, ...] = ()
    anchored: tuple[str, ...] = ()


def fill_in(text: str, values: Mapping[str, Value], *, as_json: bool = False) -> Patched:
    """``text`` with ``values`` (by dotted name) in the places of these names; names that it lacks are added.

    Raises:
        SpaceError: when it is not YAML with a mapping, or a name cannot be in it; located by the name.
    """
    added: list[str] = []
    anchored: list[str] = []
    problems: list[Problem] = []
    for name, value in values.items():
        try:
            place = _find(_compose(text), name, _Writer(as_json))
        except SpaceError as error:
            if not error.problems[0].where:
                raise
            problems += error.problems
            continue
        added += [name] * place.added
        anchored += [name] * place.anchored
        text = place.put(text, value)
    if problems:
        raise SpaceError(problems)
    _refuse_what_did_not_arrive(text, values)
    return Patched(text, tuple(added), tuple(anchored))


def read_values(text: str, names: Iterable[str]) -> dict[str, Any]:
    """What a reader of YAML 1.1 finds under ``names``; without those that the file lacks, or has no plain value of.

    Raises:
        SpaceError: when it is not YAML with a mapping.
    """
    found = {}
    root = _compose(text).root
    for name in names:
        node: yaml.Node | None = root
        for part in name.split("."):
            node = _member(node, part, name)
            node = node.target if isinstance(node, _Alias) else node
        if isinstance(node, yaml.ScalarNode):
            with suppress(yaml.YAMLError, ValueError):  # a tag of its own, an impossible date
                found[name] = yaml.SafeLoader("").construct_object(node)
    return found


def _refuse_what_did_not_arrive(text: str, values: Mapping[str, Value]) -> None:
    """Forms of YAML that nobody writes are not known here: they must not go wrong in silence."""
    found = read_values(text, values)
    lost = [name for name, value in values.items() if name not in found or not same(found[name], value)]
    if lost:
        raise SpaceError(Problem((name,), "cannot be filled in: write it as `key: value` on a line") for name in lost)


@dataclass(frozen=True)
class _Writer:
    """How values are written into a file of this kind."""

    as_json: bool

    def value(self, value: Any, quotes: Literal["'", '"', ""] = "") -> str:
        # YAML's floats, with their dot, are JSON as well.
        return json.dumps(value) if self.as_json and not isinstance(value, float) else one_line(value, quotes)


@dataclass(frozen=True)
class _Place:
    """Where a value goes: it takes the place of the text from ``start`` to ``end``."""

    start: int
    end: int
    write: Callable[[Value], str]
    added: bool = False
    anchored: bool = False

    def put(self, text: str, value: Value) -> str:
        return text[: self.start] + self.write(value) + text[self.end :]


class _Alias(yaml.ScalarNode):
    """An alias (``*name``) where it stands, and what it stands for."""

    target: yaml.Node


@dataclass(frozen=True)
class _Document:
    text: str
    root: yaml.Node
    used: dict[int, str] = field(default_factory=dict)
    """Anchors with an alias, by the identity of their nodes."""


class _Loader(yaml.SafeLoader):
    """Composes aliases as nodes of their own, with their place."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.used: dict[int, str] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if not isinstance(event, yaml.AliasEvent) or node is None:
            return node
        self.used[id(node)] = str(event.anchor)
        marks: tuple[Any, Any] = event.start_mark, event.end_mark
        alias = _Alias("alias", str(event.anchor), *marks)
        alias.target = node
        return alias


def _compose(text: str) -> _Document:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise SpaceError(f"is not one YAML document: {getattr(error, 'problem', None) or error}{where}") from None
    except RecursionError:
        raise SpaceError("is nested too deeply") from None
    finally:
        loader.dispose()
    if not isinstance(root, yaml.MappingNode):
        raise SpaceError("holds no mapping with keys such as `lr: 0.1`")
    return _Document(text, root, loader.used)


def _find(document: _Document, name: str, writer: _Writer) -> _Place:
    """The place of ``name``; what is missing of its path is added there."""
    node, anchored, parts = document.root, False, name.split(".")
    for depth, part in enumerate(parts):
        inner = _member(node, part, name)
        last = depth == len(parts) - 1
        if inner is None:
            return _new(document, node, parts[depth:], writer, anchored)
        if last:
            return _old(document, inner, name, writer, anchored)
        node = inner.target if isinstance(inner, _Alias) else inner
        anchored |= id(node) in document.used
        if isinstance(node, yaml.ScalarNode) and node.tag == _EMPTY:
            return _nested(document, inner, parts[depth + 1 :], writer, anchored)
        if not isinstance(node, yaml.MappingNode):
            raise SpaceError([Problem((name,), f"{'.'.join(parts[: depth + 1])!r} is no mapping there")])
    raise AssertionError("a name has parts")


def _member(node: yaml.Node | None, key: str, name: str = "") -> yaml.Node | None:
    """What stands under ``key``."""
    if not isinstance(node, yaml.MappingNode):
        return None
    found = [value for other, value in node.value if isinstance(other, yaml.ScalarNode) and other.value == key]
    if len(found) > 1:
        raise SpaceError([Problem((name,), f"{key!r} is given {len(found)} times there: keep one")])
    return found[0] if found else None


def _old(document: _Document, node: yaml.Node, name: str, writer: _Writer, anchored: bool) -> _Place:
    """In the place of the value that is there. An alias is replaced itself: what it stands for stays."""
    if not isinstance(node, yaml.ScalarNode):
        kind = "a mapping" if isinstance(node, yaml.MappingNode) else "a list"
        raise SpaceError([Problem((name,), f"is {kind} there, not a value")])
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, _Alias):
        return _Place(start, end, writer.value, anchored=anchored)
    text, before = document.text[start:end], ""
    while match := _PROPERTIES.match(text):  # an anchor stays, a tag such as !!float goes with its value
        before += f"{match['anchor']} " if match["anchor"] else ""
        text = text[match.end() :]
    if text.startswith("&"):  # an anchor of nothing
        before, text = f"{text.strip()} ", ""
    space = " " if start and document.text[start - 1] == ":" else ""  # `lr:` without a value
    after = text[len(text.rstrip("\r\n")) :] if node.style in ("|", ">") else ""
    quotes: Literal["'", '"', ""] = "'" if node.style == "'" else '"' if node.style == '"' else ""
    return _Place(
        start,
        end,
        lambda value: f"{space}{before}{writer.value(value, quotes)}{after}",
        anchored=anchored or id(node) in document.used,
    )


def _new(document: _Document, node: yaml.Node, parts: list[str], writer: _Writer, anchored: bool) -> _Place:
    """After the last entry of a mapping that lacks the name."""
    text, entries = document.text, node.value
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        end = node.end_mark.index - 1  # before the brace
        start = entries[-1][1].end_mark.index if entries else end
        comma = ", " if entries and not text[start:end].strip().startswith(",") else " " if entries else ""
        if comma == " ":  # a comma is there already
            start += text[start:end].index(",") + 1
        return _Place(start, start, lambda value: f"{comma}{_flow(parts, value, writer)}", True, anchored)
    column = entries[0][0].start_mark.column
    start = _end_of_line(text, _last(entries[-1][1]))
    return _Place(start, start, lambda value: _block(text, start, column, parts, value, writer), True, anchored)


def _nested(document: _Document, node: yaml.Node, parts: list[str], writer: _Writer, anchored: bool) -> _Place:
    """Instead of nothing (``model:``), a mapping, on one line."""
    place = _old(document, node, ".".join(parts), writer, anchored)
    raw = document.text[place.start : place.end]
    space = " " if not raw and document.text[place.start - 1] == ":" else ""
    return _Place(
        place.start,
        place.end,
        lambda value: f"{space}{{{_flow(parts, value, writer)}}}",
        added=True,
        anchored=anchored,
    )


def _flow(parts: list[str], value: Value, writer: _Writer) -> str:
    first, *rest = parts
    key = writer.value(first)
    return f"{key}: {{{_flow(rest, value, writer)}}}" if rest else f"{key}: {writer.value(value)}"


def _block(text: str, start: int, column: int, parts: list[str], value: Value, writer: _Writer) -> str:
    line = "\r\n" if "\r\n" in text else "\n"
    lines = [f"{' ' * (column + 2 * depth)}{writer.value(part)}:" for depth, part in enumerate(parts)]
    lines[-1] += f" {writer.value(value)}"
    before = line if start and text[start - 1] != "\n" else ""
    return before + line.join(lines) + line


def _last(node: yaml.Node) -> int:
    """Where the text of a value ends; the end of a block includes the comments after it."""
    while isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return int(node.end_mark.index)


def _end_of_line(text: str, at: int) -> int:
    """Behind the line break of the line of ``at``; a block scalar has its own within it."""
    if at and text[at - 1] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1
