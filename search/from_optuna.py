"""Results of Optuna: a study in a database, or in a journal file."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from ..spaces import Categorical, Constant, Float, Integer, Parameter, SpaceError, UsageError, did_you_mean
from ..spaces.errors import shown
from .imported import Foreign, Imported, Point, find_name, is_number, left_out
from .trial import State

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

_SQLITE = b"SQLite format 3\0"
_LONGEST_LINE = 1_000_000
_UPGRADE = "optuna storage upgrade"


def read_optuna(storage: str | Path, study: str | None = None, metric: str | None = None) -> Foreign:
    """The trials of a study; nothing is written to its storage.

    Optuna's values have no name: the metric is called as the study says (``set_metric_names``), or ``value``. The value
    of a complete trial stands at its last report; what was reported there is kept as ``last_reported`` if it differs.
    Pruned trials count as stopped.

    Args:
        storage: a database URL such as ``sqlite:///study.db``, or the path of a SQLite or journal file.
        study: needed when there are several.
        metric: what the value is, instead of its name in the study.

    Raises:
        UsageError: for a storage that is not there or is none of Optuna, a study that is not in it, and one with
            several objectives.
    """
    opened, origin, file = _open(str(storage))
    try:
        with _explained(origin):
            found = _study(opened, study, origin)
            trials = found.get_trials(deepcopy=False)
            metric = metric or (found.metric_names or ["value"])[0]
            maximize = found.direction.name == "MAXIMIZE"
    finally:
        _close(opened)
    ended = [trial for trial in trials if trial.state.is_finished()]
    return Foreign(
        name=find_name(found.study_name),
        metric=metric,
        goal="maximize" if maximize else "minimize",
        trials=tuple(_imported(trial, metric) for trial in ended),
        origin=f"study {found.study_name!r} of {origin}",
        directory=str(file.parent) if file else "",
        notes=tuple(_notes(trials)),
        declared=_declared(ended),
    )


def _notes(trials: Sequence[FrozenTrial]) -> Iterable[str]:
    open_ones = Counter(trial.state.name.lower() for trial in trials if not trial.state.is_finished())
    return (left_out(count, "trial", f"in state {state}") for state, count in sorted(open_ones.items()))


# The storage


def _open(storage: str) -> tuple[BaseStorage, str, Path | None]:
    """A storage that is only read, what to call it, and its file if it has one.

    Raises:
        UsageError: when there is none, or it is something else.
    """
    if "://" not in storage:
        file = Path(storage).expanduser().resolve()
        return _open_file(file), str(file), file
    try:
        url = sa.make_url(storage)
    except sa.exc.ArgumentError:
        raise UsageError(
            f"{shown(storage)} is not a database URL: write sqlite:///study.db, or the path of a journal file"
        ) from None
    if url.get_backend_name() != "sqlite":
        hidden = url.render_as_string(hide_password=True)
        return _open_database(storage, hidden), hidden, None
    if not url.database or url.database == ":memory:":
        raise UsageError(f"{storage}: names no file: write sqlite:///study.db")
    file = Path(url.database).resolve()
    return _open_file(file), str(file), file


def _open_file(file: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    try:
        with file.open("rb") as content:
            start = content.readline(_LONGEST_LINE)
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
    if start.startswith(_SQLITE):
        address = f"file:{quote(str(file))}?mode=ro"
        options = {"creator": lambda: sqlite3.connect(address, uri=True, check_same_thread=False)}
        return _open_database("sqlite://", str(file), options)
    try:
        if start and "op_code" not in json.loads(start):
            raise ValueError  # Optuna takes a file of one broken line for an empty journal
        return JournalStorage(JournalFileBackend(str(file)))
    except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError, AssertionError) as error:
        raise UsageError(f"{file}: is neither a SQLite database nor a journal of Optuna") from error


def _open_database(url: str, name: str, options: dict[str, Any] | None = None) -> BaseStorage:
    from optuna.storages import RDBStorage

    try:
        with _explained(name):
            return RDBStorage(url, options, skip_table_creation=True)
    except RuntimeError as error:  # of another version
        cure = f"{_UPGRADE} --storage URL" if _UPGRADE in str(error) else "a newer version of optuna"
        raise UsageError(f"{name}: was written by another version of Optuna: use `{cure}` on a copy") from error


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Errors of the database as one line of ours."""
    from optuna.exceptions import OptunaError

    try:
        yield
    except (OptunaError, sa.exc.SQLAlchemyError, ImportError) as error:
        cause = error.__cause__ or error
        text = " ".join(str(getattr(cause, "orig", None) or cause).split())[:200]
        raise UsageError(f"{name}: cannot be read as a storage of Optuna: {text}") from error


