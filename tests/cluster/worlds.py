"""Small sweeps in virtual time, on executors that do what they are told to, over a ledger that can crash."""

from __future__ import annotations

import heapq
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from assay.cluster import Executor, PhaseRunner, Progress
from assay.cluster.phases import search_plan
from assay.cluster.search_plan import Step
from assay.cluster.virtual_executor import Curve, VirtualExecutor
from assay.cluster.wish import Wish
from assay.search import (
    Artifact,
    Decision,
    Event,
    EventKind,
    Journal,
    Ledger,
    Phase,
    Report,
    Segment,
    State,
    Sweep,
    SweepRecord,
    Trial,
)
from assay.search.searcher import draw
from assay.spaces import Config, NoResultError, Space, SweepInterrupted
from assay.trainables import Cause, Failed, Finished, Reported, TrialSpec
from assay.trainables import Event as Answer

_WHEN_STOPPED = ("stuck when stopped", "dies when stopped", "hangs when stopped")
Script = Callable[[TrialSpec, int], Sequence[Any]]
Watch = Callable[[str, int], None]


class Crash(BaseException):
    """The driver dies here."""


class Clock:
    """Seconds that pass only when the executor says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class ScriptedExecutor:
    """Trials in virtual time: every step of a trial takes one second, plus a bit that depends on its number.

    Args:
        script: from spec and attempt (counted from 1) to what the trial does at each step from where it goes on: a
            number is reported, a :class:`Cause` fails it, "hangs" makes it silent; after the last one it ends by
            itself. With ``"stuck when stopped"`` as the last one it fails when it is told to stop, with ``"dies when
            stopped"`` its worker dies, with ``"hangs when stopped"`` it says nothing more.
        batch: reports that are handed over together, where no decision is due before.
    """

    def __init__(
        self,
        script: Script,
        clock: Clock,
        *,
        capacity: int = 1,
        checkpoints: Path | None = None,
        batch: int = 1,
    ) -> None:
        self._script = script
        self.clock = clock
        self.capacity = capacity
        self._checkpoints = checkpoints
        self._batch = batch
        self._attempts: Counter[int] = Counter()
        self._left: dict[int, list[Any]] = {}
        self._steps: dict[int, int] = {}
        self._until: dict[int, int | None] = {}
        self._due: list[tuple[float, int, str]] = []
        self.specs: list[TrialSpec] = []
        self.calls: list[tuple[str, int]] = []
        self.most = 0

    def open(self) -> None:
        pass

    def start(self, spec: TrialSpec, until: int | None) -> None:
        self._note("start", spec.number)
        assert spec.number not in self._left, "started twice"
        assert len(self._left) < self.capacity, "no free place"
        self.specs.append(spec)
        self._attempts[spec.number] += 1
        self._steps[spec.number] = first_step(spec)
        self._left[spec.number] = list(self._script(spec, self._attempts[spec.number]))
        self.most = max(self.most, len(self._left))
        self._plan(spec.number, "advance", until)

    def resume(self, number: int, until: int | None) -> None:
        self._note("resume", number)
        self._plan(number, "advance", until)

    def stop(self, number: int) -> None:
        self._note("stop", number)
        self._plan(number, "stop", None)

    def abandon(self, number: int) -> None:
        self._note("abandon", number)
        del self._left[number]

    def kill(self, number: int) -> None:
        self._due = [entry for entry in self._due if entry[1] != number]
        heapq.heapify(self._due)
        self._note("kill", number)
        del self._left[number]

    def waiting(self, number: int) -> bool:
        return False

    def wait(self, timeout: float) -> Sequence[Answer]:
        if not self._due or self._due[0][0] > self.clock.now + timeout:
            self.clock.now += timeout
            return []
        self.clock.now, number, action = heapq.heappop(self._due)
        events = self._events(number, action)
        if events and not isinstance(events[-1], Reported):
            del self._left[number]
        return events

    def close(self) -> None:
        pass

    def _note(self, call: str, number: int) -> None:
        assert number not in [planned for _, planned, _ in self._due], "told twice"
        self.calls.append((call, number))

    def _plan(self, number: int, action: str, until: int | None) -> None:
        self._until[number] = until
        heapq.heappush(self._due, (self.clock.now + 1 + number / 1000, number, action))

    def _events(self, number: int, action: str) -> list[Answer]:
        last = self._left[number][-1:]
        if action == "stop" and last == ["hangs when stopped"]:
            return []
        if action == "stop" and last == ["stuck when stopped"]:
            return [Failed(number, Cause.STUCK, "went on")]
        if action == "stop" and last == ["dies when stopped"]:
            return [Failed(number, Cause.WORKER_LOST, "died")]
        if action == "stop":
            return [Finished(number, 0.1)]
        events: list[Answer] = []
        while len(events) < self._batch:
            event = self._advance(number)
            if event is None:
                break
            events.append(event)
            if not isinstance(event, Reported) or event.step == self._until[number]:
                break
        return events

    def _advance(self, number: int) -> Answer | None:
        left = self._left[number]
        if not left or left[0] in _WHEN_STOPPED:
            return Finished(number, 0.1)
        does = left.pop(0)
        if does == "hangs":
            return None
        if isinstance(does, Cause):
            return Failed(number, does, f"{does} of trial {number}", "the traceback")
        self._steps[number] += 1
        checkpoint = str(self._checkpoints) if self._checkpoints else None
        return Reported(number, self._steps[number], {"score": float(does)}, 1.0, checkpoint)


def first_step(spec: TrialSpec) -> int:
    """Steps that were trained before the checkpoint it goes on from."""
    return spec.restore[0][0] if spec.restore else 0


class FragileJournal(Journal):
    """Names to ``watch`` what each commit makes durable, before and after it; the watch may raise :class:`Crash`."""

    watch: Watch

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._noted: list[tuple[str, int]] = []

    def add(self, trial: Trial) -> None:
        super().add(trial)
        self._noted.append(("add", trial.number))

    def update(self, trial: Trial, artifacts: Iterable[Artifact] = ()) -> None:
        super().update(trial, artifacts)
        self._noted.append((str(trial.state), trial.number))

    def report(self, number: int, report: Report) -> None:
        super().report(number, report)
        self._noted.append(("report", number))

    def segment(self, number: int, segment: Segment) -> None:
        super().segment(number, segment)
        self._noted.append(("segment", number))

    def event(self, event: Event) -> None:
        super().event(event)
        self._noted.append((str(event.kind), event.number))

    def commit(self, *, force: bool = False) -> None:
        noted, self._noted = self._noted, []
        for what, number in noted:
            self.watch(f"before {what}", number)
        super().commit(force=force)
        for what, number in noted:
            self.watch(what, number)


class FragileLedger(Ledger):
    """Its journals are fragile."""

    def __init__(self, store: Path, watch: Watch = lambda call, number: None) -> None:
        super().__init__(store, create=True)
        self.watch = watch

    def journal(self, record: SweepRecord, *, lazy: bool = False) -> Journal:
        journal = FragileJournal(self._writes, record.id, lazy=lazy)
        journal.watch = lambda call, number: self.watch(call, number)
        self._journals.add(journal)
        return journal

    def close_journals(self) -> None:
        """As the end of a driver does."""
        for journal in list(self._journals):
            journal.close()


class Notes:
    """An observer that remembers."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.updates: list[Progress] = []

    def update(self, progress: Progress) -> None:
        self.updates.append(progress)

    def message(self, text: str) -> None:
        self.messages.append(text)


