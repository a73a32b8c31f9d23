"""Small sweeps, and searchers that are waited for, so that nothing depends on how busy this machine is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assay.search import Sweep

from .worlds import World, make_sweep


@pytest.fixture
def sweep_of() -> Callable[..., Sweep]:
    """Makes a small sweep with some sections replaced."""
    return make_sweep


@pytest.fixture
def world(tmp_path: Path) -> Callable[..., World]:
    """Makes a world with a small sweep, some sections of which are replaced."""
    return lambda **changes: World(tmp_path, make_sweep(**changes))


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.cluster.proposals._PROMPT_SECONDS", 60.0)
