"""Connecting to Ray: a private cluster on this machine, or one that is there already."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import filelock

from ..spaces import ClusterError, UsageError
from .environment import Environment, inside_job, is_private

_REACHABLE_SECONDS = 5.0
_HEAD_PORT = 6379
_OBJECT_STORE_BYTES = 200_000_000
_PREFIX, _MARK = "assay-", "assay-driver.lock"
NOT_SENT = [".git", ".venv", "__pycache__", "assay-results", "ledger.db*"]
"""Patterns of what stays here of a sweep's folder. Ledgers have to: to read one beside SQLite, in the process that has
it open, ends SQLite's locks on it (https://www.sqlite.org/howtocorrupt.html, section 2.2)."""


class RayConnection:
    """``ray.init`` and its end, with quiet logs and errors of one line.

    Args:
        address: None or ``"local"`` for a private cluster on this machine; ``"auto"``, ``host:port`` or
            ``ray://host:port`` for one that is running.
        cpus: size of the private cluster.
        directory: the sweep file's folder; sent to the nodes of a running cluster.
        store: folder of results, which is not sent.
        environment: of trials; its folder is sent instead.
    """

    def __init__(
        self,
        address: str | None,
        cpus: float,
        directory: str,
        store: Path | None = None,
        environment: Environment | None = None,
    ) -> None:
        self._address = None if is_private(address) else address
        self._cpus = cpus
        self._directory = directory
        self._store = store
        self._environment = environment or Environment()
        self._sent = Path(self._environment.folder or directory).resolve()
        self._temporary: Path | None = None
        self._mark: filelock.BaseFileLock | None = None
        self._connected = False

    @property
    def directory(self) -> str:
        """The sweep file's folder as workers see it: on a running cluster they start in a copy of what was sent."""
        if self._address is None:
            return self._directory
        folder, sent = Path(self._directory).resolve(), Path.cwd().resolve() if inside_job() else self._sent
        return str(folder.relative_to(sent)) if folder.is_relative_to(sent) else self._directory

    def open(self) -> None:
        """Connect.

        Raises:
            ClusterError: when nothing answers at the address, it wants a token, or Ray does not start.
        """
        use_token_if_there_is_one()
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # A trial that asked for no GPU sees none.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
        import ray

        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._address is not None:
            _refuse_dashboard(self._address)
            check_reachable(self._address, default_port=_HEAD_PORT)
        if ray.is_initialized():
            raise ClusterError("this process is connected to Ray already: call ray.shutdown() first")
        self._connected = True  # also a start that fails half-way is to be cleaned up
        try:
            if self._address is None:
                ray.init(**quiet, **self._local_options(), runtime_env=self._environment.runtime or None)
            else:
                ray.init(self._address, **quiet, runtime_env=self._sent_along() or None)
        except Exception as error:  # Ray raises many kinds, all meaning "no cluster"
            raise cluster_error(self._address or "this machine", error) from error

    @property
    def gone(self) -> bool:
        """Whether it is a private cluster whose node has died, which nothing brings back."""
        import ray

        return self._address is None and not any(node["Alive"] for node in ray.nodes())

    def close(self) -> None:
        """Disconnect; a private cluster ends. A connection that somebody else made is left alone."""
        if not self._connected:
            return
        import ray

        self._connected = False
        ray.shutdown()
        if self._temporary is not None and self._mark is not None:
            self._mark.release()
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _sent_along(self) -> dict[str, Any]:
        """The runtime environment on a running cluster; that of a job has the folder already."""
        if inside_job():
            os.environ.setdefault("RAY_OVERRIDE_JOB_RUNTIME_ENV", "1")  # where both name something, the sweep counts
            return self._environment.runtime
        return {"working_dir": str(self._sent), "excludes": self._left_out(), **self._environment.runtime}

    def _left_out(self) -> list[str]:
        folder = self._sent
        store = self._store.resolve() if self._store is not None else folder
        inside = store != folder and store.is_relative_to(folder)
        return [*NOT_SENT, f"/{store.relative_to(folder).as_posix()}"] if inside else NOT_SENT

    def _local_options(self) -> dict[str, Any]:
        # A folder of our own, short because Ray puts sockets into it (their paths are limited to 107 bytes).
        _remove_left_over()
        self._temporary = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self._mark = filelock.FileLock(str(self._temporary / _MARK))
        self._mark.acquire()
        return {
            "address": "local",
            "num_cpus": self._cpus,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "_temp_dir": str(self._temporary),
        }


def _remove_left_over() -> None:
    """Folders of drivers that were killed: those with our lock file, which nobody holds any more."""
    for mark in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_MARK}"):
        lock = filelock.FileLock(str(mark), timeout=0)
        try:
            with lock:
                shutil.rmtree(mark.parent, ignore_errors=True)
        except (filelock.Timeout, OSError):
            continue  # in use, or somebody else's


def _refuse_dashboard(address: str) -> None:
    if address.startswith(("http://", "https://")):
        raise UsageError(
            f"{address!r} is the address of a dashboard: write host:port of the head, such as 10.0.0.5:{_HEAD_PORT} "
            "(`assay submit` takes the dashboard's address and runs the sweep there as a job)"
        )


def use_token_if_there_is_one() -> None:
    """Switch on Ray's token authentication when this user has a token; Ray itself wants it said.

    Ray reads this when it is imported. Said later, only its child processes would know; so then it is left to
    ``ray.init``, which switches it on in both.
    """
    if "ray" in sys.modules:
        return
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    if named or (Path.home() / ".ray" / "auth_token").is_file():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def check_reachable(address: str, default_port: int) -> None:
    """Refuse an address at which nothing listens, in seconds instead of Ray's minutes.

    Raises:
        ClusterError: naming the address and the cure.
        UsageError: for what is no address.
    """
    if address == "auto" and os.environ.get("RAY_ADDRESS", "auto") == "auto":
        return  # Ray finds the cluster of this machine
    address = os.environ["RAY_ADDRESS"] if address == "auto" else address
    try:
        parts = urlsplit(address if "://" in address else f"ray://{address}")
        host, port = parts.hostname, parts.port or default_port
    except ValueError:
        host, port = None, 0
    if not host:
        raise UsageError(f"{address!r} is not an address: write host:port, such as 10.0.0.5:{default_port}")
    try:
        socket.create_connection((host, port), timeout=_REACHABLE_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error}): is the head running, and is this its address?"
        ) from error


def cluster_error(address: str, error: Exception) -> ClusterError:
    """One line for what Ray raised."""
    text = " ".join(str(error).split())
    if re.search(r"auth\w*token|authenticat|RAY_AUTH", f"{type(error).__name__} {text}", re.IGNORECASE):
        return ClusterError(
            f"the cluster at {address} wants a token: run `ray get-auth-token` on the head and export it here as "
            "RAY_AUTH_TOKEN"
        )
    cure = ": is the cluster running? (`ray status` on its head tells)" if isinstance(error, ConnectionError) else ""
    return ClusterError(f"cannot use Ray at {address}: {type(error).__name__}: {text[:300]}{cure}")
