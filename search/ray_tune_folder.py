"""An experiment folder of Ray Tune as it lies on the disk: what is recorded of each trial, without running any of it.

Only JSON and CSV are read. Half of the folder is pickles, some of them inside the JSON or named ``.json``; to load one
is to run code of whoever wrote it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..spaces import UsageError
from .csv_table import read_cell

_STATE_FILES = "experiment_state-*.json"
_PARAMETERS, _RESULTS, _PROGRESS, _ERROR = "params.json", "result.json", "progress.csv", "error.txt"

Row = Mapping[str, Any]


@dataclass
class FoundTrial:
    """What is recorded of a trial.

    Args:
        name: of its folder.
        facts: from the experiment state; empty when there is none.
        config: what it was given; None when nothing says so.
        rows: its results, with nested metrics under ``outer/inner``.
        configs: the config of each result, as far as it is recorded there.
        error: what it failed with.
        broken: results that could not be read.
    """

    name: str
    facts: Row
    config: Row | None = None
    rows: list[Row] = field(default_factory=list)
    configs: list[Row] = field(default_factory=list)
    error: str = ""
    broken: int = 0

    @property
    def status(self) -> str | None:
        """As Ray Tune names it; None when it is not recorded."""
        status = self.facts.get("status")
        return status if isinstance(status, str) else None

    @property
    def failed(self) -> bool:
        """Whether it ended with an error; a file about one counts only where no status says that it was overcome."""
        return self.status == "ERROR" or (self.status is None and bool(self.error))

    @property
    def last_step(self) -> int:
        """Iterations up to its last result."""
        return max((step_of(row, index) for index, row in enumerate(self.rows, start=1)), default=0)


def step_of(row: Row, index: int) -> int:
    """Iterations up to a result, the ``index``-th of its trial."""
    step = row.get("training_iteration")
    return step if isinstance(step, int) and not isinstance(step, bool) else index


def read_state(root: Path) -> Row:
    """The newest experiment state that can be read; empty when there is none.

    Raises:
        UsageError: when ``root`` is no folder, or a file in it cannot be read.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "there is no such folder"
        raise UsageError(f"{root}: {what}; expected the folder of a Ray Tune experiment")
    for path in sorted(root.glob(_STATE_FILES), reverse=True):
        content = _json(_text(path))
        if isinstance(content, dict):
            return content
    return {}


def find_trials(root: Path, state: Row) -> list[FoundTrial]:
    """All trials of an experiment, those with a folder first.

    Raises:
        UsageError: when there is none, with what may have been meant, or a file cannot be read.
    """
    facts = list(_facts(state))
    by_folder = {str(one.get("relative_logdir")): index for index, one in enumerate(facts)}
    found, used = [], set()
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        own = by_folder.get(folder.name, _by_identity(facts, folder.name))
        if own is not None or any((folder / name).is_file() for name in (_PARAMETERS, _RESULTS, _PROGRESS, _ERROR)):
            found.append(_read(folder, {} if own is None else facts[own]))
            used.add(own)
    rest = [(index, one) for index, one in enumerate(facts) if index not in used]
    found += [_complete(FoundTrial(str(one.get("trial_id") or f"trial {index}"), one)) for index, one in rest]
    if not found:
        raise UsageError(f"{root}: holds no trials of Ray Tune{_hint(root)}")
    return found


def _facts(state: Row) -> Iterator[Row]:
    """Of each trial what the state says; older versions of Ray write another key and fewer layers."""
    for entry in state.get("trial_data") or state.get("checkpoints") or ():
        facts: dict[str, Any] = {}
        for layer in entry if isinstance(entry, list) else [entry]:
            content = _json(layer) if isinstance(layer, str) else layer
            facts |= content if isinstance(content, dict) else {}
        if facts:
            yield facts


def _by_identity(facts: list[Row], folder: str) -> int | None:
    return next((i for i, one in enumerate(facts) if f"_{one.get('trial_id')}_" in f"_{folder}_"), None)


def _read(folder: Path, facts: Row) -> FoundTrial:
    error, config = folder / _ERROR, folder / _PARAMETERS
    trial = FoundTrial(folder.name, facts, error=_text(error) if error.is_file() else "")
    content = _json(_text(config)) if config.is_file() else None
    trial.config = content if isinstance(content, dict) else None
    if (folder / _RESULTS).is_file():
        _read_json_lines(folder / _RESULTS, trial)
    if not trial.rows and (folder / _PROGRESS).is_file():
        _read_progress(folder / _PROGRESS, trial)
    return _complete(trial)


def _complete(trial: FoundTrial) -> FoundTrial:
    """With what no file of its own has, from the experiment state."""
    last = trial.facts.get("last_result")
    if not trial.rows and isinstance(last, dict) and "training_iteration" in last:
        trial.rows.append(_flat(last))
    if trial.config is None:
        others = [*trial.configs, trial.facts.get("config")]
        trial.config = next((config for config in others if isinstance(config, dict) and config), None)
    return trial


def _read_json_lines(path: Path, trial: FoundTrial) -> None:
    for line in _text(path).split("\n"):
        row = _json(line)
        if isinstance(row, dict):
            trial.rows.append(_flat(row))
            if isinstance(row.get("config"), dict):
                trial.configs.append(row["config"])
        elif line.strip():
            trial.broken += 1  # cut off when its writer was killed


def _read_progress(path: Path, trial: FoundTrial) -> None:
    text = _text(path)
    whole = text[: text.rfind("\n") + 1]
    trial.broken += whole != text
    for row in csv.DictReader(io.StringIO(whole, newline="")):
        if None in row or None in row.values():
            trial.broken += 1
        else:
            trial.rows.append({name: read_cell(cell) for name, cell in row.items()})


def _flat(row: Row, prefix: str = "") -> dict[str, Any]:
    """Nested metrics as Ray Tune names them, without the config."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and (prefix or name != "config"):
            flat |= _flat(value, f"{prefix}{name}/")
        elif prefix or name != "config":
            flat[f"{prefix}{name}"] = value
    return flat


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error


def _json(text: str) -> Any:
    """None for what is no JSON; NaN and Infinity are read as Python writes them."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _hint(root: Path) -> str:
    """What may have been meant instead."""
    if any((root / name).is_file() for name in (_PARAMETERS, _RESULTS, _PROGRESS)):
        return f": it is the folder of one trial; give the experiment's, {root.resolve().parent}"
    inside = sorted(path.name for path in root.iterdir() if path.is_dir() and any(path.glob(_STATE_FILES)))
    return f"; there are experiments in it: {', '.join(inside[:5])}" if inside else ""
