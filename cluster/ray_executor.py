"""Trials on a Ray cluster: a pool of worker processes that are reused from trial to trial."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..spaces import ClusterError, SweepError, TrainableError
from ..trainables import Cause, Event, Failed, Reported, TrainableRef, TrialSpec
from .ray_connection import RayConnection
from .worker import Worker

_PLACEMENT_SECONDS = 120.0


class RayExecutor:
    """One Ray actor per place; a worker that dies is replaced, and its trial is reported as lost.

    Args:
        trainable: what to run.
        cpu, gpu: what one trial occupies.
        workers: places; as many as the cluster's resources allow when None.
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
        address: str | None = None,
    ) -> None:
        if workers is not None and workers < 1:
            raise SweepError(f"workers must be 1 or more, got {workers}")
        self._ref = trainable
        self._cpu, self._gpu = cpu, gpu
        self._workers = workers
        local_cpus = math.ceil(max(os.cpu_count() or 1, (workers or 1) * cpu))
        self._connection = RayConnection(address, local_cpus, trainable.directory)
        self._capacity = 0
        self._idle: list[Any] = []
        self._busy: dict[int, Any] = {}  # trial number -> worker
        self._waiting: dict[Any, int] = {}  # future -> trial number

    @property
    def capacity(self) -> int:
        return self._capacity

    def open(self) -> None:
        self._connection.open()
        self._capacity = self._places()
        self._idle = [self._new_worker() for _ in range(self._capacity)]
        reason = self._first_load([worker.load.remote() for worker in self._idle])
        if reason:
            raise TrainableError(reason)

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

        if not self._waiting:
            return []
        first, _ = ray.wait(list(self._waiting), num_returns=1, timeout=timeout)
        if not first:
            return []
        ready, _ = ray.wait(list(self._waiting), num_returns=len(self._waiting), timeout=0)
        return [self._event(future) for future in ready]

    def close(self) -> None:
        import ray

        if ray.is_initialized():
            for worker in [*self._idle, *self._busy.values()]:
                ray.kill(worker)
        self._idle, self._busy, self._waiting = [], {}, {}
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
        if not isinstance(event, Reported):
            self._idle.append(self._usable(self._busy.pop(number), event))
        return event

    def _usable(self, worker: Any, event: Event) -> Any:
        """The worker, or a new one in place of a dead or hanging one."""
        import ray

        if not (isinstance(event, Failed) and event.cause in (Cause.WORKER_LOST, Cause.STUCK)):
            return worker
        ray.kill(worker)
        return self._new_worker()

    def _new_worker(self) -> Any:
        import ray

        trainable = replace(self._ref, directory=self._connection.directory)
        return ray.remote(num_cpus=self._cpu, num_gpus=self._gpu, max_restarts=0)(Worker).remote(trainable)

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
        return min(sum(fitting), self._workers or sum(fitting))

    def _fit(self, node: dict[str, float]) -> int:
        by_cpu = node.get("CPU", 0.0) / self._cpu
        by_gpu = node.get("GPU", 0.0) / self._gpu if self._gpu else math.inf
        return math.floor(min(by_cpu, by_gpu) + 1e-9)

    def _first_load(self, loads: list[Any]) -> str | None:
        import ray

        ready, _ = ray.wait(loads, num_returns=1, timeout=_PLACEMENT_SECONDS)
        if not ready:
            raise ClusterError(
                f"no worker was placed within {_PLACEMENT_SECONDS:.0f} s: the cluster is busy with other work, "
                "or its nodes cannot start"
            )
        try:
            reason: str | None = ray.get(ready[0])
        except ray.exceptions.RayError as error:
            raise ClusterError(f"a worker could not start: {_lost(error)}; is assay installed on all nodes?") from error
        return reason


def _lost(error: Exception) -> str:
    """The telling line of Ray's many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"the worker process died: {type(error).__name__}: {lines[0][:200] if lines else ''}"
