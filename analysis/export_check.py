"""Exported files, read by what reads them in production, value by value.

``1e-05`` is a number in Python and text in YAML 1.1: such things are found here, not after a week of training.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..search.production import FILES, MANIFEST, same
from ..spaces import AssayError
from ..spaces.config import flatten
from ..spaces.errors import shown
from .export_formats import experiment_of
from .patch_yaml import read_values

if TYPE_CHECKING:
    from .export import ExportBundle

NETWORK_FILES = ("model.py", "weights.safetensors", "architecture.json")
"""Of an export with an architecture; the first reads the second."""
_PATIENCE = 120.0  # seconds for a process that imports PyTorch

Values = Mapping[str, Any]
Read = Callable[[Path, Values], Values]
"""Reads a file; told which names, of which types, as a training program is by its own code."""


@dataclass(frozen=True)
class _Reader:
    """A consumer: what people call it, the module that it needs, and how it reads a file."""

    name: str
    module: str
    read: Read


def check_bundle(bundle: ExportBundle) -> list[str]:
    """One line per file: who read the values of ``bundle`` as they were written, and who is not installed.

    Raises:
        AssayError: one line per value that a consumer reads as another.
    """
    lines: list[str] = []
    wrong: list[str] = []
    for file in bundle.files:
        name = str(file.relative_to(bundle.folder))
        if name == MANIFEST or name in NETWORK_FILES:
            continue
        readers = _readers_of(name)
        here = [reader for reader in readers if find_spec(reader.module)]
        for reader in here:
            expected = _expected(name, bundle.values)
            read = _read(reader, file, expected)
            wrong += [f"{file}: {reader.name} reads {text}" for text in _differences(expected, read)]
        missing = [reader.name for reader in readers if reader not in here]
        by = ", ".join(reader.name for reader in here)
        without = f"; not checked with {', '.join(missing)} (not installed)" if missing else ""
        if here:
            lines.append(f"{name}: {len(bundle.values)} values, read as written by {by}{without}")
        else:
            lines.append(f"{name}: not checked: {' and '.join(missing)} not installed")
    if (bundle.folder / NETWORK_FILES[0]) in bundle.files:
        lines.append(_run_network(bundle.folder / NETWORK_FILES[0]))
    if wrong:
        raise AssayError("\n".join(wrong))
    return lines


def _run_network(file: Path) -> str:
    """Start the network's file as production would, in a process that sees nothing of this one's folder."""
    done = subprocess.run([sys.executable, "-I", str(file)], capture_output=True, text=True, timeout=_PATIENCE)
    if done.returncode:
        raise AssayError(f"{file}: PyTorch cannot run it: {' '.join(done.stderr.split())[-500:]}")
    return f"{file.name}: run by PyTorch: {', '.join(done.stdout.split(chr(10))).strip(', ')}"


def _read(reader: _Reader, file: Path, expected: Values) -> Values:
    try:
        return reader.read(file, expected)
    except Exception as error:  # of any kind: these are programs of others
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise AssayError(f"{file}: {reader.name} cannot read it: {text[:500]}") from error


def _readers_of(name: str) -> list[_Reader]:
    if name.startswith("hydra/"):
        return [_PYYAML, _HYDRA]
    return _READERS.get(name, [_PLACES])


def _expected(name: str, values: Values) -> Values:
    """What a file holds: there is no null on a command line."""
    return {key: one for key, one in values.items() if one is not None} if name == FILES["argparse"] else values


def _differences(expected: Values, read: Values) -> Iterator[str]:
    for name, value in expected.items():
        if name not in read:
            yield f"no {name}, expected {shown(value)}"
        elif not same(read[name], value):
            yield f"{name} as {shown(read[name])}, expected {shown(value)}"


def _from_yaml(file: Path, values: Values) -> Values:
    return flatten(yaml.safe_load(file.read_text(encoding="utf-8")))


def _from_json(file: Path, values: Values) -> Values:
    return flatten(json.loads(file.read_text(encoding="utf-8")))


def _from_places(file: Path, values: Values) -> Values:
    return read_values(file.read_text(encoding="utf-8"), values)


def _from_arguments(file: Path, values: Values) -> Values:
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@", exit_on_error=False)
    for name, value in values.items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", dest=name, action=argparse.BooleanOptionalAction)
        else:
            parser.add_argument(f"--{name}", dest=name, type=type(value))
    return vars(parser.parse_args([f"@{file}"]))


def _from_omegaconf(file: Path, values: Values) -> Values:
    from omegaconf import OmegaConf

    return _plain(OmegaConf.load(file))


def _from_hydra(file: Path, values: Values) -> Values:
    """As ``--config-dir best/hydra experiment=NAME`` does."""
    from hydra import compose, initialize_config_dir

    folder = file.parent.parent.absolute()
    with initialize_config_dir(version_base=None, config_dir=str(folder)):
        return _plain(compose(overrides=[f"+experiment={experiment_of(file.stem)}"]))


def _from_overrides(file: Path, values: Values) -> Values:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    lines = file.read_text(encoding="utf-8").splitlines()
    return {one.get_key_element(): _text(one.value()) for one in OverridesParser.create().parse_overrides(lines)}


def _from_jsonargparse(file: Path, values: Values) -> Values:
    """The parser of LightningCLI."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    for name, value in {"seed_everything": 0, **values}.items():
        parser.add_argument(f"--{name}", type=Any if value is None else type(value))
    return flatten(parser.parse_path(str(file)).as_dict())


def _plain(config: Any) -> Values:
    from omegaconf import OmegaConf

    return flatten(OmegaConf.to_container(config, resolve=True))


def _text(value: Any) -> Any:
    """Hydra keeps the quotes of a quoted string beside its text."""
    return getattr(value, "text", value)


_PYYAML = _Reader("PyYAML", "yaml", _from_yaml)
_HYDRA = _Reader("Hydra", "hydra", _from_hydra)
_PLACES = _Reader("PyYAML", "yaml", _from_places)
"""For a file of the user's, which may have tags that only its own reader knows."""
_READERS = {
    FILES["yaml"]: [_PYYAML, _Reader("OmegaConf", "omegaconf", _from_omegaconf)],
    FILES["json"]: [_Reader("json", "json", _from_json)],
    FILES["argparse"]: [_Reader("argparse", "argparse", _from_arguments)],
    FILES["hydra"]: [_Reader("Hydra", "hydra", _from_overrides)],
    FILES["lightning"]: [_PYYAML, _Reader("jsonargparse", "jsonargparse", _from_jsonargparse)],
    FILES["hf"]: [_Reader("json", "json", _from_json)],
}
