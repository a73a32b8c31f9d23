"""One trial on a worker, advanced from report to report."""

from __future__ import annotations

import inspect
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import GeneratorType
from typing import Any, Protocol

from ..spaces import TrainableError
from .handle import TrialHandle
from .metrics import MetricError, clean_metrics
from .randomness import RandomState, seed_everything
from .reason import one_line
from .spec import Cause, Event, Failed, Finished, Reported, TrialSpec
from .trainable import Trainable

_STOP_TIMEOUT = 60.0
_END = object()
_WENT_ON = (
    "went on after it was told to stop: do not catch what leaves `yield` or trial.report() "
    "(a bare except, except BaseException); clean up in finally"
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
        if spec.checkpoint is not None and not Path(spec.checkpoint).is_dir():
            spec = replace(spec, checkpoint=None, first_step=0)  # not on this machine: train again from the start
        self._spec = spec
        self._step = spec.first_step
        self._handle = TrialHandle(spec)
        self._trainable = trainable
        self._reports: _Reports | None = None
        self._random: RandomState | None = None
        self._outcome: Finished | Failed | None = None

    def advance(self) -> Event:
        """Train to the next report or to the end."""
        return self._timed(self._advance)

    def stop(self) -> Event:
        """End now; predictions registered so far are kept."""
        return self._timed(self._finish)

    def abandon(self) -> Failed | None:
        """End now and keep nothing but committed checkpoints; the failure if the function cannot be ended."""
        event = self._timed(self._abandon)
        return event if isinstance(event, Failed) and event.cause is Cause.STUCK else None

    def _timed(self, act: Callable[[float], Event]) -> Event:
        if self._outcome is not None:
            return self._outcome
        start = time.perf_counter()
        if self._random is not None:
            self._random.restore()
        try:
            event = act(start)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a training function may raise anything
            event = self._failed(error, start)
        if isinstance(event, Reported):
            self._random = RandomState.now()
        else:
            self._outcome = event
        return event

    def _failed(self, error: BaseException, start: float) -> Failed:
        cause, reason, detail = _diagnose(error)
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

    def _abandon(self, start: float) -> Finished:
        self._close()
        return Finished(self._spec.number, time.perf_counter() - start)

    def _advance(self, start: float) -> Event:
        if self._reports is None:
            seed_everything(self._spec.seed)
            self._reports = _start(self._trainable, self._spec, self._handle)
        metrics = next(self._reports, _END)
        if metrics is _END:
            return self._finish(start)
        self._step += 1
        clean = clean_metrics(metrics, self._spec.metric)
        checkpoint = self._handle.commit_checkpoint(self._step)
        return Reported(self._spec.number, self._step, clean, time.perf_counter() - start, checkpoint)

    def _finish(self, start: float) -> Finished:
        self._close()
        if self._step == 0 and not self._spec.open_test:
            raise MetricError(f"ended without a report of metric {self._spec.metric!r}: yield or report it")
        predictions = self._handle.collect_predictions()
        seconds = time.perf_counter() - start
        handle = self._handle
        return Finished(self._spec.number, seconds, predictions, handle.resplit, handle.testable, handle.data_id)


def _diagnose(error: BaseException) -> tuple[Cause, str, str]:
    """Cause, reason and detail of a failure."""
    if isinstance(error, MetricError):
        return Cause.METRIC, str(error), ""
    if isinstance(error, StuckError):
        return Cause.STUCK, str(error), ""
    detail = "".join(traceback.format_exception(error))
    reason = str(error) if isinstance(error, TrainableError) else one_line(error)
    return Cause.EXCEPTION, reason, detail


def _start(trainable: Trainable, spec: TrialSpec, handle: TrialHandle) -> _Reports:
    if inspect.isgeneratorfunction(trainable) or inspect.isgeneratorfunction(type(trainable).__call__):
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
            kind, value = self._out.get(timeout=_STOP_TIMEOUT)
        except queue.Empty:
            raise StuckError(
                f"did not return within {_STOP_TIMEOUT:.0f} s after trial.report() told it to stop"
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
