"""A trial that is not over, as the controller works with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..search import Phase, Report, Saved, Segment, State, Sweep, Trial
from ..search.trial import latest_metrics
from ..spaces import Config
from ..spaces.networks.measures import SIZES
from ..trainables import Finished, TrialSpec
from .supernets import supernet_spec


def described_networks(sweep: Sweep, directory: str) -> dict[str, Any] | None:
    """The sweep's space of networks in plain data, for ``spaces.architectures.architecture_of``; None without one.

    Args:
        directory: the sweep file's folder, from which the file of a model space is seen.
    """
    networks = sweep.network_description
    return networks and networks | ({"directory": directory} if "space" in networks else {})


@dataclass(eq=False)
class OpenTrial:
    """What changes while a trial runs; :meth:`record` is the frozen record of it.

    Args:
        length: reports of a full run, if there is a limit.
        restore: checkpoints to go on from, newest first; a few, should one be damaged.
        must_restore: a fresh start is no substitute.
        ending: how it will have ended, once it was decided that it ends.
        pausing: it was decided that it makes room at this report.
        running: it occupies a place; else it waits.
        heard: when it was last heard of; began: when this attempt did. By the controller's clock.
    """

    number: int
    phase: Phase
    config: Config
    seed: int
    split: int
    parent: int | None
    asked: int
    started: int
    length: int | None = None
    attempts: int = 0
    seconds: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    last_step: int = 0
    restore: tuple[tuple[int, str], ...] = ()
    must_restore: bool = False
    ending: State | None = None
    stop_sent: bool = False
    pausing: bool = False
    running: bool = False
    paused: bool = False
    heard: float = 0.0
    began: float = 0.0
    lost: int = 0
    raised: int = 0
    out_of_memory: bool = False
    resplit: bool = False
    testable: bool = False
    data_id: str = ""
    train_rows: int = 0
    validation_rows: int = 0

    @classmethod
    def of(cls, trial: Trial) -> OpenTrial:
        """A recorded trial that goes on."""
        same = {name: getattr(trial, name) for name in ("number", "phase", "config", "seed", "split", "parent")}
        more = {name: getattr(trial, name) for name in ("asked", "started", "attempts", "seconds", "last_step")}
        return cls(
            **same,
            **more,
            segments=list(trial.segments),
            reports=list(trial.reports),
            restore=tuple(reversed(trial.checkpoints[-3:])),
            must_restore=len(trial.segments) > 1,
            paused=trial.state is State.PAUSED,
        )

    @property
    def segment(self) -> int:
        """Index of the present segment."""
        return self.segments[-1].index if self.segments else 0

    def record(self, state: State, *, ended: int | None = None, reason: str = "", detail: str = "") -> Trial:
        """How it stands."""
        return Trial(
            number=self.number,
            phase=self.phase,
            state=state,
            config=self.config,
            seed=self.seed,
            split=self.split,
            parent=self.parent,
            attempts=self.attempts,
            reason=reason,
            detail=detail,
            seconds=self.seconds,
            asked=self.asked,
            started=self.started,
            ended=ended,
            resplit=self.resplit,
            testable=self.testable,
            data_id=self.data_id,
            train_rows=self.train_rows,
            validation_rows=self.validation_rows,
            segments=tuple(self.segments),
            reports=tuple(self.reports),
        )

    def spec(
        self,
        sweep: Sweep,
        *,
        directory: str,
        data_id: str,
        checkpoints: str,
        folder: str,
        inherit: str | None = None,
    ) -> TrialSpec:
        """What its present attempt runs.

        Args:
            directory: the sweep file's folder, from which the file of a model space is seen.
            data_id: of the sweep's data, when it is known.
            checkpoints, folder: of this trial; the first counts when the sweep keeps any.
            inherit: weights from which its network starts.
        """
        every = sweep.checkpoints.every
        spec = TrialSpec(
            number=self.number,
            config=self.config.nested(),
            metric=sweep.objective.metric,
            others=tuple(one.metric for one in sweep.objective.others),
            seed=self.seed,
            split_id=self.split,
            data_seed=sweep.seed,
            data_id=data_id,
            folds=sweep.leaderboard.folds,
            open_test=self.phase is Phase.TEST,
            max_steps=self.length if sweep.granted else None,
            restore=self.restore,
            must_restore=self.must_restore,
            segment=self.segment,
            attempt=self.attempts,
            checkpoints=checkpoints if every else None,
            save_every=every or 1,
            folder=folder,
            stop_timeout=sweep.cluster.timeouts.stop,
            architecture=described_networks(sweep, directory),
            measure=sweep.measured,
            latency=sweep.latency or None,
            inherit=inherit,
            keep_network=self.phase is not Phase.SEARCH or sweep.searcher.inherits,
        )
        return supernet_spec(spec, sweep) if self.phase is Phase.SUPERNET else spec

    def unknown(self, sweep: Sweep) -> str:
        """Why what it reported cannot be held against the limits; empty when it can."""
        metrics = latest_metrics(self.reports)
        why = sweep.objective.unknown(metrics)
        missing = next((limit.metric for limit in sweep.objective.limits if limit.metric not in metrics), None)
        if missing in sweep.measured and why.startswith(f"constraint metric {missing!r} was never reported"):
            shape = missing in SIZES or (sweep.architecture is not None and sweep.architecture.input is not None)
            cure = "" if shape else ", and give architecture.input"
            why += f": report it, or build the network with trial.build_model(){cure}"
        return why

    def learn(self, end: Finished) -> None:
        """Take in what its end tells of the data."""
        self.resplit, self.testable, self.data_id = end.resplit, end.testable, end.data_id
        self.train_rows, self.validation_rows = end.train_rows, end.validation_rows

    def disown(self, inherited: bool | None) -> bool:
        """Whether it turns out now that its network took nothing from its parent, which is then none."""
        if inherited is not False or self.parent is None or self.phase is not Phase.SEARCH:
            return False
        self.parent = None
        return True

    def note(self, report: Report) -> None:
        """Take in a report that is new."""
        self.reports.append(report)
        self.last_step = report.step
        if report.checkpoint:
            self.restore = ((report.step, report.checkpoint), *self.restore[:2])

    def change(self, config: Config, order: int, source: Saved, checkpoint: str) -> Segment:
        """Begin a segment: another config, from the checkpoint of ``source``."""
        if not self.segments:
            self.segments.append(Segment(0, self.config, self.started))
        segment = Segment(
            index=len(self.segments),
            config=config,
            order=order,
            source=source.number,
            source_segment=source.segment,
            first_step=source.step,
            checkpoint=checkpoint,
        )
        self.segments.append(segment)
        self.config, self.last_step = config, source.step
        self.restore, self.must_restore = ((source.step, checkpoint),), True
        return segment
