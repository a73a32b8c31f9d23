"""The search space behind configs that another tool tried."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ..spaces import (
    Categorical,
    Condition,
    Config,
    Constant,
    Float,
    Integer,
    Parameter,
    Problem,
    Space,
    SpaceError,
    UsageError,
    Value,
    did_you_mean,
    flatten,
)
from ..spaces.config import groups, scalar
from ..spaces.errors import shown
from ..spaces.expression import same
from ..spaces.integer import LARGEST

_SHOWN, _NAMES = 5, 20
_DECADES = 100.0
_MANY = 64
"""A whole number with more values than this is no switch between kinds of configs."""

Values = Mapping[int, Mapping[str, Value]]
"""Parameters by name, of each trial by number."""


def plain_name(name: str) -> str:
    """``name`` as a sweep file can write it: ``optim/lr-init`` is ``optim.lr_init``."""
    parts = (re.sub(r"[^A-Za-z0-9_]", "_", part) for part in re.split(r"[./]", name))
    return ".".join(f"_{part}" if not part or part[0].isdigit() else part for part in parts)


def plain_values(
    given: Mapping[int, Mapping[str, Any]], changed: Mapping[str, Sequence[int]], drop: Iterable[str] = ()
) -> dict[int, dict[str, Value]]:
    """Flat JSON scalars by plain name, without what is dropped. An empty group is nothing.

    Args:
        given: what each trial was given, flat or nested.
        changed: parameters that changed while a trial ran, and in which trials.

    Raises:
        UsageError: when ``drop`` names nothing that was seen.
        SpaceError: for every parameter that has values of another kind, changed on the way, or shares its name.
    """
    flat = {number: {k: v for k, v in flatten(tree).items() if v != {}} for number, tree in given.items()}
    names = list(dict.fromkeys(name for values in flat.values() for name in values))
    dropped = set(_covered(list(drop), names))
    kept = [name for name in names if name not in dropped]
    problems = _clashes(kept)
    for name in kept:
        problems += _not_plain(name, [values[name] for values in flat.values() if name in values], len(flat))
        if numbers := changed.get(name):
            problems.append(Problem((name,), _why_changed(plain_name(name), numbers)))
    if problems:
        raise SpaceError(problems)
    return {
        number: {plain_name(name): scalar(value) for name, value in values.items() if name not in dropped}
        for number, values in flat.items()
    }


def renamed(given: Iterable[Mapping[str, Any]], drop: Iterable[str] = ()) -> dict[str, str]:
    """The parameters that go by another name here; groups alone are no other name."""
    names = list(dict.fromkeys(name for tree in given for name in flatten(tree)))
    kept = [name for name in names if name not in set(_covered(list(drop), names))]
    return {name: plain_name(name) for name in kept if plain_name(name) != name.replace("/", ".")}


def derive_space(values: Values, failed: Collection[int], declared: Mapping[str, Parameter]) -> Space:
    """A space that holds every config.

    One value makes a constant; text, true/false and mixtures a choice; numbers a range from the least to the largest,
    on a log scale when they are positive and span more than two decades. A parameter that some trials lack becomes
    conditional: on the choice, or on the whole number from (or up to) some value on, that tells exactly which.

    Args:
        failed: trials that may lack parameters because they ended too early to ask for them.
        declared: parameters that the source describes; they count where they allow every value seen.

    Raises:
        SpaceError: for every parameter that some trials lack for no visible reason.
    """
    whole = [config for number, config in values.items() if number not in failed] or list(values.values())
    names = dict.fromkeys(name for config in whole for name in config)
    if not names:
        raise SpaceError("no trial has a parameter: there is nothing to compare")
    seen = {name: [config[name] for config in values.values() if name in config] for name in names}
    named = {plain_name(name): parameter for name, parameter in declared.items()}
    parameters = {name: _parameter(name, seen[name], named.get(name)) for name in names}
    conditions = _conditions(parameters, whole)
    return Space({n: p.with_when(conditions[n]) if conditions[n] else p for n, p in parameters.items()})


def fit_configs(
    space: Space, values: Values, may_lack: Collection[int] = (), *, empty_is_null: bool = False
) -> dict[int, Config]:
    """Each trial's values as a config of ``space``; constants that a trial does not mention are filled in.

    Args:
        may_lack: trials that are left out when they do not fit.
        empty_is_null: the source writes null as if the parameter were absent: fill it in where it is a choice.

    Raises:
        SpaceError: with the number of trials that do not fit, and the first mistakes.
    """
    configs: dict[int, Config] = {}
    mistakes: dict[int, list[Problem]] = {}
    for number, given in values.items():
        try:
            configs[number] = space.validate(_filled(space, given, empty_is_null))
        except SpaceError as error:
            if number not in may_lack:
                mistakes[number] = error.problems
    if mistakes:
        raise SpaceError(_misfits(mistakes, len(values)))
    return configs


# Plain values


def _covered(drop: Sequence[str], names: Sequence[str]) -> Iterable[str]:
    """Those of ``names`` that ``drop`` names, or whose group it does."""
    for word in drop:
        found = [n for n in names if any(f"{text}.".startswith(f"{word}.") for text in (n, plain_name(n)))]
        if not found:
            known = f"they have {', '.join(names[:_NAMES])}{', ...' if len(names) > _NAMES else ''}"
            hint = did_you_mean(word, [*names, *groups(names)])
            raise UsageError(f"--drop {word}: no trial has a parameter of this name{hint}: {known}")
        yield from found


def _clashes(names: Sequence[str]) -> list[Problem]:
    """Names that mean the same when written plainly, or are a value here and a group there."""
    counts = Counter(map(plain_name, names))
    problems = [
        Problem((name,), f"is written {plain_name(name)!r} here, which another parameter is too: drop one of them")
        for name in names
        if counts[plain_name(name)] > 1
    ]
    opened = groups(counts)
    return problems + [
        Problem((name,), f"is a value in some trials and a group ('{name}.*') in others: {_cure(name)}")
        for name in counts
        if name in opened
    ]


def _not_plain(name: str, values: Sequence[Any], trials: int) -> list[Problem]:
    odd = [value for value in values if not _passes(scalar, value)]
    if not odd:
        return []
    what = f"{shown(odd[0])} is not text, a number, true, false or null ({len(odd)} of {trials} trials)"
    return [Problem((name,), f"{what}: {_cure(plain_name(name))}")]


def _passes(check: Callable[[Any], Value], value: Any) -> bool:
    try:
        check(value)
    except SpaceError:
        return False
    return True


def _why_changed(name: str, numbers: Sequence[int]) -> str:
    some = ", ".join(map(str, numbers[:_SHOWN])) + (", ..." if len(numbers) > _SHOWN else "")
    return f"changed while trials {some} trained, so that no score belongs to one value: {_cure(name)}"


def _cure(name: str) -> str:
    return f"leave it out with --drop {name}"


# Parameters


def _parameter(name: str, values: Sequence[Value], declared: Parameter | None) -> Parameter:
    if declared is not None and all(_passes(declared.check, value) for value in values):
        return declared
    try:
        return _observed(values)
    except SpaceError as error:
        raise SpaceError([problem.under(name) for problem in error.problems]) from None


def _observed(values: Sequence[Value]) -> Parameter:
    distinct = list({(isinstance(value, bool), value): value for value in values}.values())
    if len(distinct) == 1:
        return Constant(distinct[0])
    numbers = [v for v in distinct if isinstance(v, (int, float)) and not isinstance(v, bool)]
    whole = [v for v in values if isinstance(v, int)]
    if len(numbers) < len(distinct) or any(abs(v) > LARGEST for v in whole):
        return Categorical(distinct)
    low, high = min(numbers), max(numbers)
    log = 0 < low * _DECADES < high
    return Integer(int(low), int(high), log) if len(whole) == len(values) else Float(low, high, log)


# Conditions


def _conditions(
    parameters: Mapping[str, Parameter], configs: Sequence[Mapping[str, Value]]
) -> dict[str, list[Condition]]:
    """When each parameter is active. Parents are found before their children, so that there is no circle."""
    found: dict[str, list[Condition]] = {n: [] for n in parameters if all(n in config for config in configs)}
    while len(found) < len(parameters):
        parents = {name: parameters[name] for name in found}
        open_ones = [name for name in parameters if name not in found]
        new = {name: _explained(name, parents, configs) for name in open_ones}
        solved = {name: [condition] for name, condition in new.items() if condition is not None}
        if not solved:
            raise SpaceError([Problem((name,), _why_missing(name, configs)) for name in open_ones])
        found |= solved
    return found


def _explained(name: str, parents: Mapping[str, Parameter], configs: Sequence[Mapping[str, Value]]) -> Condition | None:
    """The condition that holds exactly where ``name`` is; of several that with the fewest values to choose from."""
    choices = [n for n, p in parents.items() if isinstance(p, Categorical)]
    counts = [n for n, p in parents.items() if isinstance(p, Integer) and p.cardinality <= _MANY]
    ordered = [*sorted(choices, key=lambda n: parents[n].cardinality), *counts]
    found = (_condition(name, parent, parents[parent], configs) for parent in ordered)
    return next((condition for condition in found if condition is not None), None)


def _condition(name: str, parent: str, kind: Parameter, configs: Sequence[Mapping[str, Value]]) -> Condition | None:
    if any(name in config and parent not in config for config in configs):
        return None
    within = [kind.check(config[parent]) for config in configs if name in config]
    without = [kind.check(config[parent]) for config in configs if name not in config and parent in config]
    values = [value for value in _every(kind) if not without or _belongs(value, within, without, kind)]
    clean = not any(_among(value, without) for value in values) and all(_among(value, values) for value in within)
    return Condition(parent, tuple(values)) if clean else None


def _every(kind: Parameter) -> Sequence[Value]:
    if isinstance(kind, Integer):
        return range(kind.min, kind.max + 1, kind.step)
    return kind.values if isinstance(kind, Categorical) else ()


def _belongs(value: Any, within: Sequence[Any], without: Sequence[Any], kind: Parameter) -> bool:
    """Whether a value of the parent goes with those seen ``within``: itself one, or on their side of a threshold."""
    if isinstance(kind, Categorical):
        return _among(value, within)
    return bool(value >= min(within) if min(within) > max(without) else value <= max(within))


def _among(value: Value, values: Iterable[Value]) -> bool:
    return any(same(value, other) for other in values)


def _why_missing(name: str, configs: Sequence[Mapping[str, Value]]) -> str:
    lacking = sum(name not in config for config in configs)
    return (
        f"{lacking} of {len(configs)} trials lack it, and no other parameter tells which: {_cure(name)}, or describe "
        "it in a sweep file (`when`, or null as a choice) and give that with --sweep FILE"
    )


# Fitting


def _filled(space: Space, values: Mapping[str, Value], empty_is_null: bool) -> dict[str, Value]:
    filled = dict(values)
    for name in space.resolution_order:
        parameter = space[name]
        if name in filled or not space.active(name, filled):
            continue
        if isinstance(parameter, Constant):
            filled[name] = parameter.value
        elif empty_is_null and isinstance(parameter, Categorical) and None in parameter.values:
            filled[name] = None
    return filled


def _misfits(mistakes: Mapping[int, Sequence[Problem]], trials: int) -> list[Problem]:
    lines = [f"trial {number}: {problem}" for number, problems in mistakes.items() for problem in problems]
    more = [f"and {len(lines) - _SHOWN} more mistakes"] if len(lines) > _SHOWN else []
    cure = "change `parameters` in the sweep file, or leave parameters out with --drop NAME"
    first = f"{len(mistakes)} of {trials} configs do not fit the space of the sweep: {cure}"
    return [Problem((), line) for line in (first, *lines[:_SHOWN], *more)]
