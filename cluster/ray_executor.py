"""Trials on a Ray cluster: a pool of worker processes that are reused from trial to trial."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..search.section_effort import ResourcesSection
from ..spaces import ClusterError, SweepError, TrainableError
from ..trainables import Cause, Event, Failed, Reported, TrainableRef, TrialSpec
from .environment import Environment, Surroundings, is_private
from .placement import Placement
from .ray_connection import RayConnection
from .worker_group import WorkerGroup

_PLACEMENT_SECONDS = 120.0  # for the first worker, or for a new one when all are lost
_GRACE_SECONDS = 10.0  # for the others at the start; later ones join when they are placed
_INSTALL_SECONDS = 600.0  # for packages, as Ray has it
_MOST_FAILED_STARTS = 5


@dataclass(frozen=True)
class Lent:
    """A cluster to start processes on.

    Args:
        trainable: as processes of the cluster see it.
        resources: what one trial occupies.
        places: trials at the same time.
        limit: the same, when there would be room for more; else None.
        surroundings: of the processes.
    """

    trainable: TrainableRef
    resources: ResourcesSection
    places: int
    limit: int | None
    surroundings: Surroundings


class RayExecutor:
    """A pool of workers with as many places as they have slots; one that dies is replaced, and its trials are lost.

    A worker counts from when it is placed and has imported the training function: on a busy cluster the sweep goes on
    with those that there are.

    Args:
        trainable: what to run.
        resources: what one trial occupies.
        workers: trials at the same time; as many as the cluster's resources allow when None, but not over ``most``.
        address: see :class:`RayConnection`.
        store: folder of results, which is not sent to the nodes.
        shared: folder that workers on all nodes of a running cluster have to see.
        patience: seconds that a worker may take to end a trial; None: as long as it likes.
        whole: whether fewer workers than the cluster has room for will not do.
        environment: of trials.
        networks: the space of networks that they build from, in plain data.
        meanwhile: what else is to be prepared in this process; called once, while the first workers start.

    Raises:
        SweepError: for less than one worker.
    """

    def __init__(
        self,
        trainable: TrainableRef,
        *,
        resources: ResourcesSection | None = None,
        workers: int | None = None,
        most: float = math.inf,
        address: str | None = None,
        store: Path | None = None,
        shared: Path | None = None,
        patience: float | None = 60.0,
        whole: bool = False,
        environment: Environment | None = None,
        networks: dict[str, Any] | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        if workers is not None and workers < 1:
            raise SweepError(f"workers must be 1 or more, got {workers}")
        self._ref = trainable
        self._resources = resources or ResourcesSection()
        self._workers = workers if workers is not None else most
        self._whole = whole and workers is not None
        around, cpus = environment or Environment(), self._local_cpus(workers or 1)
        self._connection = RayConnection(address, cpus, trainable.directory, store, around)
        self._surroundings = replace(
            around.surroundings(private=is_private(address)), networks=self._seen_networks(networks)
        )
        self._meanwhile = meanwhile
        self._install_seconds = _INSTALL_SECONDS if around.packages else 0.0
        self._private = is_private(address)
        self._shared = None if self._private else shared
        self._patience = patience
        self._probe: Path | None = None
        self._joining: dict[Any, WorkerGroup] = {}  # future of its load -> worker
        self._failed_starts = 0
        self._last_seen = 0.0  # when there was a worker, by the monotonic clock
        self._pool: list[WorkerGroup] = []
        self._hosts: dict[int, WorkerGroup] = {}  # trial number -> its worker
        self._orphans: list[int] = []
        self._queued: dict[int, tuple[TrialSpec, int | None]] = {}  # for workers that are on their way
        self._waiting: dict[Any, WorkerGroup] = {}  # future of a call -> who answers it
        self._leaving: dict[Any, WorkerGroup] = {}  # future of an abandon -> who answers it

    @property
    def capacity(self) -> int:
        return int(min(self._resources.slots * len(self._pool), self._workers))

    def open(self) -> None:
        self._connection.open()
        self._place_probe()
        self._gather()

    @contextmanager
    def lent(self) -> Iterator[Lent]:
        """Let somebody else use the cluster; workers make room, and are hired again when all went well."""
        self._send_away()
        places = self._places()
        limit = places if places < self._fitting() else None
        yield Lent(self._own_trainable(), self._resources, places, limit, self._surroundings)
        self._gather()

    def _gather(self) -> None:
        """Hire as many workers as fit, and wait for them."""
        for _ in range(self._places()):
            self._hire()
        self._meanwhile()
        self._meanwhile = lambda: None
        self._last_seen = time.monotonic()
        while not self._pool:
            self._join(1, self._placement_seconds)
            self._refuse_to_wait_for_ever()
        self._join(len(self._joining), _GRACE_SECONDS)

    def start(self, spec: TrialSpec, until: int | None) -> None:
        self._bury()
        if len(self._hosts) + len(self._queued) >= self._resources.slots * (len(self._pool) + len(self._joining)):
            raise ClusterError(f"no free place for trial {spec.number}")
        self._queued[spec.number] = self._seen_from_there(spec), until
        self._host_queued()

    def resume(self, number: int, until: int | None) -> None:
        if number not in self._orphans:
            worker = self._hosts[number]
            self._expect(worker, worker.advance(number, until))

    def stop(self, number: int) -> None:
        if number not in self._orphans:
            worker = self._hosts[number]
            self._expect(worker, worker.stop(number))

    def abandon(self, number: int) -> None:
        worker = self._taken_from(number)
        if worker is not None:
            self._leaving |= dict.fromkeys(worker.abandon(number), worker)

    def kill(self, number: int) -> None:
        worker = self._taken_from(number)
        if worker is not None:
            worker.forget(number)
            self._dismiss(worker)  # other trials in its slots are lost; wait() tells

    def waiting(self, number: int) -> bool:
        worker = self._hosts.get(number)
        return number in self._queued or (worker is not None and worker.waits(number))

    def wait(self, timeout: float) -> Sequence[Event]:
        import ray

        self._bury()
        events = self._bereaved()
        futures = [*self._waiting, *self._joining, *self._leaving]
        ready = ray.wait(futures, num_returns=len(futures), timeout=0)[0] if futures else []
        if not ready and not events:
            if futures:
                ready = ray.wait(futures, num_returns=1, timeout=timeout)[0]
            else:
                time.sleep(timeout)
        if not ready:
            self._refuse_to_wait_for_ever()
        done = set(ready)
        for future in futures:  # in the order of the calls: the first that a dead worker left is the one it worked on
            if future not in done:
                continue
            if future in self._joining:
                self._take_in(future)
            elif future in self._leaving:
                self._let_go(future)
            else:
                events += self._answer(future)
        if self._queued:
            self._host_queued()
        return events

    def close(self) -> None:
        self._send_away()
        if self._probe is not None:
            self._probe.unlink(missing_ok=True)
        self._connection.close()

    def _send_away(self) -> None:
        """End all workers."""
        import ray

        if ray.is_initialized():
            for worker in [*self._pool, *self._joining.values()]:
                worker.kill()
        self._pool, self._joining, self._hosts, self._waiting, self._leaving = [], {}, {}, {}, {}
        self._orphans, self._queued = [], {}

    # Answers

    def _expect(self, worker: WorkerGroup, futures: Sequence[Any]) -> None:
        self._waiting |= dict.fromkeys(futures, worker)

    def _answer(self, future: Any) -> Sequence[Event]:
        """The events of a call that has been answered by all processes of its worker."""
        worker = self._waiting.pop(future, None)
        if worker is None:
            return ()  # dismissed by an earlier answer of this round
        culprit = worker.at_work
        events = worker.answer(future)
        if not events:
            return ()
        self._last_seen = time.monotonic()
        last = events[-1]
        if isinstance(last, Failed) and last.cause is Cause.WORKER_LOST and last.number != culprit:
            self._dismiss(worker)  # which loses this trial too
            return self._bereaved(culprit, last.reason)
        if not isinstance(last, Reported):
            self._hosts.pop(last.number, None)
            worker.trials.discard(last.number)
        if isinstance(last, Failed) and (worker.together or last.cause.unfit):
            self._dismiss(worker)
            return [*events, *self._bereaved()]
        return events

    def _bereaved(self, culprit: int | None = None, reason: str = "") -> list[Event]:
        """Trials whose worker was dismissed, because of another one unless they are the ``culprit``."""
        orphans, self._orphans = self._orphans, []
        return [
            Failed(number, Cause.WORKER_LOST, reason)
            if number == culprit
            else Failed(number, Cause.DISPLACED, "its worker had to be replaced")
            for number in orphans
        ]

    def _bury(self) -> None:
        """Replace workers that died while they had nothing to do, or that do not end an abandoned trial."""
        now = time.monotonic()
        for worker in list(self._pool):
            future, since = worker.turn or (None, now)
            late = self._patience is not None and now - since > self._patience and future in self._leaving
            if late or (worker.turn is None and worker.dead):
                self._dismiss(worker)

    def _let_go(self, future: Any) -> None:
        """The worker of an abandoned trial: one that could not end its trial is replaced."""
        worker = self._leaving.pop(future)
        if worker.failed(future):
            self._dismiss(worker)

    def _dismiss(self, worker: WorkerGroup) -> None:
        """End a worker's processes and hire another in its stead."""
        if worker not in self._pool:
            return
        self._pool.remove(worker)
        for futures in (self._waiting, self._leaving):
            for future in [future for future, other in futures.items() if other is worker]:
                del futures[future]
        for number in worker.trials:
            del self._hosts[number]
            self._orphans.append(number)
        worker.kill()
        self._hire()

    # Workers

    def _host_queued(self) -> None:
        """Start trials that have no worker yet where there is room."""
        while self._queued and self._pool:
            worker = min(self._pool, key=lambda worker: len(worker.trials))
            if len(worker.trials) >= self._resources.slots:
                return
            number = next(iter(self._queued))
            spec, until = self._queued.pop(number)
            self._hosts[number] = worker
            worker.trials.add(number)
            self._expect(worker, worker.start(spec, until))

    def _taken_from(self, number: int) -> WorkerGroup | None:
        """The worker that is rid of a trial now; None when the trial was lost, or has not begun."""
        self._queued.pop(number, None)
        self._orphans = [other for other in self._orphans if other != number]
        worker = self._hosts.pop(number, None)
        if worker is not None:
            worker.trials.discard(number)
        return worker

    def _hire(self) -> None:
        """Start a worker; it joins when it has answered."""
        worker = WorkerGroup(self._own_trainable(), self._resources, self._surroundings)
        self._joining[worker.load(str(self._probe) if self._probe else None)] = worker

    def _seen_from_there(self, spec: TrialSpec) -> TrialSpec:
        """With the file of a model space seen from where workers start, and what they may not see sent along."""
        spec = replace(spec, architecture=self._seen_networks(spec.architecture))
        if self._private or not isinstance(spec.inherit, str):
            return spec
        try:
            return replace(spec, inherit=Path(spec.inherit).read_bytes())
        except OSError:
            return spec  # the trial says that they cannot be read, or goes on from its checkpoint

    def _seen_networks(self, networks: dict[str, Any] | None) -> dict[str, Any] | None:
        there = {"directory": self._connection.directory}
        return networks | there if networks is not None and "directory" in networks else networks

    def _own_trainable(self) -> TrainableRef:
        return replace(self._ref, directory=self._connection.directory)

    def _join(self, count: int, timeout: float) -> None:
        """Wait for up to ``count`` workers, and take them in."""
        import ray

        if self._joining:
            for future in ray.wait(list(self._joining), num_returns=count, timeout=timeout)[0]:
                self._take_in(future)

    def _take_in(self, future: Any) -> None:
        """Take in a worker that is placed and has imported the training function.

        Raises:
            TrainableError: when it cannot be imported there.
            ClusterError: when workers die at their start again and again, or do not see the shared folder.
        """
        import ray

        worker = self._joining.pop(future)
        try:
            reason = ray.get(future)
        except ray.exceptions.RayError as error:
            worker.kill()
            self._start_again(error)
            return
        if reason and self._probe is not None and str(self._probe.parent) in reason:
            raise ClusterError(
                f"{reason}, where checkpoints would go: name a folder or URL that all nodes see, such as "
                "`cluster: {storage: /mnt/team}` or s3://..., or write `checkpoints: {every: 0}` to keep none"
            )
        if reason:
            raise TrainableError(reason)
        self._pool.append(worker)
        self._failed_starts = 0
        self._last_seen = time.monotonic()

    def _start_again(self, error: Exception) -> None:
        import ray

        from .worker_group import lost, why_not_set_up

        if isinstance(error, ray.exceptions.RuntimeEnvSetupError):  # the next one would fail like it
            raise ClusterError(f"the cluster cannot give trials their environment: {why_not_set_up(error)}") from error
        self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise ClusterError(f"workers could not start: {lost(error)}; is assay installed on all nodes?") from error
        self._hire()

    def _refuse_to_wait_for_ever(self) -> None:
        if self._pool:
            self._last_seen = time.monotonic()
        elif self._connection.gone:
            raise ClusterError("the private cluster of this run has died")
        elif time.monotonic() - self._last_seen >= self._placement_seconds:
            raise ClusterError(
                f"no worker was placed within {self._placement_seconds:.0f} s: the cluster is busy with other work, "
                "or its nodes cannot start"
            )

    @property
    def _placement_seconds(self) -> float:
        return _PLACEMENT_SECONDS + self._install_seconds

    def _place_probe(self) -> None:
        if self._shared is not None:
            self._shared.mkdir(parents=True, exist_ok=True)
            self._probe = self._shared.absolute() / f".seen-by-all-nodes-{os.getpid()}"
            self._probe.touch()

    def _places(self) -> int:
        """How many workers fit, at most as many as are needed.

        Raises:
            ClusterError: when a trial can never be placed.
        """
        slots, fitting = self._resources.slots, self._fitting()
        if self._whole and self._workers < fitting * slots:
            raise ClusterError(
                f"the cluster has room for {fitting} trials at a time, and this search cannot be kept to "
                f"{self._workers:g}: leave --workers and budget.concurrent out, or raise resources.cpu"
            )
        return math.ceil(min(fitting * slots, self._workers) / slots)

    def _fitting(self) -> int:
        """How many workers fit."""
        import ray

        return Placement(self._resources).fitting([node["Resources"] for node in ray.nodes() if node["Alive"]])

    def _local_cpus(self, workers: int) -> float:
        cores = os.cpu_count() or 1
        places = math.ceil(workers / self._resources.slots) * self._resources.workers
        return math.ceil(max(cores, places * min(self._resources.cpu, cores)))
