"""The words that a sweep file may use: one line per searcher and scheduler."""

from __future__ import annotations

from .asha import AshaOptions
from .hyperband import BohbOptions, HyperBandOptions
from .hyperopt_search import HyperoptOptions
from .median_stopping import MedianStoppingOptions
from .no_stopping import NoStoppingOptions
from .planned_searchers import RegularizedEvolutionOptions
from .population import Pb2Options, PbtOptions
from .promotion_asha import PromotionAshaOptions
from .random_search import RandomOptions
from .scheduler import SchedulerOptions
from .searcher import SearcherOptions
from .tpe import TPEOptions

SEARCHERS: dict[str, type[SearcherOptions]] = {
    "random": RandomOptions,
    "tpe": TPEOptions,
    "hyperopt": HyperoptOptions,
}

PLANNED_SEARCHERS: dict[str, type[SearcherOptions]] = {
    "regularized_evolution": RegularizedEvolutionOptions,
}
"""Known by name; what uses one cannot run. An engine moves its line up."""

SCHEDULERS: dict[str, type[SchedulerOptions]] = {
    "none": NoStoppingOptions,
    "asha": AshaOptions,
    "promotion_asha": PromotionAshaOptions,
    "hyperband": HyperBandOptions,
    "bohb": BohbOptions,
    "median": MedianStoppingOptions,
    "pbt": PbtOptions,
    "pb2": Pb2Options,
}