def make_sweep(**changes: Any) -> Sweep:
    raw = {
        "name": "small",
        "trainable": "train.py:train",
        "objectives": [{"metric": "score", "goal": "maximize"}],
        "parameters": {"x": "uniform(0, 1)"},
        "searcher": "random",
        "fidelity": {"unit": "epoch", "min": 1, "max": 4},
        "budget": {"trials": 4},
        "leaderboard": {"top": 2, "seeds": 2},
    }
    return Sweep.make(raw | changes)


class Historian:
    """A searcher that answers with what follows from all calls before, in their order.

    Args:
        seconds: how long it takes to answer.
        most: configs that there are.
    """

    def __init__(self, space: Space, *, seconds: float = 0.0, most: int = 10**9) -> None:
        self._space = space
        self._seconds = seconds
        self._most = most
        self._state = 0
        self.told: list[str] = []
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        self.asked.append(number)
        if self._seconds:
            time.sleep(self._seconds)
        config = draw(self._space, np.random.default_rng([self._state, number]), taken)
        if config is None or len(self.asked) > self._most:
            return None
        self._note(f"config {number} {config}")  # it makes no difference whether it was asked
        return config

    def adopt(self, number: int, config: Config) -> None:
        self._note(f"config {number} {config}")

    def on_report(self, number: int, step: int, value: float) -> None:
        self._note(f"report {number} {step} {value}")

    def tell(self, trial: Trial) -> None:
        self.told.append(f"{trial.number} {trial.state} {[report.step for report in trial.reports]}")
        self._note(f"tell {self.told[-1]}")

    def _note(self, call: str) -> None:
        self._state = zlib.crc32(call.encode(), self._state)
        self.threads.add(threading.get_ident())


