"""Results of Ray Tune: an experiment folder as ``tune.Tuner(...).fit()`` leaves it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..spaces import SpaceError, UsageError, flatten
from .imported import Foreign, Imported, Point, find_name, find_objective, is_number, left_out
from .ray_tune_folder import FoundTrial, Row, find_trials, read_state, step_of
from .trial import State

_OWN = {
    "checkpoint_dir_name", "config", "date", "done", "episodes_total", "experiment_id", "experiment_tag", "hostname",
    "iterations_since_restore", "node_ip", "pid", "should_checkpoint", "time_since_restore", "time_this_iter_s",
    "time_total_s", "timestamp", "timesteps_since_restore", "timesteps_total", "training_iteration", "trial_id",
    "warmup_time",
}  # fmt: skip
"""What Ray Tune adds to every result."""
_PICKLED = "CLOUDPICKLE_FALLBACK"
_OBJECT = re.compile(r"<.* at 0x[0-9a-f]+>", re.DOTALL)
"""How Ray Tune writes an object, such as a function, into params.json."""
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class _Object:
    """Stands for a value that is no JSON."""

    text: str

    def __repr__(self) -> str:
        return self.text


def read_ray_tune(folder: str | Path, metric: str | None = None, goal: str | None = None) -> Foreign:
    """The trials of an experiment folder, read without running any of it: pickles are not loaded.

    Ray Tune does not record which trials its scheduler ended. A trial counts as stopped when it was ended from outside
    before the longest one, and had not met a stopping criterion; one that returned by itself is complete.

    Args:
        metric: as Ray Tune names it, ``outer/inner`` when nested; what the experiment recorded when left out.
        goal: maximize or minimize, which Ray Tune records only inside a pickle.

    Raises:
        UsageError: when it is no such folder, or does not say what was optimised.
        SpaceError: when ``goal`` is neither maximize nor minimize.
    """
    root = Path(folder).expanduser()
    state = read_state(root)
    found = find_trials(root, state)
    metric = metric or _recorded_metric(state)
    objective = find_objective(metric, goal, _metrics(found, metric), str(root))
    longest = max((trial.last_step for trial in found if not trial.failed), default=0)
    ended = {trial.name: how for trial in found if (how := _how_it_ended(trial, longest)) is not None}
    numbers = _numbers(found)
    over = sorted((trial for trial in found if trial.name in ended), key=lambda trial: numbers[trial.name])
    _require_configs(root, over)
    return Foreign(
        name=find_name(root.resolve().name),
        metric=objective.metric,
        goal=objective.goal,
        trials=tuple(_imported(trial, numbers[trial.name], ended[trial.name], objective.metric) for trial in over),
        origin=f"the Ray Tune experiment {root.resolve()}",
        directory=str(root.resolve()),
        unit="iteration",
        notes=tuple(_notes(found, ended, state, longest)),
    )


# How trials ended


def _how_it_ended(trial: FoundTrial, longest: int) -> State | None:
    """None when it had not ended, or not begun."""
    if trial.failed:
        return State.FAILED
    done = bool(trial.rows) and trial.rows[-1].get("done") is True
    if trial.status not in (None, "TERMINATED") and not done:
        return None
    if not trial.rows:  # it began, and has no score, which is for others to judge
        return State.COMPLETE if is_number(trial.facts.get("start_time")) else None
    if not done:  # it returned by itself, of which only the state hears; or all trials were ended at once
        last = trial.facts.get("last_result")
        return State.STOPPED if isinstance(last, dict) and last.get("done") is False else State.COMPLETE
    return State.COMPLETE if trial.last_step >= longest or _met_criterion(trial) else State.STOPPED


def _met_criterion(trial: FoundTrial) -> bool:
    criteria, last = trial.facts.get("stopping_criterion"), trial.rows[-1]
    pairs = criteria.items() if isinstance(criteria, dict) else ()
    return any(is_number(limit) and is_number(last.get(name)) and last[name] >= limit for name, limit in pairs)


def _reason(error: str) -> str:
    """The exception at the end of the last traceback, in one line."""
    lines = re.split(r"^Failure # \d+.*$", error, flags=re.MULTILINE)[-1].strip().splitlines()
    frames = [index for index, line in enumerate(lines) if line.startswith('  File "')]
    after = lines[frames[-1] + 1 :] if frames else lines
    begin = next((index for index, line in enumerate(after) if line and not line[0].isspace()), 0)
    return " ".join(" ".join(after[begin:]).split())[:300] or "failed; Ray Tune kept no reason"


# From what was found to what is imported


def _imported(trial: FoundTrial, number: int, state: State, metric: str) -> Imported:
    began, ended = trial.facts.get("start_time"), trial.facts.get("last_result_time")
    error = _COLOUR.sub("", trial.error)
    return Imported(
        number=number,
        parameters=_plain(trial.config or {}),
        state=state,
        curve=tuple(_point(row, index, metric) for index, row in enumerate(trial.rows, start=1)),
        reason=_reason(error) if state is State.FAILED else "",
        detail=error if state is State.FAILED else "",
        began=float(began) if is_number(began) else _first_moment(trial),
        ended=float(ended) if is_number(ended) and trial.rows else None,
        changed=_changed(trial),
    )


def _point(row: Row, index: int, metric: str) -> Point:
    at, seconds = row.get("timestamp"), row.get("time_total_s")
    return Point(
        step=step_of(row, index),
        metrics={name: value for name, value in row.items() if name not in _OWN or name == metric},
        at=float(at) if is_number(at) else None,
        seconds=float(seconds) if is_number(seconds) else None,
    )


def _first_moment(trial: FoundTrial) -> float | None:
    """When a trial began, by its first result."""
    first = trial.rows[0] if trial.rows else {}
    at, seconds = first.get("timestamp"), first.get("time_total_s")
    return float(at) - float(seconds) if is_number(at) and is_number(seconds) else None


def _plain(value: Any) -> Any:
    """A config in which what is no JSON can be told from text and groups."""
    if isinstance(value, dict):
        pickled = value.get("_type") == _PICKLED
        return _Object("<a Python object>") if pickled else {name: _plain(inner) for name, inner in value.items()}
    return _Object(value) if isinstance(value, str) and _OBJECT.fullmatch(value) else value


def _changed(trial: FoundTrial) -> frozenset[str]:
    """Parameters that had several values, as population based training gives them."""
    first = trial.configs[0] if trial.configs else {}
    others = [config for config in trial.configs if config != first]
    try:
        flat = [flatten(_plain(config)) for config in (first, *others)]
    except SpaceError:  # a name that no config may have: told when its parameters are read
        return frozenset()
    names = {name for config in flat for name in config}
    return frozenset(name for name in names if len({_alike(config.get(name)) for config in flat}) > 1)


def _alike(value: Any) -> str:
    """The same for equal values, and for all objects, which are written with another address in every process."""
    return "an object" if isinstance(value, _Object) else repr(value)


def _recorded_metric(state: Row) -> str | None:
    runner = state.get("runner_data")
    metric = runner.get("_metric") if isinstance(runner, dict) else None
    return metric if isinstance(metric, str) else None


def _metrics(found: Iterable[FoundTrial], metric: str | None) -> list[str]:
    """Names of all numbers that were reported, in the order in which they are first seen."""
    names = {name: None for trial in found for row in trial.rows for name, value in row.items() if is_number(value)}
    return [name for name in names if name not in _OWN or name == metric]


def _numbers(found: Sequence[FoundTrial]) -> dict[str, int]:
    """Ray Tune's own numbers (``ef36a_00017``) where all trials have one, else by time."""
    own = [re.search(r"_(\d{5,9})$", _identity(trial)) for trial in found]
    numbers = [int(match[1]) for match in own if match]
    if len(set(numbers)) == len(found):
        return {trial.name: number for trial, number in zip(found, numbers, strict=True)}
    return {trial.name: number for number, trial in enumerate(sorted(found, key=_began))}


