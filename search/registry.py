"""The words that a sweep file may use: one line per searcher and scheduler."""

from __future__ import annotations

from .asha import AshaOptions
from .no_stopping import NoStoppingOptions
from .random_search import RandomOptions
from .scheduler import SchedulerOptions
from .searcher import SearcherOptions
from .tpe import TPEOptions

SEARCHERS: dict[str, type[SearcherOptions]] = {
    "random": RandomOptions,
    "tpe": TPEOptions,
}

SCHEDULERS: dict[str, type[SchedulerOptions]] = {
    "none": NoStoppingOptions,
    "asha": AshaOptions,
}
