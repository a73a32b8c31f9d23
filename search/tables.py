"""Tables of the ledger: one row per sweep, trial, report, event and artifact."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
)


class AnyText(TypeDecorator[str]):
    """Text that may hold what databases cannot: half characters, such as bytes of odd file names, and NUL.

    They are kept readable, as ``\\udcff`` and ``\\x00``.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return value and value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


metadata = MetaData()

REVISION = "0003"
"""Of these tables: the newest of search/migrations/versions."""

revision = Table(  # as Alembic keeps it
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

released = Table(  # where version 0.1 looks: a number above 1 makes it ask for an upgrade of itself
    "schema_version", metadata, Column("version", Integer, nullable=False)
)

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("spec", JSON, nullable=False),
    Column("directory", AnyText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("note", AnyText, nullable=False, server_default=""),
    Column("created", Double, nullable=False),  # seconds since the epoch
    Column("wish", String(16), nullable=False, server_default=""),  # what another process asks of the driver
)


def _of_sweep(name: str = "sweep_id") -> Column[int]:
    return Column(name, ForeignKey("sweeps.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def _number() -> Column[int]:
    return Column("number", Integer, primary_key=True, autoincrement=False)


revisions = Table(  # of a sweep that was extended: what it said from event ``order`` on
    "revisions",
    metadata,
    _of_sweep(),
    Column("order", Integer, primary_key=True, autoincrement=False),
    Column("spec", JSON, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    _of_sweep(),
    _number(),
    Column("phase", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("config_id", String(12), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("split", Integer, nullable=False),
    Column("parent", Integer),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("reason", AnyText, nullable=False, server_default=""),
    Column("detail", AnyText, nullable=False, server_default=""),
    Column("seconds", Double, nullable=False, server_default="0"),  # in the training function, over all attempts
    Column("asked", Integer, nullable=False),  # positions among all events of the sweep
    Column("started", Integer, nullable=False),
    Column("ended", Integer),
    Column("resplit", Boolean, nullable=False, server_default=false()),
    Column("testable", Boolean, nullable=False, server_default=false()),
    Column("data_id", String(12), nullable=False, server_default=""),
    Column("train_rows", Integer, nullable=False, server_default="0"),  # of the split; 0 when unknown
    Column("validation_rows", Integer, nullable=False, server_default="0"),
)

segments = Table(  # of trials whose config was changed on the way
    "segments",
    metadata,
    _of_sweep(),
    _number(),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("config", JSON, nullable=False),
    Column("order", Integer, nullable=False),
    Column("source", Integer),
    Column("source_segment", Integer, nullable=False),
    Column("first_step", Integer, nullable=False),
    Column("checkpoint", AnyText),
)

reports = Table(
    "reports",
    metadata,
    _of_sweep(),
    _number(),
    Column("segment", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("metrics", JSON, nullable=False),
    Column("elapsed", Double, nullable=False),  # seconds of the sweep's search time
    Column("order", Integer, nullable=False),
    Column("checkpoint", AnyText),
    Column("seconds", Double, nullable=False),  # of the trial in the training function, up to here
    Column("decision", String(16), nullable=False, server_default=""),
)

events = Table(  # what happened beside reports, in order; see search/journal.py
    "events",
    metadata,
    _of_sweep(),
    Column("order", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("number", Integer),
    Column("detail", JSON),
)

artifacts = Table(
    "artifacts",
    metadata,
    _of_sweep(),
    _number(),
    Column("kind", String(32), primary_key=True),
    Column("path", AnyText, nullable=False),  # relative to the folder of files
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
)

Index("trials_by_phase", trials.c.sweep_id, trials.c.phase)
