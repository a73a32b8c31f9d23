"""Running a sweep from here: store, lock, workers, phases, report; shared by the command line and the Python API."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..analysis import Results
from ..search import Ledger, Sweep, SweepRecord
from ..search.store import default_store
from ..search.sweep_lock import SweepLock
from ..spaces import NoResultError, SweepError, SweepInterrupted
from ..trainables import Trainable, TrainableRef
from .executor import Executor
from .inline_executor import InlineExecutor
from .phases import PhaseRunner
from .progress import Observer, Silent
from .ray_executor import RayExecutor
from .stop_switch import StopSwitch

_STOPPING = "{signal}: stopping; running trials end at their next report (again to stop now); nothing reported is lost"


@dataclass(frozen=True)
class Where:
    """Where trials run and results go.

    Args:
        store: folder of the ledger; ASSAY_STORE or ``assay-results`` when None.
        workers: trials at the same time; as many as the resources allow when None.
        address: a running Ray cluster; a private one on this machine when None.
        inline: run trials in this process, without Ray.
    """

    store: str | Path | None = None
    workers: int | None = None
    address: str | None = None
    inline: bool = False

    def executor(self, sweep: Sweep, trainable: TrainableRef) -> Executor:
        """The executor that this describes."""
        if self.inline:
            return InlineExecutor(trainable, self.workers or 1)
        resources = sweep.resources
        workers = self.workers or sweep.budget.concurrent
        return RayExecutor(trainable, cpu=resources.cpu, gpu=resources.gpu, workers=workers, address=self.address)

    def ledger(self, *, create: bool = False) -> Ledger:
        """The ledger of the store."""
        return Ledger(self.store if self.store is not None else default_store(), create=create)


def start(sweep: Sweep, trainable: TrainableRef, where: Where, observer: Observer | None = None) -> Results:
    """Record a new sweep and run it to the end.

    Raises:
        SweepExistsError: when the store has a sweep of this name.
        TrainableError, ClusterError: before anything is recorded.
        NoResultError, SweepInterrupted: see :class:`PhaseRunner`.
    """
    trainable.check()
    ledger = where.ledger(create=True)
    ledger.refuse_existing(sweep.name)
    return _run(ledger, lambda: ledger.create_sweep(sweep, trainable.directory), sweep, trainable, where, observer)


def resume(name: str, where: Where, observer: Observer | None = None, function: Trainable | None = None) -> Results:
    """Go on with a sweep that was stopped or killed; a finished one is only reported again.

    Args:
        function: the training function, when the sweep was started with a Python function.

    Raises:
        NotFoundError: when there is no such sweep.
        SweepError: when its training function cannot be found by name.
        SweepExistsError: when another process is running it.
    """
    ledger = where.ledger()
    record = ledger.sweep(name)
    trainable = TrainableRef(record.sweep.trainable or "", record.directory, function)
    if function is None and not record.sweep.trainable:
        raise SweepError(
            f"sweep {record.name!r} was started with a Python function: go on with "
            "assay.run(sweep, function, resume=True)"
        )
    trainable.check()
    return _run(ledger, lambda: record, record.sweep, trainable, where, observer)


def _run(
    ledger: Ledger,
    recorded: Callable[[], SweepRecord],
    sweep: Sweep,
    trainable: TrainableRef,
    where: Where,
    observer: Observer | None,
) -> Results:
    observer = observer or Silent()
    lock = SweepLock(ledger.store / sweep.name)
    lock.acquire(sweep.name)
    switch = StopSwitch(lambda signal: observer.message(_STOPPING.format(signal=signal)))
    executor = where.executor(sweep, trainable)
    try:
        executor.open()
        switch.install()
        record = recorded()
        ledger.set_state(record, "running")
        try:
            results = PhaseRunner(
                ledger,
                record,
                executor,
                clock=time.monotonic,
                stop_requested=lambda: switch.requested is not None,
                observer=observer,
            ).run()
        except SweepInterrupted as error:
            ledger.set_state(record, "stopped", str(error))
            error.exit_code = 128 + (switch.requested or 0)
            raise
        except NoResultError as error:
            ledger.set_state(record, "failed", str(error))
            raise
        ledger.set_state(record, "finished")
        results = results.refresh()
        results.report()
        return results
    finally:
        executor.close()
        switch.restore()
        lock.release()
