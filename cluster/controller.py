"""The only loop: ask, start, report, record, decide, tell. It knows no Ray, and time is an argument."""

from __future__ import annotations

import gc
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from ..search import (
    Artifact,
    Decision,
    Drop,
    EventKind,
    Exploit,
    Ledger,
    Phase,
    Report,
    State,
    SweepRecord,
    Trial,
)
from ..search.journal import Event as JournalEvent
from ..trainables import OTHER_DATA, Cause, Event, Failed, Finished, Reported
from .briefing import Briefing
from .executor import Executor
from .files import TrialFiles
from .open_trial import OpenTrial
from .patience import Patience
from .plan import INTERRUPTED, NO_CHECKPOINT, Plan, Request
from .progress import Observer
from .retention import Retention
from .tally import Tally
from .wish import Wish

_POLL_SECONDS = 0.5
_SHOW_SECONDS = 0.1
_WATCH_SECONDS = 1.0
_THINKING_SECONDS = 0.005


class Controller:
    """Works off one plan after the other on an executor, recording everything before it acts on it.

    Each round takes in the events there are, decides, fills free places, makes all of it durable in one commit, and
    only then acts.

    Args:
        ledger, record: where the sweep is recorded; this is its only writer.
        executor: open.
        clock: seconds, monotonic.
        wish: asked in every round; what a person wants of the sweep.
        observer: is told what happens.
        lazy: for simulated time: leave out commits that nothing outside can outrun.
        checkpoints: folder or URL of the checkpoints of all sweeps; beside the ledger when None.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: SweepRecord,
        executor: Executor,
        *,
        clock: Callable[[], float],
        wish: Callable[[], Wish] = lambda: Wish.NONE,
        observer: Observer,
        lazy: bool = False,
        checkpoints: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._sweep = record.sweep
        self._journal = ledger.journal(record, lazy=lazy)
        self._executor = executor
        self._clock = clock
        self._wish = wish
        self._observer = observer
        self._metric = record.sweep.objective.metric
        self._objective = record.sweep.objective
        self._fidelity = record.sweep.granted
        self._retention = Retention(record, ledger.store, checkpoints, deletes=not lazy)
        self._files = TrialFiles(ledger, record)
        self._briefing = Briefing(ledger, record, self._files, self._retention)
        trials = ledger.trials(record)
        self._next_number = 1 + max((trial.number for trial in trials), default=-1)
        last = max((_last_order(trial) for trial in trials), default=-1)
        self._order = 1 + max([last, *(event.order for event in ledger.events(record))])
        self._elapsed_before = max((r.elapsed for t in trials for r in t.reports), default=0.0)
        self._data_id = next((trial.data_id for trial in trials if trial.data_id), "")
        self._plan: Plan
        self._open: dict[int, OpenTrial] = {}
        self._running: dict[int, OpenTrial] = {}
        self._lone: int | None = None
        self._alone: deque[int] = deque()  # ran out of memory: to be run once more with nothing beside it
        self._acts: list[Callable[[], None]] = []
        self._told_short = False
        self._tally = Tally(self._objective)
        self._patience = Patience(self._sweep)
        self._began = self._watched = clock()
        self._shown = -math.inf

    # What a plan may ask

    @property
    def number(self) -> int:
        """Of the next trial."""
        return self._next_number

    @property
    def elapsed(self) -> float:
        """Seconds of the phase, over all its runs."""
        return self._elapsed_before + self._clock() - self._began

    @property
    def places(self) -> int:
        """Trials that can run at the same time."""
        return self._limit()

    def tick(self) -> int:
        """Position of the next event of the sweep."""
        self._order += 1
        return self._order - 1

    # The loop

    def run(self, plan: Plan, known: Sequence[Trial], open_trials: Iterable[Trial]) -> None:
        """Work off ``plan`` until it has nothing more and no trial runs, or until a person wants it to end.

        Args:
            known: trials of this phase that are in the ledger, for the counts.
            open_trials: those of them to go on with; the plan knows them.
        """
        self._plan = plan
        if plan.phase is Phase.SEARCH:  # what came after an earlier end of it took none of its time
            self._elapsed_before = max((report.elapsed for trial in known for report in trial.reports), default=0.0)
        self._open = {trial.number: self._reopened(trial) for trial in open_trials}
        self._tally = Tally(self._objective, known)
        for opened in self._open.values():
            self._retention.know(opened)
        self._began = self._clock()
        self._alone.clear()
        self._lone = None
        with _little_collection():
            self._round(())
            while self._busy():
                self._round(self._executor.wait(self._timeout()))
        self._drop_leftover()
        self._journal.commit(force=True)
        self._retention.work(self._plan.pins)
        self._retention.flush()
        self._elapsed_before = self.elapsed

    def settle(self, plan: Plan, trial: Trial) -> None:
        """Record that an interrupted trial had been told to stop."""
        self._retention.know(OpenTrial.of(trial))
        self._retention.ended(trial.number, keep=False)
        trial = replace(trial, state=State.STOPPED, ended=self.tick())
        self._journal.update(trial)
        self._journal.commit(force=True)
        plan.on_end(trial)

    def requeue(self, plan: Plan, trial: Trial) -> None:
        """Record that an interrupted trial has lost its place."""
        self._lose(plan, trial.number, INTERRUPTED)
        self._journal.commit(force=True)

    def _round(self, events: Sequence[Event]) -> None:
        heard: dict[int, None] = {}
        for event in events:
            if event.number in self._running:
                heard[event.number] = None
                self._handle(event)
        self._end_overdue()
        for number in heard:
            self._answer(number)
        self._obey()
        self._fill()
        self._obey()  # to choose may mean to drop others
        self._journal.commit()
        acts, self._acts = self._acts, []
        for act in acts:
            act()
        self._retention.work(self._plan.pins)
        if not self._running or self._clock() - self._shown >= _SHOW_SECONDS:
            self._shown = self._clock()
            self._observer.update(self._tally.progress(self._plan, len(self._running), self._clock() - self._began))

    def _busy(self) -> bool:
        if self._running:
            return True
        return self._may_start() and (self._lacks_places() or self._plan.thinking or bool(self._alone))

    def _lacks_places(self) -> bool:
        """Whether there is something to run, and no worker at present."""
        total = self._plan.total
        left = bool(self._open) or total is None or self._tally.over < total
        return left and self._executor.capacity == 0

    def _timeout(self) -> float:
        return _THINKING_SECONDS if self._plan.thinking and len(self._running) < self._limit() else _POLL_SECONDS

    def _limit(self) -> int:
        return min(self._executor.capacity, self._sweep.budget.concurrent or self._executor.capacity)

    # Starting

    def _fill(self) -> None:
        if not self._may_start() or (self._lone is not None and self._lone in self._running):
            return
        limit = self._limit()
        while len(self._running) < limit:
            found = self._plan.next(self)
            if found is None:
                break
            self._take(found)
        if not self._running and limit and self._alone and not self._plan.thinking:
            self._lone = self._alone.popleft()
            self._lose(self._plan, self._lone, Cause.MEMORY)
            self._take(self._plan.next(self))

    def _take(self, found: Request | int | None) -> None:
        if isinstance(found, Request):
            self._add(found)
        elif found is not None:
            self._start(self._open[found])

    def _may_start(self) -> bool:
        wish = self._wish()
        return wish is Wish.NONE or (wish is Wish.STOP and self._plan.phase not in (Phase.SUPERNET, Phase.SEARCH))

    def _add(self, request: Request) -> None:
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
        )
        self._briefing.complete(trial)
        self._journal.add(trial.record(State.PENDING))
        self._next_number += 1
        self._open[trial.number] = trial
        self._plan.on_add(trial)

    def _start(self, trial: OpenTrial) -> None:
        trial.attempts += 1
        trial.running, trial.paused = True, False
        trial.began = trial.heard = self._clock()
        self._running[trial.number] = trial
        self._plan.on_run(trial.number)
        self._journal.event(JournalEvent(self.tick(), EventKind.RUN, trial.number))
        self._journal.update(trial.record(State.RUNNING))
        spec, until = self._briefing.spec(trial, self._data_id), self._until(trial)
        self._acts.append(lambda: self._executor.start(spec, until))

    def _reopened(self, trial: Trial) -> OpenTrial:
        opened = OpenTrial.of(trial)
        self._briefing.complete(opened)
        return opened

    def _until(self, trial: OpenTrial) -> int | None:
        """The report at which the trial has to wait for a decision."""
        ends = math.inf if trial.length is None else trial.length + (0 if self._fidelity is None else 1)
        until = min(self._plan.horizon(trial) or math.inf, ends)
        beyond = self._fidelity is not None and until >= self._fidelity.max
        return None if beyond or not math.isfinite(until) else int(until)

    # Events

    def _handle(self, event: Event) -> None:
        trial = self._running[event.number]
        trial.heard = self._clock()
        trial.seconds += event.seconds
        if not isinstance(event, Failed) and trial.disown(event.inherited):
            self._journal.update(trial.record(State.RUNNING))
        if isinstance(event, Reported):
            self._on_reported(trial, event)
        elif isinstance(event, Finished):
            self._on_finished(trial, event)
        else:
            self._on_failed(trial, event)

    def _on_reported(self, trial: OpenTrial, event: Reported) -> None:
        full = trial.length is not None and event.step >= trial.length
        if trial.length is not None and event.step > trial.length:
            trial.ending = trial.ending or State.COMPLETE  # it would go on for ever
            return
        if event.step <= trial.last_step:
            return  # after a restart: recorded and answered already
        if self._plan.copies and event.step == self._until(trial) and not event.checkpoint:
            self._give_up(trial, NO_CHECKPOINT)
            return
        order = self.tick()
        report = Report(event.step, event.metrics, self.elapsed, order, event.checkpoint, trial.seconds, trial.segment)
        trial.note(report)
        self._tally.reported(trial.number, trial.phase, report)
        decision = self._plan.on_report(trial, report, full=full)
        report = trial.reports[-1] = Report(**vars(report) | {"decision": decision})
        self._journal.report(trial.number, report)
        self._retention.saved(trial.number, report)
        trial.ending = State.STOPPED if decision is Decision.STOP and not full else None
        trial.pausing = decision is Decision.PAUSE and not full

    def _answer(self, number: int) -> None:
        """What a trial that reported is told, once all its reports are taken in."""
        trial = self._running.get(number)
        if trial is None or trial.stop_sent:
            return
        if trial.ending is not None:
            trial.stop_sent = True
            self._acts.append(lambda: self._executor.stop(number))
        elif trial.pausing or self._wish() in (Wish.PAUSE, Wish.CANCEL):
            self._acts.append(lambda: self._executor.abandon(number))
            self._leave(trial, paused=trial.pausing)
        else:
            until = self._until(trial)
            self._acts.append(lambda: self._executor.resume(number, until))

    def _on_finished(self, trial: OpenTrial, event: Finished) -> None:
        refusal = self._why_unusable(trial, event)
        if refusal:
            self._on_failed(trial, Failed(trial.number, Cause.METRIC, refusal))
            return
        files = self._files.keep(event)
        self._data_id = self._data_id or event.data_id
        trial.learn(event)
        state = trial.ending if trial.stop_sent and trial.ending else State.COMPLETE
        self._note_short_run(trial, state)
        self._close(trial, state, files=files)

    def _why_unusable(self, trial: OpenTrial, event: Finished) -> str:
        """Why a trial that ended is none that can be compared; empty when it is."""
        if event.data_id and event.data_id != (self._data_id or event.data_id):
            return OTHER_DATA
        if trial.phase in (Phase.SUPERNET, Phase.TEST) or trial.ending is State.STOPPED:
            return ""
        return trial.unknown(self._sweep)

    def _note_short_run(self, trial: OpenTrial, state: State) -> None:
        """Once: a full run that makes fewer reports than the sweep says."""
        short = state is State.COMPLETE and trial.phase is not Phase.TEST and trial.last_step < (trial.length or 0)
        if short and not self._told_short:
            self._told_short = True
            self._observer.message(
                f"trial {trial.number} ended by itself after {trial.last_step} of {trial.length} reports: fidelity.max "
                "is the number of reports of a full run"
            )

    def _on_failed(self, trial: OpenTrial, event: Failed) -> None:
        if trial.pausing:  # it made room anyway, and is not to train past its last decision
            self._leave(trial, paused=True)
            return
        decided = trial.ending is State.STOPPED  # the same
        if not decided and self._patience.again(trial, event.cause):
            self._observer.message(f"trial {trial.number}: {event.reason}; starting it again")
            trial.ending, trial.stop_sent = None, False
            self._leave(trial, paused=False)
            if trial.out_of_memory:
                self._alone.append(trial.number)
            else:
                self._lose(self._plan, trial.number, event.cause)
            return
        state = trial.ending or State.FAILED
        if state is State.FAILED:
            self._observer.message(f"trial {trial.number} failed: {event.reason}")
        self._close(trial, state, reason=event.reason, detail=event.detail)

    def _give_up(self, trial: OpenTrial, reason: str, cause: Cause = Cause.METRIC) -> None:
        """End a running trial from here."""
        number = trial.number
        if cause is Cause.TIMEOUT:
            trial.seconds += max(0.0, self._clock() - trial.heard)
        end = self._executor.kill if cause is Cause.TIMEOUT else self._executor.abandon
        self._acts.append(lambda: end(number))
        self._on_failed(trial, Failed(number, cause, reason))

    def _end_overdue(self) -> None:
        now = self._clock()
        if self._wish() is Wish.CANCEL:
            for trial in list(self._running.values()):
                self._acts.append(partial(self._executor.kill, trial.number))
                self._leave(trial, paused=trial.pausing)
        passed = now - self._watched
        if 0 <= passed < _WATCH_SECONDS:
            return
        self._watched = now
        for trial in list(self._running.values()):
            if self._executor.waiting(trial.number):  # which takes none of its time
                trial.began, trial.heard = min(now, trial.began + passed), now
                continue
            why = self._patience.overdue(trial, now)
            if why is not None:
                self._give_up(trial, why, Cause.TIMEOUT)

    # Waiting trials

    def _lose(self, plan: Plan, number: int, cause: str) -> None:
        """A trial that lost its place waits for another."""
        self._journal.event(JournalEvent(self.tick(), EventKind.LOST, number, {"cause": cause}))
        plan.on_lost(number)

    def _leave(self, trial: OpenTrial, *, paused: bool) -> None:
        """A trial makes room; it is to be gone on with later."""
        trial.running = trial.pausing = False
        trial.paused = paused
        del self._running[trial.number]
        self._journal.update(trial.record(State.PAUSED if paused else State.PENDING))

    def _obey(self) -> None:
        while actions := self._plan.actions():  # which may lead to others
            for action in actions:
                trial = self._open.get(action.number)
                if trial is None:
                    continue
                if isinstance(action, Drop):
                    self._close(trial, State.STOPPED)
                else:
                    self._exploit(trial, action)

    def _exploit(self, trial: OpenTrial, action: Exploit) -> None:
        place = self._retention.place(action.source)
        if place is None:
            self._close(trial, State.FAILED, reason=NO_CHECKPOINT)
            return
        before = trial.record(State.STOPPED)
        segment = trial.change(action.config, self.tick(), action.source, place)
        if segment.index == 1:
            self._journal.segment(trial.number, trial.segments[0])
        self._journal.segment(trial.number, segment)
        self._journal.update(trial.record(State.PAUSED))
        self._retention.restored(trial.number, action.source)
        self._plan.on_change(before, action.config)

    def _drop_leftover(self) -> None:
        """Trials that still wait when nothing can run any more will never be chosen."""
        if self._wish() in (Wish.PAUSE, Wish.CANCEL):
            return
        for trial in list(self._open.values()):
            if not trial.running:
                self._close(trial, State.STOPPED)

    def _close(
        self,
        trial: OpenTrial,
        state: State,
        *,
        reason: str = "",
        detail: str = "",
        files: Iterable[Artifact] = (),
    ) -> None:
        record = trial.record(state, ended=self.tick(), reason=reason, detail=detail)
        self._journal.update(record, files)
        self._running.pop(trial.number, None)
        del self._open[trial.number]
        self._tally.ended(state)
        self._retention.ended(trial.number, keep=state is not State.STOPPED)
        self._plan.on_end(record)


@contextmanager
def _little_collection() -> Iterator[None]:
    """Spare the garbage collector the half million objects of the libraries: it would look at them again and again.

    What the program froze itself stays so: there is no way to give back only some of it.
    """
    given_back = gc.get_freeze_count() == 0
    gc.freeze()
    try:
        yield
    finally:
        if given_back:
            gc.unfreeze()


def _last_order(trial: Trial) -> int:
    orders = [*(report.order for report in trial.reports), *(segment.order for segment in trial.segments)]
    return max([trial.asked, trial.started, trial.ended or 0, *orders])
