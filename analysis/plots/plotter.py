"""``results.plot``: the figures of a sweep as methods."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING

from ...spaces import did_you_mean
from .registry import PLOTS, Plot, draw

if TYPE_CHECKING:
    from ..results import Results


class Plotter:
    """Figures by name: ``plotter.forest()``, ``plotter.history(ax=ax)``; ``dir(plotter)`` lists them.

    Each returns matplotlib's Axes. A figure of its own shows itself at the end of a notebook's cell.
    """

    def __init__(self, results: Results) -> None:
        self._results = results

    def __repr__(self) -> str:
        return f"<figures of {self._results.record.name!r}: {', '.join(PLOTS)}>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *PLOTS})

    def __getattr__(self, kind: str) -> Plot:
        if kind not in PLOTS:
            raise AttributeError(f"there is no plot {kind!r}{did_you_mean(kind, PLOTS)}")

        def method(ax: object = None, **options: object) -> object:
            return draw(self._results, kind, ax, options)  # type: ignore[arg-type]

        return update_wrapper(method, PLOTS[kind])  # type: ignore[return-value]
