"""Places for checkpoints."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.trainables.checkpoints import CheckpointStore

from .checkpoint_samples import KINDS, new_root


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of the test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(params=KINDS)
def root(request: pytest.FixtureRequest) -> Iterator[str]:
    with new_root(request.param) as address:
        yield address


@pytest.fixture
def store(root: str) -> CheckpointStore:
    return CheckpointStore(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "00003"


@pytest.fixture
def local(folder: Path) -> CheckpointStore:
    return CheckpointStore(str(folder))
