"""Where an exported config comes from, for machines: ``manifest.json``."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ..search import Phase, Trial
from ..search.production import Production
from .leaderboard import Leaderboard, Row

if TYPE_CHECKING:
    from .results import Results

_VERSION = 2
_PACKAGES = ("assay", "torch", "numpy", "scikit-learn", "ray", "optuna")


def manifest_of(results: Results, trial: Trial, made: Production, texts: Mapping[str, str | bytes]) -> dict[str, Any]:
    """The manifest of a bundle with the files ``texts``.

    ``leaderboard`` has the test and the tied set, ``result`` the row of this config with its p, ``replicates`` its
    metrics by seed, ``production`` what differs from the config that was tested.
    """
    sweep = results.sweep.model_dump(mode="json")
    board = results.leaderboard()
    row = find_row(board, trial.number)
    everything = board.to_dict()
    own = next((entry for entry in everything.pop("rows") if row is not None and entry["trial"] == row.trial), None)
    return {
        "schema_version": _VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "sweep": sweep,
        "sweep_sha256": _sha256(json.dumps(sweep, sort_keys=True, allow_nan=False)),
        "trial": trial.number,
        "config_id": trial.config.config_id,
        "config": dict(trial.config),
        "fidelity": _fidelity(results, trial),
        "production": {"values": made.values, "renamed": made.renamed, "changed": made.changed},
        "leaderboard": everything,
        "result": own,
        "replicates": [_replicate(one) for one in results.phase(Phase.REPLICATE) if one.parent == trial.number],
        "code": _git_commit(results.record.directory),
        "environment": {"python": platform.python_version(), "platform": platform.platform(), "packages": _versions()},
        "sha256": {name: _sha256(text) for name, text in texts.items()},
    }


def find_row(board: Leaderboard, trial: int) -> Row | None:
    """The row of a search trial, if it is on the board."""
    return next((row for row in board.rows if row.trial == trial), None)


def _fidelity(results: Results, trial: Trial) -> dict[str, Any] | None:
    """How long the trial of the search was trained: what was tuned at this length may not suit another."""
    granted = results.sweep.fidelity
    last = trial.reports[-1].step if trial.reports else 0
    return {"unit": granted.unit, "max": granted.max, "trained": last} if granted else None


def _replicate(run: Trial) -> dict[str, Any]:
    facts = {"trial": run.number, "seed": run.seed, "split": run.split, "state": run.state.value, "reason": run.reason}
    return facts | {"metrics": run.metrics}


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
    """Of the process that exports."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _sha256(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()
