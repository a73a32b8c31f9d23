"""The words that a sweep file may use: one line per searcher and scheduler."""

from __future__ import annotations

from .asha import AshaOptions
from .gp import GPOptions
from .hyperband import BohbOptions, HyperBandOptions
from .hyperopt_search import HyperoptOptions
from .local_search import LocalSearchOptions
from .median_stopping import MedianStoppingOptions
from .nas.one_shot.options import OneShotOptions
from .nas.strategy_options import NNIOptions
from .no_stopping import NoStoppingOptions
from .population import Pb2Options, PbtOptions
from .promotion_asha import PromotionAshaOptions
from .random_search import RandomOptions
from .regularized_evolution import RegularizedEvolutionOptions
from .scheduler import SchedulerOptions
from .searcher import SearcherOptions
from .tpe import TPEOptions

SEARCHERS: dict[str, type[SearcherOptions]] = {
    "random": RandomOptions,
    "tpe": TPEOptions,
    "hyperopt": HyperoptOptions,
    "gp": GPOptions,
    "regularized_evolution": RegularizedEvolutionOptions,
    "local_search": LocalSearchOptions,
    "nni": NNIOptions,
    "one_shot": OneShotOptions,
}

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
