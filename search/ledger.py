"""The durable record of every sweep, trial, report and artifact."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakSet, finalize

import sqlalchemy as sa

from ..spaces import NotFoundError, SweepExistsError, UsageError, did_you_mean
from . import tables
from .database import open_database, reading, writing
from .journal import Event, EventKind, Journal, Listener
from .mark import read_mark
from .records import Artifact, SweepRecord, read_report, read_segment, read_sweep_record, read_trial
from .standings import Standings, read_last_values, read_standings
from .store import Place
from .sweep import Sweep
from .sweep_lock import Lock, ServerLock, SweepLock
from .trial import Phase, Report, Segment, State, Trial
from .upgrade import no_sweeps, prepare

__all__ = ["Artifact", "Ledger", "SweepRecord"]


class Ledger:
    """One store of sweeps: a database, and a folder with the files of each sweep.

    The database is the file ``ledger.db`` of that folder (SQLite in WAL mode), or named by a URL. One process writes a
    sweep, any number read. A method that writes returns after the commit, so what it recorded survives a kill of any
    process.

    Attributes:
        place: where the store is; as text for messages, without a password.
    """

    def __init__(self, store: str | Path | Place, *, create: bool = False) -> None:
        """Open the store; one of an earlier version is upgraded.

        Args:
            store: a folder; or ``postgresql://user@host/database?files=/folder``, ``sqlite:////path/file.db``.

        Raises:
            NotFoundError: when there is none and ``create`` is false.
            UsageError: when a newer version of Assay wrote it, or it is no ledger.
            ClusterError: when the server cannot be reached.
        """
        self.place = Place.of(store)
        self._journals: WeakSet[Journal] = WeakSet()
        self._listener: Listener | None = None
        if not create and self.place.file is not None and not self.place.file.is_file():
            raise no_sweeps(self.place)
        try:
            if create:
                self._make_folders()
            self._open(create)
        except (OSError, sa.exc.DatabaseError) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            is_file = isinstance(error, FileExistsError | NotADirectoryError)
            why = f"{error.filename} is a file: name a folder" if isinstance(error, OSError) and is_file else cause
            raise UsageError(f"{self.place.file or self.place} cannot be opened as a ledger: {why}") from error

    def _make_folders(self) -> None:
        self.store.mkdir(parents=True, exist_ok=True)
        if self.place.file is not None:
            self.place.file.parent.mkdir(parents=True, exist_ok=True)

    def _open(self, create: bool) -> None:
        self._engine = open_database(self.place)
        finalize(self, _release, self._engine, self._journals)
        self._reads, self._writes = reading(self._engine), writing(self._engine)
        prepare(self._engine, self.place, create=create, runs=lambda name: self.lock(name).held)

    @property
    def store(self) -> Path:
        """The folder of files."""
        return self.place.files

    def close(self) -> None:
        """Release the database."""
        _release(self._engine, self._journals)

    def lock(self, name: str) -> Lock:
        """What the process holds that runs sweep ``name``.

        Raises:
            UsageError: when the sweep's folder would be where SQLite has a file.
        """
        if self.place.file is None:
            return ServerLock(self._engine, name)
        if self.place.file.parent == self.store and name.startswith(self.place.file.name):
            raise UsageError(f"{name!r} is the name of a file in {self.place}: choose another name for the sweep")
        return SweepLock(self.store / name)

    # Sweeps

    def create_sweep(self, sweep: Sweep, directory: str) -> SweepRecord:
        """Record a new sweep.

        Raises:
            SweepExistsError: when the name is taken.
        """
        row = {
            "name": sweep.name,
            "spec": sweep.model_dump(mode="json"),
            "directory": directory,
            "state": "running",
            "created": time.time(),
        }
        try:
            with self._writes.begin() as connection:
                connection.execute(tables.sweeps.insert().values(row))
        except sa.exc.IntegrityError:
            self.refuse_existing(sweep.name)
            raise
        return self.sweep(sweep.name)

    def refuse_existing(self, name: str) -> None:
        """Nothing, when ``name`` is free.

        Raises:
            SweepExistsError: when it is taken.
        """
        if name not in self._names():
            return
        failed = self.sweep(name).state == "failed"
        how = "tries its failed trials again" if failed else "goes on with it"
        raise SweepExistsError(
            f"sweep {name!r} is already in {self.place}: `assay resume {name}` {how}, "
            f"`--name {name}-2` or `--new` starts another"
        )

    def sweeps(self) -> list[SweepRecord]:
        """All sweeps, oldest first."""
        with self._reads.connect() as connection:
            rows = connection.execute(tables.sweeps.select().order_by(tables.sweeps.c.id)).all()
        return [read_sweep_record(row) for row in rows]

    def sweep(self, name: str) -> SweepRecord:
        """The sweep called ``name``; ``@last`` is the newest.

        Raises:
            NotFoundError: with the closest name.
        """
        names = self._names()
        wanted = names[-1] if name == "@last" and names else name
        with self._reads.connect() as connection:
            row = connection.execute(tables.sweeps.select().where(tables.sweeps.c.name == wanted)).first()
        if row is not None:
            return read_sweep_record(row)
        shown = f"; there are: {', '.join(names[-10:])}" if names else ""
        raise NotFoundError(f"no sweep {name!r} in {self.place}{did_you_mean(name, names)}{shown}")

    def set_state(self, record: SweepRecord, state: str, note: str = "") -> None:
        """Change the state of a sweep."""
        change = tables.sweeps.update().where(tables.sweeps.c.id == record.id).values(state=state, note=note)
        with self._writes.begin() as connection:
            connection.execute(change)

    def wish(self, name: str, wish: str) -> None:
        """Ask the driver of a sweep for something: ``stop``, ``pause`` or ``cancel``; empty takes it back."""
        change = tables.sweeps.update().where(tables.sweeps.c.id == self.sweep(name).id).values(wish=wish)
        with self._writes.begin() as connection:
            connection.execute(change)

    def wished(self, record: SweepRecord) -> str:
        """What was asked of the sweep's driver; empty when nothing was."""
        with self._reads.connect() as connection:
            query = sa.select(tables.sweeps.c.wish).where(tables.sweeps.c.id == record.id)
            return str(connection.scalar(query) or "")

    def revise(self, record: SweepRecord, sweep: Sweep, order: int) -> SweepRecord:
        """Let the sweep say something else from event ``order`` on; what it said before is kept."""
        key = {"sweep_id": record.id}
        with self._writes.begin() as connection:
            query = sa.select(sa.func.count()).select_from(tables.revisions)
            if not connection.scalar(query.where(tables.revisions.c.sweep_id == record.id)):
                first = {"order": 0, "spec": record.sweep.model_dump(mode="json")}
                connection.execute(tables.revisions.insert().values(key | first))
            spec = sweep.model_dump(mode="json")
            again = (tables.revisions.c.sweep_id == record.id) & (tables.revisions.c.order == order)
            connection.execute(tables.revisions.delete().where(again))  # nothing was decided by it
            connection.execute(tables.revisions.insert().values(key | {"order": order, "spec": spec}))
            connection.execute(tables.sweeps.update().where(tables.sweeps.c.id == record.id).values(spec=spec))
        return self.sweep(record.name)

    def revisions(self, record: SweepRecord) -> list[tuple[int, Sweep]]:
        """What the sweep said, and from which event on, oldest first."""
        query = sa.select(tables.revisions).where(tables.revisions.c.sweep_id == record.id)
        with self._reads.connect() as connection:
            rows = connection.execute(query.order_by(tables.revisions.c.order)).all()
        return [(row.order, Sweep.make(row.spec)) for row in rows] or [(0, record.sweep)]

    # Trials

    def journal(self, record: SweepRecord, *, lazy: bool = False) -> Journal:
        """What the sweep's driver writes with."""
        journal = Journal(self._writes, record.id, lazy=lazy, listener=self._listener)
        self._journals.add(journal)
        return journal

    @contextmanager
    def heard_by(self, listener: Listener | None) -> Iterator[None]:
        """Let somebody hear what journals made in the meantime record, each time after it is durable."""
        before, self._listener = self._listener, listener
        try:
            yield
        finally:
            self._listener = before

    def add_trial(self, record: SweepRecord, trial: Trial) -> None:
        """Record a trial before it is started."""
        with closing(self.journal(record)) as journal:
            journal.add(trial)
            journal.commit()

    def update_trial(self, record: SweepRecord, trial: Trial, artifacts: Iterable[Artifact] = ()) -> None:
        """Record how a trial stands now, together with its artifacts.

        Raises:
            NotFoundError: when there is none of this number.
        """
        self.trial(record, trial.number)
        with closing(self.journal(record)) as journal:
            journal.update(trial, artifacts)
            journal.commit()

    def add_report(self, record: SweepRecord, number: int, report: Report) -> None:
        """Record a report. It is durable when this returns."""
        with closing(self.journal(record)) as journal:
            journal.report(number, report)
            journal.commit()

    def trials(self, record: SweepRecord, phase: Phase | None = None) -> list[Trial]:
        """All trials with their reports, by number."""
        return self._trials(record) if phase is None else self._trials(record, phase=phase)

    def _trials(self, record: SweepRecord, **wanted: Any) -> list[Trial]:
        """All trials, or those of a ``phase``, a ``number``, or ``numbers``."""
        with self._reads.connect() as connection:  # one transaction: everything of the same instant
            rows, segments, reports = (
                connection.execute(query, {"sweep": record.id} | wanted).all() for query in _of_trials(*wanted)
            )
        segments_of: dict[int, list[Segment]] = defaultdict(list)
        for row in segments:
            segments_of[row.number].append(read_segment(row))
        reports_of: dict[int, list[Report]] = defaultdict(list)
        for row in reports:
            reports_of[row.number].append(read_report(row))
        return [read_trial(row, tuple(segments_of[row.number]), tuple(reports_of[row.number])) for row in rows]

    def trials_numbered(self, record: SweepRecord, numbers: Iterable[int]) -> list[Trial]:
        """Some trials with their reports, by number; those that there are not are left out."""
        return self._trials(record, numbers=sorted(numbers))

    def numbers_of(self, record: SweepRecord, config_ids: Iterable[str]) -> list[int]:
        """Trials of all phases that have, or had last, one of these configs."""
        trials = tables.trials
        chosen = (trials.c.sweep_id == record.id) & trials.c.config_id.in_(list(config_ids))
        with self._reads.connect() as connection:
            return list(connection.scalars(sa.select(trials.c.number).where(chosen).order_by(trials.c.number)))

    def counts(self, record: SweepRecord) -> dict[tuple[Phase, State], int]:
        """How many trials there are of each phase and state."""
        trials = tables.trials
        query = sa.select(trials.c.phase, trials.c.state, sa.func.count()).where(trials.c.sweep_id == record.id)
        with self._reads.connect() as connection:
            rows = connection.execute(query.group_by(trials.c.phase, trials.c.state)).all()
        return {(Phase(phase), State(state)): count for phase, state, count in rows}

    def mark(self, record: SweepRecord) -> tuple[Any, ...]:
        """What is another value whenever something was recorded of the sweep; see :func:`.mark.read_mark`."""
        with self._reads.connect() as connection:
            return read_mark(connection, record.id)

    def standings(
        self, record: SweepRecord, metrics: Sequence[str], states: Collection[State] = tuple(State)
    ) -> Standings:
        """How the trials of the search stand, by columns; many times faster than :meth:`trials`.

        Args:
            metrics: the objective's, which is in every report, then others to know the last values of.
            states: of the trials.
        """
        with self._reads.connect() as connection:
            return read_standings(connection, record.id, metrics, states)

    def last_values(self, record: SweepRecord, metric: str, count: int, least: int) -> dict[int, list[float]]:
        """The last ``count`` values of search trials with ``least`` reports or more, by number."""
        with self._reads.connect() as connection:
            return read_last_values(connection, record.id, metric, count, least)

    def trial(self, record: SweepRecord, number: int) -> Trial:
        """One trial.

        Raises:
            NotFoundError: when there is none of this number.
        """
        found = self._trials(record, number=number)
        if found:
            return found[0]
        numbers = [trial.number for trial in self.trials(record)]
        known = f"it has {min(numbers)} to {max(numbers)}" if numbers else "it has none yet"
        raise NotFoundError(f"sweep {record.name!r} has no trial {number}: {known}")

    def events(self, record: SweepRecord) -> list[Event]:
        """What happened beside reports, in order."""
        query = tables.events.select().where(tables.events.c.sweep_id == record.id).order_by(tables.events.c.order)
        with self._reads.connect() as connection:
            return [Event(r.order, EventKind(r.kind), r.number, r.detail) for r in connection.execute(query)]

    def artifacts(self, record: SweepRecord, kind: str | None = None) -> list[Artifact]:
        """Files of the sweep's trials, by trial number."""
        where = tables.artifacts.c.sweep_id == record.id
        if kind is not None:
            where &= tables.artifacts.c.kind == kind
        query = tables.artifacts.select().where(where).order_by(tables.artifacts.c.number, tables.artifacts.c.kind)
        with self._reads.connect() as connection:
            rows = connection.execute(query).all()
        return [Artifact(row.number, row.kind, row.path, row.sha256, row.bytes) for row in rows]

    def _names(self) -> list[str]:
        with self._reads.connect() as connection:
            return list(connection.scalars(sa.select(tables.sweeps.c.name).order_by(tables.sweeps.c.id)))


def _release(engine: sa.Engine, journals: WeakSet[Journal]) -> None:
    for journal in list(journals):
        journal.close()
    engine.dispose()


@cache
def _of_trials(by: str = "") -> tuple[sa.Select[Any], ...]:
    """Rows of trials, segments and reports, of all trials of a sweep or of some: made once, as that takes a while."""
    trials = tables.trials
    which = {
        "": sa.true(),
        "phase": trials.c.phase == sa.bindparam("phase"),
        "number": trials.c.number == sa.bindparam("number"),
        "numbers": trials.c.number.in_(sa.bindparam("numbers", expanding=True)),
    }[by]
    made = [trials.select().where(trials.c.sweep_id == sa.bindparam("sweep"), which).order_by(trials.c.number)]
    for table, place in ((tables.segments, tables.segments.c.index), (tables.reports, tables.reports.c.order)):
        rows = table.select().where(table.c.sweep_id == sa.bindparam("sweep")).order_by(place)
        if by:  # in a subquery: of a join SQLite would read all reports of the sweep
            found = sa.select(trials.c.number).where(trials.c.sweep_id == sa.bindparam("sweep"), which)
            rows = rows.where(table.c.number.in_(found))
        made.append(rows)
    return tuple(made)
