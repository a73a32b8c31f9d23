"""The only loop: start, report, record, decide, record. It knows no Ray, and time is an argument."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce

from ..search import Artifact, Decision, Ledger, Phase, Report, State, SweepRecord, Trial
from ..search.store import trial_folder
from ..trainables import OTHER_DATA, Cause, Event, Failed, Finished, Reported, TrialSpec
from .executor import Executor
from .files import write_predictions
from .plan import Plan
from .progress import Observer, Progress

_WAIT_SECONDS = 0.5
_STARTS_AFTER_LOST_WORKERS = 3


class Controller:
    """Works off one plan after the other on an executor, recording everything before it acts on it.

    Args:
        ledger, record: where the sweep is recorded; this is its only writer.
        executor: open; at most one trial per place.
        clock: seconds, monotonic.
        stop_requested: asked after every event; once true, nothing is started, and running trials end at their next
            report, to be resumed later.
        observer: is told what happens.
    """

    def __init__(
        self,
        ledger: Ledger,
        record: SweepRecord,
        executor: Executor,
        *,
        clock: Callable[[], float],
        stop_requested: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._executor = executor
        self._clock = clock
        self._stop_requested = stop_requested
        self._observer = observer
        self._objective = record.sweep.objective
        self._fidelity = record.sweep.granted
        trials = ledger.trials(record)
        self._next_number = 1 + max((trial.number for trial in trials), default=-1)
        self._order = 1 + max((_last_order(trial) for trial in trials), default=-1)
        self._elapsed_before = max((r.elapsed for t in trials for r in t.reports), default=0.0)
        self._data_id = next((trial.data_id for trial in trials if trial.data_id), "")
        self._plan: Plan
        self._running: dict[int, Trial] = {}
        self._lengths: dict[int, int | None] = {}  # reports of a full run, by trial
        self._told_short = False
        self._ending: dict[int, State] = {}  # told to stop, and how they will have ended
        self._restarts: deque[Trial] = deque()
        self._lost: Counter[int] = Counter()  # workers that died under a trial; being stopped and resumed is no loss
        self._counts: Counter[State] = Counter()
        self._best: tuple[float, int] | None = None  # of the trials that are over

    def run(self, plan: Plan, known: Sequence[Trial], open_trials: Iterable[Trial]) -> None:
        """Work off ``plan`` until it has nothing more and no trial runs, or until a stop is requested.

        Args:
            known: trials of this phase that are in the ledger, for the counts.
            open_trials: those of them to go on with.
        """
        self._plan = plan
        self._restarts = deque(open_trials)
        self._counts = Counter(trial.state for trial in known if trial.state.over)
        self._best = None
        for trial in known:
            self._note_best(trial)
        self._began, self._finished_here = self._clock(), 0
        self._fill()
        while self._running or (self._executor.capacity == 0 and not self._stop_requested()):
            for event in self._executor.wait(_WAIT_SECONDS):
                self._handle(event)
            self._fill()
        self._elapsed_before = self._elapsed()

    def settle(self, plan: Plan, trial: Trial) -> None:
        """Record that an interrupted trial had been told to stop."""
        trial = replace(trial, state=State.STOPPED, ended=self._tick())
        self._ledger.update_trial(self._record, trial)
        plan.on_end(trial)

    # Starting

    def _fill(self) -> None:
        limit = min(self._executor.capacity, self._record.sweep.budget.concurrent or self._executor.capacity)
        while len(self._running) < limit and not self._stop_requested():
            trial = self._restarts.popleft() if self._restarts else self._new_trial()
            if trial is None:
                break
            self._start(trial)
        self._observer.update(self._progress())

    def _new_trial(self) -> Trial | None:
        request = self._plan.next(self._next_number, self._elapsed())
        if request is None:
            return None
        trial = Trial(
            number=self._next_number,
            phase=request.phase,
            state=State.PENDING,
            config=request.config,
            seed=request.seed,
            split=request.split,
            parent=request.parent,
            started=self._tick(),
        )
        self._ledger.add_trial(self._record, trial)
        self._next_number += 1
        self._plan.on_start(trial)
        return trial

    def _start(self, trial: Trial) -> None:
        trial = replace(trial, state=State.RUNNING, attempts=trial.attempts + 1)
        self._ledger.update_trial(self._record, trial)
        self._running[trial.number] = trial
        self._lengths[trial.number] = self._length(trial)
        self._executor.start(self._spec(trial))

    def _spec(self, trial: Trial) -> TrialSpec:
        step, folder = trial.checkpoint or self._model_checkpoint(trial) or (0, None)
        return TrialSpec(
            number=trial.number,
            config=trial.config.nested(),
            metric=self._objective.metric,
            seed=trial.seed,
            split_id=trial.split,
            data_seed=self._record.sweep.seed,
            data_id=self._data_id,
            open_test=trial.phase is Phase.TEST,
            max_steps=self._fidelity.max if self._fidelity else None,
            first_step=step,
            checkpoint=folder,
            folder=str(trial_folder(self._ledger.store, self._record.name, trial.number)),
        )

    def _length(self, trial: Trial) -> int | None:
        """Reports of a full run, if there is a limit.

        Without a fidelity a run ends by itself; a repetition of one that had to be ended goes as far as that one did.
        """
        if self._fidelity is not None:
            return self._fidelity.max
        if trial.parent is None:
            return None
        origin = self._ledger.trial(self._record, trial.parent)
        while origin.parent is not None:
            origin = self._ledger.trial(self._record, origin.parent)
        return origin.last_step if origin.state is State.STOPPED else None

    def _model_checkpoint(self, trial: Trial) -> tuple[int, str] | None:
        """The last checkpoint of the model that a test trial scores."""
        if trial.phase is not Phase.TEST or trial.parent is None:
            return None
        return self._ledger.trial(self._record, trial.parent).checkpoint

    # Events

    def _handle(self, event: Event) -> None:
        trial = self._running[event.number]
        trial = self._running[event.number] = replace(trial, seconds=trial.seconds + event.seconds)
        if isinstance(event, Reported):
            self._on_reported(trial, event)
        elif isinstance(event, Finished):
            self._on_finished(trial, event)
        else:
            self._on_failed(trial, event)

    def _on_reported(self, trial: Trial, event: Reported) -> None:
        length = self._lengths.get(trial.number)
        full = length is not None and event.step >= length
        if length is not None and event.step > length:
            self._end_early(trial, State.COMPLETE)  # it would go on for ever
            return
        decision = Decision.CONTINUE
        if event.step > trial.last_step:
            report = Report(event.step, event.metrics, self._elapsed(), self._tick(), event.checkpoint, trial.seconds)
            self._ledger.add_report(self._record, trial.number, report)
            trial = self._running[trial.number] = replace(trial, reports=(*trial.reports, report))
            decision = self._plan.on_report(trial, report)
        if decision is Decision.STOP and not full:
            self._end_early(trial, State.STOPPED)
        elif self._stop_requested():
            self._executor.abandon(trial.number)
            self._leave(replace(trial, state=State.PENDING))
        else:
            self._executor.resume(trial.number)

    def _end_early(self, trial: Trial, state: State) -> None:
        self._ending[trial.number] = state
        self._executor.stop(trial.number)

    def _on_finished(self, trial: Trial, event: Finished) -> None:
        if event.data_id and event.data_id != (self._data_id or event.data_id):
            self._on_failed(trial, Failed(trial.number, Cause.EXCEPTION, OTHER_DATA))
            return
        state = self._ending.pop(trial.number, State.COMPLETE)
        files = [
            write_predictions(self._ledger.store, self._record.name, trial.number, part, predictions)
            for part, predictions in event.predictions.items()
        ]
        self._data_id = self._data_id or event.data_id
        self._note_short_run(trial, state)
        trial = replace(trial, state=state, resplit=event.resplit, testable=event.testable, data_id=event.data_id)
        self._close(trial, files)

    def _note_short_run(self, trial: Trial, state: State) -> None:
        """Once: a full run that makes fewer reports than the sweep says."""
        length = self._lengths.get(trial.number)
        short = state is State.COMPLETE and trial.phase is not Phase.TEST and trial.last_step < (length or 0)
        if short and not self._told_short:
            self._told_short = True
            self._observer.message(
                f"trial {trial.number} ended by itself after {trial.last_step} of {length} reports: fidelity.max is "
                "the number of reports of a full run"
            )

    def _on_failed(self, trial: Trial, event: Failed) -> None:
        if event.cause is Cause.WORKER_LOST and self._may_start_again(trial):
            self._observer.message(f"trial {trial.number}: {event.reason}; starting it again")
            self._ending.pop(trial.number, None)
            self._leave(replace(trial, state=State.PENDING))
            self._restarts.append(trial)
            return
        state = self._ending.pop(trial.number, State.FAILED)
        if state is State.FAILED:
            self._observer.message(f"trial {trial.number} failed: {event.reason}")
        self._close(replace(trial, state=state, reason=event.reason, detail=event.detail))

    def _may_start_again(self, trial: Trial) -> bool:
        self._lost[trial.number] += 1
        decided = self._ending.get(trial.number) is State.STOPPED  # must not train past its last decision
        return not decided and self._lost[trial.number] <= _STARTS_AFTER_LOST_WORKERS

    def _close(self, trial: Trial, files: Iterable[Artifact] = ()) -> None:
        trial = replace(trial, ended=self._tick())
        self._ledger.update_trial(self._record, trial, files)
        del self._running[trial.number]
        self._counts[trial.state] += 1
        self._finished_here += 1
        self._note_best(trial)
        self._plan.on_end(trial)

    def _leave(self, trial: Trial) -> None:
        """Record a trial that is to be gone on with later."""
        self._ledger.update_trial(self._record, trial)
        del self._running[trial.number]

    # Bookkeeping

    def _tick(self) -> int:
        """Position of the next event of the sweep."""
        self._order += 1
        return self._order - 1

    def _elapsed(self) -> float:
        return self._elapsed_before + self._clock() - self._began

    def _note_best(self, trial: Trial) -> None:
        if trial.state.over:
            self._best = self._better(self._best, trial)

    def _better(self, best: tuple[float, int] | None, trial: Trial) -> tuple[float, int] | None:
        value = trial.value(self._objective.metric)
        if value is None or trial.phase is not Phase.SEARCH or trial.state is State.FAILED:
            return best
        if best is None or self._objective.score(value) > self._objective.score(best[0]):
            return value, trial.number
        return best

    def _progress(self) -> Progress:
        return Progress(
            phase=self._plan.phase,
            total=self._plan.total,
            running=len(self._running),
            complete=self._counts[State.COMPLETE],
            stopped=self._counts[State.STOPPED],
            failed=self._counts[State.FAILED],
            best=reduce(self._better, self._running.values(), self._best),
            elapsed=self._clock() - self._began,
            finished_here=self._finished_here,
        )


def _last_order(trial: Trial) -> int:
    return max(trial.started, trial.ended or 0, *(report.order for report in trial.reports), 0)
