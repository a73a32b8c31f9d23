"""A good sweep file, to be spoilt, and ledgers on every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.search import Ledger, SweepRecord, read_sweep
from assay.spaces import SweepError

from ..postgres import PostgresServer
from .samples import sweep

BASE = """\
name: hello
trainable: train.py:train
objectives:
  - {metric: accuracy, goal: maximize}
parameters:
  lr: loguniform(1e-5, 1e-1)
  optimizer: [adam, sgd]
budget: {trials: 20}
"""


def replaced(old: str, new: str) -> str:
    """The good file with one change."""
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_store(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Names a store that is not there yet, with its files in a folder; suites that use it run on every database."""
    if request.param == "sqlite":
        return str
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_store


@pytest.fixture
def ledger(new_store: Callable[[Path], str], tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(new_store(tmp_path / "store"), create=True)
    yield opened
    opened.close()


@pytest.fixture
def record(ledger: Ledger) -> SweepRecord:
    return ledger.create_sweep(sweep(), "/home/me")


@pytest.fixture
def mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """The lines with which a sweep file is refused, without its name."""

    def refused(text: str) -> list[str]:
        monkeypatch.chdir(tmp_path)
        Path("s.yaml").write_text(text)
        with pytest.raises(SweepError) as caught:
            read_sweep("s.yaml")
        return [line.removeprefix("s.yaml:") for line in str(caught.value).splitlines()]

    return refused
