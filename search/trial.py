"""What has been tried: one record per run of the training function."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..spaces import Config


class Phase(StrEnum):
    """Why a trial ran. No score of the search ever enters a test, because the phase is part of every record.

    ``supernet``: one network that holds all others was trained, to know which of them to search; its scores are its own
    and are compared with nothing.
    """

    SUPERNET = "supernet"
    SEARCH = "search"
    REPLICATE = "replicate"
    CONFIRM = "confirm"
    TEST = "test"


class State(StrEnum):
    """Where a trial stands.

    ``pending``: recorded, to be started or gone on with. ``paused``: waits for the scheduler to let it go on.
    ``complete``: trained in full. ``stopped``: ended early by the scheduler. ``failed``: no usable result, with a
    reason.
    """

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether the trial has ended for good."""
        return self not in (State.PENDING, State.RUNNING, State.PAUSED)


@dataclass(frozen=True)
class Report:
    """Metrics after ``step`` units of training.

    Args:
        step: counted from 1; a segment that goes on from a copied checkpoint counts on from the copy's step.
        metrics: plain scalars.
        elapsed: seconds of the sweep's search time when it arrived.
        order: position among all events of the sweep.
        checkpoint: folder from which the trial can go on after this step.
        seconds: time that the trial spent in the training function up to here, over all attempts.
        segment: of the trial's segments, the one that made it.
        decision: what was decided when it arrived: ``continue``, ``stop``, ``pause``; empty where nobody decides.
    """

    step: int
    metrics: dict[str, Any]
    elapsed: float
    order: int
    checkpoint: str | None = None
    seconds: float = 0.0
    segment: int = 0
    decision: str = ""


@dataclass(frozen=True)
class Segment:
    """A stretch of a trial with one config; population based training gives a trial several.

    Args:
        index: counted from 0.
        config: of this stretch.
        order: position among all events of the sweep at which it was decided.
        source, source_segment: the trial and segment whose checkpoint it goes on from; None for a fresh start.
        first_step: steps trained before that checkpoint.
        checkpoint: where it is.
    """

    index: int
    config: Config
    order: int
    source: int | None = None
    source_segment: int = 0
    first_step: int = 0
    checkpoint: str | None = None


@dataclass(frozen=True)
class Trial:
    """One run: its config, what it reported and how it ended.

    Args:
        number: small integer, unique in the sweep over all phases.
        parent: the search trial that a replicate repeats; the trial whose model a test trial scores; of a search trial,
            the one from whose weights its network started, None where it took none.
        split: train/validation split; 0 in the search.
        attempts: how often it was started.
        reason, detail: why it failed (one line), and the traceback.
        seconds: time spent in the training function.
        asked, started, ended: positions among all events of the sweep: when its config was asked for, when it was
            recorded, and when it was over; ``ended`` is None before that.
        resplit: the data were split by ``split``, so that replicates saw different data.
        testable: the model can be scored on the sealed test part.
        data_id: identifies the data that were split, so that the sealed part is the same in all trials.
        train_rows, validation_rows: how many rows the split gave it to train and to validate on; 0 when unknown.
        segments: all stretches, if the config was changed on the way; ``config`` is that of the last.
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
    asked: int = 0
    started: int = 0
    ended: int | None = None
    resplit: bool = False
    testable: bool = False
    data_id: str = ""
    train_rows: int = 0
    validation_rows: int = 0
    segments: tuple[Segment, ...] = ()
    reports: tuple[Report, ...] = ()

    @property
    def last_step(self) -> int:
        """Units of training that its state has seen: of the last report, or of the copy it goes on from."""
        segment = self.segments[-1] if self.segments else None
        if self.reports and (segment is None or self.reports[-1].segment == segment.index):
            return self.reports[-1].step
        return segment.first_step if segment else 0

    @property
    def checkpoint(self) -> tuple[int, str] | None:
        """Step and place of the newest checkpoint of the last segment, or None."""
        return next(reversed(self.checkpoints), None)

    @property
    def checkpoints(self) -> list[tuple[int, str]]:
        """Steps and places of the checkpoints of the last segment, with the copy it started from, oldest first."""
        segment = self.segments[-1] if self.segments else None
        index = segment.index if segment else 0
        start = [(segment.first_step, segment.checkpoint)] if segment and segment.checkpoint else []
        return start + [(r.step, r.checkpoint) for r in self.reports if r.checkpoint and r.segment == index]

    @property
    def metrics(self) -> dict[str, Any]:
        """The last value of every metric that was reported."""
        return latest_metrics(self.reports)

    def value(self, metric: str) -> float | None:
        """The metric at the last report; None before the first, and for a supernet, which reports other things."""
        if not self.reports or (self.phase is Phase.SUPERNET and metric not in self.reports[-1].metrics):
            return None
        return float(self.reports[-1].metrics[metric])


def latest_metrics(reports: Iterable[Report]) -> dict[str, Any]:
    """The last value of every metric in reports."""
    return {name: value for report in reports for name, value in report.metrics.items()}
