"""One trial on a worker, advanced from report to report."""

from __future__ import annotations

import math
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import GeneratorType
from typing import Any, Protocol

from ..spaces import TrainableError
from .checkpoints import CheckpointCorrupt, CheckpointError, CheckpointMissing, OpenedCheckpoint, open_checkpoint
from .handle import TrialHandle
from .metrics import MetricError, clean_metrics
from .randomness import RandomState, seed_everything
from .reason import in_a_network, one_line
from .spec import Cause, Event, Failed, Finished, Reported, TrialSpec
from .trainable import Trainable
from .typed import is_generator

_END = object()
_WENT_ON = (
    "went on after it was told to stop: do not catch what leaves `yield` or trial.report() "
    "(a bare except, except BaseException); clean up in finally"
)
_NOT_BUILT = "was not reported: report it, or build the network with trial.build_model()"
_UNMEASURED = (
    "was not reported and cannot be measured: report it, or give architecture.input, the shape of one example that the "
    "network takes"
)

_TRAINED_PAST = (
    "the training function trains on past report {length}, with which the trial ended: let it go on from "
    "trial.checkpoint, over `for step in trial.steps()`"
)


class TrialStopped(BaseException):
    """Leaves a plain function that is told to stop; no ``Exception``, so that ``except Exception`` lets it pass."""


class StuckError(TrainableError):
    """A training function went on after it was told to stop, or did not return in time."""


class _Reports(Protocol):
    """Metrics one after the other; ``close`` ends them early."""

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...

    def close(self) -> None: ...


