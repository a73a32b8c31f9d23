"""Tables of the ledger: one row per sweep, trial, report and artifact."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

SCHEMA_VERSION = 1


class AnyText(TypeDecorator[str]):
    """Text that may hold what UTF-8 cannot (half characters, bytes of odd file names): kept as ``\\udcff``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        return None if value is None else value.encode("utf-8", "backslashreplace").decode()


metadata = MetaData()

versions = Table("schema_version", metadata, Column("version", Integer, nullable=False))

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("spec", JSON, nullable=False),
    Column("directory", AnyText, nullable=False),
    Column("state", String(16), nullable=False),
    Column("note", AnyText, nullable=False, default=""),
    Column("created", Float, nullable=False),  # seconds since the epoch
)

trials = Table(
    "trials",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sweep_id", ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("config", JSON, nullable=False),
    Column("config_id", String(12), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("split", Integer, nullable=False),
    Column("parent", Integer),
    Column("attempts", Integer, nullable=False, default=0),
    Column("reason", AnyText, nullable=False, default=""),
    Column("detail", AnyText, nullable=False, default=""),
    Column("seconds", Float, nullable=False, default=0.0),  # in the training function, over all attempts
    Column("started", Integer, nullable=False),  # positions among all events of the sweep
    Column("ended", Integer),
    Column("resplit", Boolean, nullable=False, default=False),
    Column("testable", Boolean, nullable=False, default=False),
    Column("data_id", String(12), nullable=False, default=""),
    UniqueConstraint("sweep_id", "number"),
)

reports = Table(
    "reports",
    metadata,
    Column("trial_id", ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("metrics", JSON, nullable=False),
    Column("elapsed", Float, nullable=False),  # seconds of the sweep's search time
    Column("order", Integer, nullable=False),
    Column("checkpoint", AnyText),
    Column("seconds", Float, nullable=False, default=0.0),  # of the trial in the training function, up to here
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("trial_id", ForeignKey("trials.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("path", AnyText, nullable=False),  # relative to the store
    Column("sha256", String(64), nullable=False),
    Column("bytes", Integer, nullable=False),
    UniqueConstraint("trial_id", "kind"),
)

Index("trials_by_phase", trials.c.sweep_id, trials.c.phase)
