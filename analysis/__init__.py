"""What the trials say: leaderboard, ensemble, report and export."""

from .ensembles import EnsembleReport, select_ensemble
from .export import ExportBundle
from .finalists import select_finalists
from .front import Front
from .inference.paired_t import holm, paired_t, t_interval, worse_than_best
from .leaderboard import Interval, Leaderboard, Row
from .results import Results, load
from .scorers import Scorer, get_scorer

__all__ = [
    "EnsembleReport",
    "ExportBundle",
    "Front",
    "Interval",
    "Leaderboard",
    "Results",
    "Row",
    "Scorer",
    "get_scorer",
    "holm",
    "load",
    "paired_t",
    "select_ensemble",
    "select_finalists",
    "t_interval",
    "worse_than_best",
]
