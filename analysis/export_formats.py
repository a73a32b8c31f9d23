"""The files of an export: one config in the dialects that training programs read."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..search.production import FILES
from ..spaces import UsageError, Value
from ..spaces.config import nest
from ..spaces.errors import shown
from .yaml_writer import dump_yaml

Values = Mapping[str, Value]
"""By dotted name."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_HYDRA_WORDS = ("true", "false", "null", "inf", "nan")
_LIGHTNING = ("seed_everything", "model", "data", "trainer", "optimizer", "lr_scheduler", "ckpt_path", "fit")
_HYDRA_SECTIONS = ("defaults", "hydra")


@dataclass(frozen=True)
class Content:
    """What is written.

    Args:
        values: of the config, by dotted name in production.
        name: of the sweep.
        seed: of the sweep.
        header: comment lines with the origin, each with its line break.
    """

    values: Values
    name: str
    seed: int
    header: str


@dataclass(frozen=True)
class Written:
    """The files of one format: texts by path, how to start a training with them, and what to know."""

    texts: dict[str, str]
    command: str
    notes: tuple[str, ...] = ()


def write_format(word: str, content: Content, folder: str) -> Written:
    """The files of format ``word``.

    Args:
        folder: where they go, as the command names it.

    Raises:
        UsageError: for a value that the format cannot hold, or that its reader would take for another.
    """
    return _WRITERS[word](content, folder)


def _yaml(content: Content, folder: str) -> Written:
    text = content.header + dump_yaml(nest(content.values))
    return Written({FILES["yaml"]: text}, f"start your training with {folder}/{FILES['yaml']}")


def _json(content: Content, folder: str) -> Written:
    text = _dumped(nest(content.values))
    return Written({FILES["json"]: text}, f"start your training with {folder}/{FILES['json']}")


def _hf(content: Content, folder: str) -> Written:
    dotted = [name for name in content.values if not name.isidentifier()]
    note = "cannot be a field of a dataclass, as HfArgumentParser wants: add it to export.rename"
    notes = (f"{FILES['hf']}: {_listed(dotted)} {note}",) if dotted else ()
    return Written({FILES["hf"]: _dumped(dict(content.values))}, f"python train.py {_path(folder, 'hf')}", notes)


def _lightning(content: Content, folder: str) -> Written:
    values = {"seed_everything": content.seed} | dict(content.values)
    strange = [name for name in content.values if name.partition(".")[0] not in _LIGHTNING]
    note = "is under none of model, data and trainer, where LightningCLI takes it: add it to export.rename"
    notes = (f"{FILES['lightning']}: {_listed(strange)} {note}",) if strange else ()
    text = content.header + dump_yaml(nest(values))
    return Written({FILES["lightning"]: text}, f"python main.py fit --config {_path(folder, 'lightning')}", notes)


def _argparse(content: Content, folder: str) -> Written:
    _refuse("argparse", content.values, _no_line, "which is not one line of text")
    none = [name for name, value in content.values.items() if value is None]
    notes = (f"{FILES['argparse']}: {_listed(none)} left out, as there is no null on a command line",) if none else ()
    text = "".join(f"{_argument(name, value)}\n" for name, value in content.values.items() if value is not None)
    path = f"{folder}/{FILES['argparse']}"
    command = (
        f"python train.py {shlex.quote(f'@{path}')}   (with fromfile_prefix_chars='@'; otherwise: {_shell(path, text)})"
    )
    return Written({FILES["argparse"]: text}, command, notes)


def _argument(name: str, value: Value) -> str:
    if isinstance(value, bool):  # as argparse.BooleanOptionalAction reads it
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name}={value}"


def _hydra(content: Content, folder: str) -> Written:
    """An experiment file for `--config-dir`, and overrides for the command line."""
    _refuse("hydra", content.values, lambda value: isinstance(value, str) and "${" in value, "which OmegaConf resolves")
    _refuse("hydra", content.values, lambda value: value == "???", "which OmegaConf takes for a missing value")
    _refuse("hydra", content.values, _no_line, "which is not one line of text")
    for name in content.values:
        if (section := name.partition(".")[0]) in _HYDRA_SECTIONS:
            text = f"{name!r} would be read as Hydra's own {section!r}: rename it"
            raise UsageError(f"export: format hydra: {text}, or leave the format out")
    overrides = "".join(f"{name}={_hydra_value(value)}\n" for name, value in content.values.items())
    path = f"{folder}/{FILES['hydra']}"
    experiment = f"hydra/experiment/{content.name}.yaml"
    texts = {
        experiment: f"# @package _global_\n{content.header}{dump_yaml(nest(content.values))}",
        FILES["hydra"]: overrides,
    }
    choice = shlex.quote(f"experiment={experiment_of(content.name)}")
    command = f"python train.py --config-dir {shlex.quote(f'{folder}/hydra')} {choice}"
    return Written(texts, f"{command}   (or: {_shell(path, overrides)})")


def experiment_of(name: str) -> str:
    """A sweep's name as Hydra takes it for text: 7 and true would be no names of files there."""
    try:
        float(name)
    except ValueError:
        return f"'{name}'" if name.lower() in _HYDRA_WORDS else name
    return f"'{name}'"


def _hydra_value(value: Value) -> str:
    """As the grammar of Hydra's overrides reads it."""
    if not isinstance(value, str):
        return json.dumps(value)
    if _WORD.fullmatch(value) and value.lower() not in _HYDRA_WORDS:
        return value
    # A backslash counts as itself, except where it stands before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + ("\\'" if match[2] else ""), value, count=0)
    return f"'{escaped}'"


def _shell(path: str, text: str) -> str:
    """How a shell without a reader of such files passes on its lines."""
    plain = not re.search(r"[ \t*?\[\\]", text)
    quoted = shlex.quote(path)
    return f"python train.py $(cat {quoted})" if plain else f"xargs -d '\\n' -a {quoted} python train.py"


def _path(folder: str, word: str) -> str:
    return shlex.quote(f"{folder}/{FILES[word]}")


def _no_line(value: Value) -> bool:
    """Whether a file of one argument a line, or a command line, cannot hold it."""
    if not isinstance(value, str):
        return False
    return len(f"{value}.".splitlines()) > 1 or "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value)


def _refuse(word: str, values: Values, wrong: Callable[[Value], bool], why: str) -> None:
    for name, value in values.items():
        if wrong(value):
            raise UsageError(f"export: format {word}: {name} is {shown(value)}, {why}: leave the format out")


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names))


def _dumped(document: Any) -> str:
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


_WRITERS: dict[str, Callable[[Content, str], Written]] = {
    "yaml": _yaml,
    "json": _json,
    "argparse": _argparse,
    "hydra": _hydra,
    "lightning": _lightning,
    "hf": _hf,
}
