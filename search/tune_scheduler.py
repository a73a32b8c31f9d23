"""Ray Tune's schedulers behind our contract: the unmodified classes, driven through their public hooks."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from ray.train._internal.session import _FutureTrainingResult, _TrainingResult
from ray.tune.schedulers import TrialScheduler

from ..spaces import Config, Objective
from .scheduler import Action, Decision, Drop, Exploit, Saved

# NumPy's global generator, as its documentation names it; the stubs leave these out.
_get_bit_generator: Callable[[], Any] = np.random.get_bit_generator  # type: ignore[attr-defined]
_set_bit_generator: Callable[[Any], None] = np.random.set_bit_generator  # type: ignore[attr-defined]

_PENDING, _RUNNING, _PAUSED, _TERMINATED, _ERROR = "PENDING", "RUNNING", "PAUSED", "TERMINATED", "ERROR"


class _Lookahead(_FutureTrainingResult):  # type: ignore[misc]  # Ray has no types
    """A checkpoint that is written already, where Ray expects one that is being written."""

    def __init__(self, result: _TrainingResult) -> None:
        self._result = result

    def resolve(self, block: bool = True) -> _TrainingResult:
        return self._result


@dataclass(eq=False)
class _TuneTrial:
    """The part of Ray Tune's ``Trial`` that its schedulers look at."""

    number: int
    config: dict[str, Any]
    exploited: list[_TuneTrial]
    segment: int = 0
    status: str = _PENDING
    last_result: dict[str, Any] = field(default_factory=dict)
    is_saving: ClassVar[bool] = False

    def __post_init__(self) -> None:
        self.trial_id = self.experiment_tag = str(self.number)
        self.evaluated_params = dict(self.config)
        self.checkpoint: Saved | None = None
        self.temporary_state = SimpleNamespace(saving_to=None)
        manager = SimpleNamespace(checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None)
        self.run_metadata = SimpleNamespace(checkpoint_manager=manager)

    def __str__(self) -> str:
        return self.trial_id

    def is_finished(self) -> bool:
        return self.status in (_TERMINATED, _ERROR)

    def set_config(self, config: dict[str, Any]) -> None:
        """Population based training has sent it to another trial's checkpoint, with a changed config."""
        self.config = config
        self.exploited.append(self)

    def set_experiment_tag(self, tag: str) -> None:
        self.experiment_tag = tag

    def save(self) -> None:
        """Note that its newest checkpoint is that of its last report."""
        step = self.last_result.get(TuneScheduler.TIME, 0)
        self.checkpoint = Saved(self.number, self.segment, step)
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = _TrainingResult(
            self.checkpoint, self.last_result
        )


class _Stage:
    """The part of Ray Tune's controller that its schedulers call."""

    def __init__(self, scheduler: TrialScheduler, *, keeps_ended: bool) -> None:
        self._scheduler = scheduler
        self._keeps_ended = keeps_ended
        self.trials: dict[int, _TuneTrial] = {}
        self.waiting: dict[int, _TuneTrial] = {}
        self.exploited: list[_TuneTrial] = []
        self._unsorted = False
        self.choosing = False
        self.actions: list[Action] = []
        mute = SimpleNamespace(on_pause=lambda number: None, on_unpause=lambda number: None)
        self.search_alg = SimpleNamespace(searcher=mute)

    def get_trials(self) -> list[_TuneTrial]:
        """All, in the order in which they were added; only those that wait where no others can be chosen."""
        if not self.choosing or self._keeps_ended:
            return list(self.trials.values())
        if self._unsorted:
            self.waiting = dict(sorted(self.waiting.items()))
            self._unsorted = False
        return list(self.waiting.values())

    def get_live_trials(self) -> list[_TuneTrial]:
        return [trial for trial in self.trials.values() if not trial.is_finished()]

    def stop_trial(self, trial: _TuneTrial) -> None:
        if trial.is_finished():
            return
        if trial.status == _RUNNING:
            self._scheduler.on_trial_complete(self, trial, trial.last_result)
        else:
            self._scheduler.on_trial_remove(self, trial)
            self.actions.append(Drop(trial.number))
        self.end(trial, _TERMINATED)

    def pause_trial(self, trial: _TuneTrial, should_checkpoint: bool = True) -> None:
        if should_checkpoint:
            trial.save()
        self.wait(trial, _PAUSED)

    def _schedule_trial_save(self, trial: _TuneTrial, result: Any = None) -> _Lookahead:
        trial.save()
        return _Lookahead(trial.run_metadata.checkpoint_manager._latest_checkpoint_result)

    def wait(self, trial: _TuneTrial, status: str) -> None:
        trial.status = status
        self._unsorted |= trial.number < next(reversed(self.waiting), -1)
        self.waiting[trial.number] = trial

    def end(self, trial: _TuneTrial, status: str) -> None:
        trial.status = status
        self.waiting.pop(trial.number, None)
        if not self._keeps_ended:
            self.trials.pop(trial.number, None)


