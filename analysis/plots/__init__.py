"""Figures. Each draws on the Axes it is given, or on new ones, and returns them. Imports matplotlib; never pyplot.

``PLOTS`` has them by the name that ``results.plot.NAME()`` and ``assay plot SWEEP NAME`` know.
"""

from .critical_difference import plot_critical_difference
from .forest import plot_leaderboard
from .history import plot_history
from .plotter import Plotter
from .registry import PLOTS, draw, options_of, summary_of
from .saving import FORMATS, save, to_png, to_svg
from .style import emptiness

__all__ = [
    "FORMATS",
    "PLOTS",
    "Plotter",
    "draw",
    "emptiness",
    "options_of",
    "plot_critical_difference",
    "plot_history",
    "plot_leaderboard",
    "save",
    "summary_of",
    "to_png",
    "to_svg",
]
