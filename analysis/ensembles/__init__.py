"""Ensembles from stored predictions; nothing is trained again."""

from .choosing import AUTO, choose_ensemble, select_ensemble
from .gain import Gain
from .greedy import MOST_MEMBERS, greedy_path
from .library import Library
from .methods import METHODS, Method
from .mixture import Mixture
from .report import EnsembleReport, MethodScore

__all__ = [
    "AUTO",
    "METHODS",
    "MOST_MEMBERS",
    "EnsembleReport",
    "Gain",
    "Library",
    "Method",
    "MethodScore",
    "Mixture",
    "choose_ensemble",
    "greedy_path",
    "select_ensemble",
]
