"""The events of imported trials, in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from ..spaces import Config
from .trial import Phase, Report, Trial

if TYPE_CHECKING:
    from .imported import Imported, Point


def as_trials(trials: Sequence[Imported], configs: Mapping[int, Config]) -> list[Trial]:
    """Trials as the ledger keeps them: those that have a config, each event with its position among all.

    Args:
        trials: in the order in which they were started, as far as it is not recorded.
        configs: by number.
    """
    kept = [trial for trial in trials if trial.number in configs]
    times = _times(kept)
    events = sorted((at, number, index) for number, moments in times.items() for index, at in enumerate(moments))
    order = {(number, index): position for position, (_, number, index) in enumerate(events)}
    first = events[0][0] if events else 0.0
    return [_trial(trial, configs[trial.number], times[trial.number], order, first) for trial in kept]


def _times(trials: Sequence[Imported]) -> dict[int, list[float]]:
    """When each trial was asked for, started, made its reports and ended, by number; never backwards.

    What is not recorded is put where it fits: the start where the trial before ended, reports at even distances.
    """
    times: dict[int, list[float]] = {}
    before = min((trial.began for trial in trials if trial.began is not None), default=0.0)
    for trial in trials:
        began = before if trial.began is None else trial.began
        length = _seconds(trial)
        ended = began + length if trial.ended is None else trial.ended
        spread = max(0.0, ended - began) / max(1, len(trial.curve))
        reports = [_moment(point, began, index * spread) for index, point in enumerate(trial.curve, start=1)]
        times[trial.number] = list(accumulate([began, began, *reports, ended], max))
        before = times[trial.number][-1]
    return times


def _moment(point: Point, began: float, otherwise: float) -> float:
    if point.at is not None:
        return point.at
    return began + (otherwise if point.seconds is None else point.seconds)


def _seconds(trial: Imported) -> float:
    """How long it trained; 0 when nothing says so."""
    if trial.seconds is not None:
        return max(0.0, trial.seconds)
    known = [point.seconds for point in trial.curve if point.seconds is not None]
    if known or trial.began is None or trial.ended is None:
        return max([0.0, *known])
    return max(0.0, trial.ended - trial.began)


def _trial(
    trial: Imported, config: Config, times: Sequence[float], order: Mapping[tuple[int, int], int], first: float
) -> Trial:
    position = [order[trial.number, index] for index in range(len(times))]
    reports = tuple(
        Report(
            step=point.step,
            metrics=dict(point.metrics),
            elapsed=at - first,
            order=place,
            seconds=at - times[1] if point.seconds is None else point.seconds,
        )
        for point, at, place in zip(trial.curve, times[2:-1], position[2:-1], strict=True)
    )
    return Trial(
        trial.number,
        Phase.SEARCH,
        trial.state,
        config,
        seed=0,
        split=0,
        attempts=1,
        reason=trial.reason,
        detail=trial.detail,
        seconds=_seconds(trial),
        asked=position[0],
        started=position[1],
        ended=position[-1],
        reports=reports,
    )
