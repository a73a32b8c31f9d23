"""Optuna's journal of a sweep, as a file that optuna-dashboard opens."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ...search import Report, Trial
from .mirror import Mirrored
from .optuna_log import Line, OptunaLog

_TO_JSON = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class OptunaMirror:
    """Writes ``optuna.log`` in the sweep's folder: one study, called as the sweep.

    An earlier file is replaced at the first :meth:`flush`, in one go.

    Raises:
        OSError: when the file cannot be written any more, or was deleted or replaced.
    """

    def __init__(self, mirrored: Mirrored) -> None:
        self.path = mirrored.folder / "optuna.log"
        mirrored.folder.mkdir(parents=True, exist_ok=True)
        self._hidden: Path | None = mirrored.folder / f".optuna.{os.getpid()}.log"
        self._file = self._hidden.open("wb")
        self._log = OptunaLog(mirrored)
        self._write(self._log.begin())

    def on_trial(self, trial: Trial) -> None:
        """See :class:`Mirror`."""
        self._write(self._log.on_trial(trial))

    def on_report(self, number: int, report: Report) -> None:
        """See :class:`Mirror`."""
        self._write(self._log.on_report(number, report))

    def flush(self) -> None:
        """See :class:`Mirror`."""
        self._file.flush()
        if self._hidden is not None:
            self._hidden.replace(self.path)
            self._hidden = None
        elif os.fstat(self._file.fileno()).st_nlink == 0:
            raise FileNotFoundError(f"{self.path} was deleted or replaced")

    def close(self) -> None:
        """See :class:`Mirror`."""
        self._file.close()
        if self._hidden is not None:
            self._hidden.unlink(missing_ok=True)

    def _write(self, lines: list[Line]) -> None:
        self._file.write("".join(f"{_TO_JSON(line)}\n" for line in lines).encode())
