"""Where results go: a folder, or a database named by a URL with a folder for the files."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..spaces import UsageError

LEDGER_FILE = "ledger.db"
TRIALS = "trials"
"""The folder of a sweep with one folder for each trial."""

_DEFAULT = "assay-results"
_IS_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # a single letter is a drive
_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "sqlite": "sqlite",
}
_SECRET = ("password", "sslpassword")


@dataclass(frozen=True)
class Place:
    """Where a store is.

    Args:
        url: of the database.
        files: folder of predictions, reports, checkpoints and what trials print; absolute.
        text: the store as messages and commands name it, without a password.
    """

    url: URL = field(repr=False)  # with the password
    files: Path
    text: str

    @classmethod
    def of(cls, given: str | Path | Place | None) -> Place:
        """What a person gave: a folder or a URL; the default store when None.

        Raises:
            UsageError: for a URL that names no SQLite or PostgreSQL database.
        """
        if isinstance(given, Place):
            return given
        name = str(default_store() if given is None else given)
        return _at_url(name) if _IS_URL.match(name) else _in_folder(name)

    def __str__(self) -> str:
        return self.text

    @property
    def file(self) -> Path | None:
        """The SQLite file; None on a server."""
        return Path(self.url.database or "") if self.url.drivername == "sqlite" else None


def default_store() -> str:
    """``ASSAY_STORE``, a folder or a URL; or ``assay-results`` in the current folder."""
    return os.environ.get("ASSAY_STORE") or _DEFAULT


def trial_folder(store: Path, name: str, number: int) -> Path:
    """Where a trial of sweep ``name`` keeps its checkpoints and what it printed."""
    return store / name / TRIALS / f"{number:05d}"


def near(where: Path | Place) -> str:
    """A path relative to the current folder when it is inside it; a URL as it is."""
    if isinstance(where, Place):
        return near(where.files) if where.text == str(where.files) else where.text
    return str(where.relative_to(Path.cwd())) if where.is_relative_to(Path.cwd()) else str(where)


def as_words(name: str, place: Place) -> str:
    """A sweep as a command has to name it here: ``hello``, or ``hello --store elsewhere``.

    A password is left out: PostgreSQL's client takes it from PGPASSWORD or ~/.pgpass, Assay from ASSAY_STORE.
    """
    return name if place.text == Place.of(None).text else f"{name} --store {shlex.quote(near(place))}"


def _in_folder(name: str) -> Place:
    folder = Path(name).expanduser().absolute()
    return Place(URL.create("sqlite", database=str(folder / LEDGER_FILE)), folder, str(folder))


def _at_url(text: str) -> Place:
    scheme = text.partition("://")[0].lower()
    if scheme not in _DRIVERS:
        raise UsageError(
            f"a store is a folder, postgresql://user@host/database or sqlite:////path/file.db, not {scheme}:"
        )
    try:
        url = make_url(text).set(drivername=_DRIVERS[scheme])
    except (ArgumentError, ValueError):  # without the text, which may hold a password
        raise UsageError("the store's URL cannot be read: write postgresql://user@host:5432/database") from None
    return _on_server(url) if url.drivername != "sqlite" else _in_file(url)


def _on_server(url: URL) -> Place:
    if not url.database and "service" not in url.query:
        raise UsageError("the store's URL names no database: write postgresql://user@host/database")
    public = url.set(drivername="postgresql")._replace(password=None).difference_update_query(_SECRET)
    return Place(url.difference_update_query(["files"]), _files(url.query.get("files")), _text(public))


def _in_file(url: URL) -> Place:
    others = set(url.query) - {"files"}
    if others:
        raise UsageError(f"sqlite: takes no option {', '.join(sorted(others))} in a URL: only files")
    if url.database in (None, "", ":memory:"):
        raise UsageError("the store's URL names no file: write sqlite:////path/file.db")
    file = Path(str(url.database)).absolute()
    given = url.query.get("files")
    text = _text(url.set(database=str(file)))
    return Place(URL.create("sqlite", database=str(file)), _files(given) if given else file.parent, text)


def _text(url: URL) -> str:
    address, mark, options = url.render_as_string().partition("?")
    return address + mark + options.replace("%2F", "/")


def _files(given: str | tuple[str, ...] | None) -> Path:
    """The folder of files: of the URL, else ``ASSAY_FILES``, else where a store would be that is a folder."""
    if isinstance(given, tuple):
        raise UsageError("the store's URL names several folders of files: give one")
    default = default_store()
    named = given or os.environ.get("ASSAY_FILES") or (_DEFAULT if _IS_URL.match(default) else default)
    return Path(named).expanduser().absolute()
