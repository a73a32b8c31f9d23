"""What a sweep file may say and this version cannot do. Such a file loads, but it does not run.

A new engine removes its line here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..spaces import Problem, one_of
from ..spaces.errors import Location, shown
from .production import FILES
from .registry import SCHEDULERS, SEARCHERS
from .sweep import Sweep

_REMOVE = "remove it"
_EVENLY = "write replicate: top_k (what is weak in the first objective may be on the front)"


@dataclass(frozen=True)
class _Missing:
    """A key that nothing acts on.

    Args:
        path: of the key, with dots; ``*`` stands for every entry of a list or a mapping.
        what: what it would do, with the ``{value}``.
        cure: what to write instead.
        wanted: whether a value asks for it; by default every value but None, false and empty ones.
    """

    path: str
    what: str
    cure: str = _REMOVE
    wanted: Callable[[Any], bool] = bool


def _other(*values: Any) -> Callable[[Any], bool]:
    return lambda value: value not in values


_MISSING = (
    _Missing("command", "starting a program for each trial", "write trainable: file.py:function"),
    _Missing("objectives.*.aggregate", "scoring a trial by its best report", "write last", _other("last")),
    _Missing("scheduler.type", "scheduler {value}", f"use {one_of(SCHEDULERS)}", _other(*SCHEDULERS)),
    _Missing("tracking.wandb", "telling project {value} of Weights & Biases"),
    _Missing("tracking.mlflow", "telling experiment {value} of MLflow"),
    _Missing("export.formats.*", "writing format {value}", f"use {one_of(FILES)}", _other(*FILES)),
    _Missing("export.model", "writing the trained model"),
)


def missing_engines(sweep: Sweep) -> list[Problem]:
    """All that ``sweep`` asks for and this version cannot do; empty when it can run."""
    found = [*_several_objectives(sweep)]
    for missing in _MISSING:
        for where, value in _at(sweep, tuple(missing.path.split(".")), ()):
            if missing.wanted(value):
                what = missing.what.format(value=shown(value))
                found.append(Problem(where, f"{what} is not in this version: {missing.cure}"))
    return found


def _several_objectives(sweep: Sweep) -> Iterator[Problem]:
    """What looks at one objective where there are several, and the other way round."""
    first, *others = sweep.objectives
    if not others:
        if first.reference is not None:
            text = "measuring from a reference is of a front, and one objective has none: remove it"
            yield Problem(("objectives", 0, "reference"), text)
        return
    if not sweep.searcher.several:
        able = one_of(word for word, options in SEARCHERS.items() if options.several)
        text = f"looking for a front with {sweep.searcher.type} is not in this version: use {able}"
        yield Problem(("searcher",), text)
    if sweep.leaderboard.replicate != "top_k":
        text = f"sharing replicates out by several objectives is not in this version: {_EVENLY}"
        yield Problem(("leaderboard", "replicate"), text)


def _at(value: Any, path: tuple[str, ...], where: Location) -> Iterator[tuple[Location, Any]]:
    """What stands at ``path`` below ``value``, each with its place."""
    if not path:
        yield where, value
        return
    first, *rest = path
    if first != "*":
        inner = getattr(value, first, None)
        yield from _at(inner, tuple(rest), (*where, first)) if inner is not None else ()
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, entry in entries:
        yield from _at(entry, tuple(rest), (*where, key))
