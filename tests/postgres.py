"""A private PostgreSQL server for tests, on a socket in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "lc_messages": "C",
}
_ACCESS = "local all locked scram-sha-256\nlocal all all trust\n"


class PostgresServer:
    """Runs while it is open. User ``assay`` may do everything; ``locked`` has the password ``open sesame``."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._numbers = count()
        self._folder = Path(tempfile.mkdtemp(prefix="assay-pg-", dir="/tmp"))  # a socket's path is short
        self._options: dict[str, Any] = {"cwd": self._folder, "stderr": subprocess.STDOUT}
        if os.geteuid() == 0:  # the server refuses to run as root
            user = pwd.getpwnam("postgres" if "postgres" in {entry.pw_name for entry in pwd.getpwall()} else "nobody")
            self._options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self.start()

    def start(self) -> None:
        data, log = self._folder / "data", self._folder / "log"
        if not data.exists():
            words = ["-D", data, "-U", "assay", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
            made = subprocess.run([self._programs / "initdb", *words], stdout=subprocess.PIPE, **self._options)
            assert made.returncode == 0, made.stdout.decode()
            (data / "pg_hba.conf").write_text(_ACCESS)
        settings = [word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with log.open("a") as output:
            command = [self._programs / "postgres", "-D", data, "-k", self._folder, *settings]
            self._process = subprocess.Popen(command, stdout=output, **self._options)
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End all sessions and the server."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def url(self, database: str, user: str = "assay") -> str:
        return f"postgresql://{user}@/{database}?host={self._folder}"

    def new_database(self, options: str = "") -> str:
        """The name of an empty database."""
        name = f"assay{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 {options}")
        return name

    def new_store(self, files: Path) -> str:
        """URL of a store that is not there yet, with its files in a folder: a schema, which is made sooner."""
        name = f"assay{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        return f"{self.url('postgres')}&files={quote(str(files))}&options=-csearch_path%3D{name}"

    def execute(self, statement: str, database: str = "postgres") -> list[Any]:
        import psycopg

        with psycopg.connect(host=str(self._folder), user="assay", dbname=database, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        import psycopg

        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def programs() -> Path | None:
    """The folder of the server's programs; Debian keeps them beside PATH."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the session; skips where PostgreSQL is not installed."""
    folder = programs()
    if folder is None:
        pytest.skip("PostgreSQL is not installed")
    server = PostgresServer(folder)
    yield server
    server.close()
