"""Predictions and weights on disk: written by the driver, read without executing code."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..analysis.prediction_files import Examples, compact, values_content
from ..analysis.predictions import EXAMPLES
from ..search import Artifact, Phase, Trial
from ..search.nas.one_shot.found import KIND
from ..trainables import Predictions
from ..trainables.weights import Weights
from .open_trial import OpenTrial


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
    return Artifact(number, "weights", str(relative), hashlib.sha256(weights.content).hexdigest(), len(weights.content))


def parents_weights(store: Path, name: str, trial: Trial | OpenTrial) -> str | None:
    """Where the weights are from which a trial's network starts; None for one that starts fresh.

    Only trials of the search have such a parent: replicates train from scratch, so that they score the config alone.
    """
    if trial.phase is not Phase.SEARCH or trial.parent is None:
        return None
    return str((store / _weights_file(name, trial.parent)).absolute())


def _weights_file(name: str, number: int) -> Path:
    return Path(name, "weights", f"trial-{number:05d}.safetensors")