def rising(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
    """The larger ``x``, the better; no two trials take the same time."""
    return {"score": spec.config["x"] * step}, 1.0 + spec.number / 1000


class Recorded(NamedTuple):
    """Of a trial, what is looked at before each of its steps.

    Attributes:
        decision: about its last report; None before the first.
    """

    state: State
    attempts: int
    decision: str | None


# The whole trial, as the ledger gives it, took half of the time of the tests that drive a world.
_TRIAL = sa.text("SELECT state, attempts FROM trials WHERE sweep_id = :sweep AND number = :number")
_REPORTS = sa.text(
    'SELECT segment, step, decision FROM reports WHERE sweep_id = :sweep AND number = :number ORDER BY "order"'
)


class Witness:
    """Passes everything on to an executor, and looks whether what it is told was recorded before.

    Args:
        watch: is called before each call is carried out, with its name and the trial's number.
        strict: look into the ledger; else only whether a trial runs twice.
    """

    def __init__(
        self, executor: Executor, ledger: Ledger, record: SweepRecord, watch: Watch, *, strict: bool = True
    ) -> None:
        self._executor = executor
        self._ledger, self._record = ledger, record
        self._watch = watch
        self._strict = strict
        self._specs: dict[int, TrialSpec] = {}  # of the running trials
        self._steps: dict[int, int] = {}  # the last ones that were heard of
        self.clock = executor.clock  # type: ignore[attr-defined]

    @property
    def capacity(self) -> int:
        return self._executor.capacity

    def open(self) -> None:
        self._executor.open()

    def start(self, spec: TrialSpec, until: int | None) -> None:
        self._watch("start", spec.number)
        assert spec.number not in self._specs, "it runs already"
        if self._strict:
            trial = self._ledger.trial(self._record, spec.number)
            assert (trial.state, trial.attempts) == (State.RUNNING, spec.attempt)
            assert (trial.config.nested(), trial.seed, trial.split) == (spec.config, spec.seed, spec.split_id)
            runs = [event for event in self._ledger.events(self._record) if event.kind is EventKind.RUN]
            assert sum(event.number == spec.number for event in runs) == spec.attempt
        self._specs[spec.number], self._steps[spec.number] = spec, first_step(spec)
        self._executor.start(spec, until)

    def resume(self, number: int, until: int | None) -> None:
        self._watch("resume", number)
        if self._strict:
            trial = self._recorded(number)
            assert trial.state is State.RUNNING
            assert trial.decision is not None
            assert trial.decision != Decision.STOP
        self._executor.resume(number, until)

    def stop(self, number: int) -> None:
        self._watch("stop", number)
        if self._strict:
            trial = self._ledger.trial(self._record, number)
            beyond = trial.last_step < self._steps[number]
            assert beyond or trial.reports[-1].decision == Decision.STOP
        self._executor.stop(number)

    def abandon(self, number: int) -> None:
        self._watch("abandon", number)
        if self._strict:
            trial = self._recorded(number)
            chosen_at_once = trial.attempts > self._specs[number].attempt
            assert chosen_at_once or trial.state is not State.RUNNING
        del self._specs[number]
        self._executor.abandon(number)

    def kill(self, number: int) -> None:
        self._watch("kill", number)
        if self._strict:
            assert self._ledger.trial(self._record, number).state is not State.RUNNING
        del self._specs[number]
        self._executor.kill(number)

    def waiting(self, number: int) -> bool:
        return self._executor.waiting(number)

    def wait(self, timeout: float) -> Sequence[Answer]:
        self._watch("wait", -1)
        events = self._executor.wait(timeout)
        for event in events:
            if isinstance(event, Reported):
                self._steps[event.number] = event.step
            else:
                self._specs.pop(event.number, None)
        return events

    def close(self) -> None:
        self._executor.close()

    def _recorded(self, number: int) -> Recorded:
        """The trial, whose reports are all in the ledger."""
        spec, of_trial = self._specs[number], {"sweep": self._record.id, "number": number}
        with self._ledger._reads.connect() as connection:  # what is durable, as another process sees it
            state, attempts = connection.execute(_TRIAL, of_trial).one()
            reports = connection.execute(_REPORTS, of_trial).all()
        own = [step for segment, step, _ in reports if segment == spec.segment]
        trial = Recorded(State(state), attempts, reports[-1].decision if reports else None)
        recorded = self._steps[number] <= max([first_step(spec), *own])
        assert recorded or trial.state is State.FAILED, "told before it was recorded"
        return trial


class World:
    """A store, a sweep and whatever runs it; each call of :meth:`drive` is a driver of its own.

    Attributes:
        order: what was made durable and what executors were told, in order.
        wish: from the executor's clock to what a person wants.
        crash_at: what the driver dies at, and of which trial (-1 for ``wait``): a call of the executor, or a record
            such as ``report``; with ``before`` in front of it, it never becomes durable. Or whether it dies there.
        ended: what the last driver ended with, if not well.
    """

    def __init__(self, store: Path, sweep: Sweep) -> None:
        self.store, self.sweep = store, sweep
        self.clock, self.notes = Clock(), Notes()
        self.order: list[tuple[str, int]] = []
        self.wish: Callable[[float], Wish] = lambda now: Wish.NONE
        self.crash_at: tuple[str, int] | Callable[[str, int], bool] | None = None
        self.ended: BaseException | None = None

    def script(
        self, script: Script, *, capacity: int = 1, checkpoints: bool = True, batch: int = 1
    ) -> ScriptedExecutor:
        """Drive the search on a scripted executor."""
        folder = self.store if checkpoints else None
        executor = ScriptedExecutor(script, self.clock, capacity=capacity, checkpoints=folder, batch=batch)
        self.drive(executor)
        return executor

    def simulate(self, curve: Curve = rising, workers: int = 1, **options: Any) -> VirtualExecutor:
        """Drive the search in simulated time."""
        executor = VirtualExecutor(curve, workers, **options)
        self.drive(executor)
        return executor

    def drive(self, executor: Any, *, phases: bool = False) -> None:
        """One driver of the search, or of all phases."""
        ledger = FragileLedger(self.store, self.watch)
        record = self.record(ledger)
        witness = Witness(executor, ledger, record, self.watch)
        runner = PhaseRunner(
            ledger,
            record,
            witness,
            clock=executor.clock,
            wish=lambda: self.wish(executor.clock()),
            observer=self.notes,
        )
        self.ended = None
        try:
            runner.run() if phases else runner.search()
        except (Crash, SweepInterrupted, NoResultError) as ended:
            self.ended, self.crash_at = ended, None
        finally:
            ledger.close()

    def watch(self, call: str, number: int) -> None:
        self.order.append((call, number))
        if self.crash_at(call, number) if callable(self.crash_at) else (call, number) == self.crash_at:
            raise Crash

    def record(self, ledger: Ledger) -> SweepRecord:
        """The sweep in the ledger; it is made when there is none."""
        found = [record for record in ledger.sweeps() if record.name == self.sweep.name]
        return found[0] if found else ledger.create_sweep(self.sweep, ".")

    @property
    def trials(self) -> list[Trial]:
        with closing(Ledger(self.store)) as ledger:
            return ledger.trials(ledger.sweep(self.sweep.name))

    @property
    def events(self) -> list[Event]:
        with closing(Ledger(self.store)) as ledger:
            return ledger.events(ledger.sweep(self.sweep.name))

    @property
    def states(self) -> list[State]:
        return [trial.state for trial in self.trials]

    def phase(self, phase: Phase) -> list[Trial]:
        return [trial for trial in self.trials if trial.phase is phase]

    def repeated(self) -> list[Step]:
        """Every decision of the search as it was recorded and as it is made again."""
        with closing(Ledger(self.store)) as ledger:
            record = ledger.sweep(self.sweep.name)
            known, events = ledger.trials(record, Phase.SEARCH), ledger.events(record)
            return list(search_plan(self.sweep).repeat(known, events, ask_from=0))
