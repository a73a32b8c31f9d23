"""Ready-made groups of parameters: ``optimizer: preset(adamw, sgd)``.

A choice of several opens a group, with its name and the parameters of each member, active while it is chosen:

    optimizer.name            adamw or sgd; the first one is the default
    optimizer.adamw.lr        1e-5 .. 1e-2
    optimizer.adamw.beta1     ...
    optimizer.sgd.lr          1e-3 .. 1

Every member has parameters of its own, because the same name means other things: the learning rates that suit AdamW
would hardly train with SGD. :func:`chosen` brings a config of the group into the form
``{"name": "adamw", "lr": 1e-3, ...}``; :mod:`assay.trainables.presets` builds PyTorch's objects from it.

A parameter that stands beside the preset replaces the ready-made one and keeps its condition: ``optimizer.adamw.lr``
that of AdamW alone, ``optimizer.lr`` that of all members that have no such line of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Problem, SpaceError, did_you_mean, one_of, shown
from .notation import parse_parameter
from .parameter import Parameter
from .preset_tables import FAMILIES, Family

_CALL = re.compile(r"\s*preset\s*\((.*)\)\s*", re.DOTALL)
_OPEN = re.compile(r"\s*preset\s*\(.*", re.DOTALL)


@dataclass(frozen=True)
class Preset:
    """Presets of one family, checked; made by :func:`preset`."""

    members: tuple[str, ...]
    extras: tuple[str, ...]
    family: Family


def preset(*names: str) -> Preset:
    """The value of a group of parameters: ``Space({"optimizer": preset("adamw", "sgd")})``.

    Optimizers: sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw. Schedules: constant, step, exponential, cosine,
    warm_restarts, one_cycle; with ``warmup`` all but the last may warm up. Regularization, where all that are named are
    used together: l1, l2, weight_decay, dropout, label_smoothing, clipping, augmentation. And batch_size.

    Raises:
        SpaceError: for an unknown name, one given twice, and names that do not go together.
    """
    if not names:
        raise SpaceError(f"preset() names nothing: choose from {_offered()}")
    families = [_family(name) for name in names]
    unknown = [name for name, family in zip(names, families, strict=True) if family is None]
    if unknown:
        words = [word for family in FAMILIES for word in family.words]
        told = ", ".join(f"{shown(name)}{did_you_mean(name, words)}" for name in unknown)
        raise SpaceError(f"no such preset: {told}; choose from {_offered()}")
    twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise SpaceError(f"preset({', '.join(names)}) has {twice} twice: keep one")
    family = families[0]
    other = next((name for name, its in zip(names, families, strict=True) if its is not family), None)
    if family is None or other is not None:
        raise SpaceError(
            f"preset({', '.join(names)}) mixes {_plural(names[0])} and {_plural(other)}: give each a line of its own"
        )
    return _of_one_family(names, family)


def chosen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A config of an optimizer or schedule preset in one level.

    >>> chosen({"name": "sgd", "sgd": {"lr": 0.1}, "weight_decay": 0.0})
    {'name': 'sgd', 'weight_decay': 0.0, 'lr': 0.1}
    """
    flat = {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    own = settings.get(str(settings.get("name")))
    return flat | (dict(own) if isinstance(own, Mapping) else {})


def expand_presets(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """``parameters`` with presets replaced by the parameters that they stand for; everything else stays as it is.

    Raises:
        SpaceError: located by the name of the group.
    """
    groups: dict[str, Preset] = {}
    problems: list[Problem] = []
    for name, raw in parameters.items():
        try:
            found = _as_preset(raw)
        except SpaceError as error:
            problems += [problem.under(name) for problem in error.problems]
        else:
            if found is not None:
                groups[name] = found
    if problems:
        raise SpaceError(problems)
    strays = [problem for group, found in groups.items() for problem in _strays(group, found, parameters)]
    if strays:
        raise SpaceError(strays)
    made = {group: dict(_expanded(group, found, parameters)) for group, found in groups.items()}
    replaced = {name for expanded in made.values() for name in expanded}
    expanded: dict[str, Any] = {}
    for name, raw in parameters.items():
        if name in groups:
            expanded |= made[name]
        elif name not in replaced:
            expanded[name] = raw
    return expanded


def is_preset(raw: object) -> bool:
    """Whether ``raw`` is a preset, or meant to be one."""
    return isinstance(raw, Preset) or (isinstance(raw, str) and _OPEN.fullmatch(raw) is not None)


def _family(name: object) -> Family | None:
    return next((family for family in FAMILIES if isinstance(name, str) and name in family.words), None)


def _plural(name: object) -> str:
    family = _family(name)
    return family.plural if family else str(name)


def _offered() -> str:
    return "; ".join(f"{family.plural}: {', '.join(family.words)}" for family in FAMILIES)


def _of_one_family(names: tuple[str, ...], family: Family) -> Preset:
    members = tuple(name for name in names if name in family.members)
    extras = tuple(name for name in names if name in family.extras)
    text = ", ".join(names)
    if not members:
        first = next(iter(family.members))
        raise SpaceError(f"preset({text}) goes with other {family.plural}: write preset({first}, {text})")
    for extra in extras:
        without = family.without.get(extra, ())
        if set(members) <= set(without):
            raise SpaceError(f"preset({text}): {one_of(members)} does without {extra}: remove {extra}")
    return Preset(members, extras, family)


def _as_preset(raw: Any) -> Preset | None:
    if isinstance(raw, Preset):
        return raw
    if not isinstance(raw, str) or not _OPEN.fullmatch(raw):
        return None
    call = _CALL.fullmatch(raw)
    if call is None:
        raise SpaceError(f"{shown(raw)} has lost its closing bracket: within braces put it in quotes, 'preset(a, b)'")
    words = [word.strip() for word in call[1].split(",") if word.strip()]
    changed = next((word for word in words if not re.fullmatch(r"(['\"]?)\w+\1", word)), None)
    if changed is not None:
        text = f"{shown(changed)} is not the name of a preset: {raw.strip()} takes names alone"
        raise SpaceError(f"{text}; a range is changed on a line of its own, such as optimizer.adamw.lr: ...")
    return preset(*(word.strip("'\"") for word in words))


def _expanded(group: str, found: Preset, given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Names and parameters of a group, in order, with those that the user gave in place of the ready-made ones."""
    ready = dict(_choices(group, found) if found.family.choice else _together(group, found))
    own = {f"{group}.{parameter}" for member in found.members for parameter in found.family.members[member]}
    shared = {name for name in own - ready.keys() if name in given}
    done: set[str] = set()
    for name, spec in ready.items():
        common = f"{group}.{name.rpartition('.')[2]}"
        if name in given and name != group:
            yield name, _under(given[name], spec.get("when"))
        elif common not in shared:
            yield name, spec
        elif common not in done:
            done.add(common)
            users = _with(common.rpartition(".")[2], group, found, given)
            yield common, _under(given[common], _while(f"{group}.name", users, found).get("when"))
    for member, name in _of_members(group, found, given):
        if name not in ready and member in found.members:
            yield name, _under(given[name], _while(f"{group}.name", [member], found).get("when"))


def _of_members(group: str, found: Preset, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What stands for a member in names such as ``optimizer.adamw.lr``, and the name."""
    for name in given:
        if found.family.choice and isinstance(name, str) and name.startswith(f"{group}."):
            member, dot, _ = name.removeprefix(f"{group}.").partition(".")
            if dot:
                yield member, name


def _strays(group: str, found: Preset, given: Mapping[str, Any]) -> Iterator[Problem]:
    text = f"preset({', '.join((*found.members, *found.extras))})"
    for member, name in _of_members(group, found, given):
        if member not in found.members:
            hint = did_you_mean(member, found.members)
            yield Problem((name,), f"{group} is {text}, without {shown(member)}{hint}: add it there, or remove this")
    leaves = {leaf for member in found.members for leaf in found.family.members[member] if found.family.choice}
    for leaf in sorted(leaves):
        name = f"{group}.{leaf}"
        if name in given and leaf not in found.members and not _with(leaf, group, found, given):
            yield Problem((name,), f"every member that has a {leaf} has a line of its own for it: remove this")
    for member in found.members if found.family.choice else ():
        own = found.family.members[member]
        if (name := f"{group}.{member}") in given and own:
            namesakes = [
                f"{group}.{other}.{member}" for other in found.members if member in found.family.members[other]
            ]
            lines = one_of(namesakes or [f"{name}.{leaf}" for leaf in own])
            yield Problem((name,), f"is the group of the preset {member}: write {lines}")


def _choices(group: str, found: Preset) -> Iterator[tuple[str, dict[str, Any]]]:
    several = len(found.members) > 1
    name, family = f"{group}.name", found.family
    told = f"which of the {family.plural}"
    yield name, {"values": list(found.members), "help": told} if several else {"value": found.members[0], "help": told}
    for extra in found.extras:
        users = [member for member in found.members if member not in family.without.get(extra, ())]
        yield f"{group}.{extra}", {**family.extras[extra], **_while(name, users, found)}
    for member in found.members:
        for parameter, spec in family.members[member].items():
            yield f"{group}.{member}.{parameter}", {**spec, **_while(name, [member], found)}


def _together(group: str, found: Preset) -> Iterator[tuple[str, dict[str, Any]]]:
    """One parameter for each; ``dropout: preset(dropout)`` is the parameter itself."""
    alone = found.members == (group.rpartition(".")[2],)
    for member in found.members:
        yield group if alone else f"{group}.{member}", dict(found.family.members[member][member])


def _while(name: str, members: list[str], found: Preset) -> dict[str, Any]:
    """The condition of what belongs to ``members``; none where it belongs to all."""
    if set(members) == set(found.members):
        return {}
    return {"when": {name: members if len(members) > 1 else members[0]}}


def _with(leaf: str, group: str, found: Preset, given: Mapping[str, Any]) -> list[str]:
    """The members that have a parameter, and no line of their own for it."""
    users = [member for member in found.members if leaf in found.family.members[member]]
    return [member for member in users if f"{group}.{member}.{leaf}" not in given]


def _under(raw: Any, when: Any) -> Any:
    """What the user gave, under the condition of what it replaces, unless it has one of its own."""
    if when is None:
        return raw
    if isinstance(raw, Mapping):
        return {"when": when, **raw}
    try:
        parameter = raw if isinstance(raw, Parameter) else parse_parameter(raw)
    except SpaceError:
        return raw  # the space names the mistake where it stands
    return {"when": when, **parameter.to_dict()}
