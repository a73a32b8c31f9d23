"""One worker as the driver sees it: a Ray actor, or several that run each trial together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..search.section_effort import ResourcesSection
from ..trainables import Cause, Event, Failed, TrainableRef, TrialSpec
from .environment import Surroundings
from .placement import Placement
from .worker import PackedTrainable, Worker

_OUT_OF_STEP = "not all of its processes made this report: each has to report as often as the first, which counts"


class WorkerGroup:
    """Sends each call to all of its processes, and puts their answers together.

    The first process speaks for all; when another one fails, the trial has failed. Several processes lie in one
    placement group, as near to each other as the cluster allows.

    Attributes:
        trials: those that it hosts.
        together: whether several processes run a trial; one that fails leaves the others waiting for it.
    """

    def __init__(
        self, trainable: TrainableRef, resources: ResourcesSection, surroundings: Surroundings | None = None
    ) -> None:
        import ray
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        self.trials: set[int] = set()
        self._surroundings = surroundings or Surroundings()
        self._turns: dict[Any, int] = {}  # future of every call that is not answered -> trial, in their order
        self._turn_began = 0.0
        self._asked: dict[Any, int] = {}  # future -> trial
        self._answers: dict[int, dict[Any, Sequence[Event]]] = {}  # trial -> future -> answer, empty before it
        self._group: Any = None
        placement, count = Placement(resources), resources.workers
        self.together = count > 1
        actor = ray.remote(max_restarts=0, **placement.options)(Worker)
        blind, packed = resources.gpu == 0, PackedTrainable(trainable)
        if count == 1:
            self._actors = [actor.remote(packed, blind=blind)]
            return
        self._group = ray.util.placement_group([placement.bundle] * count, strategy="PACK")
        self._actors = [
            actor.options(scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, index)).remote(
                packed, count, blind=blind
            )
            for index in range(count)
        ]

    def load(self, probe: str | None) -> Any:
        """Import the training function everywhere; a future of the reason why it cannot be."""
        if len(self._actors) == 1:
            return self._actors[0].load.remote(probe, self._surroundings)
        import ray

        address = self._actors[0].address.remote()
        for rank, actor in enumerate(self._actors):
            actor.meet.remote(rank, len(self._actors), address)
        first = ray.remote(num_cpus=0)(_first_reason)
        return first.remote(*(actor.load.remote(probe, self._surroundings) for actor in self._actors))

    def start(self, spec: TrialSpec, until: int | None) -> Sequence[Any]:
        """Futures of a trial's first events."""
        if not self.together:
            return self._called(spec.number, [self._actors[0].start.remote(spec, until)])
        specs = [replace(spec, rank=rank, world_size=len(self._actors)) for rank in range(len(self._actors))]
        return self._called(
            spec.number, [actor.start.remote(own, until) for actor, own in zip(self._actors, specs, strict=True)]
        )

    def advance(self, number: int, until: int | None) -> Sequence[Any]:
        """Futures of a trial's next events."""
        return self._called(number, [actor.advance.remote(number, until) for actor in self._actors])

    def stop(self, number: int) -> Sequence[Any]:
        """Futures of a trial's last event."""
        return self._called(number, [actor.stop.remote(number) for actor in self._actors])

    def abandon(self, number: int) -> Sequence[Any]:
        """Futures of reasons why the trial cannot be ended."""
        futures = [actor.abandon.remote(number) for actor in self._actors]
        self._queue(number, futures)
        return futures

    def answer(self, future: Any) -> Sequence[Event]:
        """The events, once the last process has answered; none before that."""
        number = self._asked[future]
        self._done(future)
        answers = self._answers[number]
        answers[future] = events = _events(number, future)
        if isinstance(events[-1], Failed):  # the others may wait for the one that failed: do not wait for them
            self.forget(number)
            return events
        if not all(answers.values()):
            return ()
        self.forget(number)
        if len({type(answer[-1]) for answer in answers.values()}) > 1:
            return [Failed(number, Cause.EXCEPTION, _OUT_OF_STEP)]
        return next(iter(answers.values()))

    def forget(self, number: int) -> None:
        """Do not expect an answer about a trial."""
        for future in self._answers.pop(number, ()):
            del self._asked[future]
            self._done(future)

    def failed(self, future: Any) -> bool:
        """Whether a process could not end an abandoned trial."""
        import ray

        self._done(future)
        try:
            return ray.get(future) is not None
        except ray.exceptions.RayError:
            return True

    def kill(self) -> None:
        """End all processes."""
        import ray

        for actor in self._actors:
            ray.kill(actor)
        if self._group is not None:
            ray.util.remove_placement_group(self._group)

    def _called(self, number: int, futures: list[Any]) -> Sequence[Any]:
        self._answers[number] = dict.fromkeys(futures, ())
        self._asked |= dict.fromkeys(futures, number)
        self._queue(number, futures)
        return futures

    # Turns: a process works off one call after the other

    @property
    def turn(self) -> tuple[Any, float] | None:
        """The call that is worked on, and since when, by the monotonic clock."""
        return next(((future, self._turn_began) for future in self._turns), None)

    @property
    def at_work(self) -> int | None:
        """The trial whose call that is."""
        return next(iter(self._turns.values()), None)

    def waits(self, number: int) -> bool:
        """Whether another trial has its turn."""
        return self.at_work not in (None, number)

    def _queue(self, number: int, futures: Sequence[Any]) -> None:
        if not self._turns:
            self._turn_began = time.monotonic()
        self._turns |= dict.fromkeys(futures, number)

    def _done(self, future: Any) -> None:
        if self._turns.pop(future, None) is not None:
            self._turn_began = time.monotonic()

    @property
    def dead(self) -> bool:
        """Whether one of its processes is known to have ended."""
        import ray
        from ray.core.generated.gcs_pb2 import ActorTableData

        state = ray._private.worker.global_worker.core_worker.get_local_actor_state
        return any(state(actor._actor_id) == ActorTableData.DEAD for actor in self._actors)


def _first_reason(*reasons: str | None) -> str | None:
    return next((reason for reason in reasons if reason), None)


def _events(number: int, future: Any) -> Sequence[Event]:
    import ray

    try:
        events: Sequence[Event] = ray.get(future)
    except ray.exceptions.RayTaskError as error:
        return [Failed(number, Cause.STUCK, f"the worker failed: {type(error.cause).__name__}: {error.cause}")]
    except ray.exceptions.OutOfMemoryError as error:
        return [Failed(number, Cause.MEMORY, lost(error))]
    except ray.exceptions.RayError as error:
        return [Failed(number, Cause.WORKER_LOST, lost(error))]
    return events


def why_not_set_up(error: Exception) -> str:
    """The telling line of what Ray, and pip, say of a runtime environment."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith("ERROR")] or lines
    return telling[-1][:300] if telling else type(error).__name__


def lost(error: Exception) -> str:
    """The telling line of Ray's many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"the worker process died: {type(error).__name__}: {lines[0][:200] if lines else ''}"
