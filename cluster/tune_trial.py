"""A trial as Ray Tune runs it: in one of its actors, by our worker. Loaded only where Ray Tune runs the search."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ray.air.constants import TIME_THIS_ITER_S
from ray.tune import Trainable
from ray.tune.result import DONE

from ..search.tune_scheduler import TuneScheduler
from ..spaces import TrainableError
from ..trainables import Cause, Event, Failed, Reported, TrialSpec
from .environment import Surroundings
from .plan import NO_CHECKPOINT
from .worker import PackedTrainable, Worker

SPEC = "assay_spec"
"""In a trial's config: what it runs, and what it goes on from. The driver keeps it up to date."""

SEEN = "assay_seen"
"""In a trial's config: the last report that is recorded; earlier ones are not made again."""

EVENTS = "assay_events"
"""In a result: what happened."""

SEGMENT = "assay_segment"
"""In a result: the trial's segment that made it."""


class TrialFailed(Exception):
    """A trial failed in a way that its process does not survive: Ray Tune starts another one."""


class TuneTrial(Trainable):  # type: ignore[misc]  # Ray has no types
    """Reused from trial to trial. A result holds one report, and with the last of a full run also its end.

    A trial that fails is over like one that ends, with the reason in its last result: Ray Tune's own way of failing
    would end the process, and has one number of retries for all causes.
    """

    def setup(
        self,
        config: dict[str, Any],
        ref: PackedTrainable,
        rungs: Sequence[int],
        copies: bool,
        blind: bool,
        surroundings: Surroundings,
    ) -> None:
        """Load the training function.

        Args:
            rungs: steps at which something may be decided.
            copies: trials go on from checkpoints of others, so that each decision needs one.
            blind, surroundings: see :class:`Worker`.
        """
        self._rungs, self._copies = rungs, copies
        self._worker, self._networks = Worker(ref, blind=blind), surroundings.networks
        self._unfit = ""
        reason = self._worker.load(surroundings=surroundings)
        if reason:
            raise TrainableError(reason)
        self._take(config)

    def reset_config(self, config: dict[str, Any]) -> bool:
        """Make room for another trial."""
        self._leave()
        self._take(config)
        return True  # in any case: Ray Tune waits for ever for a trial whose reset failed

    def step(self) -> dict[str, Any]:
        """Train to the next report."""
        if self._unfit:
            raise TrialFailed(Cause.DISPLACED, self._unfit, "")
        events = [self._checked(self._next())]
        event = events[0]
        if isinstance(event, Failed) and event.cause.unfit:
            raise TrialFailed(event.cause, event.reason, event.detail)
        if isinstance(event, Reported):
            value = event.metrics[self._spec.metric]
            self._last.update({TuneScheduler.TIME: event.step, TuneScheduler.METRIC: value})
            if event.step == self._spec.max_steps:
                events.append(self._end())
        done = not isinstance(events[-1], Reported)
        seconds = sum(event.seconds for event in events)
        facts = {EVENTS: tuple(events), SEGMENT: self._spec.segment, DONE: done, TIME_THIS_ITER_S: seconds}
        return {TuneScheduler.TIME: 0, **self._last, **facts}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Name the checkpoint that the training function made, which the driver has from its report."""
        return {"segment": self._spec.segment, "step": self._last.get(TuneScheduler.TIME, 0)}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: what to go on from came with the config."""

    def cleanup(self) -> None:
        self._leave()

    def _take(self, config: dict[str, Any]) -> None:
        spec: TrialSpec = config[SPEC]
        # The file of a model space is seen from another folder here than by the driver.
        self._spec = spec if self._networks is None else replace(spec, architecture=dict(self._networks))
        self._seen: int = config[SEEN]
        self._events: deque[Event] = deque()
        self._step = self._spec.restore[0][0] if self._spec.restore else 0
        self._last: dict[str, Any] = {}
        self._runs = False
        self.config: dict[str, Any] = {}  # else it would travel with every result

    def _next(self) -> Event:
        """The next event that is news."""
        while True:
            if not self._events:
                self._events.extend(self._train())
            event = self._events.popleft()
            if not isinstance(event, Reported) or event.step > self._seen:
                return event

    def _train(self) -> Sequence[Event]:
        number, until = self._spec.number, next((rung for rung in self._rungs if rung > self._step), None)
        begun, self._runs = self._runs, True
        events = self._worker.advance(number, until) if begun else self._worker.start(self._spec, until)
        last = events[-1]
        if isinstance(last, Reported):
            self._step = last.step
        else:
            self._runs = False
        return events

    def _end(self) -> Event:
        """How a full run ends; one that would report for ever is stopped."""
        event = self._next()
        if isinstance(event, Reported):
            self._runs = False
            (event,) = self._worker.stop(self._spec.number)
        if isinstance(event, Failed) and event.cause.unfit:
            self._unfit = event.reason
        return event

    def _checked(self, event: Event) -> Event:
        if not self._copies or not isinstance(event, Reported) or event.checkpoint or event.step not in self._rungs:
            return event
        self._leave()
        return Failed(event.number, Cause.METRIC, NO_CHECKPOINT, seconds=event.seconds)

    def _leave(self) -> None:
        """End the trial that has not ended; what it did since its last report is dropped."""
        self._events.clear()
        if self._runs:
            self._runs = False
            self._unfit = self._worker.abandon(self._spec.number) or self._unfit
