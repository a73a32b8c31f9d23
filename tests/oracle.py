"""Ray Tune's real ``TuneController`` on a virtual clock: what any other controller of its schedulers is compared with.

No Ray is started, no process, and no file stays behind. Only what would reach for a process is replaced: the manager of
actors (here a queue of events on a clock that jumps from one to the next), the cache of actor classes, the future of a
checkpoint and the folder of the session. Controller, trials, schedulers and the pool of actors for reuse are Ray's own.

Where Ray leaves the order to chance, the oracle is exact, and this is all that it adds:

* A new actor takes ``start_cost`` to start. Stopping, saving, restoring and resetting take no time and come before any
  result that is due at the same moment. So a trial that is to be paused is PAUSED before the next result is heard.
* Results due at the same moment come in the order in which their units of training were begun. (Ray shuffles them, with
  the global ``random`` that its schedulers draw from: with two slots or more a seed does not fix a real run of PBT.)
* A set of trials is walked in the same order in every run. (Nothing depends on it: the two places where Ray takes any
  trial out of a set are not reached as long as resets take no time.)

What a controller has to copy, read in ``ray/tune/execution/tune_controller.py`` of Ray 2.60:

One step of the controller
  1. ``_maybe_update_trial_queue`` takes new trials from the searcher while fewer than ``pending`` are PENDING (one that
     is PENDING again after a pause counts), and calls ``on_trial_add`` for each at once. ``pending`` is
     $TUNE_MAX_PENDING_TRIALS_PG; without it 200 (or 1.1 times the CPUs) for ``BasicVariantGenerator``, the limit of a
     ``ConcurrencyLimiter``, 1 for any other searcher. With 200 a small search is added as a whole, and all that
     ``on_trial_add`` draws is drawn, before anything runs. With 1 the next trial is always there ahead of its slot: who
     asks whether anybody waits (PBT, the median rule) hears yes until the searcher is finished.
  2. ``_maybe_add_actors`` asks ``choose_trial_to_run`` once: after the new trials, before the event, also when no slot
     is free. If the choice has no actor and no request yet, it becomes PENDING (if it was PAUSED) and "staged"; it gets
     an actor of the pool, or else requests one. If it waits with a request already, it gets an actor of the pool too.
     Then every other PENDING trial requests an actor, in the order in which they became PENDING, while fewer than
     ``pending`` requests are open. Requests are served in their order. So of slots that are free at once (above all at
     the beginning) the choice gets one and the others go by order; with ``pending=1`` each is a choice of its own.
     A PAUSED trial returns only by being chosen; then it keeps its place in the queue.
  3. One event, never two: an actor has started or stopped, or a task (train, save, restore, reset) is done. (Ray waits
     0.1 s for one and then begins the next step: how often a scheduler is asked for its choice is not fixed.)
  4. If nothing is under way and the scheduler chooses nobody, Ray waits for ever. Here the run ends (``Ran.status``).

A result, in this order
  1. At ``max_t`` the decision is STOP, and ``on_trial_result`` of the scheduler is not called.
  2. Otherwise ``on_trial_result(controller, trial, result)`` decides. Meanwhile the trial is RUNNING, and its
     ``last_result`` is still the one before. Other trials that the scheduler stops are TERMINATED when it returns.
  3. The searcher hears of the result unless the decision is STOP. Then ``last_result`` is set.
  4. CONTINUE begins the next unit; PAUSE saves, then frees the actor; STOP is ``stop_trial``; NOOP does nothing (PBT
     has paused the trial). A checkpoint that the scheduler itself asked for (PBT: of its best) is made first, and is
     then the one of the PAUSE.
  A unit of training that was begun is always heard: no scheduler here stops or pauses another trial that is RUNNING.

``stop_trial``, the end of every healthy trial
  * RUNNING: ``on_trial_complete(controller, trial, last_result)`` of the scheduler, then the searcher's with the result
    (in which ``done`` is True). This also happens to a trial that the scheduler has just stopped itself: the median
    rule enters the last result of such a trial twice, and its running means count it twice. Successive halving has it
    recorded already. HyperBand takes the trial out of its bracket, which so can take another one, and (only before the
    first halving of the bracket: ``is_being_processed`` is never reset) looks whether the bracket is now done.
  * PAUSED or PENDING: ``on_trial_remove(controller, trial)`` of the scheduler, then ``on_trial_complete`` of the
    searcher, without a result.
  * The status becomes TERMINATED after these calls, and the trial leaves ``get_live_trials()`` after that.
  * A trial that fails (not part of the oracle) gets ``on_trial_error`` of the scheduler, and ``on_trial_complete(error=
    True)`` of the searcher. If it is tried again: ``on_trial_error``, then ``on_trial_add`` once more, and it moves to
    the end of ``get_trials()``.

Actors
  * With ``reuse`` the actor of a trial that is stopped or paused goes to the pool if any trial is staged (PENDING with
    a request) or the searcher is not finished. In the next step it goes to the choice of the scheduler, past all open
    requests; a request of the trial's own is taken back, even if that actor was starting already.
  * Otherwise the actor is stopped, and the oldest request gets the slot, whatever the scheduler would choose by then.
    That is also what an exploit of PBT comes to if nobody waits: it pays ``start_cost``.
  * A trial starts from its latest checkpoint: the next step follows that of the checkpoint; without one it is step 1.
    PBT gives the trial that exploits a new config and the source's checkpoint, which was made when the source was last
    due for a perturbation (if it was not among the best then, there is none, and the exploit is skipped). The source
    may be further by now, and the trial's steps can jump in both directions. If ``synch``, trials exploit while they
    are PAUSED, and the decisions about their results are PAUSE.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import logging
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, NamedTuple

import pytest
from ray.air.execution._internal import TrackedActor
from ray.train._internal import storage as ray_storage
from ray.train._internal.session import _FutureTrainingResult, _TrainingResult
from ray.train._internal.storage import StorageContext
from ray.tune import Checkpoint, Trainable
from ray.tune.execution import tune_controller
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial
from ray.tune.result import STDERR_FILE, STDOUT_FILE, TIME_THIS_ITER_S, TIME_TOTAL_S, TRAINING_ITERATION, TRIAL_INFO
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import SearchAlgorithm
from sklearn.exceptions import ConvergenceWarning

END = "END"
SOON, LATER = 0, 1  # of two events at the same moment: what takes no time comes before results
PATIENCE = 100  # steps without an event after which Ray is taken to wait for ever


class Curve(NamedTuple):
    """The result of one unit of training: the metric, and the virtual seconds that the unit took."""

    value: float
    seconds: float


class Result(NamedTuple):
    """A result that the controller processed, and what it decided: ``END`` is the stop at ``max_t``."""

    step: int
    config: dict[str, Any]
    time: float
    decision: str


@dataclass(frozen=True)
class Ran:
    """What became of a trial; ``end`` is the virtual time of the last change of its status."""

    index: int
    results: list[Result]
    status: str
    end: float


def run_tune(
    scheduler: TrialScheduler,
    configs: Sequence[dict[str, Any]],
    curve: Callable[[dict[str, Any], int], tuple[float, float]],
    *,
    slots: int,
    max_t: int,
    goal: Literal["max", "min"],
    folder: Path,
    metric: str = "objective",
    start_cost: float = 0.0,
    reuse: bool = True,
    pending: int = 200,
) -> list[Ran]:
    """Runs all ``configs``, in their order, under an unmodified scheduler of Ray Tune.

    ``curve(config, t)`` is asked once for each unit of training, when it begins, t from 1. The scheduler's own metric
    and mode come before ``metric`` and ``goal``. Its draws come from the global ``random`` and ``numpy.random``, which
    the caller seeds. ``pending`` is Ray's TUNE_MAX_PENDING_TRIALS_PG: 200 is what Ray takes for a search that is known
    from the beginning, 1 what it takes for a searcher that is asked trial by trial. Errors of the curve and of the
    scheduler are raised as they are.
    """
    scheduler.set_search_properties(
        None if scheduler.metric else metric, None if getattr(scheduler, "_mode", None) else goal
    )
    with TemporaryDirectory(dir=folder) as home:
        actors = _Actors(curve, metric, slots, start_cost, Checkpoint(home))
        with _without_processes(actors, home):
            storage = StorageContext(storage_path=home, experiment_dir_name="oracle")
            trials = [_GivenTrial(index, config, max_t, storage) for index, config in enumerate(configs)]
            controller = _Controller(
                search_alg=_GivenTrials(trials),
                scheduler=_Overheard(scheduler),
                metric=metric,
                storage=storage,
                reuse_actors=reuse,
                resource_manager_factory=SimpleNamespace,
            )
            controller.update_max_pending_trials(pending)
            controller._fail_fast = TuneController.RAISE  # errors come as they are; as an argument it would warn
            idle = 0
            while not controller.is_finished() and idle < PATIENCE:
                controller.step()
                idle = 0 if actors.moved else idle + 1
    return [
        Ran(trial.index, controller.heard[trial], trial.status, controller.changed.get(trial, 0.0)) for trial in trials
    ]


@contextmanager
def _without_processes(actors: _Actors, home: str) -> Iterator[None]:
    """Puts ``actors`` in the place of everything in Ray's controller that would start or ask a process."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(tune_controller, "RayActorManager", lambda resource_manager: actors)
        patch.setattr(tune_controller, "_ActorClassCache", lambda: SimpleNamespace(get=lambda trainable: trainable))
        patch.setattr(tune_controller, "_FutureTrainingResult", _Saved)
        patch.setattr(ray_storage, "_get_ray_train_session_dir", lambda: home)
        # PB2 only: what SciPy says to scikit-learn, and a fit at its bounds.
        warnings.filterwarnings("ignore", "scipy.optimize: The `disp` and `iprint` options", DeprecationWarning)
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        log = logging.getLogger("ray.tune")
        level = log.level
        log.setLevel(logging.WARNING)  # PBT tells of every exploit
        try:
            yield
        finally:
            log.setLevel(level)