class Session:
    """Runs one trial. Every method returns an event and raises nothing for what the training function does.

    Only ``KeyboardInterrupt`` passes. A trial that ended stays ended: later calls return its last event again.
    """

    def __init__(self, trainable: Trainable, spec: TrialSpec) -> None:
        self._spec = spec
        self._step = 0
        self._due: int | None = None
        self._restored: OpenedCheckpoint | None = None
        self._handle = TrialHandle(spec)
        self._trainable = trainable
        self._reports: _Reports | None = None
        self._random: RandomState | None = None
        self._outcome: Finished | Failed | None = None
        self._measured: dict[str, float | None] = {}  # None: it cannot be
        self.restored_step = 0

    def advance(self) -> Event:
        """Train to the next report or to the end."""
        return self.run(seconds=0)[0]

    def run(self, until: int | None = None, seconds: float = math.inf) -> tuple[Event, ...]:
        """Train until something is to be decided; all events on the way, at least one.

        Args:
            until: report after which a decision is due; None when nothing is before the end of a full run.
            seconds: return with the first report after that much time.
        """
        if self._outcome is not None:
            return (self._outcome,)
        self._due = until
        last = self._spec.max_steps + 1 if self._spec.max_steps else math.inf  # a report beyond a full run
        deadline = time.monotonic() + seconds
        with self._own_random():
            events = [self._timed(self._advance)]
            while isinstance(events[-1], Reported) and self._step < min(until or math.inf, last):
                if time.monotonic() >= deadline:
                    break
                events.append(self._timed(self._advance))
        return tuple(events)

    def stop(self) -> Event:
        """End now; predictions registered so far are kept."""
        with self._own_random():
            return self._timed(self._finish)

    def abandon(self) -> Failed | None:
        """End now and keep nothing but committed checkpoints; the failure if the function cannot be ended."""
        with self._own_random():
            event = self._timed(self._abandon)
        return event if isinstance(event, Failed) and event.cause is Cause.STUCK else None

    def hold(self, length: int, *, stopped: bool) -> TrialHandle:
        """Bring the model back to how it was after report ``length``, and keep what it needs open.

        Where no checkpoint of that report is there, it is trained again, from the newest one or from the seed.

        Args:
            stopped: the trial was told to stop at that report; else the function is run to its own end.

        Returns:
            what the training function told of its model. :meth:`release` ends its validity.

        Raises:
            TrainableError: when the function trains past ``length``. Exceptions of the function pass as they are.
        """
        with self._own_random():
            self._restore()
            self.restored_step = self._step
            whole = self._step >= length
            if whole and self._handle.max_steps is not None:
                self._handle.max_steps = self._step
            seed_everything(self._spec.seed)
            self._reports = _start(self._trainable, self._spec, self._handle)
            try:
                for _ in self._reports:
                    if whole:
                        raise TrainableError(_TRAINED_PAST.format(length=length))
                    self._step += 1
                    if self._step > length or (stopped and self._step == length):
                        break
            finally:
                self._close()
        return self._handle

    def release(self) -> None:
        """Let go of what :meth:`hold` kept open."""
        self._let_go()

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """Trials that take turns in a process must not draw from each other's generators."""
        if self._random is not None:
            self._random.restore()
        try:
            yield
        finally:
            self._random = None if self._outcome is not None else RandomState.now()

    def _timed(self, act: Callable[[float], Event]) -> Event:
        if self._outcome is not None:
            return self._outcome
        start = time.perf_counter()
        try:
            event = act(start)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a training function may raise anything
            event = self._failed(error, start)
        if not isinstance(event, Reported):
            self._outcome = event
            self._let_go()
        return event

    def _failed(self, error: BaseException, start: float) -> Failed:
        cause, reason, detail = _diagnose(error, self._spec)
        try:
            self._close()
        except KeyboardInterrupt:
            raise
        except BaseException as second:  # noqa: BLE001 - the first error is the one to tell, unless it hangs now
            if isinstance(second, StuckError):
                cause, reason = Cause.STUCK, f"{reason}; then it {second}"
        return Failed(self._spec.number, cause, reason, detail, time.perf_counter() - start)

    def _close(self) -> None:
        reports, self._reports = self._reports, None
        try:
            if reports is not None:
                reports.close()
        finally:
            self._handle.discard_staged()

    def _let_go(self) -> None:
        """The copy of a checkpoint is needed until predictions are made: a model may have mapped it."""
        if self._restored is not None:
            self._restored.close()
            self._restored = None

    def _restore(self) -> None:
        """Open the first checkpoint that is there and whole.

        Raises:
            CheckpointError: when none is, and a fresh start is no substitute; or when it cannot be known.
        """
        self._handle.sweep()
        unusable: CheckpointError | None = None
        for step, place in self._spec.restore:
            try:
                self._restored = open_checkpoint(place)
            except (CheckpointMissing, CheckpointCorrupt) as error:
                print(f"a checkpoint cannot be used: {error}")  # kept with what the trial prints
                unusable = error
                continue
            self._step = step
            self._handle = TrialHandle(self._spec, self._restored.folder, step)
            return
        if unusable is not None and self._spec.must_restore:
            raise unusable

    def _abandon(self, start: float) -> Finished:
        self._close()
        return Finished(self._spec.number, time.perf_counter() - start)

    def _advance(self, start: float) -> Event:
        if self._reports is None:
            self._restore()
            seed_everything(self._spec.seed)
            self._reports = _start(self._trainable, self._spec, self._handle)
        self._handle.expect(self._step + 1, self._due)
        metrics = next(self._reports, _END)
        if metrics is _END:
            return self._finish(start)
        self._step += 1
        clean = clean_metrics(self._with_measured(metrics), self._spec.metric, *self._spec.others)
        checkpoint = self._handle.commit_checkpoint(self._step)
        seconds = time.perf_counter() - start
        return Reported(self._spec.number, self._step, clean, seconds, checkpoint, self._handle.inherited)

    def _with_measured(self, metrics: Any) -> Any:
        """Metrics, with what is to be measured and the function does not report itself; each is measured once.

        Raises:
            MetricError: when an objective is to be measured, and cannot be.
        """
        missing = [name for name in self._spec.measure if name not in metrics] if isinstance(metrics, Mapping) else []
        if not missing:
            return metrics
        new = [name for name in missing if name not in self._measured]
        if new and self._handle.built:
            self._measured |= dict.fromkeys(new) | self._handle.measure(new)
        found = {name: value for name in missing if (value := self._measured.get(name)) is not None}
        for name in missing:
            if name not in found and name in (self._spec.metric, *self._spec.others):
                raise MetricError(f"metric {name!r} {_UNMEASURED if self._handle.built else _NOT_BUILT}")
        return {**metrics, **found}

    def _finish(self, start: float) -> Finished:
        self._close()
        if self._step == 0 and not self._spec.open_test:
            raise MetricError(f"ended without a report of metric {self._spec.metric!r}: yield or report it")
        predictions = self._handle.collect_predictions()
        weights = self._handle.collect_weights()
        seconds = time.perf_counter() - start
        handle = self._handle
        return Finished(
            self._spec.number,
            seconds,
            predictions,
            handle.resplit,
            handle.testable,
            handle.data_id,
            handle.train_rows,
            handle.validation_rows,
            weights,
            handle.architectures,
            False if handle.inherited is None and handle.checkpoint is None else handle.inherited,
        )


