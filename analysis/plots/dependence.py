"""How the predicted score depends on a parameter, and where trials say anything about that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from ...spaces import NoResultError, Value
from ...spaces.numeric import Numeric
from ..finalists import scored_search
from ..text import parameter as shown
from .slices import searched_parameter
from .style import (
    BLUE,
    GREY,
    SEQUENTIAL,
    VERMILION,
    drawable,
    legend,
    new_axes,
    plain,
    say,
    ticks,
    words,
    write,
    x_label,
    y_label,
)

if TYPE_CHECKING:
    from ..explain.partial_dependence import PartialDependence
    from ..results import Results


def dependence(
    results: Results, ax: Axes | None = None, *, parameter: str | None = None, second: str | None = None
) -> Axes:
    """Predicted score by one parameter with its band and a rug of the trials, or by two as a map.

    Where hardly a trial is near, the line is dotted and the map is empty: there the model only goes on with what it
    saw last.

    Args:
        parameter: the first number that is searched when left out.
        second: makes it a map of two parameters.
    """
    if parameter is None and not results.sweep.parameters.searched:
        return say(ax or new_axes(), "the space has nothing to choose")
    names = [searched_parameter(results, parameter)]
    if second is not None:
        names.append(searched_parameter(results, second))
    try:
        found = results.partial_dependence(*names)
    except NoResultError as error:
        return say(ax or new_axes(), str(error))
    ax = plain(ax or new_axes(width=6.8), "" if second is not None else "both")
    told = f"over all other parameters; {_learned(found)}"
    write(ax, 0.0, 1.03, told, transform=ax.transAxes, color=VERMILION if found.warnings else GREY)
    return _map(ax, results, found) if second is not None else _line(ax, results, found)


def _line(ax: Axes, results: Results, found: PartialDependence) -> Axes:
    (name,) = found.parameters
    values = [point.values[0] for point in found.points]
    x = _places(ax, results, name, values)
    mean = np.array([drawable(point.mean) for point in found.points])
    low, high = (np.array([drawable(getattr(p, end)) for p in found.points]) for end in ("low", "high"))
    supported = np.array([point.supported for point in found.points])
    if isinstance(results.sweep.parameters[name], Numeric):
        ax.fill_between(x, low, high, color=BLUE, alpha=0.15, linewidth=0, label="95 % band of the model")
        ax.plot(x, mean, ":", color=BLUE, linewidth=1.2, label="" if supported.all() else "hardly a trial near")
        ax.plot(x, np.where(supported, mean, np.nan), "-", color=BLUE, linewidth=2, label="predicted")
    else:
        ax.vlines(x, low, high, color=BLUE, linewidth=1.5, label="95 % band of the model")
        ax.plot(x, mean, "o", color=BLUE, label="predicted")
    tried = [trial.config[name] for trial in scored_search(results.trials) if name in trial.config]
    rug = np.array(_places(ax, results, name, tried))
    ax.plot(rug, np.full(len(rug), 0.015), "|", transform=ax.get_xaxis_transform(), color="#444444", label="trials")
    x_label(ax, words(name))
    y_label(ax, _measure(results, found.metric))
    legend(ax, beside=True)
    return ax


def _map(ax: Axes, results: Results, found: PartialDependence) -> Axes:
    first, second = found.parameters
    rows = list(dict.fromkeys(point.values[1] for point in found.points))
    columns = list(dict.fromkeys(point.values[0] for point in found.points))
    means = np.array([drawable(point.mean) if point.supported else np.nan for point in found.points])
    table = np.ma.masked_invalid(means.reshape(len(columns), len(rows)).T)
    # Cells, not a scale: the points of a parameter stand evenly on its own scale already.
    image = ax.pcolormesh(np.arange(len(columns) + 1), np.arange(len(rows) + 1), table, cmap=SEQUENTIAL)
    for axis, values in ((ax.xaxis, columns), (ax.yaxis, rows)):
        every = max(1, len(values) // 5)
        kept = range(0, len(values), every)
        ticks(axis, [place + 0.5 for place in kept], [words(shown(values[place]), 16) for place in kept], fontsize=8)
    figure = ax.get_figure()
    if figure is not None:
        figure.colorbar(image, ax=ax).set_label(_measure(results, found.metric), parse_math=False)
    x_label(ax, words(first))
    y_label(ax, words(second))
    return ax


def _learned(found: PartialDependence) -> str:
    return f"{found.trials} trials, a forest predicts {100 * max(0.0, found.r2):.0f} % of what it has not seen"


def _measure(results: Results, metric: str) -> str:
    return f"predicted {words(metric)} ({results.sweep.objective.goal})"


def _places(ax: Axes, results: Results, name: str, values: Sequence[Value]) -> list[float]:
    """Where values stand on the x axis, which is given its scale."""
    parameter = results.sweep.parameters[name]
    if isinstance(parameter, Numeric):
        if parameter.log:
            ax.set_xscale("log")
        return [float(value) for value in values]  # type: ignore[arg-type]
    order = {repr(choice): float(place) for place, choice in enumerate(parameter.choices)}
    ticks(ax.xaxis, range(len(order)), [words(shown(choice), 24) for choice in parameter.choices])
    return [order[repr(value)] for value in values]
