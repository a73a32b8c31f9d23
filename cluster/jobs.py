"""Sweeps as jobs of a Ray cluster: the driver runs on the head node, so the laptop may be closed."""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..search import Sweep
from ..spaces import SweepError
from .environment import Environment, Site
from .ray_connection import NOT_SENT, check_reachable, cluster_error, use_token_if_there_is_one

DEFAULT_STORE = "~/assay-results"
_DASHBOARD_PORT = 8265
_PORTS = {"http": 80, "https": 443}  # of an address without one, as Ray's client understands it


@dataclass(frozen=True)
class Job:
    """A submitted sweep and the commands that go with it."""

    id: str
    address: str
    sweep: str
    store: str

    @property
    def watch(self) -> str:
        """Follows the job's output."""
        return _shell(["ray", "job", "logs", "--address", self.address, "--follow", self.id])

    @property
    def stop(self) -> str:
        """Stops the job; `assay submit --resume` goes on with the sweep."""
        return _shell(["ray", "job", "stop", "--address", self.address, self.id])

    @property
    def results(self) -> str:
        """To be run on the head node, or wherever its store can be seen."""
        return _shell(["assay", "leaderboard", self.sweep, "--store", self.store])


def submit(sweep: Sweep, file: Path, address: str, *, store: str, options: list[str]) -> Job:
    """Run ``assay run`` on the cluster as a Ray job; the sweep's folder and its secrets are sent along.

    Args:
        file: the sweep file.
        address: of the head's dashboard, ``http://host:8265``.
        store: folder on the head node for the results; it outlives the job.
        options: further options of ``assay run``.

    Raises:
        ClusterError: when the cluster cannot be reached, wants a token or refuses the job.
        SweepError: when the address is not that of a dashboard, or something that has to be sent is not here.
    """
    _check_address(address)
    use_token_if_there_is_one()
    directory = file.absolute().parent
    environment = Environment.of(sweep.cluster, directory, Site.SUBMITTED)
    folder = environment.folder or directory.resolve()
    name = str(directory.resolve().relative_to(folder) / file.name)
    command = ["python", "-m", "assay", "run", name, "--address", "auto", "--store", store, *options]
    try:
        from ray.job_submission import JobSubmissionClient

        job = JobSubmissionClient(address).submit_job(
            entrypoint=_shell(command),
            submission_id=f"assay-{sweep.name}-{secrets.token_hex(3)}",
            runtime_env={"working_dir": str(folder), "excludes": NOT_SENT, "env_vars": environment.handed},
            metadata={"sweep": sweep.name},
        )
    except Exception as error:  # Ray raises many kinds, all meaning that the job was not taken
        raise cluster_error(address, error) from error
    return Job(job, address, sweep.name, store)


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        good = parts.scheme in _PORTS and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise SweepError(
            f"--address: {address!r} is not the address of a dashboard: write http://HEAD:{_DASHBOARD_PORT} "
            "(`assay run --address HEAD:6379` runs the driver here instead)"
        )
    check_reachable(address, default_port=_PORTS[parts.scheme])


def _shell(command: list[str]) -> str:
    """Quoted for the head's shell; a leading ``~/`` is left for it to open."""
    return " ".join("~/" + shlex.quote(w[2:]) if w.startswith("~/") else shlex.quote(w) for w in command)
