"""What is tried: training functions, the trial they run in, data splits; ``digits`` is a ready task (needs torch)."""

from .checkpoints import CheckpointCorrupt, CheckpointError, CheckpointMissing, CheckpointStore
from .handle import TrialHandle
from .metrics import MetricError, clean_metrics
from .session import Session
from .spec import Cause, Event, Failed, Finished, Predictions, Reported, TrialSpec
from .splits import OTHER_DATA, Split
from .trainable import Trainable, TrainableRef

__all__ = [
    "OTHER_DATA",
    "Cause",
    "CheckpointCorrupt",
    "CheckpointError",
    "CheckpointMissing",
    "CheckpointStore",
    "Event",
    "Failed",
    "Finished",
    "MetricError",
    "Predictions",
    "Reported",
    "Session",
    "Split",
    "Trainable",
    "TrainableRef",
    "TrialHandle",
    "TrialSpec",
    "clean_metrics",
]
