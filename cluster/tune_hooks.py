"""Where Ray Tune's controller calls us: for trials, results, ends. Loaded only where Ray Tune runs the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from ray import cloudpickle, tune
from ray.exceptions import RayTaskError
from ray.tune.experiment import Trial
from ray.tune.result import DONE
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import SearchAlgorithm

from ..search import Decision, Saved
from ..search.population import Codec
from ..trainables import Reported
from .tune_record import TuneRecord
from .tune_trial import EVENTS, SEEN, SEGMENT, SPEC, TrialFailed
from .wish import Wish
from .worker_group import lost

_MUTE = SimpleNamespace(on_pause=lambda name: None, on_unpause=lambda name: None)


class Hooks:
    """Ties Ray Tune's trials, which are named by our numbers, to the record.

    In Ray Tune's order a result reaches the stopper, then the scheduler unless that ends the trial, then the callback;
    so it is taken in by the first and written by the last, with the decision. Ray Tune acts on it after that.

    Args:
        first: the number of a trial that was asked for already.
        wish: asked in every round of Ray Tune's loop.
        codec: where the scheduler changes configs.
        places: trials at the same time.
        limit: the same, if the cluster has room for more.
        room: trials that the scheduler should know of in advance, given how many it knows.

    Attributes:
        error: what went wrong on our side, which Ray Tune turns into text.
        staging: the driver's folder of Ray Tune's experiment, once it is known.
    """

    def __init__(
        self,
        record: TuneRecord,
        first: int,
        wish: Callable[[], Wish],
        codec: Codec | None,
        *,
        places: int,
        limit: int | None,
        room: Callable[[int], int],
    ) -> None:
        self._record = record
        self._next: int | None = first
        self._wish = wish
        self._codec = codec
        self._places, self._limit, self._room = places, limit, room
        self._asked = 0
        self._decisions: dict[str, str] = {}
        self.error: Exception | None = None
        self.staging: Path | None = None
        self.proposer, self.stopper, self.callback = _Proposer(self), _Stopper(self), _Callback(self)

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Ray Tune writes down what it was given, for a restore that is not ours

    @property
    def copies(self) -> bool:
        """Whether trials go on from checkpoints of others."""
        return self._codec is not None

    def overhear(self, scheduler: Any) -> None:
        """Note what a scheduler decides, which the callback is not told."""
        decide = scheduler.on_trial_result

        def on_trial_result(controller: Any, trial: Trial, result: dict[str, Any]) -> str:
            self._decisions[trial.trial_id] = decision = decide(controller, trial, result)
            return str(decision)

        scheduler.on_trial_result = on_trial_result

    def ask(self, experiment: dict[str, Any]) -> Trial | None:
        """The next trial; None when there is none now."""
        if self._wish() is not Wish.NONE:
            self.proposer.set_finished()
            return None
        if self._asked and self._enough():
            return None
        number, self._next = self._next if self._next is not None else self._record.ask(), None
        if number is None:
            self.proposer.set_finished()
            return None
        self._asked += 1
        self.staging = Path(experiment["storage"].experiment_driver_staging_path)
        return Trial(
            experiment["run"],
            config=self._config(number),
            trial_id=f"{number:05d}",
            experiment_tag=str(number),
            placement_group_factory=experiment["resources_per_trial"],
            checkpoint_config=experiment["checkpoint_config"],
            trial_dirname_creator=experiment["trial_dirname_creator"],
            max_failures=experiment["max_failures"],
            storage=experiment["storage"],
        )

    def _enough(self) -> bool:
        if self._limit is not None and self._record.open_trials >= self._limit:
            return True
        return self._record.new_trials >= self._places and self._room(self._asked) <= 0

    def stop_all(self) -> bool:
        """Whether the search is to be left as it is, now."""
        return self._wish() in (Wish.PAUSE, Wish.CANCEL)

    def hear(self, name: str, result: dict[str, Any]) -> bool:
        """Take in a result; whether the budget wants the trial to end."""
        event = result[EVENTS][0]
        return isinstance(event, Reported) and self._record.hears(int(name), event, result[SEGMENT])

    def started(self, trial: Trial) -> None:
        self._record.runs(int(trial.trial_id))

    def write(self, trials: Iterable[Trial], trial: Trial, result: dict[str, Any]) -> None:
        """Record a result with what was decided about it, and with what else was decided because of it."""
        number, last = int(trial.trial_id), result.pop(EVENTS)[-1]
        heard = self._decisions.pop(trial.trial_id, "")
        if not isinstance(last, Reported):
            decision = Decision.CONTINUE
        elif result[DONE]:
            decision = Decision.STOP
        else:
            pauses = heard == TrialScheduler.PAUSE or trial.status == Trial.PAUSED
            decision = Decision.PAUSE if pauses else Decision.CONTINUE
        self._record.answered(number, decision)
        if not isinstance(last, Reported):
            self._record.ended(number, last)
        if self._codec is not None:
            for other in trials:
                self._take_in_change(other, self._codec)
        self._prepare(trial)
        self._commit(trials)

    def completed(self, trials: Iterable[Trial], trial: Trial) -> None:
        """A trial is over: by itself, which is recorded already, or because it was stopped."""
        self._record.stopped(int(trial.trial_id))
        self._commit(trials)

    def failed(self, trials: Iterable[Trial], trial: Trial) -> None:
        """A trial whose process was lost is not tried again."""
        self._record.failed(int(trial.trial_id), *_reason(trial))
        self._commit(trials)

    def recovers(self, trial: Trial) -> None:
        """A trial whose process was lost is tried again."""
        self._record.lost(int(trial.trial_id), _reason(trial)[0])
        self._prepare(trial)

    def _config(self, number: int) -> dict[str, Any]:
        """What Ray Tune knows of a trial: parameters where it changes them, and what its process needs."""
        parameters = self._codec[0](self._record.config(number)) if self._codec else {}
        spec, seen = self._record.spec(number)
        return {**parameters, SPEC: spec, SEEN: seen}

    def _prepare(self, trial: Trial) -> None:
        """Wherever the trial is started next, it goes on from what is recorded."""
        number = int(trial.trial_id)
        if self._record.is_open(number):
            trial.set_config(self._config(number))

    def _take_in_change(self, trial: Trial, codec: Codec) -> None:
        """A copied trial has the config of its source, with changes."""
        number = int(trial.trial_id)
        if not self._record.is_open(number) or trial.config[SPEC].number == number:
            return
        saved = trial.run_metadata.checkpoint_manager._latest_checkpoint_result.metrics
        reported: Reported = saved[EVENTS][0]
        self._record.changed(number, codec[1](trial.config), _source(saved), str(reported.checkpoint))
        self._prepare(trial)

    def _commit(self, trials: Iterable[Trial]) -> None:
        self._record.commit(lambda: self._pins(trials))

    def _pins(self, trials: Iterable[Trial]) -> set[Saved]:
        """Where copies may go on from: what Ray Tune saved last of each trial."""
        if not self.copies:
            return set()
        managers = [trial.run_metadata.checkpoint_manager for trial in trials]
        saved = [manager._latest_checkpoint_result for manager in managers]
        return {_source(result.metrics) for result in saved if result is not None}


class _Guarded:
    """Remembers what our side raises."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    def _call(self, act: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return act(*arguments)
        except Exception as error:
            self._hooks.error = error
            raise


