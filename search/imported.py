"""Results of another tool on their way into the ledger: what was seen of each trial, and the sweep that it makes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from ..spaces import Goal, Objective, Parameter, SweepError, UsageError, did_you_mean
from ..spaces.errors import shown
from .imported_events import as_trials
from .imported_space import derive_space, fit_configs, plain_values
from .sweep import Sweep, slug
from .trial import State, Trial

_SHOWN = 12


@dataclass(frozen=True)
class Point:
    """One report of a trial.

    Args:
        step: a whole number; a curve may begin at 0.
        metrics: all that was reported; what is no finite number is left out later.
        at: seconds since the epoch; None when not recorded.
        seconds: of the trial's training up to here; None when not recorded.
    """

    step: int
    metrics: Mapping[str, Any]
    at: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Imported:
    """What the source knows of one trial that has ended.

    Args:
        number: unique in the source; trials were started in this order where ``began`` does not say otherwise.
        parameters: by name, flat or nested, as the source has them.
        state: complete, stopped or failed.
        curve: its reports, in the order they were made; of several with the same step the last counts.
        reason, detail: why it failed (one line), and the traceback.
        seconds: of training; None when not recorded.
        began, ended: seconds since the epoch; None when not recorded.
        changed: parameters (with dotted names) that had several values while it trained.
    """

    number: int
    parameters: Mapping[str, Any]
    state: State
    curve: tuple[Point, ...] = ()
    reason: str = ""
    detail: str = ""
    seconds: float | None = None
    began: float | None = None
    ended: float | None = None
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Foreign:
    """The results of another tool, as a reader found them.

    Args:
        name: what the sweep may be called.
        metric, goal: what was optimised.
        trials: those that have ended.
        origin: where they come from, for people: ``the Ray Tune experiment /home/me/asha``.
        directory: folder of the source; empty when it is not in a folder.
        unit: what one step stands for.
        notes: what a reader of the results should know, such as trials that were left out.
        declared: parameters of which the source knows more than the values tried.
        empty_is_null: the source cannot tell a parameter that is null from one that is absent.
    """

    name: str
    metric: str
    goal: Goal
    trials: tuple[Imported, ...]
    origin: str
    directory: str = ""
    unit: str = "step"
    notes: tuple[str, ...] = ()
    declared: Mapping[str, Parameter] = field(default_factory=dict)
    empty_is_null: bool = False


def to_sweep(
    foreign: Foreign, name: str | None = None, *, sweep: Sweep | None = None, drop: Iterable[str] = ()
) -> tuple[Sweep, list[Trial]]:
    """The sweep that the results make, and its trials, all in phase search.

    Without ``sweep`` the space is what was seen: see :func:`derive_space`. A failed trial that does not fit it, because
    it ended before it asked for all parameters, is left out. So is a report without a finite value of the metric; a
    trial whose last one is not finite, or that ended in full without any, counts as failed.

    Args:
        name: instead of the source's.
        sweep: what the results have to fit.
        drop: parameters to leave out, by name or by the group of nested ones.

    Raises:
        UsageError: when no trial has ended, or ``drop`` names what no trial has.
        SpaceError: for parameters that no space can hold, and configs that do not fit the sweep.
        SweepError: when the sweep has another objective or shorter runs.
    """
    if not foreign.trials:
        notes = "".join(f"; {note}" for note in foreign.notes)
        raise UsageError(f"{foreign.origin} has no trial that has ended: nothing to import{notes}")
    called = foreign.name if name is None else name
    longest, trials = _measured(foreign)
    values = plain_values({trial.number: trial.parameters for trial in trials}, _changed(trials), drop)
    if sweep is not None:
        _refuse_other(sweep, foreign, longest)
        made = Sweep.make(sweep.model_dump(mode="json") | {"name": called})
        configs = fit_configs(sweep.parameters, values, empty_is_null=foreign.empty_is_null)
        return made, as_trials(trials, configs)
    failed = {trial.number for trial in trials if trial.state is State.FAILED}
    space = derive_space(values, failed, foreign.declared)
    configs = fit_configs(space, values, may_lack=failed)
    made = Sweep(
        name=called,
        description=f"imported from {foreign.origin}; searcher and scheduler are not what ran",
        objectives=[{"metric": foreign.metric, "goal": foreign.goal}],
        parameters=space,
        fidelity={"unit": foreign.unit, "max": longest} if longest > 1 else None,
        budget={"trials": len(configs)},
    )
    return made, as_trials(trials, configs)


def find_objective(metric: str | None, goal: str | None, seen: Sequence[str], origin: str) -> Objective:
    """The objective of results in which the metrics ``seen`` were found.

    Raises:
        UsageError: when one of the two is missing, or no trial has the metric.
        SpaceError: when ``goal`` is neither maximize nor minimize.
    """
    there_are = f"it has {_listed(seen)}" if seen else "it has no metric at all"
    if metric is None:
        raise UsageError(f"{origin} does not say which metric was optimised: name it with --metric ({there_are})")
    if metric not in seen and seen:
        raise UsageError(f"{origin} has no metric {metric!r}{did_you_mean(metric, seen)}: {there_are}")
    if goal is None:
        raise UsageError(
            f"{origin} does not say which direction of {metric!r} is better: add --goal maximize or --goal minimize"
        )
    return Objective(metric, goal)  # type: ignore[arg-type]  # which it checks


def find_name(text: str) -> str:
    """``text`` as the name of a sweep."""
    return slug(text, "imported")


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether ``value`` is a number, finite or not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def left_out(count: int, what: str, which: str) -> str:
    """``3 trials that had not ended were left out``."""
    return f"1 {what} {which} was left out" if count == 1 else f"{count} {what}s {which} were left out"


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{', '.join(words[:_SHOWN])}{more}"


def _changed(trials: Iterable[Imported]) -> dict[str, list[int]]:
    """The trials in which a parameter changed on the way, by its name."""
    found: dict[str, list[int]] = {}
    for trial in trials:
        for name in sorted(trial.changed):
            found.setdefault(name, []).append(trial.number)
    return found


def _refuse_other(sweep: Sweep, foreign: Foreign, longest: int) -> None:
    objective = sweep.objective
    if objective.others:
        raise SweepError(
            f"objectives: the sweep file has {len(sweep.objectives)} objectives, and results are imported for one: "
            f"keep {foreign.metric!r}"
        )
    if (objective.metric, objective.goal) != (foreign.metric, foreign.goal):
        raise SweepError(
            f"objectives: the sweep file is to {objective.goal} {objective.metric!r}, the results are to "
            f"{foreign.goal} {foreign.metric!r}: change the file, or name the metric and goal of the file"
        )
    if sweep.fidelity is not None and sweep.fidelity.max < longest:
        raise SweepError(
            f"fidelity: max is {sweep.fidelity.max} in the sweep file, but a trial has a report of step {longest}: "
            f"write max: {longest}"
        )


# Curves


def _measured(foreign: Foreign) -> tuple[int, list[Imported]]:
    """The longest run, and the trials in order, with curves that Assay can keep."""
    steps = [point.step for trial in foreign.trials for point in trial.curve]
    shift = max(0, 1 - min(steps, default=1))  # Assay counts from 1
    ordered = sorted(foreign.trials, key=lambda trial: trial.number)
    trials = [_scored(trial, foreign.metric, shift) for trial in ordered]
    return max((trial.curve[-1].step for trial in trials if trial.curve), default=0), trials


def _scored(trial: Imported, metric: str, shift: int) -> Imported:
    """With one report per step, each with a finite value of the metric."""
    by_step = {point.step: point for point in trial.curve if is_number(point.metrics.get(metric))}
    points = [by_step[step] for step in sorted(by_step)]
    curve = tuple(
        replace(point, step=point.step + shift, metrics=dict(_plain(point.metrics)))
        for point in points
        if _finite(point.metrics[metric])
    )
    reason = _no_score(trial, points, metric)
    state, reason = (State.FAILED, reason) if reason else (trial.state, trial.reason)
    return replace(trial, curve=curve, state=state, reason=reason)


def _no_score(trial: Imported, points: Sequence[Point], metric: str) -> str:
    """Why a trial that did not fail by itself has no score; empty when it has one, or was stopped before it could."""
    if trial.state is State.FAILED:
        return ""
    if points and not _finite(points[-1].metrics[metric]):
        return f"{metric} is {shown(points[-1].metrics[metric])} at the last report"
    return f"it ended without {metric}" if not points and trial.state is State.COMPLETE else ""


def _plain(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in metrics.items() if isinstance(value, bool) or _finite(value))


def _finite(value: Any) -> bool:
    try:
        return is_number(value) and math.isfinite(float(value))
    except OverflowError:  # a whole number of more than 308 digits
        return False