def _identity(trial: FoundTrial) -> str:
    return str(trial.facts.get("trial_id") or (trial.rows[-1].get("trial_id") if trial.rows else ""))


def _began(trial: FoundTrial) -> tuple[float, str]:
    at = trial.facts.get("start_time")
    known = at if is_number(at) else _first_moment(trial)
    return math.inf if known is None else float(known), trial.name


def _require_configs(root: Path, over: Sequence[FoundTrial]) -> None:
    lacking = [trial.name for trial in over if trial.config is None]
    if lacking:
        raise UsageError(
            f"{root}: what {len(lacking)} of {len(over)} trials tried is not recorded as JSON (neither in params.json "
            f"nor in result.json nor in an experiment state), e.g. {lacking[0]}: move such folders away"
        )


def _notes(found: Sequence[FoundTrial], ended: Mapping[str, State], state: Row, longest: int) -> Iterator[str]:
    if len(found) > len(ended):
        yield left_out(len(found) - len(ended), "trial", "that had not ended")
    if broken := sum(trial.broken for trial in found):
        yield left_out(broken, "result", "on a broken line")
    if not state:
        yield "there is no experiment state: trials without an error count as ended"
    if State.STOPPED in ended.values():
        yield f"trials that were ended before iteration {longest} count as stopped"