class TuneScheduler:
    """Calls the public hooks of a ``TrialScheduler`` as Ray's controller does, and adds a seed.

    Values that are not finite never get here: they fail their trial at the door. The hooks are called when Ray's
    controller calls them: ``on_trial_complete`` right after a decision to stop, and at the last report of a full run.
    Its state is saved by the ledger, which has all events in order: told them again, a fresh one decides the same.

    Args:
        scheduler: time attribute :attr:`TIME`, metric :attr:`METRIC`.
        seed: of what it draws.
        horizon: from a step to the next at which it decides; each report when None.
        copies: it copies trials (population based training): it draws at reports, and looks at trials that are over.
        room: trials it wants to know of in advance, given how many it knows.
        holds: it may pause trials to look at others. Ray asks it after each event which trial runs next, and a paused
            one that was chosen keeps its turn until there is room.
        mutes: warnings of its libraries that say nothing to a user.
        encode, decode: between our config and the dict that the scheduler mutates.
    """

    TIME: ClassVar[str] = "training_iteration"
    METRIC: ClassVar[str] = "objective"

    def __init__(
        self,
        scheduler: TrialScheduler,
        seed: int,
        *,
        horizon: Callable[[int], int | None] | None = None,
        copies: bool = False,
        sees_all: bool = False,
        room: Callable[[int], int] = lambda known: 0,
        holds: bool = False,
        mutes: type[Warning] | None = None,
        encode: Callable[[Config], dict[str, Any]] = dict,
        decode: Callable[[dict[str, Any]], Config] = Config,
    ) -> None:
        self.copies = copies
        self._scheduler = scheduler
        self._stage = _Stage(scheduler, keeps_ended=copies or sees_all)
        self._horizon = horizon or (lambda step: step + 1)
        self._room = room
        self._holds = holds
        self._mutes = mutes
        self._added = 0
        self._ending: dict[int, None] = {}  # lost after their last report, in order: they only have to end
        self._encode, self._decode = encode, decode
        self._numpy = np.random.MT19937()
        self._numpy.state = np.random.RandomState(seed).get_state(legacy=False)  # type: ignore[assignment]
        self._python = random.Random(seed).getstate()

    def on_add(self, number: int, config: Config) -> None:
        trial = self._stage.trials[number] = _TuneTrial(number, self._encode(config), self._stage.exploited)
        self._stage.wait(trial, _PENDING)
        self._added += 1
        with self._seeded():
            self._scheduler.on_trial_add(self._stage, trial)

    def choose(self, *, last: bool = False) -> int | None:
        if self._ending:
            return next(iter(self._ending))
        trial = self._choice()
        return None if trial is None else trial.number

    def _choice(self) -> _TuneTrial | None:
        if not self._stage.waiting:
            return None
        self._stage.choosing = True
        try:
            trial: _TuneTrial | None = self._scheduler.choose_trial_to_run(self._stage)
        finally:
            self._stage.choosing = False
        return trial

    def _hold(self) -> None:
        trial = self._choice() if self._holds else None
        if trial is not None:
            trial.status = _PENDING

    def on_run(self, number: int) -> None:
        if number in self._ending:
            del self._ending[number]
        elif number in self._stage.waiting:
            self._stage.waiting.pop(number).status = _RUNNING

    def on_report(self, number: int, step: int, value: float) -> Decision:
        trial = self._stage.trials.get(number)
        if trial is None or trial.is_finished():  # ended here, but not in what was recorded under another scheduler
            return Decision.STOP
        result = self._result(step, value)
        if self.copies:
            trial.last_result = result  # what is saved now is the state after this report
        with self._seeded() if self.copies else nullcontext():
            action = self._scheduler.on_trial_result(self._stage, trial, result)
        trial.last_result = result
        self._note_exploits()
        if action == TrialScheduler.STOP:
            self._stage.stop_trial(trial)
            return Decision.STOP
        if action == TrialScheduler.PAUSE:
            self._hold()  # Ray saves a trial before it counts as paused: the others come first
            self._stage.pause_trial(trial)
            return Decision.PAUSE
        return Decision.PAUSE if trial.status == _PAUSED else Decision.CONTINUE

    def on_end(self, number: int, step: int, value: float | None) -> None:
        self._ending.pop(number, None)
        trial = self._stage.trials.get(number)
        if trial is None or trial.is_finished():
            return
        with self._seeded() if self.copies else nullcontext():
            if value is None:
                self._scheduler.on_trial_error(self._stage, trial)
            else:
                trial.last_result = self._result(step, value)
                self._scheduler.on_trial_complete(self._stage, trial, trial.last_result)
        self._stage.end(trial, _ERROR if value is None else _TERMINATED)
        self._wake()

    def _wake(self) -> None:
        """Compare members that all wait for one that is over now: in Ray nobody does, and they wait for ever."""
        if not self.copies or not self._stage.waiting or self._choice() is not None:
            return
        if any(trial.status == _RUNNING for trial in self._stage.trials.values()):
            return
        member = next(iter(self._stage.waiting.values()))
        with self._seeded():
            self._scheduler.on_trial_result(self._stage, member, member.last_result)
        self._note_exploits()

    def on_lost(self, number: int) -> None:
        trial = self._stage.trials.get(number)
        if trial is None or trial.is_finished():
            self._ending[number] = None
        else:
            self._stage.wait(trial, _PENDING)

    def actions(self) -> list[Action]:
        done, self._stage.actions = self._stage.actions, []
        return done

    def horizon(self, number: int, step: int) -> int | None:
        return self._horizon(step)

    def room(self) -> int:
        return self._room(self._added)

    def pins(self) -> set[Saved]:
        if not self.copies:
            return set()
        live = self._stage.get_live_trials()
        return {trial.checkpoint for trial in live if trial.checkpoint is not None}

    def _result(self, step: int, value: float) -> dict[str, Any]:
        return {self.TIME: step, self.METRIC: value}

    def _note_exploits(self) -> None:
        while self._stage.exploited:
            trial = self._stage.exploited.pop(0)
            source = trial.run_metadata.checkpoint_manager._latest_checkpoint_result.checkpoint
            config = self._decode(trial.config)
            trial.config = self._encode(config)
            trial.segment += 1
            trial.checkpoint = source
            self._stage.actions.append(Exploit(trial.number, config, source))

    @contextmanager
    def _seeded(self) -> Iterator[None]:
        """Ray's schedulers draw from the global generators: lend them ours for the call."""
        outer = _get_bit_generator(), random.getstate()
        _set_bit_generator(self._numpy)
        random.setstate(self._python)
        try:
            with warnings.catch_warnings() if self._mutes else nullcontext():
                if self._mutes:
                    warnings.simplefilter("ignore", self._mutes)
                yield
        finally:
            self._python = random.getstate()
            _set_bit_generator(outer[0])
            random.setstate(outer[1])


def tune_mode(objective: Objective) -> str:
    """Ray Tune's word for the direction that is better."""
    return "max" if objective.goal == "maximize" else "min"
