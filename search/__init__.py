"""What to try next and what has been tried: the sweep, searchers, schedulers and the ledger."""

from .journal import Event, EventKind, Journal
from .ledger import Artifact, Ledger, SweepRecord
from .missing_engines import missing_engines
from .registry import SCHEDULERS, SEARCHERS
from .scheduler import Action, Decision, Drop, Exploit, Queue, Saved, Scheduler
from .searcher import Searcher
from .seeds import proposal_seed, scheduler_seed, trial_seed
from .sweep import Sweep
from .sweep_file import at_lines_of, read_sweep
from .trial import Phase, Report, Segment, State, Trial

__all__ = [
    "SCHEDULERS",
    "SEARCHERS",
    "Action",
    "Artifact",
    "Decision",
    "Drop",
    "Event",
    "EventKind",
    "Exploit",
    "Journal",
    "Ledger",
    "Phase",
    "Queue",
    "Report",
    "Saved",
    "Scheduler",
    "Searcher",
    "Segment",
    "State",
    "Sweep",
    "SweepRecord",
    "Trial",
    "at_lines_of",
    "missing_engines",
    "proposal_seed",
    "read_sweep",
    "scheduler_seed",
    "trial_seed",
]