class _Proposer(_Guarded, SearchAlgorithm):  # type: ignore[misc]  # Ray has no types
    """Population based training refuses Ray Tune's searchers, and gives a copy its source's config; so trials, with
    names that stay, are made here for all schedulers."""

    searcher: ClassVar[Any] = _MUTE  # BOHB tells it of pauses

    def add_configurations(self, experiments: Any) -> None:
        self._experiment = experiments[0].spec

    def next_trial(self) -> Any:
        return self._call(self._hooks.ask, self._experiment)


class _Stopper(_Guarded, tune.Stopper):  # type: ignore[misc]
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return bool(self._call(self._hooks.hear, trial_id, result))

    def stop_all(self) -> bool:
        return self._hooks.stop_all()


class _Callback(_Guarded, tune.Callback):  # type: ignore[misc]
    def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._call(self._hooks.started, trial)

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        self._call(self._hooks.write, trials, trial, result)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._call(self._hooks.completed, trials, trial)

    def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._call(self._hooks.recovers, trial)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        self._call(self._hooks.failed, trials, trial)


def _source(metrics: dict[str, Any]) -> Saved:
    """The checkpoint that came with a result."""
    reported: Reported = metrics[EVENTS][0]
    return Saved(reported.number, metrics[SEGMENT], reported.step)


def _reason(trial: Trial) -> tuple[str, str]:
    """Why a trial's process was lost: one line, and the traceback."""
    if not trial.pickled_error_file:
        return "Ray Tune gave it up", ""
    error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
    if not isinstance(error, RayTaskError):
        return lost(error), ""
    if isinstance(error.cause, TrialFailed):
        _, reason, detail = error.cause.args
        return reason, detail
    return f"the worker failed: {type(error.cause).__name__}: {error.cause}", ""
