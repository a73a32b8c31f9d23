"""A sweep in the words of Optuna's journal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from ...search import Report, State, Trial
from ...spaces import Config
from .mirror import Mirrored
from .optuna_space import OptunaSpace

if TYPE_CHECKING:
    from optuna.storages.journal import BaseJournalBackend

Line = dict[str, Any]

_WRITER = "assay"
_STUDY = 0


class _Op(IntEnum):
    """What a line says (``JournalOperation`` in optuna/storages/journal/_storage.py)."""

    CREATE_STUDY = 0
    STUDY_USER_ATTR = 2
    STUDY_SYSTEM_ATTR = 3
    CREATE_TRIAL = 4
    PARAM = 5
    STATE = 6
    INTERMEDIATE = 7
    USER_ATTR = 8
    SYSTEM_ATTR = 9


class _State(IntEnum):
    """``optuna.trial.TrialState``."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3


_STATES = {State.COMPLETE: _State.COMPLETE, State.STOPPED: _State.PRUNED, State.FAILED: _State.FAIL}


class OptunaLog:
    """Makes the lines of a journal with one study. Each method returns those that are new.

    Optuna's own writer locks, syncs and reads the file again for each line, and keeps all trials in memory: 1 ms a
    line, and 5 kB a trial. A journal with one writer needs neither.

    A trial that waits counts as running, because Optuna has no word for it. Times are wall-clock times for what is told
    as it happens; for what was recorded before they follow from the search time, which leaves out breaks.
    """

    def __init__(self, mirrored: Mirrored) -> None:
        self._mirrored = mirrored
        self._objectives = mirrored.sweep.objectives
        self._space = OptunaSpace([sweep.parameters for sweep in mirrored.revisions])
        self._made = 0
        self._open: dict[int, tuple[int, Config]] = {}  # by number: Optuna's id, and the config it knows
        self._latest = 0.0

    def begin(self) -> list[Line]:
        """The study, with the names and directions of its metrics."""
        directions = [1 if objective.goal == "minimize" else 2 for objective in self._objectives]
        names = [objective.metric for objective in self._objectives]
        sweep = self._mirrored.sweep
        lines = [
            _line(_Op.CREATE_STUDY, study_name=sweep.name, directions=directions),
            _line(_Op.STUDY_SYSTEM_ATTR, study_id=_STUDY, system_attr={"study:metric_names": names}),
        ]
        if sweep.description:
            text = {"description": sweep.description}
            lines.append(_line(_Op.STUDY_USER_ATTR, study_id=_STUDY, user_attr=text))
        return lines

    def on_trial(self, trial: Trial) -> list[Line]:
        """See :class:`Mirror`."""
        if trial.number not in self._open:
            return [self._new(trial)]
        number, known = self._open[trial.number]
        lines = [] if known == trial.config else list(self._changed(number, trial.config))
        self._open[trial.number] = number, trial.config
        if trial.state.over:
            del self._open[trial.number]
            lines += self._ended(number, trial)
        return lines

    def on_report(self, number: int, report: Report) -> list[Line]:
        """See :class:`Mirror`."""
        self._latest = max(self._latest, report.elapsed)
        value = self._intermediate(report)
        if number not in self._open or value is None:
            return []
        return [_line(_Op.INTERMEDIATE, trial_id=self._open[number][0], step=report.step, intermediate_value=value)]

    def _new(self, trial: Trial) -> Line:
        params, distributions, outside = self._space.encode(trial.config)
        first = {"number": trial.number, "config_id": trial.config.config_id, "seed": trial.seed}
        line = _line(
            _Op.CREATE_TRIAL,
            study_id=_STUDY,
            datetime_start=self._started(trial),
            state=_STATES.get(trial.state, _State.RUNNING),
            params=params,
            distributions=distributions,
            user_attrs=first | outside,
            system_attrs={},
            intermediate_values=self._curve(trial),
            value=None,
            values=None,
        )
        for report in trial.reports[-1:]:
            self._latest = max(self._latest, report.elapsed)
        if trial.state.over:
            values = self._values(trial)
            line |= {"value": values[0] if values and len(values) == 1 else None}
            line |= {"values": values if values and len(values) > 1 else None}
            line["datetime_complete"] = self._at(trial.reports[-1].elapsed if trial.reports else self._latest)
            line["user_attrs"] |= self._attributes(trial)
            line["system_attrs"] |= self._constraints(trial)
        else:
            self._open[trial.number] = self._made, trial.config
        self._made += 1
        return line

    def _changed(self, number: int, config: Config) -> Iterator[Line]:
        """Parameters that another segment has otherwise."""
        params, distributions, outside = self._space.encode(config)
        for name, internal in params.items():
            what = {"param_name": name, "param_value_internal": internal, "distribution": distributions[name]}
            yield _line(_Op.PARAM, trial_id=number, **what)
        for name, value in ({"config_id": config.config_id} | outside).items():
            yield _line(_Op.USER_ATTR, trial_id=number, user_attr={name: value})

    def _ended(self, number: int, trial: Trial) -> Iterator[Line]:
        for name, value in self._attributes(trial).items():
            yield _line(_Op.USER_ATTR, trial_id=number, user_attr={name: value})
        for name, value in self._constraints(trial).items():
            yield _line(_Op.SYSTEM_ATTR, trial_id=number, system_attr={name: value})
        state, values = _STATES[trial.state], self._values(trial)
        yield _line(_Op.STATE, trial_id=number, state=state, values=values, datetime_complete=_text(_now()))

    def _attributes(self, trial: Trial) -> dict[str, Any]:
        """What is known of a trial at its end; metrics under their names."""
        wanted = {objective.metric for objective in self._objectives}
        others = {name: value for name, value in trial.metrics.items() if name not in wanted and _is_plain(value)}
        ends = {"seconds": trial.seconds, "last_step": trial.last_step, "attempts": trial.attempts}
        return others | ends | ({"reason": trial.reason} if trial.reason else {})

    def _constraints(self, trial: Trial) -> dict[str, list[float]]:
        """As Optuna's samplers leave them: at most 0 is within. Nothing unless all metrics are known."""
        limits, metrics = self._mirrored.sweep.objective.limits, trial.metrics
        if not limits or not all(_is_number(metrics.get(limit.metric)) for limit in limits):
            return {}
        low = [limit.min - metrics[limit.metric] for limit in limits if limit.min is not None]
        high = [metrics[limit.metric] - limit.max for limit in limits if limit.max is not None]
        return {"constraints": [float(gap) for gap in low + high]}

    def _values(self, trial: Trial) -> list[float] | None:
        """The last values of the objectives; None for a trial that has not all of them, or failed."""
        metrics = trial.metrics
        values = [metrics.get(objective.metric) for objective in self._objectives]
        known = trial.state is not State.FAILED and all(_is_number(value) for value in values)
        return [float(value) for value in values if value is not None] if known else None

    def _curve(self, trial: Trial) -> dict[int, float]:
        pairs = ((report.step, self._intermediate(report)) for report in trial.reports)
        return {step: value for step, value in pairs if value is not None}

    def _intermediate(self, report: Report) -> float | None:
        """Of one objective; Optuna has no curves of several."""
        value = report.metrics.get(self._objectives[0].metric)
        return float(value) if value is not None and len(self._objectives) == 1 and _is_number(value) else None

    def _started(self, trial: Trial) -> str:
        if trial.reports:
            return self._at(max(0.0, trial.reports[0].elapsed - trial.reports[0].seconds))
        return self._at(self._latest) if trial.state.over else _text(_now())

    def _at(self, elapsed: float) -> str:
        return _text(datetime.fromtimestamp(self._mirrored.record.created + elapsed, UTC))


def followed(lines: Sequence[Line], look: Callable[[], None]) -> BaseJournalBackend:
    """Lines, which may grow, as a storage of Optuna reads them; nothing can be written.

    Args:
        look: called before each reading; may add lines.
    """
    from optuna.storages.journal import BaseJournalBackend

    class Followed(BaseJournalBackend):
        def read_logs(self, log_number_from: int) -> Iterator[Line]:
            look()
            return iter(lines[log_number_from:])

        def append_logs(self, logs: list[Line]) -> None:
            raise PermissionError("this study may only be looked at: it is a mirror of a sweep")

    return Followed()


def _line(op: _Op, **what: Any) -> Line:
    return {"op_code": int(op), "worker_id": _WRITER, **what}


def _now() -> datetime:
    return datetime.now(UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (str, bool)) or _is_number(value)
