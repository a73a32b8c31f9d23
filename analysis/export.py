"""The best config as files that production training reads."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..search import Trial
from ..spaces import NotFoundError, UsageError, one_of
from .leaderboard import Leaderboard, Row
from .yaml_writer import dump_yaml

if TYPE_CHECKING:
    from .results import Results

FORMATS = ("yaml", "json")
_MANIFEST = "manifest.json"
_PACKAGES = ("assay", "torch", "numpy", "scikit-learn", "ray", "optuna")


@dataclass(frozen=True)
class ExportBundle:
    """What was written: ``files`` (config.yaml, config.json as asked for, and manifest.json) and the trial."""

    folder: Path
    files: list[Path]
    trial: int
    config: dict[str, Any]


def export_config(results: Results, folder: Path, formats: tuple[str, ...], trial: int | None) -> ExportBundle:
    """Write the winner's config, or that of ``trial``, into ``folder``; existing files of the bundle are replaced.

    JSON is the truth, YAML a view with the same values; ``manifest.json`` says where they come from, with checksums.

    Raises:
        UsageError: for an unknown format or a folder that cannot be written.
        NotFoundError: for a trial that does not exist.
        NoResultError: when no trial has a score.
    """
    unknown = [word for word in formats if word not in FORMATS]
    if unknown or not formats:
        raise UsageError(f"export: format must be {one_of(FORMATS)}, got {', '.join(unknown) or 'nothing'}")
    source = results.best_trial if trial is None else _search_trial(results, trial)
    config = source.config.nested()
    board = results.leaderboard()
    texts = {
        "json": json.dumps(config, indent=2, allow_nan=False) + "\n",
        "yaml": _header(board, source) + dump_yaml(config),
    }
    contents = {f"config.{word}": texts[word] for word in FORMATS if word in formats}
    contents[_MANIFEST] = json.dumps(_manifest(results, source, contents), indent=2, allow_nan=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / _MANIFEST).exists():  # of an earlier bundle, none of whose files may be taken for this one's
            for word in FORMATS:
                (folder / f"config.{word}").unlink(missing_ok=True)
        files = [_replace(folder / name, text) for name, text in contents.items()]
    except OSError as error:
        raise UsageError(f"export: cannot write to {folder}: {error}") from error
    return ExportBundle(folder, files, source.number, config)


def _search_trial(results: Results, number: int) -> Trial:
    """The search trial of this number, or the one that a replicate or test trial goes back to."""
    by_number = {trial.number: trial for trial in results.trials}
    if number not in by_number:
        there_are = f"0 to {max(by_number)}" if by_number else "none yet"
        raise NotFoundError(f"sweep {results.record.name!r} has no trial {number}: it has {there_are}")
    trial = by_number[number]
    while trial.parent is not None:
        trial = by_number[trial.parent]
    return trial


def _row(board: Leaderboard, trial: Trial) -> Row | None:
    return next((row for row in board.rows if row.trial == trial.number), None)


def _header(board: Leaderboard, trial: Trial) -> str:
    row = _row(board, trial)
    lines = [f"sweep {board.name}, trial {trial.number}, config {trial.config.config_id}"]
    if row is not None and row.fresh is not None:
        fresh = row.fresh
        lines.append(
            f"{board.metric} {fresh.mean:.6g} ({100 * (1 - board.alpha):g} % interval {fresh.low:.6g} to "
            f"{fresh.high:.6g}, {fresh.count} fresh replicates)"
        )
        lines.append(f"tied for best: trials {', '.join(map(str, board.tied))}" if row.tied else "not tied for best")
    else:
        lines.append("not replicated: its score comes from the search and flatters it")
    return "".join(f"# {_on_one_line(line)}\n" for line in lines)


def _on_one_line(text: str) -> str:
    """A comment ends with its line, and YAML takes no control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _manifest(results: Results, trial: Trial, contents: dict[str, str]) -> dict[str, Any]:
    board = results.leaderboard()
    row = _row(board, trial)
    everything = board.to_dict()
    own = next((entry for entry in everything.pop("rows") if row is not None and entry["trial"] == row.trial), None)
    return {
        "schema_version": 1,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sweep": results.sweep.model_dump(mode="json"),
        "trial": trial.number,
        "config_id": trial.config.config_id,
        "leaderboard": everything,
        "result": own,
        "code": _git_commit(results.record.directory),
        "packages": _versions(),
        "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in contents.items()},
    }


def _git_commit(directory: str) -> dict[str, Any] | None:
    """Commit of the sweep's folder and whether it had changes; None outside a git checkout."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", directory, *words], capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None  # no git, or no checkout: the manifest says null
        return done.stdout.strip()

    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "modified": bool(git("status", "--porcelain"))} if commit else None


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _replace(path: Path, text: str) -> Path:
    staging = path.with_name(f".{path.name}.tmp")
    staging.write_text(text, encoding="utf-8")
    staging.replace(path)
    return path