class _Saved(_FutureTrainingResult):  # type: ignore[misc]
    """A checkpoint that is there at once."""

    def resolve(self, block: bool = True) -> Any:
        return self.future


class _GivenTrial(Trial):  # type: ignore[misc]
    """A trial with a number instead of a random name; the hash makes the order of sets the same in every run."""

    def __init__(self, index: int, config: dict[str, Any], max_t: int, storage: Any) -> None:
        self.index = index
        super().__init__(
            "oracle",
            config=copy.deepcopy(config),
            trial_id=f"{index:05d}",
            storage=storage,
            evaluated_params=copy.deepcopy(config),
            experiment_tag=str(index),
            stopping_criterion={TRAINING_ITERATION: max_t},
            stub=True,
        )

    def __hash__(self) -> int:
        return self.index

    def get_trainable_cls(self) -> Any:
        return Trainable  # of which only the default resources are asked: one CPU


class _GivenTrials(SearchAlgorithm):  # type: ignore[misc]
    """Hands out trials in order. ``searcher`` is there for HyperBandForBOHB, which reports pauses to it."""

    searcher: ClassVar[Any] = SimpleNamespace(on_pause=lambda trial_id: None, on_unpause=lambda trial_id: None)

    def __init__(self, trials: Sequence[_GivenTrial]) -> None:
        self._rest = list(trials)

    def next_trial(self) -> _GivenTrial | None:
        return self._rest.pop(0) if self._rest else None

    def is_finished(self) -> bool:
        return not self._rest


