"""Every figure of a sweep by its name. A new one is a new file and a line here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from ...spaces import NotFoundError, UsageError, did_you_mean, one_of
from .ablation import ablation
from .confusion import confusion
from .cost import cost
from .curves import curves
from .dependence import dependence
from .differences import differences
from .ensembling import ensemble, weights
from .forest import forest
from .groups import groups
from .history import history
from .importance import importance
from .lineage import lineage
from .optimism import optimism
from .parallel import parallel
from .pareto import pareto
from .reliability import reliability
from .residuals import residuals
from .rungs import rungs
from .seeds import seeds
from .slices import parameter_slice
from .superiority import superiority

if TYPE_CHECKING:
    from ..results import Results

Plot = Callable[..., Axes]
"""``plot(results, ax=None, *, option=...) -> ax``; says in words why there is nothing to draw."""

PLOTS: dict[str, Plot] = {
    "history": history,
    "forest": forest,
    "differences": differences,
    "seeds": seeds,
    "superiority": superiority,
    "optimism": optimism,
    "curves": curves,
    "rungs": rungs,
    "cost": cost,
    "parallel": parallel,
    "slice": parameter_slice,
    "pareto": pareto,
    "lineage": lineage,
    "importance": importance,
    "dependence": dependence,
    "ablation": ablation,
    "ensemble": ensemble,
    "weights": weights,
    "confusion": confusion,
    "reliability": reliability,
    "residuals": residuals,
    "groups": groups,
}


def draw(results: Results, kind: str, ax: Axes | None = None, options: Mapping[str, Any] | None = None) -> Axes:
    """A figure by its name.

    Raises:
        NotFoundError: for a name that is not in ``PLOTS``.
        UsageError: for an option that the figure does not have, or a value it does not take.
    """
    if kind not in PLOTS:
        raise NotFoundError(f"there is no plot {kind!r}{did_you_mean(kind, PLOTS)}: use {one_of(PLOTS)}")
    known, given = options_of(kind), dict(options or {})
    for name in given:
        if name not in known:
            choices = f"it has {one_of(known)}" if known else "it has none"
            raise UsageError(f"plot {kind}: there is no option {name!r}{did_you_mean(name, known)}: {choices}")
    return PLOTS[kind](results, ax, **given)


def options_of(kind: str) -> dict[str, Any]:
    """The options of a figure with their defaults."""
    parameters = inspect.signature(PLOTS[kind]).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


def summary_of(kind: str) -> str:
    """What a figure shows, in a line."""
    return (inspect.getdoc(PLOTS[kind]) or "").partition("\n")[0]
