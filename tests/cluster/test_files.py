"""Predictions on disk: small, shared, whole or not there, and checked."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.analysis.prediction_files import Examples
from assay.cluster.files import write_predictions
from assay.trainables import Predictions

TARGETS = np.arange(40) % 2
VALUES = np.linspace([0.9, 0.1], [0.2, 0.8], 40, dtype=np.float32)
MADE = Predictions(VALUES, TARGETS, ("no", "yes"), np.arange(100, 140), np.array(["a", "b"] * 20))


def test_values_are_a_file_that_can_be_mapped_and_examples_one_beside_it(tmp_path: Path) -> None:
    values, examples = write_predictions(tmp_path, "demo", 7, "validation", MADE)
    assert (values.trial, values.kind, values.path) == (7, "validation", "demo/predictions/trial-00007-validation.npy")
    assert (examples.trial, examples.kind) == (7, "validation-targets")
    for file in (values, examples):
        content = (tmp_path / file.path).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    mapped = np.load(tmp_path / values.path, mmap_mode="r", allow_pickle=False)
    assert isinstance(mapped, np.memmap)
    np.testing.assert_allclose(mapped, VALUES, atol=5e-4)
    read = Examples.read((tmp_path / examples.path).read_bytes())
    assert MADE.rows is not None and MADE.sensitive is not None and read.rows is not None and read.sensitive is not None
    assert read.names == MADE.names
    for found, given in ((read.targets, TARGETS), (read.rows, MADE.rows), (read.sensitive, MADE.sensitive)):
        np.testing.assert_array_equal(found, given)


def test_trials_that_predict_the_same_examples_share_their_file(tmp_path: Path) -> None:
    first = write_predictions(tmp_path, "demo", 0, "validation", MADE)[1]
    stamp = (tmp_path / first.path).stat().st_mtime_ns
    os.utime(tmp_path / first.path, ns=(stamp - 10**9, stamp - 10**9))
    second = write_predictions(tmp_path, "demo", 1, "validation", MADE)[1]
    other = write_predictions(tmp_path, "demo", 2, "validation", Predictions(VALUES, TARGETS[::-1]))[1]
    assert first.path == second.path != other.path
    assert (tmp_path / first.path).stat().st_mtime_ns == stamp - 10**9, "what is there is left alone"
    assert len(list((tmp_path / "demo" / "predictions").iterdir())) == 5


@pytest.mark.parametrize("instant", ["write_bytes", "replace"])
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path, monkeypatch: Any, instant: str) -> None:
    """Whatever is under the final name is whole."""
    before, _ = write_predictions(tmp_path, "demo", 0, "validation", MADE)
    content = (tmp_path / before.path).read_bytes()

    def killed(path: Path, *_: Any) -> None:
        if instant == "write_bytes":
            with path.open("wb") as file:
                file.write(b"half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, instant, killed)
        with pytest.raises(KeyboardInterrupt):
            write_predictions(tmp_path, "demo", 0, "validation", Predictions(VALUES[::-1], TARGETS))
    assert (tmp_path / before.path).read_bytes() == content
    after, _ = write_predictions(tmp_path, "demo", 0, "validation", Predictions(VALUES[::-1], TARGETS))
    assert hashlib.sha256((tmp_path / after.path).read_bytes()).hexdigest() == after.sha256 != before.sha256
    assert not list((tmp_path / "demo").rglob("*.tmp"))


def test_what_a_kill_left_half_written_is_replaced(tmp_path: Path) -> None:
    examples = write_predictions(tmp_path, "demo", 0, "validation", MADE)[1]
    (tmp_path / examples.path).write_bytes(b"damaged")
    again = write_predictions(tmp_path, "demo", 1, "validation", MADE)[1]
    assert hashlib.sha256((tmp_path / again.path).read_bytes()).hexdigest() == again.sha256
