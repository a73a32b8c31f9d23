"""The search run by Ray Tune's own controller: a baseline, and a fallback. Loaded only when a sweep asks for it."""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from ray import tune
from ray.tune.error import TuneError
from ray.tune.schedulers import FIFOScheduler

from ..search import Ledger, Phase, Queue, SweepRecord, scheduler_seed
from ..search.hyperband import HyperBandOptions
from ..search.population import Codec, PopulationOptions
from ..spaces import AssayError, ClusterError, SweepInterrupted
from ..trainables.checkpoints import CheckpointStore, is_local, join
from .phases import search_plan
from .placement import Placement
from .progress import Observer
from .ray_executor import Lent, RayExecutor
from .search_plan import SearchPlan
from .tune_hooks import Hooks
from .tune_record import TuneRecord, give_up_open
from .tune_trial import TuneTrial
from .wish import Wish
from .worker import PackedTrainable

_NEVER = "1e9"  # seconds
_SETTINGS = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # signals are ours
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a trial that failed has no metric
    "TUNE_GLOBAL_CHECKPOINT_S": _NEVER,  # the ledger is the record
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",  # we say how many there are
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the other one prints even when it is told not to
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


class TuneEngine:
    """Runs what is left of a sweep's search with ``tune.Tuner`` and an unmodified scheduler.

    Searcher, budget and record are ours: every result is durable before Ray Tune acts on it. Ray Tune cannot go on
    with a run that was interrupted: its trials that were not over count as failed, and its scheduler starts afresh.

    Args:
        ledger, record: where the sweep is recorded; the caller holds its lock.
        executor: open; its workers make room while Ray Tune runs.
        clock, wish, observer, checkpoints: see :class:`Controller`.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: SweepRecord,
        executor: RayExecutor,
        *,
        clock: Callable[[], float],
        wish: Callable[[], Wish] = lambda: Wish.NONE,
        observer: Observer,
        checkpoints: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._sweep = record.sweep
        self._executor = executor
        self._clock = clock
        self._wish = wish
        self._observer = observer
        self._checkpoints = checkpoints

    def search(self) -> SearchPlan:
        """Run the search; its plan, for what comes after.

        Raises:
            SweepInterrupted: when a stop was requested; the sweep can be resumed.
            ClusterError: when Ray Tune fails.
        """
        plan = self._plan()
        record = TuneRecord(
            self._ledger,
            self._record,
            plan,
            places=self._executor.capacity,
            clock=self._clock,
            observer=self._observer,
            checkpoints=self._checkpoints,
        )
        first = record.ask() if self._wish() is Wish.NONE else None
        try:
            if first is not None:
                with self._executor.lent() as lent:
                    self._run(record, first, lent)
                    self._heed()  # before our workers are hired again
                    record.drop_open()
        finally:
            record.close()
            plan.close()
        self._heed()
        return plan

    def _plan(self) -> SearchPlan:
        """Up to date with the ledger."""
        give_up_open(self._ledger, self._record, self._ledger.trials(self._record, Phase.SEARCH))
        plan = search_plan(self._sweep, scheduler=Queue(), directory=self._record.directory)
        known, events = self._ledger.trials(self._record, Phase.SEARCH), self._ledger.events(self._record)
        for _ in plan.repeat(known, events):
            pass
        return plan

    def _heed(self) -> None:
        wish = self._wish()
        if wish in (Wish.PAUSE, Wish.CANCEL):
            what = "paused" if wish is Wish.PAUSE else "cancelled"
            raise SweepInterrupted(f"sweep {self._record.name!r} was {what}; trials that were not over are lost")

    def _run(self, record: TuneRecord, first: int, lent: Lent) -> None:
        fidelity, scheduler, room = self._sweep.granted, self._scheduler(), self._room()
        hooks = Hooks(record, first, self._wish, self._codec(), places=lent.places, limit=lent.limit, room=room)
        hooks.overhear(scheduler)
        rungs = self._sweep.scheduler.rungs(fidelity) if fidelity else []
        trainable = tune.with_parameters(
            TuneTrial,
            ref=PackedTrainable(lent.trainable),
            rungs=rungs,
            copies=hooks.copies,
            blind=lent.resources.gpu == 0,
            surroundings=lent.surroundings,
        )
        placed = tune.with_resources(trainable, tune.PlacementGroupFactory([Placement(lent.resources).bundle]))
        folder = f"tune-{uuid4().hex[:8]}"
        with _settings(), _quiet(), _seeded(scheduler_seed(self._sweep.seed)), self._cleared(folder, hooks):
            tuner = tune.Tuner(
                placed,
                tune_config=tune.TuneConfig(
                    search_alg=hooks.proposer,
                    scheduler=scheduler,
                    reuse_actors=True,
                    trial_dirname_creator=lambda trial: trial.trial_id,
                ),
                run_config=tune.RunConfig(
                    name=folder,
                    storage_path=self._storage,
                    stop=hooks.stopper,
                    callbacks=[hooks.callback],
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=self._sweep.cluster.retry.lost),
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                ),
            )
            try:
                tuner.fit()
            except TuneError as error:
                raise hooks.error or _failed(error) from error

    def _scheduler(self) -> Any:
        options, fidelity = self._sweep.scheduler, self._sweep.granted
        make = getattr(options, "tune_scheduler", None)
        if make is None:
            return FIFOScheduler()
        return make(self._sweep.parameters, self._sweep.objective, options.require(fidelity))

    def _room(self) -> Callable[[int], int]:
        options, fidelity = self._sweep.scheduler, self._sweep.granted
        return options.room(options.require(fidelity)) if isinstance(options, HyperBandOptions) else lambda known: 0

    def _codec(self) -> Codec | None:
        """Only where Ray Tune changes configs."""
        options = self._sweep.scheduler
        return options.codec(self._sweep.parameters) if isinstance(options, PopulationOptions) else None

    @property
    def _storage(self) -> str:
        """Where Ray Tune keeps its own checkpoints, which only name ours: seen by all nodes, where trials wait."""
        root = str(self._ledger.store)
        if self._sweep.scheduler.needs_checkpoints and self._checkpoints:
            root = self._checkpoints
        return CheckpointStore(join(root, self._record.name)).root  # absolute

    @contextmanager
    def _cleared(self, folder: str, hooks: Hooks) -> Iterator[None]:
        """Nothing in Ray Tune's folders is of use afterwards."""
        try:
            yield
        finally:
            if is_local(self._storage):
                shutil.rmtree(Path(self._storage, folder), ignore_errors=True)
            if hooks.staging is not None:
                shutil.rmtree(hooks.staging, ignore_errors=True)


def _failed(error: TuneError) -> AssayError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ClusterError(f"Ray Tune failed: {lines[-1][:300] if lines else type(error).__name__}")


@contextmanager
def _settings() -> Iterator[None]:
    """Ray Tune's settings that are read from the environment, for this run."""
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _quiet() -> Iterator[None]:
    """What Ray Tune has to say is in our record; the handler that it leaves behind is taken back."""
    with ExitStack() as stack:
        log = logging.getLogger("ray.tune")
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.CRITICAL)
        if threading.current_thread() is threading.main_thread():
            stack.callback(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
        yield


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Ray's schedulers draw from the global generators."""
    outer = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(outer[0])
        np.random.set_state(outer[1])  # noqa: NPY002
