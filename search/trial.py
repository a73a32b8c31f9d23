"""What has been tried: one record per run of the training function."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..spaces import Config


class Phase(StrEnum):
    """Why a trial ran. No score of the search ever enters a test, because the phase is part of every record."""

    SEARCH = "search"
    REPLICATE = "replicate"
    TEST = "test"


class State(StrEnum):
    """Where a trial stands.

    ``pending``: recorded, to be started or gone on with. ``complete``: trained in full. ``stopped``: ended early by the
    scheduler. ``failed``: no usable result, with a reason.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether the trial has ended for good."""
        return self not in (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Report:
    """Metrics after ``step`` units of training.

    Args:
        step: counted from 1.
        metrics: plain scalars.
        elapsed: seconds of the sweep's search time when it arrived.
        order: position among all events of the sweep.
        checkpoint: folder from which the trial can go on after this step.
        seconds: time that the trial spent in the training function up to here, over all attempts.
    """

    step: int
    metrics: dict[str, Any]
    elapsed: float
    order: int
    checkpoint: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Trial:
    """One run: its config, what it reported and how it ended.

    Args:
        number: small integer, unique in the sweep over all phases.
        parent: the search trial that a replicate repeats; the trial whose model a test trial scores.
        split: train/validation split; 0 in the search.
        attempts: how often it was started.
        reason, detail: why it failed (one line), and the traceback.
        seconds: time spent in the training function.
        started, ended: positions among all events of the sweep; ``ended`` is None while it is not over.
        resplit: the data were split by ``split``, so that replicates saw different data.
        testable: the model can be scored on the sealed test part.
        data_id: identifies the data that were split, so that the sealed part is the same in all trials.
    """

    number: int
    phase: Phase
    state: State
    config: Config
    seed: int
    split: int
    parent: int | None = None
    attempts: int = 0
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    started: int = 0
    ended: int | None = None
    resplit: bool = False
    testable: bool = False
    data_id: str = ""
    reports: tuple[Report, ...] = ()

    @property
    def last_step(self) -> int:
        """Units of training reported so far."""
        return self.reports[-1].step if self.reports else 0

    @property
    def checkpoint(self) -> tuple[int, str] | None:
        """Step and folder of the newest checkpoint, or None."""
        saved = [(report.step, report.checkpoint) for report in self.reports if report.checkpoint]
        return saved[-1] if saved else None

    def value(self, metric: str) -> float | None:
        """The metric at the last report; None before the first."""
        return float(self.reports[-1].metrics[metric]) if self.reports else None
