"""Segments, events, revisions and wishes; trials, reports and artifacts keyed by sweep and number."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_MOVED = ("sweeps", "trials", "reports", "artifacts")


def upgrade() -> None:
    """Copy what is there aside, make the tables anew, and copy it back.

    Tables are dropped before they are made, because names of indexes and sequences are unique in a database; those
    that refer to others are dropped first.
    """
    for name in _MOVED:
        op.execute(f"CREATE TEMPORARY TABLE old_{name} AS SELECT * FROM {name}")
    for name in reversed(_MOVED):
        op.drop_table(name)
    _create_tables()
    for statement in _COPY:
        op.execute(statement)
    for name in _MOVED:
        op.execute(f"DROP TABLE old_{name}")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('sweeps', 'id'), (SELECT max(id) FROM sweeps))")
    op.execute("UPDATE schema_version SET version = 2")


_COPY = (
    """
    INSERT INTO sweeps (id, name, spec, directory, state, note, created)
    SELECT id, name, spec, directory, state, note, created FROM old_sweeps ORDER BY id
    """,
    """
    INSERT INTO trials (sweep_id, number, phase, state, config, config_id, seed, split, parent, attempts, reason,
        detail, seconds, asked, started, ended, resplit, testable, data_id)
    SELECT sweep_id, number, phase, state, config, config_id, seed, split, parent, attempts, reason,
        detail, seconds, started, started, ended, resplit, testable, data_id FROM old_trials ORDER BY id
    """,
    """
    INSERT INTO reports (sweep_id, number, segment, step, metrics, elapsed, "order", checkpoint, seconds)
    SELECT sweep_id, number, 0, step, metrics, elapsed, "order", checkpoint, old_reports.seconds
    FROM old_reports JOIN old_trials ON id = trial_id ORDER BY trial_id, step
    """,
    """
    INSERT INTO artifacts (sweep_id, number, kind, path, sha256, bytes)
    SELECT sweep_id, number, kind, path, sha256, bytes
    FROM old_artifacts JOIN old_trials ON old_trials.id = trial_id ORDER BY old_artifacts.id
    """,
)


def _of_trial() -> tuple[sa.Column[Any], sa.Column[Any]]:
    sweep = sa.ForeignKey("sweeps.id", ondelete="CASCADE")
    return (
        sa.Column("sweep_id", sa.Integer, sweep, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    )


def _create_tables() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("directory", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("wish", sa.String(16), nullable=False, server_default=""),
    )
    op.create_table(
        "revisions",
        _of_trial()[0],
        sa.Column("order", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("spec", sa.JSON, nullable=False),
    )
    op.create_table(
        "trials",
        *_of_trial(),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("config_id", sa.String(12), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("split", sa.Integer, nullable=False),
        sa.Column("parent", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("seconds", sa.Double, nullable=False, server_default="0"),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("started", sa.Integer, nullable=False),
        sa.Column("ended", sa.Integer),
        sa.Column("resplit", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("testable", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("data_id", sa.String(12), nullable=False, server_default=""),
    )
    op.create_index("trials_by_phase", "trials", ["sweep_id", "phase"])
    op.create_table(
        "segments",
        *_of_trial(),
        sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("config", sa.JSON, nullable=False),
        sa.Column("order", sa.Integer, nullable=False),
        sa.Column("source", sa.Integer),
        sa.Column("source_segment", sa.Integer, nullable=False),
        sa.Column("first_step", sa.Integer, nullable=False),
        sa.Column("checkpoint", sa.Text),
    )
    op.create_table(
        "reports",
        *_of_trial(),
        sa.Column("segment", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("step", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("elapsed", sa.Double, nullable=False),
        sa.Column("order", sa.Integer, nullable=False),
        sa.Column("checkpoint", sa.Text),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("decision", sa.String(16), nullable=False, server_default=""),
    )
    op.create_table(
        "events",
        _of_trial()[0],
        sa.Column("order", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer),
        sa.Column("detail", sa.JSON),
    )
    op.create_table(
        "artifacts",
        *_of_trial(),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
