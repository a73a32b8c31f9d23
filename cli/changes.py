"""What `--set`, `--name` and `--trials` change of a sweep file before it is checked."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from ..spaces.errors import Location, SweepError, did_you_mean, shown

if TYPE_CHECKING:
    from ..search.yaml_reader import Document

_FORM = "expected --set PATH=VALUE, such as --set scheduler.eta=4"
_NULLS = ("null", "Null", "NULL", "~")
_NAMED_BY_USERS = {
    ("parameters",),
    ("resources", "custom"),
    ("cluster", "env"),
    ("export", "rename"),
    ("export", "retrain"),
}
"""Mappings whose keys may have dots."""
_OF_A_FORM = ("min", "max", "log", "step", "values", "value", "default", "when", "weights", "mean", "std", "prior")
_LONGEST = 120


@dataclass(frozen=True)
class Change:
    """One value of the file.

    Args:
        option: as it was written, for messages.
        path: where the value stands, cut at the dots.
        value: what is put there; None removes it.
    """

    option: str
    path: tuple[str, ...]
    value: Any


@dataclass(frozen=True)
class Changes:
    """Changes in the order of the command line; called with the content of a file, they give the changed one."""

    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, settings: Sequence[str] | None = None, name: str | None = None, trials: int | None = None) -> Changes:
        """The changes that options ask for; `--name` and `--trials` come last.

        Raises:
            SweepError: for each `--set` that is not PATH=VALUE.
        """
        changes: list[Change] = []
        wrong: list[str] = []
        for setting in settings or ():
            try:
                changes.append(_parse(setting))
            except SweepError as error:
                wrong.append(str(error))
        if wrong:
            raise SweepError("\n".join(wrong))
        if name is not None:
            changes.append(Change(f"--name {_printed(name)}", ("name",), name))
        if trials is not None:
            changes.append(Change(f"--trials {trials}", ("budget", "trials"), trials))
        return cls(tuple(changes))

    def __call__(self, document: Document) -> Document:
        """The content with the changes made, and where they stand.

        Raises:
            SweepError: for each change whose path leads nowhere.
        """
        if not isinstance(document.value, dict):
            return document  # which is refused anyway
        editor = _Editor(copy.deepcopy(document.value))
        wrong = []
        for change in self.changes:
            try:
                editor.make(change)
            except SweepError as error:
                wrong.append(f"{change.option}: {error}")
        if wrong:
            raise SweepError("\n".join(wrong))
        settled = [one for one in document.duplicates if not _any_above(one.where, editor.options)]
        return replace(document, value=editor.value, duplicates=settled, options=editor.options)


def _parse(setting: str) -> Change:
    from yaml import YAMLError

    from ..search.yaml_reader import read_yaml

    path, equals, text = setting.partition("=")
    option, parts = f"--set {_printed(setting)}", tuple(path.strip().split("."))
    if not equals or not all(parts):
        raise SweepError(f"{option}: {_FORM}")
    try:
        document = read_yaml(text)
    except YAMLError as error:
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SweepError(f"{option}: the value is not YAML: {problem}") from None
    if document.duplicates:
        raise SweepError("\n".join(f"{option}: {problem}" for problem in document.duplicates))
    if document.value is None and text.strip() not in _NULLS:
        raise SweepError(f"{option}: there is no value: write {path}=null to remove it, {path}='\"\"' for empty text")
    return Change(option, parts, document.value)


def _printed(text: str) -> str:
    """On one line, and not too long."""
    return text if text.isprintable() and len(text) <= _LONGEST else shown(text[:_LONGEST])


def _any_above(where: Location, places: Iterable[Location]) -> bool:
    return any(where[: len(place)] == place for place in places)


class _Editor:
    """The content of a file while it is changed.

    Attributes:
        value: the content so far.
        options: what was put where.
    """

    def __init__(self, value: dict[Any, Any]) -> None:
        self.value = value
        self.options: dict[Location, str] = {}

    def make(self, change: Change) -> None:
        """Make one change.

        Raises:
            SweepError: when there is no such place, or an earlier change would be undone.
        """
        keys = _keys(self.value, change.path)
        undone = [option for place, option in self.options.items() if place[: len(keys)] == keys]
        if undone:
            raise SweepError(f"this would undo `{undone[0]}`: write it before that, or leave one of the two out")
        parent, made = self._open(keys)
        if change.value is not None:
            parent[keys[-1]] = change.value
            self.options[made] = change.option
        elif self._remove(parent, keys):
            self.options[keys] = change.option

    def _open(self, keys: Location) -> tuple[Any, Location]:
        """What holds the last key, and the outermost place that was made for it."""
        node: Any = self.value
        made = keys
        for depth, key in enumerate(keys[:-1], start=1):
            child = node.get(key) if isinstance(node, dict) else node[key]
            inner = _inner(child, keys[:depth])
            if inner is not child:
                node[key] = inner
            if child is None and made == keys:
                made = keys[:depth]
            node = inner
        return node, made

    def _remove(self, parent: Any, keys: Location) -> bool:
        from ..search import Sweep

        if isinstance(parent, list):
            raise SweepError(f"an entry of a list cannot be removed: set {_dotted(keys[:-1])} as a whole")
        if keys[-1] in parent:
            del parent[keys[-1]]
            return True
        if keys[0] in Sweep.model_fields and len(keys) == 1:
            return False  # as wished already
        known = [*map(str, parent), *(Sweep.model_fields if len(keys) == 1 else ())]
        raise SweepError(f"there is no {_dotted(keys)} to remove{did_you_mean(keys[-1], known)}")


@cache
def _words() -> dict[Location, str]:
    """Sections that may be a word, and the word that they are when left out."""
    from ..search import Sweep

    sections = ("searcher", "scheduler")
    return {(name,): Sweep.model_fields[name].get_default(call_default_factory=True).type for name in sections}


def _inner(value: Any, where: Location) -> Any:
    """The mapping that stands for nothing, or for a word; everything else as it is."""
    if value is None:
        return {"type": _words()[where]} if where in _words() else {}
    return {"type": value} if isinstance(value, str) and where in _words() else value


def _keys(value: Any, path: tuple[str, ...]) -> Location:
    """The keys that a path stands for; the last ones may not be there yet.

    Raises:
        SweepError: when the path leads through a plain value, or to no entry of a list.
    """
    where: Location = ()
    while path:
        value = _inner(value, where)
        if isinstance(value, list):
            index = _index(value, where, path[0])
            where, value, path = (*where, index), value[index], path[1:]
        elif isinstance(value, dict):
            key, path = _key(value, where, path)
            where, value = (*where, key), value.get(key)
        else:
            text = f"{_dotted(where)} is {shown(value)}, in which there is no {'.'.join(path)!r}"
            raise SweepError(f"{text}: set {_dotted(where)} as a whole")
    return where


def _key(mapping: dict[Any, Any], where: Location, path: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The longest key that is there, else a new one; and what is left of the path."""
    for key in _beginnings(path):
        if key in mapping:
            return key, path[key.count(".") + 1 :]
    inside = mapping.get("parameters") if not where else None
    name = next((one for one in _beginnings(path) if isinstance(inside, dict) and one in inside), None)
    if name is not None:
        raise SweepError(f"{name} is a parameter: write --set parameters.{'.'.join(path)}=...")
    free = where in _NAMED_BY_USERS or (where[:1] == ("parameters",) and where[-1:] == ("when",))
    if not free and len(path) > 1 and path[1].isdecimal():
        text = f"there is no list {_dotted((*where, path[0]))}"
        raise SweepError(f"{text}: set it as a whole, such as --set '{_dotted((*where, path[0]))}=[...]'")
    if where == ("parameters",):
        name = ".".join(path[:-1] if path[-1] in _OF_A_FORM and len(path) > 1 else path)
        hint = did_you_mean(name, (one for one in mapping if isinstance(one, str)))
        if hint:
            raise SweepError(f"there is no parameter {name!r}{hint}; a new one is added in the file")
    return (".".join(path), ()) if free else (path[0], path[1:])


def _beginnings(path: tuple[str, ...]) -> Iterator[str]:
    """``a.b.c``, ``a.b`` and ``a``."""
    return (".".join(path[:length]) for length in range(len(path), 0, -1))


def _index(entries: list[Any], where: Location, part: str) -> int:
    count = f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}"
    if not part.isdecimal():
        raise SweepError(
            f"{_dotted(where)} is a list of {count}: name one by its number, such as {_dotted((*where, 0))}"
        )
    if int(part) >= len(entries):
        text = f"{_dotted(where)} has {count}, counted from 0"
        raise SweepError(f"{text}: to add one, set the whole list, such as --set '{_dotted(where)}=[...]'")
    return int(part)


def _dotted(where: Location) -> str:
    return ".".join(map(str, where))
