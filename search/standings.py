"""How the trials of a search stand, by columns: what a ranking of very many needs, and no more."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from .trial import Phase, State

# One row per trial, with its newest report, which the key of the reports finds. On SQLite and PostgreSQL alike.
_NEWEST = sa.text(
    """
    SELECT t.number, t.state, t.config_id, r.segment, r.step, CAST(r.metrics AS TEXT)
    FROM trials t LEFT JOIN reports r
      ON r.sweep_id = t.sweep_id AND r.number = t.number AND (r.segment, r.step) = (
        SELECT q.segment, q.step FROM reports q WHERE q.sweep_id = t.sweep_id AND q.number = t.number
        ORDER BY q.segment DESC, q.step DESC LIMIT 1)
    WHERE t.sweep_id = :sweep AND t.phase = :phase AND t.state IN :states ORDER BY t.number
    """
).bindparams(sa.bindparam("states", expanding=True))
_SEGMENTS = sa.text('SELECT number, "index", first_step FROM segments WHERE sweep_id = :sweep ORDER BY number, "index"')
_CURVES = sa.text(
    """
    SELECT r.number, CAST(r.metrics AS TEXT) FROM reports r JOIN trials t
      ON t.sweep_id = r.sweep_id AND t.number = r.number
    WHERE r.sweep_id = :sweep AND t.phase = :phase ORDER BY r.number, r.segment, r.step
    """
)


@dataclass(frozen=True)
class Standings:
    """Trials of a search; all columns have the same order, by number.

    Args:
        numbers: shape (n,).
        states: values of :class:`State`, shape (n,).
        config_ids: shape (n,).
        steps: as ``Trial.last_step``, shape (n,).
        values: of the first metric at the last report, shape (n,); NaN before the first.
        metrics: the last value of each metric that was asked for and reported, as in ``Trial.metrics``.
        changed: whether configs of trials were changed on the way.
    """

    numbers: npt.NDArray[np.int64]
    states: npt.NDArray[np.str_]
    config_ids: npt.NDArray[np.str_]
    steps: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    metrics: Sequence[dict[str, Any]]
    changed: bool

    @property
    def scored(self) -> npt.NDArray[np.bool_]:
        """Which trials have a score, shape (n,): they reported, and did not fail."""
        found: npt.NDArray[np.bool_] = ~np.isnan(self.values) & (self.states != State.FAILED)
        return found

    def long(self, reports: int) -> bool:
        """Whether some trial may have so many reports or more; those of a trial that was changed can repeat steps."""
        return self.changed or bool(np.any(self.steps >= reports))

    def __len__(self) -> int:
        return len(self.numbers)


def read_standings(
    connection: sa.Connection, sweep_id: int, metrics: Sequence[str], states: Collection[State]
) -> Standings:
    """See :meth:`.Ledger.standings`."""
    key = {"sweep": sweep_id, "phase": Phase.SEARCH}
    rows = connection.execute(_NEWEST, key | {"states": list(states)}).all()
    numbers, found, config_ids, segments, steps, texts = zip(*rows, strict=True) if rows else ((),) * 6
    newest = _parsed(texts)
    begun = {number: (index, first) for number, index, first in connection.execute(_SEGMENTS, {"sweep": sweep_id})}
    values = [np.nan if own is None else float(own[metrics[0]]) for own in newest]
    wanted = set(metrics)
    latest = [{} if own is None else {name: own[name] for name in wanted & own.keys()} for own in newest]
    if any(own is not None and len(known) < len(wanted) for own, known in zip(newest, latest, strict=True)):
        earlier = _latest(connection, key, wanted)
        latest = [earlier.get(number, {}) for number in numbers]
    return Standings(
        np.array(numbers, dtype=np.int64),
        np.array(found, dtype=np.str_),
        np.array(config_ids, dtype=np.str_),
        np.array(_steps(begun, numbers, segments, steps), dtype=np.int64),
        np.array(values, dtype=np.float64),
        latest,
        bool(begun),
    )


def read_last_values(
    connection: sa.Connection, sweep_id: int, metric: str, count: int, least: int
) -> dict[int, list[float]]:
    """See :meth:`.Ledger.last_values`."""
    curves: dict[int, list[str]] = defaultdict(list)
    for number, text in connection.execute(_CURVES, {"sweep": sweep_id, "phase": Phase.SEARCH}):
        curves[number].append(text)
    long = {number: texts[-count:] for number, texts in curves.items() if len(texts) >= least}
    return {number: [float(own[metric]) for own in map(json.loads, texts)] for number, texts in long.items()}


def _parsed(texts: Sequence[str | None]) -> list[dict[str, Any] | None]:
    """All at once: one document is read many times faster than a hundred thousand."""
    found: list[dict[str, Any] | None] = json.loads(f"[{','.join(text or 'null' for text in texts)}]")
    return found


def _latest(connection: sa.Connection, key: dict[str, Any], wanted: Collection[str]) -> dict[int, dict[str, Any]]:
    """Metrics that are not part of every report, from all of them."""
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for number, text in connection.execute(_CURVES, key):
        found[number] |= {name: value for name, value in json.loads(text).items() if name in wanted}
    return found


def _steps(
    begun: Mapping[int, tuple[int, int]],
    numbers: Sequence[int],
    segments: Sequence[int | None],
    steps: Sequence[int | None],
) -> list[int]:
    """Of the last report, or of the copy that a trial goes on from and has not reported since."""
    found = []
    for number, segment, step in zip(numbers, segments, steps, strict=True):
        index, first = begun.get(number, (segment, 0))
        found.append(step if step is not None and index == segment else first)
    return found