class _Overheard:
    """A scheduler whose last decision is remembered."""

    def __init__(self, scheduler: TrialScheduler) -> None:
        self._scheduler = scheduler
        self.decision = END

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        self.decision = self._scheduler.on_trial_result(controller, trial, result)
        return self.decision

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)


class _Controller(TuneController):  # type: ignore[misc]
    """Ray's controller, which also notes results and changes of status, and does not write its state to disk."""

    def __init__(self, **options: Any) -> None:
        self.heard: defaultdict[_GivenTrial, list[Result]] = defaultdict(list)
        self.changed: dict[_GivenTrial, float] = {}
        super().__init__(**options)

    def checkpoint(self, force: bool = False, wait: bool = False) -> None:
        pass

    def _process_trial_result(self, trial: _GivenTrial, result: dict[str, Any]) -> Any:
        self._scheduler_alg.decision = END
        decided = super()._process_trial_result(trial, result)
        self.heard[trial].append(
            Result(result[TRAINING_ITERATION], result["config"], self._actor_manager.now, self._scheduler_alg.decision)
        )
        return decided

    def _set_trial_status(self, trial: _GivenTrial, status: str) -> None:
        super()._set_trial_status(trial, status)
        self.changed[trial] = self._actor_manager.now


@dataclass
class _Actor:
    """What a process would hold: the config, how far it is trained, and its last result."""

    config: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)

    get_auto_filled_metrics: ClassVar[Any] = SimpleNamespace(remote=lambda debug_metrics_only: {})


