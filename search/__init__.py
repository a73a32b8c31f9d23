"""What to try next and what has been tried: the sweep, searchers, schedulers and the ledger."""

from .ledger import Artifact, Ledger, SweepRecord
from .registry import SCHEDULERS, SEARCHERS
from .scheduler import Decision, Scheduler
from .searcher import Searcher
from .seeds import proposal_seed, scheduler_seed, trial_seed
from .sweep import Sweep
from .sweep_file import read_sweep
from .trial import Phase, Report, State, Trial

__all__ = [
    "SCHEDULERS",
    "SEARCHERS",
    "Artifact",
    "Decision",
    "Ledger",
    "Phase",
    "Report",
    "Scheduler",
    "Searcher",
    "State",
    "Sweep",
    "SweepRecord",
    "Trial",
    "proposal_seed",
    "read_sweep",
    "scheduler_seed",
    "trial_seed",
]
