"""An execution engine of NNI that runs no model: a strategy at work in lock step with whoever asks it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable

from nni.nas.execution import ExecutionEngine
from nni.nas.execution.event import FinalMetricEvent, IntermediateMetricEvent, TrainingEndEvent
from nni.nas.space import ModelStatus
from nni.nas.strategy import RegularizedEvolution
from nni.nas.strategy.base import Strategy

from ...spaces import Config
from .flat_space import FlatSpace


class _Closed(BaseException):
    """Nobody asks any more: ends the strategy's thread, past every ``except Exception``."""


class LockStepEngine(ExecutionEngine):  # type: ignore[misc]  # NNI has no types
    """Lets a strategy think until it submits a model, then stops it until the next one is wanted.

    A strategy of NNI is a loop that never returns, so it has a thread of its own; but only one of the two threads runs
    at a time, so that nothing depends on time, and NNI's code, which has no locks, is never entered twice.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Semaphore(0)  # the strategy may run
        self._back = threading.Semaphore(0)  # it has stopped again
        self._submitted: list[FlatSpace] = []
        self._next: FlatSpace | None = None
        self._closed = False
        self._over = False
        self._error: BaseException | None = None

    # Called by the one who asks

    def next(self) -> FlatSpace | None:
        """The next model that the strategy submits; None when it wants to submit none.

        Raises:
            Exception: what was raised in the strategy.
        """
        if self._over:
            return None
        self._turn.release()
        self._back.acquire()
        if self._error is not None:
            raise self._error
        return self._next

    def close(self) -> None:
        """Let the thread end. It does not wait for it: a garbage collection may call this, in any thread."""
        self._closed = True
        self._turn.release()

    # Called in the strategy's thread

    def work(self, strategy: Strategy) -> None:
        """All that the strategy's thread does."""
        self._turn.acquire()
        try:
            if not self._closed:
                strategy.run()
        except _Closed:
            return
        except BaseException as error:  # noqa: BLE001 - raised again where the next model is asked for
            self._error = error
        self._over, self._next = True, None
        self._back.release()

    def _stop(self, model: FlatSpace | None) -> None:
        self._next = model
        self._back.release()
        self._turn.acquire()
        if self._closed:
            raise _Closed

    def submit_models(self, *models: FlatSpace) -> None:
        for model in models:
            model.status = ModelStatus.Training
            self._submitted.append(model)
            self._stop(model)

    def wait_models(self, *models: FlatSpace) -> None:
        while not all(model.status.completed() for model in models or self._submitted):
            self._stop(None)

    def list_models(self, status: ModelStatus | None = None) -> Iterable[FlatSpace]:
        return [model for model in self._submitted if status is None or model.status == status]

    # It is asked for one model after the other, without end: it need not wait for either, with sleeps of a second.

    def idle_worker_available(self) -> bool:
        return True

    def budget_available(self) -> bool:
        return True


class StrategyRun:
    """A strategy from its start on: what it submits, and what becomes of it. Models are known by their position.

    Args:
        strategy: new.
    """

    def __init__(self, strategy: Strategy, space: FlatSpace) -> None:
        self._strategy = strategy
        self._space = space
        self._engine = LockStepEngine()
        self._models: list[FlatSpace] = []
        strategy.initialize(space, self._engine)
        self._thread = threading.Thread(target=self._engine.work, args=(strategy,), name="nni-strategy", daemon=True)
        # The thread knows the engine and the strategy, not this object, which so can be collected.
        weakref.finalize(self, self._engine.close).atexit = False

    def next(self) -> Config | None:
        """The config of the next model; None when the strategy has none.

        Raises:
            Exception: what was raised in the strategy.
        """
        if not self._thread.ident:
            self._thread.start()
        model = self._engine.next()
        if model is None:
            return None
        self._models.append(model)
        return model.config

    def insert(self, config: Config) -> None:
        """A model that the strategy did not submit. Evolution learns from it as from one of its own."""
        model = self._space.at(config)
        model.status = ModelStatus.Training
        self._models.append(model)
        if isinstance(self._strategy, RegularizedEvolution):
            self._strategy._running_models.append(model)

    def report(self, index: int, value: float) -> None:
        """An intermediate metric; larger is better."""
        self._engine.dispatch_model_event(IntermediateMetricEvent(self._models[index], value))

    def end(self, index: int, value: float | None, status: ModelStatus) -> None:
        """A model is over, with its final metric, if it has one."""
        model = self._models[index]
        if value is not None:
            self._engine.dispatch_model_event(FinalMetricEvent(model, value))
        self._engine.dispatch_model_event(TrainingEndEvent(model, status))

    def __len__(self) -> int:
        return len(self._models)
