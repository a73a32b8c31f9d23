"""The winning config as production training wants it: under other names, with other values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from ..spaces import Config, Problem, Value, did_you_mean
from ..spaces.config import both_value_and_group, flatten, groups
from ..spaces.errors import shown
from .section_outcome import ExportSection

FILES = {
    "yaml": "config.yaml",
    "json": "config.json",
    "argparse": "best.args",
    "hydra": "overrides.txt",
    "lightning": "lightning.yaml",
    "hf": "hf.json",
}
"""The file of each format that has an engine; ``hydra`` writes hydra/experiment/NAME.yaml as well."""
MANIFEST = "manifest.json"
FILLED_IN = (".yaml", ".yml", ".json")
_NAME = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*", re.ASCII)


@dataclass(frozen=True)
class Production:
    """What production training gets.

    Args:
        values: by dotted name, in production's names.
        renamed: the parameters of this config that are called otherwise.
        changed: what ``retrain`` changes, by production's name: ``{"tested": ..., "production": ...}``, without
            ``tested`` where the tested config has no such value.
    """

    values: dict[str, Value]
    renamed: dict[str, str] = field(default_factory=dict)
    changed: dict[str, dict[str, Value]] = field(default_factory=dict)


def production(config: Config, parameters: Mapping[str, Any], export: ExportSection) -> Production:
    """``config`` renamed, and with the values of ``retrain``, which may use a parameter's name or production's."""
    values = {export.rename.get(name, name): value for name, value in config.items()}
    changed: dict[str, dict[str, Value]] = {}
    for name, value in export.retrain.items():
        new = _new_name(name, parameters, export)
        tested = {"tested": values[new]} if new in values else {}
        if not tested or not same(values[new], value):
            changed[new] = {**tested, "production": value}
        values[new] = value
    renamed = {old: new for old, new in export.rename.items() if old in config and old != new}
    return Production(values, renamed, changed)


def search_values(content: Mapping[str, Any], parameters: Mapping[str, Any], export: ExportSection) -> dict[str, Any]:
    """What a production config says of the parameters, in the search's names; what only ``retrain`` sets is left out.

    Raises:
        SpaceError: for names that are both a value and a group.
    """
    old = {new: name for name, new in export.rename.items() if name in parameters}
    values = {old.get(name, name): value for name, value in flatten(content).items()}
    retrained = {_new_name(name, parameters, export) for name in export.retrain}
    return {name: value for name, value in values.items() if name in parameters or name not in retrained}


def production_names(parameters: Mapping[str, Any], export: ExportSection) -> list[str]:
    """Every name that a config may have in production."""
    renamed = [export.rename.get(name, name) for name in parameters]
    return [*dict.fromkeys([*renamed, *(_new_name(name, parameters, export) for name in export.retrain)])]


def production_problems(parameters: Mapping[str, Any], export: ExportSection) -> Iterator[Problem]:
    """What of ``rename`` and ``retrain`` cannot be meant."""
    for name, new in export.rename.items():
        if name not in parameters:
            text = f"no such parameter{did_you_mean(name, parameters)}"
            yield Problem(("export", "rename", name), text)
        elif not _NAME.fullmatch(new):
            yield Problem(("export", "rename", name), _no_name(new))
        elif new in parameters and new not in export.rename:
            text = f"{new!r} is a parameter already: give {name!r} another name, or rename {new!r} as well"
            yield Problem(("export", "rename", name), text)
    yield from _retrain_problems(parameters, export)
    yield from _group_problems(parameters, export)


def file_problems(export: ExportSection) -> Iterator[Problem]:
    """Files of an export that would overwrite each other, or the user's own."""
    if export.into is None:
        return
    into = PurePath(export.into)
    writer = {FILES[word]: f"format {word}" for word in export.formats if word in FILES} | {MANIFEST: "every export"}
    if into.suffix not in FILLED_IN:
        yield Problem(("export", "into"), f"expected a .yaml, .yml or .json file, got {shown(export.into)}")
    elif into.name in writer:
        text = f"{writer[into.name]} writes a {into.name} too: call yours otherwise"
        cure = "" if into.name == MANIFEST else ", or leave the format out of `formats`"
        yield Problem(("export", "into"), text + cure)
    elif export.to is not None and PurePath(export.to) == into.parent:
        text = f"the copy would overwrite {shown(export.into)} itself: write `to: best`, or another folder"
        yield Problem(("export", "to"), text)


def _retrain_problems(parameters: Mapping[str, Any], export: ExportSection) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name in export.retrain:
        new = _new_name(name, parameters, export)
        if not _NAME.fullmatch(name):
            yield Problem(("export", "retrain", name), _no_name(name))
        elif new in first:
            text = f"{first[new]!r} and {name!r} are the same value, {new!r} in production: keep one"
            yield Problem(("export", "retrain", name), text)
        first.setdefault(new, name)


def _group_problems(parameters: Mapping[str, Any], export: ExportSection) -> Iterator[Problem]:
    """Names that are both a value and a group, where one of the two comes from this section."""
    origins = {_new_name(name, parameters, export): ("retrain", name) for name in export.retrain}
    origins |= {new: ("rename", old) for old, new in export.rename.items() if old in parameters}
    names = production_names(parameters, export)
    opened = groups(names)
    for name in (name for name in names if name in opened):
        members = [name, *(one for one in names if one.startswith(f"{name}."))]
        where = next((origins[one] for one in members if one in origins), ("rename",))
        yield Problem(("export", *where), both_value_and_group(name))


def _new_name(name: str, parameters: Mapping[str, Any], export: ExportSection) -> str:
    return export.rename.get(name, name) if name in parameters else name


def _no_name(text: str) -> str:
    return f"{shown(text)} is not a name: use letters, digits, _ and -, with dots for nesting"


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same to a program that reads them: 1, 1.0 and True differ."""
    return type(one) is type(other) and one == other
