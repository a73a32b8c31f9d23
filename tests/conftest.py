"""Shared by the suites of several folders."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from .postgres import postgres as postgres

# Before anything reads it, and for the processes that tests start. Files run three at a time, beside Ray's workers: if
# each of them used every core for its small tensors, they would spend more time on waiting for each other than on work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A full collection looks at a million objects of the libraries and of pytest; each run of a controller would bring one.
gc.set_threshold(700, 10, 100)

# An example of a property may take as long as the busy machine lets it; each test has its time limit.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small networks are slower with more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class _Borrowed:
    """Stands for a connection that is open and stays so."""

    directory = ""
    gone = False

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def ray_executors() -> Iterator[Callable[..., Any]]:
    """Makes executors on one private Ray cluster of 4 CPUs, which outlives them.

    It takes 5 s of a processor to start, as much as to idle for two minutes; so each file has its own.
    """
    from assay.cluster import RayExecutor
    from assay.cluster.ray_connection import RayConnection

    def make(trainable: Any, **options: Any) -> RayExecutor:
        executor, borrowed = RayExecutor(trainable, **options), _Borrowed()
        borrowed.directory = trainable.directory
        executor._connection = borrowed  # type: ignore[assignment]
        return executor

    connection = RayConnection(None, cpus=4, directory=".")
    connection.open()
    yield make
    connection.close()


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Stdout as one JSON document without NaN or infinity."""
        return json.loads(self.out, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))

    @property
    def errors(self) -> list[str]:
        """The mistakes that were named; what else is on stderr is no error."""
        assert "Traceback" not in self.err
        return [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]


class CommandLine:
    """Calls ``assay`` in this process, in the test's own folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.folder = folder

    def __call__(self, *words: object) -> Done:
        from assay.cli import main

        self._monkeypatch.setattr(sys, "argv", ["assay", *map(str, words)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        return Done(int(end.value.code or 0), *self._capsys.readouterr())

    def mistakes(self, code: int, *words: object) -> list[str]:
        """The errors of a command that has to fail, without a word on stdout."""
        done = self(*words)
        assert (done.code, done.out) == (code, ""), done.err
        assert done.errors
        return done.errors

    def write(self, **texts: str) -> None:
        """Files of the folder; ``name_py`` stands for ``name.py``."""
        for name, text in texts.items():
            stem, _, suffix = name.rpartition("_")
            (self.folder / f"{stem}.{suffix}").write_text(text, encoding="utf-8")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[CommandLine]:
    """The command ``assay``; its store is ``assay-results`` in ``tmp_path``."""
    for name in ("ASSAY_STORE", "ASSAY_FILES", "ASSAY_ADDRESS", "ASSAY_DEBUG", "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield CommandLine(monkeypatch, capsys, tmp_path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