def _diagnose(error: BaseException, spec: TrialSpec) -> tuple[Cause, str, str]:
    """Cause, reason and detail of a failure."""
    if isinstance(error, MetricError):
        return Cause.METRIC, str(error), ""
    if isinstance(error, StuckError):
        return Cause.STUCK, str(error), ""
    detail = "".join(traceback.format_exception(error))
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, without importing it
        return Cause.MEMORY, one_line(error), detail
    if isinstance(error, TrainableError):
        return Cause.EXCEPTION, str(error), detail
    return Cause.EXCEPTION, f"{one_line(error)}{_taken(error, spec)}", detail


def _taken(error: BaseException, spec: TrialSpec) -> str:
    """What a network of stages takes, where it failed: most likely it was given something else."""
    networks = spec.architecture or {}
    if "input" not in networks or not in_a_network(error):
        return ""
    words = f" of whole numbers below {networks['vocabulary']}" if networks.get("vocabulary") else ""
    return f": the network takes batches of {networks['input']}{words} (section architecture)"


def _start(trainable: Trainable, spec: TrialSpec, handle: TrialHandle) -> _Reports:
    if is_generator(trainable):
        return _Generated(trainable(spec.config, handle))  # type: ignore[arg-type]
    return _Threaded(trainable, spec, handle)


class _Generated:
    """A generator; one that yields again after it was closed is stuck, as a function that reports again."""

    def __init__(self, generator: GeneratorType[Any, None, Any]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._generator)

    def close(self) -> None:
        try:
            self._generator.close()
        except RuntimeError as error:
            if str(error) == "generator ignored GeneratorExit":  # CPython's words, also through `yield from`
                raise StuckError(_WENT_ON) from None
            raise


class _Threaded:
    """An iterator over the reports of a plain function, which runs in a thread from one report to the next."""

    def __init__(self, trainable: Trainable, spec: TrialSpec, handle: TrialHandle) -> None:
        self._out: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._permits: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._ended = self._stopping = False
        self._stop_timeout = spec.stop_timeout
        handle.attach(self._report)
        self._thread = threading.Thread(
            target=self._run, args=(trainable, spec, handle), name=f"trial-{spec.number}", daemon=True
        )

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._permits.put(True)
        kind, value = self._out.get()
        if kind == "report":
            return value
        self._ended = True
        if kind == "error":
            raise value
        raise StopIteration

    def close(self) -> None:
        """Raise :class:`TrialStopped` in the waiting ``report`` and wait until the function is left."""
        if self._ended or self._thread.ident is None:
            return
        self._ended = self._stopping = True
        self._permits.put(False)
        try:
            kind, value = self._out.get(timeout=self._stop_timeout)
        except queue.Empty:
            raise StuckError(
                f"did not return within {self._stop_timeout:g} s after trial.report() told it to stop"
            ) from None
        if kind == "error":
            raise value
        if kind == "report":
            raise StuckError(_WENT_ON)

    def _run(self, trainable: Trainable, spec: TrialSpec, handle: TrialHandle) -> None:
        try:
            self._report_all(trainable(spec.config, handle))
        except TrialStopped:
            pass
        except StopIteration as error:  # would read as a normal end; a generator turns it into RuntimeError too
            replaced = RuntimeError("the training function raised StopIteration")
            replaced.__cause__ = error
            self._out.put(("error", replaced.with_traceback(error.__traceback__)))
            return
        except BaseException as error:  # noqa: BLE001 - handed over to the session's thread
            self._out.put(("error", error))
            return
        self._out.put(("end", None))

    def _report_all(self, result: Any) -> None:
        """Report what a function returned: nothing, metrics, or an iterator of metrics, which is closed at the end."""
        if not isinstance(result, Iterator):
            if result is not None and not self._stopping:
                self._report(result)
            return
        try:
            for metrics in result:
                self._report(metrics)
        finally:
            close = getattr(result, "close", None)
            if callable(close):
                _Generated(result).close() if isinstance(result, GeneratorType) else close()

    def _report(self, metrics: Any) -> None:
        self._out.put(("report", metrics))
        if self._stopping or not self._permits.get():
            raise TrialStopped
