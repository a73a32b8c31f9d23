"""Running a sweep from here: store, lock, workers, phases, report; shared by the command line and the Python API."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..analysis import Results
from ..analysis.export import into_problems
from ..search import Ledger, State, Sweep, SweepRecord, missing_engines
from ..search.production import production_names
from ..search.store import Place, as_words
from ..spaces import ClusterError, NoResultError, NotFoundError, Problem, SweepError, SweepInterrupted
from ..trainables import Trainable, TrainableRef
from ..trainables.checkpoints import CheckpointError, CheckpointStore, is_local
from ..trainables.typed import misfits
from .environment import Environment, Site
from .executor import Executor
from .extend import extend_sweep, reopen
from .inline_executor import InlineExecutor
from .open_trial import described_networks
from .phases import PhaseRunner
from .progress import Observer, Silent
from .ray_executor import RayExecutor
from .stop_switch import StopSwitch
from .supernets import missing_data, missing_of_searcher
from .tracking import tracked
from .tune_limits import refuse_other_fidelity, refuse_to_try_again, refuse_what_tune_cannot
from .wish import Wish, Wishes

_STOPPING = "{signal}: stopping; running trials end at their next report (again to stop now); nothing reported is lost"


@dataclass(frozen=True)
class Where:
    """Where trials run and results go.

    Args:
        store: folder or URL of the ledger; ASSAY_STORE or ``assay-results`` when None.
        workers: trials at the same time; as many as the resources allow when None.
        address: a running Ray cluster; a private one on this machine when None.
        inline: run trials in this process, without Ray.
    """

    store: str | Path | None = None
    workers: int | None = None
    address: str | None = None
    inline: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise SweepError(f"workers must be 1 or more, got {self.workers}")
        if self.inline and self.address is not None:
            raise SweepError(f"inline runs trials in this process, not at {self.address}: give one of the two")

    def executor(self, sweep: Sweep, trainable: TrainableRef) -> Executor:
        """The executor that this describes.

        Raises:
            SweepError: see :func:`refuse_what_cannot_run`.
        """
        self.refuse(sweep, trainable.directory)
        address, tuned = self.address or sweep.cluster.address, sweep.engine == "tune"
        environment = Environment.of(sweep.cluster, trainable.directory, self.site(sweep))
        networks = described_networks(sweep, trainable.directory)
        if self.inline:
            return InlineExecutor(trainable, self.workers or 1, environment, networks)
        runs = max(sweep.budget.trials or math.inf, sweep.most_replicates)
        storage = sweep.cluster.storage or str(self.place.files)
        return RayExecutor(
            trainable,
            resources=sweep.resources,
            workers=self.workers or sweep.budget.concurrent,
            most=runs,
            address=address,
            store=self.place.files,
            shared=Path(CheckpointStore(storage).root) if sweep.checkpoints.every > 0 and is_local(storage) else None,
            patience=sweep.cluster.timeouts.stop,
            whole=tuned and sweep.scheduler.needs_checkpoints,  # trials that wait are no trials at the same time
            environment=environment,
            networks=networks,
            meanwhile=sweep.searcher.prepare,
        )

    def refuse(self, sweep: Sweep, directory: str | Path) -> None:
        """Nothing, unless the sweep cannot run here; see :func:`refuse_what_cannot_run`."""
        address = self.address or sweep.cluster.address
        refuse_what_cannot_run(sweep, directory, self.site(sweep), address=address)

    def site(self, sweep: Sweep) -> Site:
        """Where its trials run."""
        return Site.of(self.address or sweep.cluster.address, inline=self.inline)

    def ledger(self, *, create: bool = False) -> Ledger:
        """The ledger of the store."""
        return Ledger(self.place, create=create)

    @property
    def place(self) -> Place:
        """Where the store is, or will be."""
        return Place.of(self.store)

    def again(self, sweep: Sweep) -> str:
        """How to go on with a sweep that was stopped."""
        if not sweep.trainable:
            return "assay.run(sweep, function, resume=True)"
        return f"`assay resume {as_words(sweep.name, self.place)}`"

    def recorded(self) -> dict[str, Sweep]:
        """The sweeps in the store by name; none when there is no store."""
        try:
            ledger = self.ledger()
        except NotFoundError:
            return {}
        return {record.name: record.sweep for record in ledger.sweeps()}

    def refuse_existing(self, name: str) -> None:
        """Nothing, when ``name`` is free.

        Raises:
            SweepExistsError: when the store has a sweep of this name.
        """
        if name in self.recorded():
            self.ledger().refuse_existing(name)


def refuse_what_cannot_run(
    sweep: Sweep, directory: str | Path, site: Site = Site.PRIVATE, *, address: str | None = None
) -> None:
    """Nothing, unless a sweep that is well written cannot be run.

    Args:
        directory: the sweep file's folder.
        site, address: where it is to run.

    Raises:
        SweepError: with all that this version has no engine for, when Ray Tune is to run the search and cannot,
            nobody knows where checkpoints are to go, or the searcher or trials would not find what they need.
    """
    found = missing_engines(sweep)
    if sweep.engine == "tune":
        try:
            refuse_what_tune_cannot(sweep, inline=site is Site.INLINE, address=address)
        except SweepError as error:
            found += error.problems
    if sweep.cluster.storage is not None:
        try:
            CheckpointStore(sweep.cluster.storage).check()
        except CheckpointError as error:
            found.append(Problem(("cluster", "storage"), str(error)))
    found += _missing_around(sweep, directory, site)
    found += [*missing_of_searcher(sweep, here=site in (Site.INLINE, Site.PRIVATE)), *missing_data(sweep, directory)]
    if found:
        raise SweepError(found)


def refuse_what_cannot_be_submitted(sweep: Sweep, directory: str | Path) -> None:
    """Nothing, unless a sweep cannot be sent to a cluster.

    Raises:
        SweepError: with all that this version has no engine for, and all that has to be sent along and is not here.
    """
    found = [*missing_engines(sweep), *_missing_around(sweep, directory, Site.SUBMITTED)]
    found += missing_data(sweep, directory)
    if found:
        raise SweepError(found)


def _missing_around(sweep: Sweep, directory: str | Path, site: Site) -> list[Problem]:
    """Files and variables that are not where the sweep says, also those that are needed only when it has ended."""
    found: list[Problem] = []
    try:
        Environment.of(sweep.cluster, directory, site)
    except SweepError as error:
        found += error.problems
    if sweep.export.into is not None:
        names = production_names(sweep.parameters, sweep.export)
        texts = into_problems(sweep.export.into, directory, names)
        found += [Problem(("export", "into"), text) for text in texts]
    return found


def refuse_what_has_no_engine(sweep: Sweep) -> None:
    """Nothing, unless a sweep asks for what this version cannot do.

    Raises:
        SweepError: with all of it.
    """
    missing = missing_engines(sweep)
    if missing:
        raise SweepError(missing)


def refuse_what_does_not_fit(sweep: Sweep, trainable: Trainable | None) -> None:
    """Nothing, unless the training function asks for settings that the sweep's parameters do not make.

    Raises:
        SweepError: with all that do not fit.
    """
    found = [problem.under("parameters") for problem in misfits(trainable, sweep.parameters)]
    if found:
        raise SweepError(found)


def start(sweep: Sweep, trainable: TrainableRef, where: Where, observer: Observer | None = None) -> Results:
    """Record a new sweep and run it to the end.

    Raises:
        SweepExistsError: when the store has a sweep of this name.
        TrainableError, ClusterError: before anything is recorded.
        NoResultError, SweepInterrupted: see :class:`PhaseRunner`.
    """
    trainable.check()
    refuse_what_does_not_fit(sweep, trainable.function)
    where.refuse_existing(sweep.name)
    observer = observer or Silent()
    executor = where.executor(sweep, trainable)
    with _opened(executor, observer) as switch:
        ledger = where.ledger(create=True)
        with _locked(ledger, sweep.name):
            record = ledger.create_sweep(sweep, trainable.directory)
            return _run(ledger, record, executor, switch, observer, where.again(sweep))


def resume(
    name: str,
    where: Where,
    observer: Observer | None = None,
    *,
    function: Trainable | None = None,
    directory: str | None = None,
) -> Results:
    """Go on with a sweep that was stopped or killed; a finished one is only reported again.

    Where no trial gave a score, all that failed are tried again: the cause may have been mended.

    Args:
        function: the training function, when the sweep was started with a Python function.
        directory: where the training function is now; where it was when None.

    Raises:
        NotFoundError: when there is no such sweep.
        SweepError: when its training function cannot be found by name.
        SweepExistsError: when another process is running it.
    """
    observer = observer or Silent()
    ledger = where.ledger()
    record = ledger.sweep(name)
    if record.state == "finished":
        observer.message(f"sweep {record.name!r} is finished: there is nothing to go on with")
        return _reported(Results(ledger, record))
    if function is None and not record.sweep.trainable:
        raise SweepError(
            f"sweep {record.name!r} was started with a Python function: go on with {where.again(record.sweep)}"
        )
    if record.sweep.engine == "tune":
        refuse_to_try_again(record)
    trainable = TrainableRef(record.sweep.trainable or "", directory or record.directory, function)
    trainable.check()
    executor = where.executor(record.sweep, trainable)
    with _taken_over(ledger, record.name), _opened(executor, observer) as switch:
        if record.state == "failed":
            reopen(ledger, record, [trial for trial in ledger.trials(record) if trial.state is State.FAILED])
        return _run(ledger, record, executor, switch, observer, where.again(record.sweep))


def extend(sweep: Sweep, trainable: TrainableRef, where: Where, observer: Observer | None = None) -> Results:
    """Go on with a recorded sweep, finished or not, as ``sweep`` says now; its trials are kept.

    Raises:
        NotFoundError: when there is no sweep of this name.
        SweepError: when something differs that cannot change.
        SweepExistsError: when another process is running it.
        TrainableError, ClusterError, NoResultError, SweepInterrupted: see :func:`start`.
    """
    trainable.check()
    refuse_what_does_not_fit(sweep, trainable.function)
    ledger = where.ledger()
    record = ledger.sweep(sweep.name)
    if sweep.engine == "tune":
        refuse_other_fidelity(record.sweep, sweep)
    observer = observer or Silent()
    executor = where.executor(sweep, trainable)
    with _taken_over(ledger, sweep.name), _opened(executor, observer) as switch:
        record, what = extend_sweep(ledger, record, sweep)
        if what:
            observer.message(what)
        return _run(ledger, record, executor, switch, observer, where.again(sweep))


@contextmanager
def _opened(executor: Executor, observer: Observer) -> Iterator[StopSwitch]:
    """The executor, open, and signals as wishes to stop, also while it opens: an import must not be interrupted."""
    switch = StopSwitch(lambda signal: _tell(observer, _STOPPING.format(signal=signal)))
    switch.install()
    try:
        with closing(executor):
            executor.open()
            switch.install()  # ray.init has put a handler of its own
            if switch.requested is not None:
                raise _interrupted("stopped before the first trial; nothing was changed", switch)
            yield switch
    finally:
        switch.restore()


def _interrupted(text: str, switch: StopSwitch) -> SweepInterrupted:
    error = SweepInterrupted(text)
    if switch.requested is not None:
        error.exit_code = 128 + switch.requested
    return error


def _run(
    ledger: Ledger, record: SweepRecord, executor: Executor, switch: StopSwitch, observer: Observer, again: str
) -> Results:
    """All phases, with the outcome recorded."""
    ledger.set_state(record, "running")
    wishes = Wishes(lambda: switch.requested is not None, lambda: ledger.wished(record), time.monotonic)
    try:
        results = _phases(ledger, record, executor, wishes, observer)
    except ClusterError as error:
        raise ClusterError(f"{error}; nothing reported is lost: {again} goes on") from error
    except SweepInterrupted as error:
        ledger.set_state(record, "cancelled" if wishes() is Wish.CANCEL else "stopped", str(error))
        raise _interrupted(f"{error}: {again} goes on", switch) from None
    except NoResultError as error:
        ledger.set_state(record, "failed", str(error))
        raise
    ledger.set_state(record, "finished")
    return _reported(results.refresh())


def _phases(
    ledger: Ledger, record: SweepRecord, executor: Executor, wish: Callable[[], Wish], observer: Observer
) -> Results:
    options: dict[str, Any] = {"clock": time.monotonic, "wish": wish, "observer": observer}
    storage = record.sweep.cluster.storage  # trials start in another folder, and have to mean the same
    options["checkpoints"] = CheckpointStore(storage).root if storage else None
    searched = None
    with tracked(ledger, record, observer):
        if record.sweep.engine == "tune" and isinstance(executor, RayExecutor):
            from .tune_engine import TuneEngine

            searched = TuneEngine(ledger, record, executor, **options).search()
        return PhaseRunner(ledger, record, executor, **options).run(searched)


def _tell(observer: Observer, text: str) -> None:
    """A message from a signal handler, which may have interrupted a write to the same stream."""
    try:
        observer.message(text)
    except RuntimeError:  # Python refuses to enter a stream twice; the system does not
        os.write(2, f"{text}\n".encode())


def _reported(results: Results) -> Results:
    results.report()
    return results


@contextmanager
def _locked(ledger: Ledger, name: str) -> Iterator[None]:
    lock = ledger.lock(name)
    lock.acquire(name)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _taken_over(ledger: Ledger, name: str) -> Iterator[None]:
    """The lock of a sweep that is recorded; what is wished from here on is for this driver."""
    with _locked(ledger, name):
        ledger.wish(name, Wish.NONE)
        yield
