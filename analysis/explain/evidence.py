"""Trials of a search from which can be learned how its parameters act, and what is wrong with them for that."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...search import Phase, State, Sweep, Trial, trial_seed
from ...spaces import Config, Goal, NoResultError, Space, UsageError, did_you_mean
from ...spaces.encoding import Encoding

Floats = NDArray[np.float64]

_FEWEST = 10
_SELECTED = 0.9
"""Share of the trials that has to have come to the step that is looked at, for it not to be a choice of the good."""


@dataclass(frozen=True)
class Evidence:
    """What is learned from.

    Args:
        metric, goal: what the trials are judged by; ``goal`` is None for a metric that is not optimised.
        numbers, configs, values: of the trials, shape (n,).
        step: the report at which they are compared; None: the last of whole runs.
        sampling: ``random`` when all were drawn from the space, ``all`` when a searcher proposed some.
        left_out: how many trials of the search do not count, by reason.
        notes, warnings: what a reader has to know; warnings say why numbers may mislead.
    """

    space: Space
    metric: str
    goal: Goal | None
    numbers: tuple[int, ...]
    configs: tuple[Config, ...]
    values: Floats
    step: int | None
    sampling: str
    left_out: dict[str, int]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.configs)

    @property
    def names(self) -> list[str]:
        """The parameters that have more than one value, in the order of the space: the columns of :meth:`matrix`."""
        return self.space.searched

    @property
    def active(self) -> dict[str, float]:
        """The share of the trials in which each parameter is active."""
        return {name: float(np.mean([name in config for config in self.configs])) for name in self.names}

    def matrix(self, rng: np.random.Generator) -> Floats:
        """The configs in the unit cube, shape (n, d); see :class:`~assay.spaces.encoding.Encoding`.

        A parameter that is not active gets a random share: by definition its value changes nothing, so that a model
        learns just that, and averages over the cube stay averages over configs.
        """
        encoded = Encoding(self.space).encode_many(self.configs)
        for column, name in enumerate(self.names):
            empty = np.isnan(encoded[:, column])
            parameter = self.space[name]
            encoded[empty, column] = [parameter.unit(parameter.quantile(at)) for at in rng.random(int(empty.sum()))]
        return encoded

    def only(self, keep: Callable[[Config], bool]) -> Evidence:
        """The trials whose config ``keep`` accepts."""
        rows = [row for row, config in enumerate(self.configs) if keep(config)]
        return replace(
            self,
            numbers=tuple(self.numbers[row] for row in rows),
            configs=tuple(self.configs[row] for row in rows),
            values=self.values[rows],
        )


def gather(sweep: Sweep, trials: Sequence[Trial], metric: str | None = None) -> Evidence:
    """The trials of a search that can be compared: those drawn at random if there are enough, else all.

    Trials are compared after whole runs, or, where too few ran in full, at the highest rung that enough of them came
    to: 3 for each parameter, at least 30. Failed trials and those beyond a limit are left out.

    Args:
        trials: of any phase; replicates do not count.
        metric: what was reported; the objective's when None.

    Raises:
        UsageError: for a metric that no trial reported.
        NoResultError: with fewer than 10 trials, or when all have the same value.
    """
    metric = metric or sweep.objective.metric
    found = [trial for trial in trials if trial.phase is Phase.SEARCH]
    _refuse_unknown(metric, found)
    usable, left_out = _usable(sweep, found, metric)
    enough = max(30, 3 * len(sweep.parameters.searched))
    at_random = drawn_at_random(sweep, found)
    drawn = [trial for trial in usable if trial.number in at_random]
    step, values = _level(sweep, drawn, metric, enough)
    sampling = "random"
    if len(values) < enough:
        step, values = _level(sweep, usable, metric, enough)
        sampling = "random" if set(values) <= {trial.number for trial in drawn} else "all"
    if len(values) < _FEWEST:
        raise NoResultError(
            f"sweep {sweep.name!r} has {len(values)} trials that can be compared, and {_FEWEST} are the fewest from "
            f"which anything is learned{f' ({_listed(left_out)})' if left_out else ''}: run more trials"
        )
    known = {trial.number: trial for trial in usable}
    numbers = tuple(sorted(values))
    array = np.array([values[number] for number in numbers])
    if np.ptp(array) == 0:
        raise NoResultError(f"all {len(array)} trials have the same {metric}: no parameter changes it")
    others = len(usable) - len(values)
    goals = {one.metric: one.goal for one in sweep.objective.each}
    evidence = Evidence(
        space=sweep.parameters,
        metric=metric,
        goal=goals.get(metric),
        numbers=numbers,
        configs=tuple(known[number].config for number in numbers),
        values=array,
        step=step,
        sampling=sampling,
        left_out=left_out,
        notes=(),
        warnings=(),
    )
    pool = len(drawn) if sampling == "random" else len(usable)
    changed = sum(len(known[number].segments) > 1 for number in numbers)
    return replace(
        evidence,
        notes=tuple(_notes(evidence, sweep, others, len(usable))),
        warnings=tuple(_warnings(evidence, enough, pool, changed)),
    )


def drawn_at_random(sweep: Sweep, trials: Sequence[Trial]) -> set[int]:
    """Search trials whose config was drawn from the space, whatever had been found until then.

    All of random search, and the start of a searcher with a model. The default config and the rivals were not drawn.
    Of trials that another tool ran nobody knows how they were proposed.
    """
    given = set(sweep.given)
    seed = trial_seed(sweep.seed, 0)
    ours = sorted((trial for trial in trials if trial.seed == seed), key=lambda trial: (trial.asked, trial.number))
    if sweep.searcher.type != "random":
        ours = ours[: getattr(sweep.searcher, "startup", 0)]
    return {trial.number for trial in ours if trial.config not in given and len(trial.segments) < 2}


def _refuse_unknown(metric: str, trials: Sequence[Trial]) -> None:
    seen = sorted({name for trial in trials for report in trial.reports for name in report.metrics})
    if trials and seen and metric not in seen:
        raise UsageError(f"no trial reported {metric!r}{did_you_mean(metric, seen)}: there are {', '.join(seen)}")


def _usable(sweep: Sweep, trials: Sequence[Trial], metric: str) -> tuple[list[Trial], dict[str, int]]:
    """Trials that may count, and how many may not, by reason."""
    usable, reasons = [], Counter[str]()
    for trial in trials:
        reason = _unusable(sweep, trial, metric)
        if reason:
            reasons[reason] += 1
        else:
            usable.append(trial)
    return usable, dict(reasons)


def _unusable(sweep: Sweep, trial: Trial, metric: str) -> str:
    if trial.state is State.FAILED:
        return "failed"
    if not trial.state.over:
        return "not over"
    if sweep.objective.excess(trial.metrics):
        return "beyond a limit"
    return "" if _curve(trial, metric) else f"without {metric}"


def _curve(trial: Trial, metric: str) -> dict[int, float]:
    """What it reported, by step."""
    known = [report for report in trial.reports if _is_number(report.metrics.get(metric))]
    return {report.step: float(report.metrics[metric]) for report in known}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _level(sweep: Sweep, trials: Sequence[Trial], metric: str, enough: int) -> tuple[int | None, dict[int, float]]:
    """The highest level with enough trials, else the one with most; and the value of each trial there."""
    best: tuple[int | None, dict[int, float]] = (None, _whole(trials, metric))
    fidelity = sweep.granted
    steps = sorted(sweep.scheduler.rungs(fidelity), reverse=True) if fidelity else []
    for step in steps:
        if len(best[1]) >= enough:
            break
        values = _at(trials, metric, step)
        if len(values) > len(best[1]):
            best = step, values
    return best


def _whole(trials: Sequence[Trial], metric: str) -> dict[int, float]:
    complete = [trial for trial in trials if trial.state is State.COMPLETE]
    curves = {trial.number: _curve(trial, metric) for trial in complete}
    return {number: curve[max(curve)] for number, curve in curves.items()}


def _at(trials: Sequence[Trial], metric: str, step: int) -> dict[int, float]:
    """The last value of a run that ended by itself holds for all steps after it."""
    found = {}
    for trial in trials:
        curve = _curve(trial, metric)
        if step in curve:
            found[trial.number] = curve[step]
        elif trial.state is State.COMPLETE and max(curve) < step:
            found[trial.number] = curve[max(curve)]
    return found


def _notes(evidence: Evidence, sweep: Sweep, others: int, usable: int) -> list[str]:
    which = "drawn at random from the space" if evidence.sampling == "random" else "of the search"
    when = "at the end of whole runs" if evidence.step is None else f"at report {evidence.step}"
    notes = [f"learned from {len(evidence)} trials {which}, compared {when}"]
    if others:
        notes.append(
            f"{others} of {usable} trials with a score do not count: not drawn at random, or ended before that"
        )
    if evidence.left_out:
        notes.append(f"left out {_listed(evidence.left_out)}; what they have in common is not seen")
    if evidence.space.constraints:
        notes.append("averages go over all of the space, also where its constraints are broken")
    return notes


def _warnings(evidence: Evidence, enough: int, pool: int, changed: int) -> list[str]:
    found = []
    if evidence.sampling != "random":
        found.append(
            "the searcher chose these configs where it expected good scores: adaptive sampling makes every importance "
            "unreliable, and a parameter that does not matter can lead; a search with `searcher: random` tells"
        )
    if len(evidence) < enough:
        found.append(f"{len(evidence)} trials are few for {len(evidence.names)} parameters: {enough} would do")
    if len(evidence) < _SELECTED * pool:
        found.append(
            f"only {len(evidence)} of {pool} trials were let through to where they are compared: the good ones "
            "resemble each other, which hides what made the others bad"
        )
    if changed:
        found.append(f"{changed} trials changed their config on the way, and count with their last one")
    return found


def _listed(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())
