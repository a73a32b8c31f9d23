"""Predictions and weights on disk: written by the driver, read without executing code."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..analysis.prediction_files import Examples, compact, values_content
from ..analysis.predictions import EXAMPLES
from ..search import Artifact, Ledger, Phase, SweepRecord, Trial
from ..search.nas.one_shot.found import KIND
from ..trainables import Finished, Predictions
from ..trainables.weights import Weights
from .open_trial import OpenTrial
from .plan import Request

_WEIGHTS = "weights"


def write_predictions(
    store: Path, name: str, number: int, part: str, predictions: Predictions
) -> tuple[Artifact, Artifact]:
    """Write ``predictions`` of one part of the data, all or nothing, and describe the files.

    The values are a file of their own, which can be mapped into memory; the examples are in a file that is named after
    what is in it, so trials that predicted the same examples share it.
    """
    folder = Path(name, "predictions")
    values = compact(predictions.values, predictions.targets)
    examples = Examples(predictions.targets, predictions.names, predictions.rows, predictions.sensitive)
    shared = folder / f"examples-{hashlib.sha256(examples.content).hexdigest()[:16]}.npz"
    return (
        _write(store, folder / f"trial-{number:05d}-{part}.npy", values_content(values), number, part),
        _write(store, shared, examples.content, number, EXAMPLES.format(part=part)),
    )


def _write(store: Path, relative: Path, content: bytes | memoryview, number: int, kind: str) -> Artifact:
    path = store / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content):
        staging = path.with_suffix(f"{path.suffix}.tmp")
        staging.write_bytes(content)
        staging.replace(path)
    return Artifact(number, kind, str(relative), hashlib.sha256(content).hexdigest(), len(content))


def write_architectures(store: Path, name: str, number: int, architectures: str) -> Artifact:
    """Write what a supernet found, all or nothing, and describe the file."""
    return _write(store, Path(name, "architectures", f"trial-{number:05d}.json"), architectures.encode(), number, KIND)


def write_weights(store: Path, name: str, number: int, weights: Weights) -> Artifact:
    """Write the weights of a trial's network as safetensors, all or nothing, and describe the file."""
    relative = _weights_file(name, number)
    path = store / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_suffix(".tmp")
    staging.write_bytes(weights.content)
    staging.replace(path)
    return Artifact(number, _WEIGHTS, str(relative), hashlib.sha256(weights.content).hexdigest(), len(weights.content))


class TrialFiles:
    """What the trials of a running sweep leave beside the ledger, and what their children start from."""

    def __init__(self, ledger: Ledger, record: SweepRecord) -> None:
        self._store, self._name = ledger.store, record.name
        self._with_weights = {file.trial for file in ledger.artifacts(record, _WEIGHTS)}

    def keep(self, end: Finished) -> list[Artifact]:
        """Write what a trial left; the files are to be recorded together with its end."""
        store, name, number = self._store, self._name, end.number
        files = [
            file
            for part, predictions in end.predictions.items()
            for file in write_predictions(store, name, number, part, predictions)
        ]
        if end.weights is not None:
            files.append(write_weights(store, name, number, end.weights))
            self._with_weights.add(number)
        if end.architectures:
            files.append(write_architectures(store, name, number, end.architectures))
        return files

    def parent(self, request: Request) -> int | None:
        """The parent to be recorded: in the search only one that has weights to give."""
        if request.phase is not Phase.SEARCH or request.parent is None:
            return request.parent
        there = (self._store / _weights_file(self._name, request.parent)).is_file()
        return request.parent if request.parent in self._with_weights and there else None

    def inherit(self, trial: Trial | OpenTrial) -> str | None:
        """See :func:`parents_weights`."""
        return parents_weights(self._store, self._name, trial)


def parents_weights(store: Path, name: str, trial: Trial | OpenTrial) -> str | None:
    """Where the weights are from which a trial's network starts; None for one that starts fresh.

    Only trials of the search have such a parent: replicates train from scratch, so that they score the config alone.
    """
    if trial.phase is not Phase.SEARCH or trial.parent is None:
        return None
    return str((store / _weights_file(name, trial.parent)).absolute())


def _weights_file(name: str, number: int) -> Path:
    return Path(name, "weights", f"trial-{number:05d}.safetensors")
