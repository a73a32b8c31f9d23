"""How many rows a trial trained and validated on."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEPT = (
    "sweep_id, number, phase, state, config, config_id, seed, split, parent, attempts, reason, detail, seconds, asked, "
    "started, ended, resplit, testable, data_id"
)


def upgrade() -> None:
    """Copy the trials aside, make their table anew, and copy them back.

    A column that is added would stand behind the keys, and the table of a store that was upgraded would differ from
    that of a new one.
    """
    op.execute("CREATE TEMPORARY TABLE old_trials AS SELECT * FROM trials")
    op.drop_table("trials")
    _create_trials()
    op.execute(f"INSERT INTO trials ({_KEPT}) SELECT {_KEPT} FROM old_trials ORDER BY sweep_id, number")
    op.execute("DROP TABLE old_trials")
    op.execute("UPDATE schema_version SET version = 3")


def _create_trials() -> None:
    sweep = sa.ForeignKey("sweeps.id", ondelete="CASCADE")
    key: tuple[sa.Column[Any], sa.Column[Any]] = (
        sa.Column("sweep_id", sa.Integer, sweep, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "trials",
        *key,
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
        sa.Column("train_rows", sa.Integer, nullable=False, server_default="0"),
        sa.Column("validation_rows", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("trials_by_phase", "trials", ["sweep_id", "phase"])
