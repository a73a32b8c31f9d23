"""The writes of a sweep's one driver: gathered, and made durable together before anything is acted upon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import sqlalchemy as sa

from . import tables
from .records import CHANGING, Artifact
from .trial import Report, Segment, Trial

_LAZY_ROWS = 5000
_UPDATE = (
    tables.trials.update()
    .where(tables.trials.c.sweep_id == sa.bindparam("key_sweep"), tables.trials.c.number == sa.bindparam("key_number"))
    .values({name: sa.bindparam(f"new_{name}") for name in (*CHANGING, "config", "config_id")})
)
_FORGET = tables.artifacts.delete().where(
    tables.artifacts.c.sweep_id == sa.bindparam("key_sweep"),
    tables.artifacts.c.number == sa.bindparam("key_number"),
    tables.artifacts.c.kind == sa.bindparam("key_kind"),
)


class EventKind(StrEnum):
    """What happens in a sweep beside reports and the start and end of trials, which their own records tell.

    ``run``: a trial was given a place. ``lost``: it lost it, through no decision, and waits again. ``reopened``: a
    trial that was over goes on, because its sweep was extended or is resumed after a failure.
    """

    RUN = "run"
    LOST = "lost"
    REOPENED = "reopened"


@dataclass(frozen=True)
class Event:
    """One event; ``order`` is its position among all events of the sweep."""

    order: int
    kind: EventKind
    number: int
    detail: Any = None


class Listener(Protocol):
    """Is told what was recorded."""

    def committed(self, news: list[Trial | tuple[int, Report]]) -> None:
        """It is durable now: trials as they stood, and reports with the number of their trial, in order."""


class Journal:
    """Gathers what is to be recorded of one sweep; :meth:`commit` makes it durable in one transaction.

    Args:
        engine: of the ledger.
        sweep_id: the sweep's row.
        lazy: for simulations, whose actions cannot outrun the record: commit only every few thousand rows.
        listener: hears of trials and reports after each commit.
    """

    def __init__(
        self, engine: sa.Engine, sweep_id: int, *, lazy: bool = False, listener: Listener | None = None
    ) -> None:
        self._listener = listener
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._sweep = sweep_id
        self._lazy = lazy
        self._clear()

    def add(self, trial: Trial) -> None:
        """A trial that is new."""
        plain = ("number", "phase", "seed", "split", "asked", "started")
        row = {name: getattr(trial, name) for name in plain}
        self._note(trial)
        self._added[trial.number] = row | {"sweep_id": self._sweep} | _changing(trial)

    def update(self, trial: Trial, artifacts: Iterable[Artifact] = ()) -> None:
        """How a trial stands now, with its new files."""
        self._note(trial)
        if trial.number in self._added:
            self._added[trial.number] |= _changing(trial)
        else:
            row = {f"new_{name}": value for name, value in _changing(trial).items()}
            self._updated[trial.number] = row | {"key_sweep": self._sweep, "key_number": trial.number}
        for file in artifacts:
            plain = {"kind": file.kind, "path": file.path, "sha256": file.sha256, "bytes": file.bytes}
            self._artifacts[trial.number, file.kind] = plain | {"sweep_id": self._sweep, "number": trial.number}

    def report(self, number: int, report: Report) -> None:
        """A report of trial ``number``."""
        self._note((number, report))
        self._reports.append(vars(report) | {"sweep_id": self._sweep, "number": number})

    def segment(self, number: int, segment: Segment) -> None:
        """A new stretch of trial ``number``."""
        row = vars(segment) | {"config": dict(segment.config)}
        self._segments.append(row | {"sweep_id": self._sweep, "number": number})

    def event(self, event: Event) -> None:
        """Anything else."""
        self._events.append(vars(event) | {"sweep_id": self._sweep})

    def close(self) -> None:
        """Give the connection back; what was gathered since the last commit is not written."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def commit(self, *, force: bool = False) -> None:
        """Write what was gathered. It is durable when this returns, unless the journal is lazy."""
        if self._rows == 0 or (self._lazy and not force and self._rows < _LAZY_ROWS):
            return
        artifacts = list(self._artifacts.values())
        forgotten = [{f"key_{name}": row[name] for name in ("number", "kind")} for row in artifacts]
        connection = self._connected()
        with connection.begin():
            for statement, rows in (
                (tables.trials.insert(), list(self._added.values())),
                (_UPDATE, list(self._updated.values())),
                (tables.segments.insert(), self._segments),
                (tables.reports.insert(), self._reports),
                (tables.events.insert(), self._events),
                (_FORGET, [{"key_sweep": self._sweep, **key} for key in forgotten]),
                (tables.artifacts.insert(), artifacts),
            ):
                if rows:
                    connection.execute(statement, rows)
        news = self._news
        self._clear()
        if self._listener is not None and news:
            self._listener.committed(news)

    @property
    def _rows(self) -> int:
        return sum(map(len, (self._added, self._updated, self._segments, self._reports, self._events, self._artifacts)))

    def _note(self, news: Trial | tuple[int, Report]) -> None:
        if self._listener is not None:
            self._news.append(news)

    def _clear(self) -> None:
        self._news: list[Trial | tuple[int, Report]] = []
        self._added: dict[int, dict[str, Any]] = {}
        self._updated: dict[int, dict[str, Any]] = {}
        self._segments: list[dict[str, Any]] = []
        self._reports: list[dict[str, Any]] = []
        self._events: list[dict[str, Any]] = []
        self._artifacts: dict[tuple[int, str], dict[str, Any]] = {}


def _changing(trial: Trial) -> dict[str, Any]:
    row = {name: getattr(trial, name) for name in CHANGING}
    return row | {"config": dict(trial.config), "config_id": trial.config.config_id}