class _Event(NamedTuple):
    actor: TrackedActor
    is_task: bool
    happen: Callable[[], None]


class _Actors:
    """Does for Ray's controller what a ``RayActorManager`` does, at once or at the due time of a virtual clock."""

    def __init__(
        self,
        curve: Callable[[dict[str, Any], int], tuple[float, float]],
        metric: str,
        slots: int,
        start_cost: float,
        checkpoint: Checkpoint,
    ) -> None:
        self._curve, self._metric, self._checkpoint = curve, metric, checkpoint
        self._slots, self._start_cost = slots, start_cost
        self.now = 0.0
        self.moved = False
        self._requests: dict[TrackedActor, dict[str, Any]] = {}
        self._live_actors_to_ray_actors_resources: dict[TrackedActor, tuple[_Actor, None]] = {}  # Ray's name: it looks
        self._numbers = itertools.count()
        self._agenda: list[tuple[float, int, int]] = []
        self._events: dict[int, _Event] = {}

    @property
    def num_live_actors(self) -> int:
        return len(self._live_actors_to_ray_actors_resources)

    @property
    def num_pending_actors(self) -> int:
        return len(self._requests)

    @property
    def num_actor_tasks(self) -> int:
        return sum(event.is_task for event in self._events.values())

    def is_actor_started(self, tracked_actor: TrackedActor) -> bool:
        return tracked_actor in self._live_actors_to_ray_actors_resources

    def is_actor_failed(self, tracked_actor: TrackedActor) -> bool:
        return False

    def add_actor(
        self,
        cls: type,
        resource_request: Any,
        kwargs: dict[str, Any],
        on_start: Callable[[TrackedActor], None],
        on_stop: Callable[[TrackedActor], None],
        on_error: Callable[[TrackedActor, Exception], None],
    ) -> TrackedActor:
        tracked_actor = TrackedActor(next(self._numbers), on_start, on_stop, on_error)
        self._requests[tracked_actor] = kwargs["config"]
        return tracked_actor

    def remove_actor(self, tracked_actor: TrackedActor, kill: bool = False, stop_future: object = None) -> bool:
        if self._requests.pop(tracked_actor, None) is not None:
            return False
        if self._forget(tracked_actor, tasks=False):  # it was about to start: nobody is told that it did not
            tracked_actor.set_on_start(None)
            tracked_actor.set_on_stop(None)
        self._plan(0.0, SOON, _Event(tracked_actor, False, partial(self._stopped, tracked_actor)))
        return True

    def clear_actor_task_futures(self, tracked_actor: TrackedActor) -> None:
        self._forget(tracked_actor, tasks=True)

    def schedule_actor_task(
        self,
        tracked_actor: TrackedActor,
        method_name: str,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        on_result: Callable[[TrackedActor, Any], None] | None = None,
        on_error: Callable[[TrackedActor, Exception], None] | None = None,
        _return_future: bool = False,
    ) -> Any:
        if method_name == "stop":
            return None  # remove_actor follows
        actor, _ = self._live_actors_to_ray_actors_resources[tracked_actor]
        done: Any = None
        delay, rank = 0.0, SOON
        match method_name, args:
            case "train", ():
                done, delay = self._train(actor)
                rank = LATER
            case "save", ():
                done = _TrainingResult(self._checkpoint, dict(actor.result))
            case "restore", (saved,):
                actor.step = saved.metrics.get(TRAINING_ITERATION, 0)
                actor.seconds = saved.metrics.get(TIME_TOTAL_S, 0.0)
            case "reset", (config,):
                actor.config, actor.step, actor.seconds = _plain(config), 0, 0.0
                done = True
            case _:
                raise NotImplementedError(method_name)
        if on_result:
            self._plan(delay, rank, _Event(tracked_actor, True, partial(on_result, tracked_actor, done)))
        return done

    def next(self, timeout: float | None = None) -> bool:
        self._serve_requests()
        self.moved = False
        while self._agenda and not self.moved:
            due, _, number = heapq.heappop(self._agenda)
            event = self._events.pop(number, None)
            if event:
                self.now, self.moved = due, True
                event.happen()
        self._serve_requests()
        return self.moved

    def _train(self, actor: _Actor) -> tuple[dict[str, Any], float]:
        value, seconds = self._curve(copy.deepcopy(actor.config), actor.step + 1)
        if not seconds >= 0:
            raise ValueError(f"a unit of training cannot take {seconds} seconds")
        actor.step += 1
        actor.seconds += seconds
        actor.result = {
            self._metric: value,
            TRAINING_ITERATION: actor.step,
            TIME_THIS_ITER_S: seconds,
            TIME_TOTAL_S: actor.seconds,
            "done": False,
            "config": actor.config,
        }
        return dict(actor.result), seconds

    def _serve_requests(self) -> None:
        while self._requests and self.num_live_actors < self._slots:
            tracked_actor = next(iter(self._requests))
            config = _plain(self._requests.pop(tracked_actor))
            self._live_actors_to_ray_actors_resources[tracked_actor] = (_Actor(config), None)
            self._plan(self._start_cost, SOON, _Event(tracked_actor, False, partial(self._started, tracked_actor)))

    def _started(self, tracked_actor: TrackedActor) -> None:
        tracked_actor._on_start(tracked_actor)

    def _stopped(self, tracked_actor: TrackedActor) -> None:
        del self._live_actors_to_ray_actors_resources[tracked_actor]
        if tracked_actor._on_stop:
            tracked_actor._on_stop(tracked_actor)

    def _plan(self, delay: float, rank: int, event: _Event) -> None:
        number = next(self._numbers)
        self._events[number] = event
        heapq.heappush(self._agenda, (self.now + delay, rank, number))

    def _forget(self, tracked_actor: TrackedActor, *, tasks: bool) -> bool:
        """Takes back what is planned for an actor: its tasks, or its start. True if there was anything."""
        gone = [n for n, event in self._events.items() if event.actor == tracked_actor and event.is_task == tasks]
        for number in gone:
            del self._events[number]
        return bool(gone)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """A config without what Ray adds for the process."""
    return {name: value for name, value in config.items() if name not in (TRIAL_INFO, STDOUT_FILE, STDERR_FILE)}