def _close(storage: BaseStorage) -> None:
    from optuna.storages import RDBStorage

    storage.remove_session()
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def _study(storage: BaseStorage, name: str | None, origin: str) -> Study:
    import optuna

    names = sorted(study.study_name for study in storage.get_all_studies())
    if not names:
        raise UsageError(f"{origin}: there is no study in it")
    if name is None and len(names) > 1:
        raise UsageError(f"{origin}: has {len(names)} studies, choose one with --study: {', '.join(names)}")
    if name is not None and name not in names:
        raise UsageError(f"{origin}: has no study {name!r}{did_you_mean(name, names)}: there are {', '.join(names)}")
    study = optuna.load_study(study_name=name or names[0], storage=storage)
    if len(study.directions) > 1:
        metrics = f" ({', '.join(study.metric_names)})" if study.metric_names else ""
        raise UsageError(
            f"{origin}: study {study.study_name!r} has {len(study.directions)} objectives{metrics}, and one is "
            "supported: write study.trials_dataframe() to a file and import that, with --metric values_0"
        )
    return study


# Trials


def _imported(trial: FrozenTrial, metric: str) -> Imported:
    states = {"COMPLETE": State.COMPLETE, "PRUNED": State.STOPPED, "FAIL": State.FAILED}
    return Imported(
        number=trial.number,
        parameters=trial.params,
        state=states[trial.state.name],
        curve=tuple(_curve(trial, metric)),
        reason="failed; Optuna keeps no reason" if trial.state.name == "FAIL" else "",
        seconds=None if trial.duration is None else trial.duration.total_seconds(),
        began=None if trial.datetime_start is None else trial.datetime_start.timestamp(),
        ended=None if trial.datetime_complete is None else trial.datetime_complete.timestamp(),
    )


def _curve(trial: FrozenTrial, metric: str) -> list[Point]:
    points = [Point(step, {metric: value}) for step, value in sorted(trial.intermediate_values.items())]
    if trial.state.name != "COMPLETE":
        return points
    step = points[-1].step if points else 1
    reported = points[-1].metrics[metric] if points else trial.value
    others: dict[str, Any] = {name: value for name, value in trial.user_attrs.items() if is_number(value)}
    if reported != trial.value:
        others["last_reported"] = reported
    return [*points[:-1], Point(step, others | {metric: trial.value})]


# The space


def _declared(trials: Sequence[FrozenTrial]) -> dict[str, Parameter]:
    """Parameters as Optuna knows them, wide enough for every value tried."""
    seen: dict[str, list[BaseDistribution]] = {}
    values: dict[str, list[Any]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            seen.setdefault(name, []).append(distribution)
            values.setdefault(name, []).append(trial.params[name])
    made = {name: _parameter(seen[name], values[name]) for name in seen}
    return {name: parameter for name, parameter in made.items() if parameter is not None}


def _parameter(kinds: Sequence[BaseDistribution], values: Sequence[Any]) -> Parameter | None:
    """None when it cannot be said: then the values seen have to do."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    try:
        if isinstance(kinds[0], CategoricalDistribution):
            choices = kinds[0].choices
            return Categorical(choices) if len(choices) > 1 else Constant(choices[0])
        ranges = [kind for kind in kinds if isinstance(kind, (FloatDistribution, IntDistribution))]
        return _range(ranges, values) if len(ranges) == len(kinds) else None
    except SpaceError:
        return None


def _range(kinds: Sequence[FloatDistribution | IntDistribution], values: Sequence[Any]) -> Parameter:
    """The range that holds all that were declared, which may differ from trial to trial, and all values."""
    low = min([*(kind.low for kind in kinds), *values])
    high = max([*(kind.high for kind in kinds), *values])
    if low == high:
        return Constant(low)
    log = low > 0 and all(kind.log for kind in kinds)
    whole = all(isinstance(kind.low, int) for kind in kinds)
    steps = {kind.step for kind in kinds}
    try:
        parameter = _made(low, high, log, steps.pop() if len(steps) == 1 else None, whole=whole)
        for value in values:
            parameter.check(value)
    except SpaceError:  # the declared grids do not fit together
        return _made(low, high, log, None, whole=whole)
    return parameter


def _made(low: Any, high: Any, log: bool, step: Any, *, whole: bool) -> Parameter:
    return Integer(low, high, log, step or 1) if whole else Float(low, high, log, step)
