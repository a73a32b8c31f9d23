"""Predictions on disk: written by the driver, read without executing code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ..search import Artifact
from ..trainables import Predictions


def write_predictions(store: Path, name: str, number: int, part: str, predictions: Predictions) -> Artifact:
    """Write ``predictions`` of one part of the data, all or nothing, and describe the file."""
    relative = Path(name, "predictions", f"trial-{number:05d}-{part}.npz")
    path = store / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_suffix(".tmp")
    with staging.open("wb") as file:
        np.savez(file, values=predictions.values, targets=predictions.targets)
    content = staging.read_bytes()
    staging.replace(path)
    return Artifact(number, part, str(relative), hashlib.sha256(content).hexdigest(), len(content))
