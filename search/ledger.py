"""The durable record of every sweep, trial, report and artifact."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..spaces import Config, NotFoundError, SweepExistsError, UsageError, did_you_mean
from . import tables
from .database import open_database, writing
from .sweep import Sweep
from .trial import Phase, Report, State, Trial

_VERSION = sa.select(tables.versions.c.version)
_CHANGING = ("state", "attempts", "reason", "detail", "seconds", "ended", "resplit", "testable", "data_id")
"""What of a trial is not known when it starts."""


@dataclass(frozen=True)
class SweepRecord:
    """A sweep in the ledger.

    Args:
        directory: folder of the sweep file, from which ``trainable`` is seen.
        state: ``running``, ``stopped`` (resumable), ``finished`` or ``failed``. A driver that was killed leaves
            ``running``.
        note: what a person should know about the state.
        created: seconds since the epoch.
    """

    id: int
    sweep: Sweep
    directory: str
    state: str
    note: str
    created: float

    @property
    def name(self) -> str:
        """The sweep's name in the store."""
        return self.sweep.name


@dataclass(frozen=True)
class Artifact:
    """A file that belongs to a trial; ``path`` is relative to the store."""

    trial: int
    kind: str
    path: str
    sha256: str
    bytes: int


class Ledger:
    """One store of sweeps: a folder with ``ledger.db`` (SQLite in WAL mode) and the files of each sweep.

    One process writes a sweep, any number read. A method that writes returns after the commit, so what it recorded
    survives a kill of any process.
    """

    def __init__(self, store: str | Path, *, create: bool = False) -> None:
        """Open the store.

        Raises:
            NotFoundError: when there is none and ``create`` is false.
            UsageError: when a newer version of Assay wrote it, or it is no ledger.
        """
        self.store = Path(store).expanduser().absolute()
        file = self.store / "ledger.db"
        if not create and not file.is_file():
            raise NotFoundError(
                f"no sweeps in {self.store}: run one there, or name another store with --store or ASSAY_STORE"
            )
        try:
            self.store.mkdir(parents=True, exist_ok=True)
            self._engine = open_database(file)
            self._check_version()
        except (OSError, sa.exc.DatabaseError) as error:
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
            raise UsageError(f"{file} cannot be opened as a ledger: {cause}") from error

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

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
            with self._engine.begin() as connection:
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
            f"sweep {name!r} is already in {self.store}: `assay resume {name}` {how}, "
            f"`--name {name}-2` or `--new` starts another"
        )

    def sweeps(self) -> list[SweepRecord]:
        """All sweeps, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(tables.sweeps.select().order_by(tables.sweeps.c.id)).all()
        return [_sweep_record(row) for row in rows]

    def sweep(self, name: str) -> SweepRecord:
        """The sweep called ``name``; ``@last`` is the newest.

        Raises:
            NotFoundError: with the closest name.
        """
        names = self._names()
        wanted = names[-1] if name == "@last" and names else name
        with self._engine.connect() as connection:
            row = connection.execute(tables.sweeps.select().where(tables.sweeps.c.name == wanted)).first()
        if row is not None:
            return _sweep_record(row)
        shown = f"; there are: {', '.join(names[-10:])}" if names else ""
        raise NotFoundError(f"no sweep {name!r} in {self.store}{did_you_mean(name, names)}{shown}")

    def set_state(self, record: SweepRecord, state: str, note: str = "") -> None:
        """Change the state of a sweep."""
        change = tables.sweeps.update().where(tables.sweeps.c.id == record.id).values(state=state, note=note)
        with self._engine.begin() as connection:
            connection.execute(change)

    # Trials

    def add_trial(self, record: SweepRecord, trial: Trial) -> None:
        """Record a trial before it is started."""
        row = {
            "sweep_id": record.id,
            "number": trial.number,
            "phase": trial.phase,
            "state": trial.state,
            "config": dict(trial.config),
            "config_id": trial.config.config_id,
            "seed": trial.seed,
            "split": trial.split,
            "parent": trial.parent,
            "started": trial.started,
        }
        with self._engine.begin() as connection:
            connection.execute(tables.trials.insert().values(row))

    def update_trial(self, record: SweepRecord, trial: Trial, artifacts: Iterable[Artifact] = ()) -> None:
        """Record how a trial stands now, together with its artifacts."""
        key = _trial_key(record, trial.number)
        change = {name: getattr(trial, name) for name in _CHANGING}
        with self._engine.begin() as connection:
            if not connection.execute(tables.trials.update().where(key).values(change)).rowcount:
                raise NotFoundError(f"sweep {record.name!r} has no trial {trial.number}")
            for artifact in artifacts:
                identity = sa.select(tables.trials.c.id).where(key).scalar_subquery()
                same = (tables.artifacts.c.trial_id == identity) & (tables.artifacts.c.kind == artifact.kind)
                connection.execute(tables.artifacts.delete().where(same))
                connection.execute(
                    tables.artifacts.insert().values(
                        trial_id=identity,
                        kind=artifact.kind,
                        path=artifact.path,
                        sha256=artifact.sha256,
                        bytes=artifact.bytes,
                    )
                )

    def add_report(self, record: SweepRecord, number: int, report: Report) -> None:
        """Record a report. It is durable when this returns."""
        identity = sa.select(tables.trials.c.id).where(_trial_key(record, number)).scalar_subquery()
        row = {
            "trial_id": identity,
            "step": report.step,
            "metrics": report.metrics,
            "elapsed": report.elapsed,
            "order": report.order,
            "checkpoint": report.checkpoint,
            "seconds": report.seconds,
        }
        with self._engine.begin() as connection:
            connection.execute(tables.reports.insert().values(row))

    def trials(self, record: SweepRecord, phase: Phase | None = None) -> list[Trial]:
        """All trials with their reports, by number."""
        where = tables.trials.c.sweep_id == record.id
        return self._trials(where if phase is None else where & (tables.trials.c.phase == phase))

    def _trials(self, where: sa.ColumnElement[bool]) -> list[Trial]:
        with self._engine.connect() as connection:  # one transaction: trials and reports of the same instant
            rows = connection.execute(tables.trials.select().where(where).order_by(tables.trials.c.number)).all()
            reports = connection.execute(
                sa.select(tables.reports)
                .join(tables.trials)
                .where(where)
                .order_by(tables.reports.c.trial_id, tables.reports.c.step)
            ).all()
        by_trial: dict[int, list[Report]] = defaultdict(list)
        for row in reports:
            report = Report(row.step, row.metrics, row.elapsed, row.order, row.checkpoint, row.seconds)
            by_trial[row.trial_id].append(report)
        return [_with_reports(_trial(row), tuple(by_trial[row.id])) for row in rows]

    def trial(self, record: SweepRecord, number: int) -> Trial:
        """One trial.

        Raises:
            NotFoundError: when there is none of this number.
        """
        found = self._trials(_trial_key(record, number))
        if found:
            return found[0]
        numbers = [trial.number for trial in self.trials(record)]
        known = f"it has {min(numbers)} to {max(numbers)}" if numbers else "it has none yet"
        raise NotFoundError(f"sweep {record.name!r} has no trial {number}: {known}")

    def artifacts(self, record: SweepRecord, kind: str | None = None) -> list[Artifact]:
        """Files of the sweep's trials, by trial number."""
        where = tables.trials.c.sweep_id == record.id
        if kind is not None:
            where &= tables.artifacts.c.kind == kind
        query = (
            sa.select(tables.trials.c.number, tables.artifacts)
            .join(tables.trials)
            .where(where)
            .order_by(tables.trials.c.number, tables.artifacts.c.kind)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Artifact(row.number, row.kind, row.path, row.sha256, row.bytes) for row in rows]

    def _names(self) -> list[str]:
        with self._engine.connect() as connection:
            return list(connection.scalars(sa.select(tables.sweeps.c.name).order_by(tables.sweeps.c.id)))

    def _check_version(self) -> None:
        with self._engine.connect() as connection:
            known = sa.inspect(connection).get_table_names()
            found = connection.execute(_VERSION).scalar() if tables.versions.name in known else None
        if found is None and known:
            raise UsageError(f"{self.store / 'ledger.db'} is a database of something else: name another store")
        if found is None:
            self._create()
        elif found > tables.SCHEMA_VERSION:
            raise UsageError(
                f"{self.store} was written by a newer version of Assay (schema {found}, this version reads "
                f"{tables.SCHEMA_VERSION}): upgrade assay"
            )

    def _create(self) -> None:
        with writing(self._engine).begin() as connection:
            tables.metadata.create_all(connection)
            if connection.execute(_VERSION).scalar() is None:  # else another process was first
                connection.execute(tables.versions.insert().values(version=tables.SCHEMA_VERSION))


def _with_reports(trial: Trial, reports: tuple[Report, ...]) -> Trial:
    """A driver that was killed recorded a trial's seconds only with its reports."""
    return replace(trial, reports=reports, seconds=max([trial.seconds, *(report.seconds for report in reports)]))


def _trial_key(record: SweepRecord, number: int) -> sa.ColumnElement[bool]:
    return (tables.trials.c.sweep_id == record.id) & (tables.trials.c.number == number)


def _sweep_record(row: Any) -> SweepRecord:
    return SweepRecord(row.id, Sweep.make(row.spec), row.directory, row.state, row.note, row.created)


def _trial(row: Any) -> Trial:
    plain = {name: getattr(row, name) for name in ("number", "seed", "split", "parent", "started", *_CHANGING)}
    return Trial(**{**plain, "phase": Phase(row.phase), "state": State(row.state), "config": Config(row.config)})
