"""Trials on a Ray cluster: a pool of worker processes that are reused from trial to trial."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..spaces import ClusterError, SweepError, TrainableError
from ..trainables import Cause, Event, Failed, Reported, TrainableRef, TrialSpec
from .ray_connection import RayConnection
from .worker import Worker

_PLACEMENT_SECONDS = 120.0  # for the first worker, or for a new one when all are lost
_GRACE_SECONDS = 10.0  # for the others at the start; later ones join when they are placed
_MOST_FAILED_STARTS = 5


class RayExecutor:
    """One Ray actor per place; a worker that dies is replaced, and its trial is reported as lost.

    A worker counts from when it is placed and has imported the training function: on a busy cluster the sweep goes on
    with those that there are.

    Args:
        trainable: what to run.
        cpu, gpu: what one trial occupies.
        workers: places; as many as the cluster's resources allow when None, but not over ``most``.
        address: see :class:`RayConnection`.

    Raises:
        SweepError: for less than one worker.
    """

    def __init__(
        self,
        trainable: TrainableRef,
        *,
        cpu: float = 1.0,
        gpu: float = 0.0,
        workers: int | None = None,
        most: float = math.inf,
        address: str | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise SweepError(f"workers must be 1 or more, got {workers}")
        self._ref = trainable
        self._cpu, self._gpu = cpu, gpu
        self._workers = workers if workers is not None else most
        cores = os.cpu_count() or 1
        local_cpus = math.ceil(max(cores, (workers or 1) * min(cpu, cores)))
        self._connection = RayConnection(address, local_cpus, trainable.directory)
        self._joining: dict[Any, Any] = {}  # future of its load -> worker
        self._failed_starts = 0
        self._last_seen = 0.0  # when there was a worker, by the monotonic clock
        self._idle: list[Any] = []
        self._busy: dict[int, Any] = {}  # trial number -> worker
        self._waiting: dict[Any, int] = {}  # future -> trial number

    @property
    def capacity(self) -> int:
        return len(self._idle) + len(self._busy)

    def open(self) -> None:
        self._connection.open()
        for _ in range(self._places()):
            self._hire()
        self._last_seen = time.monotonic()
        while not self._idle:
            self._join(1, _PLACEMENT_SECONDS)
            self._refuse_to_wait_for_ever()
        self._join(len(self._joining), _GRACE_SECONDS)

    def start(self, spec: TrialSpec) -> None:
        worker = self._busy[spec.number] = self._idle.pop()
        self._waiting[worker.start.remote(spec)] = spec.number

    def resume(self, number: int) -> None:
        self._waiting[self._busy[number].advance.remote()] = number

    def stop(self, number: int) -> None:
        self._waiting[self._busy[number].stop.remote()] = number

    def abandon(self, number: int) -> None:
        worker = self._busy.pop(number)
        worker.abandon.remote()
        self._idle.append(worker)

    def wait(self, timeout: float) -> Sequence[Event]:
        import ray

        futures = [*self._waiting, *self._joining]
        if not futures or not ray.wait(futures, num_returns=1, timeout=timeout)[0]:
            self._refuse_to_wait_for_ever()
            return []
        self._join(len(self._joining), 0)
        if not self._waiting:
            return []
        ready, _ = ray.wait(list(self._waiting), num_returns=len(self._waiting), timeout=0)
        return [self._event(future) for future in ready]

    def close(self) -> None:
        import ray

        if ray.is_initialized():
            for worker in [*self._idle, *self._busy.values(), *self._joining.values()]:
                ray.kill(worker)
        self._idle, self._busy, self._waiting, self._joining = [], {}, {}, {}
        self._connection.close()

    def _event(self, future: Any) -> Event:
        import ray

        number = self._waiting.pop(future)
        try:
            event: Event = ray.get(future)
        except ray.exceptions.RayTaskError as error:
            event = Failed(number, Cause.STUCK, f"the worker failed: {type(error.cause).__name__}: {error.cause}")
        except ray.exceptions.RayError as error:
            event = Failed(number, Cause.WORKER_LOST, _lost(error))
        if isinstance(event, Failed) and event.cause in (Cause.WORKER_LOST, Cause.STUCK):
            ray.kill(self._busy.pop(number))
            self._hire()
        elif not isinstance(event, Reported):
            self._idle.append(self._busy.pop(number))
        self._last_seen = time.monotonic()
        return event

    def _hire(self) -> None:
        """Start a worker; it joins when it has answered."""
        import ray

        trainable = replace(self._ref, directory=self._connection.directory)
        worker = ray.remote(num_cpus=self._cpu, num_gpus=self._gpu, max_restarts=0)(Worker).remote(trainable)
        self._joining[worker.load.remote()] = worker

    def _join(self, count: int, timeout: float) -> None:
        """Take in up to ``count`` workers that are placed and have imported the training function.

        Raises:
            TrainableError: when it cannot be imported there.
            ClusterError: when workers die at their start again and again.
        """
        import ray

        if not self._joining:
            return
        ready, _ = ray.wait(list(self._joining), num_returns=count, timeout=timeout)
        for future in ready:
            worker = self._joining.pop(future)
            try:
                reason = ray.get(future)
            except ray.exceptions.RayError as error:
                self._start_again(error)
                continue
            if reason:
                raise TrainableError(reason)
            self._idle.append(worker)

    def _start_again(self, error: Exception) -> None:
        self._failed_starts += 1
        if self._failed_starts >= _MOST_FAILED_STARTS:
            raise ClusterError(f"workers could not start: {_lost(error)}; is assay installed on all nodes?") from error
        self._hire()

    def _refuse_to_wait_for_ever(self) -> None:
        if self.capacity:
            self._last_seen = time.monotonic()
        elif time.monotonic() - self._last_seen >= _PLACEMENT_SECONDS:
            raise ClusterError(
                f"no worker was placed within {_PLACEMENT_SECONDS:.0f} s: the cluster is busy with other work, "
                "or its nodes cannot start"
            )

    def _places(self) -> int:
        """How many workers fit, at most ``workers``.

        Raises:
            ClusterError: when no node is large enough for one.
        """
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        fitting = [self._fit(node) for node in nodes]
        if sum(fitting) == 0:
            largest = ", ".join(f"{node.get('CPU', 0):g} CPU + {node.get('GPU', 0):g} GPU" for node in nodes)
            raise ClusterError(
                f"a trial needs {self._cpu:g} CPU + {self._gpu:g} GPU and no node has that (nodes: {largest}): "
                "lower `resources` in the sweep, or add a larger node"
            )
        return int(min(sum(fitting), self._workers))

    def _fit(self, node: dict[str, float]) -> int:
        by_cpu = node.get("CPU", 0.0) / self._cpu
        by_gpu = node.get("GPU", 0.0) / self._gpu if self._gpu else math.inf
        return math.floor(min(by_cpu, by_gpu) + 1e-9)


def _lost(error: Exception) -> str:
    """The telling line of Ray's many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"the worker process died: {type(error).__name__}: {lines[0][:200] if lines else ''}"
