"""Ledgers of earlier versions made like those of this one, with Alembic."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

FIRST = "0001"
"""The tables of version 0.1, which did not know Alembic."""


def upgrade(connection: sa.Connection, *, stamp: str | None = None) -> None:
    """Bring the tables up to date, within the transaction that ``connection`` is in.

    Args:
        stamp: the revision of the tables, when they do not say it themselves.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    if stamp is not None:
        command.stamp(config, stamp)
    command.upgrade(config, "head")
