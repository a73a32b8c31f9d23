"""What Ray Tune does in a search, recorded as it happens. Loaded only where Ray Tune runs the search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from ..search import Artifact, Decision, EventKind, Ledger, Phase, Report, Saved, State, SweepRecord, Trial
from ..search.journal import Event as JournalEvent
from ..spaces import Config
from ..trainables import OTHER_DATA, Failed, Finished, Reported, TrialSpec
from .briefing import Briefing
from .extend import next_order
from .files import TrialFiles
from .open_trial import OpenTrial
from .plan import Request
from .progress import Observer
from .retention import Retention
from .search_plan import SearchPlan
from .tally import Tally

INTERRUPTED = "Ray Tune's run was interrupted"
_SHOW_SECONDS = 0.1


class TuneRecord:
    """Trials of a search that somebody else runs: asked for, reported, over. Each call is durable when it returns.

    Args:
        ledger, record: where the sweep is recorded; this is its only writer.
        plan: asks the searcher and keeps to the budget; up to date with the ledger.
        places: trials that can run at the same time.
        clock: seconds, monotonic.
        observer: is told what happens.
        checkpoints: folder or URL of the checkpoints of all sweeps; beside the ledger when None.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: SweepRecord,
        plan: SearchPlan,
        *,
        places: int,
        clock: Callable[[], float],
        observer: Observer,
        checkpoints: str | None,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._sweep = record.sweep
        self._plan = plan
        self.places = places
        self._clock = clock
        self._observer = observer
        self._metric = record.sweep.objective.metric
        self._fidelity = record.sweep.granted
        self._journal = ledger.journal(record)
        self._retention = Retention(record, ledger.store, checkpoints)
        self._files = TrialFiles(ledger, record)
        self._briefing = Briefing(ledger, record, self._files, self._retention)
        everything = ledger.trials(record)
        trials = [trial for trial in everything if trial.phase is Phase.SEARCH]
        self._next_number = 1 + max((trial.number for trial in everything), default=-1)
        self._order = next_order(ledger, record)
        self._data_id = next((trial.data_id for trial in everything if trial.data_id), "")
        self._elapsed_before = max((r.elapsed for t in trials for r in t.reports), default=0.0)
        self._tally = Tally(record.sweep.objective, trials)
        self._open: dict[int, OpenTrial] = {}
        self._fresh: Report | None = None  # taken in, and not written yet
        self._began, self._shown = clock(), -math.inf

    # What a plan may ask

    @property
    def number(self) -> int:
        """Of the next trial."""
        return self._next_number

    @property
    def elapsed(self) -> float:
        """Seconds of the search, over all its runs."""
        return self._elapsed_before + self._clock() - self._began

    def tick(self) -> int:
        """Position of the next event of the sweep."""
        self._order += 1
        return self._order - 1

    # What happens

    @property
    def open_trials(self) -> int:
        """How many trials are not over."""
        return len(self._open)

    @property
    def new_trials(self) -> int:
        """How many trials never had a place."""
        return sum(not trial.attempts for trial in self._open.values())

    def is_open(self, number: int) -> bool:
        """Whether a trial is not over."""
        return number in self._open

    def config(self, number: int) -> Config:
        """Of the present segment of a trial."""
        return self._open[number].config

    def ask(self) -> int | None:
        """The number of a new trial; None when there is none now, or none any more."""
        request = self._plan.next(self)
        if not isinstance(request, Request):
            return None
        order = self.tick()
        trial = OpenTrial(
            number=self._next_number,
            phase=request.phase,
            config=request.config,
            seed=request.seed,
            split=request.split,
            parent=self._files.parent(request),
            asked=request.asked if request.asked is not None else order,
            started=order,
            length=self._fidelity.max if self._fidelity else None,
        )
        self._next_number += 1
        self._open[trial.number] = trial
        self._plan.on_add(trial)
        self._plan.on_run(trial.number)  # whose turn it is, is not the plan's business
        self._journal.add(trial.record(State.PENDING))
        self._journal.commit()
        return trial.number

    def spec(self, number: int) -> tuple[TrialSpec, int]:
        """What the next attempt at a trial runs, and the last report that is recorded."""
        trial = self._open[number]
        spec = self._briefing.spec(trial, self._data_id)
        return replace(spec, attempt=trial.attempts + 1), trial.last_step

    def runs(self, number: int) -> None:
        """A trial was given a place."""
        trial = self._open[number]
        trial.attempts += 1
        trial.running, trial.paused = True, False
        self._journal.event(JournalEvent(self.tick(), EventKind.RUN, number))
        self._journal.update(trial.record(State.RUNNING))
        self._commit()

    def hears(self, number: int, event: Reported, segment: int) -> bool:
        """A trial reported: whether the budget wants it to end. :meth:`answered` follows."""
        trial = self._open.get(number)
        if trial is None or segment != trial.segment or event.step <= trial.last_step:
            return False
        trial.seconds += event.seconds
        self._disown(trial, event)
        full = trial.length is not None and event.step >= trial.length
        order = self.tick()
        self._fresh = Report(
            event.step, event.metrics, self.elapsed, order, event.checkpoint, trial.seconds, trial.segment
        )
        trial.note(self._fresh)
        self._tally.reported(number, Phase.SEARCH, self._fresh)
        return self._plan.on_report(trial, self._fresh, full=full) is Decision.STOP

    def answered(self, number: int, decision: Decision) -> None:
        """What was decided about the report that was heard last."""
        report, self._fresh = self._fresh, None
        if report is None:
            return
        trial = self._open[number]
        decided = trial.reports[-1] = replace(report, decision=decision)
        self._journal.report(number, decided)
        self._retention.saved(number, decided)
        if decision is Decision.PAUSE:
            self._wait(trial)

    def ended(self, number: int, end: Finished | Failed) -> None:
        """A trial ended by itself."""
        trial = self._open[number]
        trial.seconds += end.seconds
        if isinstance(end, Failed):
            self.failed(number, end.reason, end.detail)
            return
        if end.data_id and end.data_id != (self._data_id or end.data_id):
            self.failed(number, OTHER_DATA)
            return
        self._disown(trial, end)
        unknown = trial.unknown(self._sweep)
        if unknown:
            self.failed(number, unknown)
            return
        files = self._files.keep(end)
        self._data_id = self._data_id or end.data_id
        trial.learn(end)
        self._close(trial, State.COMPLETE, files=files)

    def stopped(self, number: int) -> None:
        """A trial was ended; nothing, when it has ended by itself."""
        if number in self._open:
            self._close(self._open[number], State.STOPPED)

    def failed(self, number: int, reason: str, detail: str = "") -> None:
        """A trial failed for good."""
        self._observer.message(f"trial {number} failed: {reason}")
        self._close(self._open[number], State.FAILED, reason=reason, detail=detail)

    def lost(self, number: int, reason: str) -> None:
        """A trial lost its place, and waits."""
        self._observer.message(f"trial {number}: {reason}; starting it again")
        self._journal.event(JournalEvent(self.tick(), EventKind.LOST, number, {"cause": "worker lost"}))
        self._wait(self._open[number])
        self._commit()

    def changed(self, number: int, config: Config, source: Saved, place: str) -> None:
        """A trial is to go on from the checkpoint of another, with another config."""
        trial = self._open[number]
        before = trial.record(State.STOPPED)
        segment = trial.change(config, self.tick(), source, place)
        if segment.index == 1:
            self._journal.segment(number, trial.segments[0])
        self._journal.segment(number, segment)
        self._wait(trial)
        self._retention.restored(number, source)
        self._plan.on_change(before, config)

    def drop_open(self) -> None:
        """Nobody will run what still waits."""
        for trial in list(self._open.values()):
            self._close(trial, State.STOPPED)

    def commit(self, pins: Callable[[], set[Saved]]) -> None:
        """Make it durable, then delete checkpoints that nothing needs any more, of those ``pins`` does not name."""
        self._commit()
        self._retention.work(pins)

    def close(self) -> None:
        """The search is over, or interrupted."""
        self._commit(show=True)
        self._journal.close()
        self._retention.flush()

    def _commit(self, *, show: bool = False) -> None:
        self._journal.commit()
        if show or self._clock() - self._shown >= _SHOW_SECONDS:
            self._shown = self._clock()
            running = sum(trial.running for trial in self._open.values())
            self._observer.update(self._tally.progress(self._plan, running, self._clock() - self._began))

    def _disown(self, trial: OpenTrial, event: Reported | Finished) -> None:
        if trial.disown(event.inherited):
            self._journal.update(trial.record(State.RUNNING))

    def _wait(self, trial: OpenTrial) -> None:
        trial.running, trial.paused = False, True
        self._journal.update(trial.record(State.PAUSED))

    def _close(
        self, trial: OpenTrial, state: State, *, reason: str = "", detail: str = "", files: Iterable[Artifact] = ()
    ) -> None:
        record = trial.record(state, ended=self.tick(), reason=reason, detail=detail)
        del self._open[trial.number]
        self._journal.update(record, files)
        self._tally.ended(state)
        self._retention.ended(trial.number, keep=state is not State.STOPPED)
        self._plan.on_end(record)


def give_up_open(ledger: Ledger, record: SweepRecord, trials: Iterable[Trial]) -> None:
    """Record that trials which an interrupted run left open have failed: Ray Tune cannot go on with them."""
    journal, first = ledger.journal(record), next_order(ledger, record)
    for order, trial in enumerate([trial for trial in trials if not trial.state.over], first):
        journal.update(replace(trial, state=State.FAILED, ended=order, reason=INTERRUPTED))
    journal.commit()
    journal.close()
