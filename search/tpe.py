"""Tree-structured Parzen estimator, by Optuna, with a model for each rung."""

from __future__ import annotations

import warnings
from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from ..spaces import Config, Objective, Space
from ..spaces.to_optuna import suggest_config, to_optuna
from .searcher import Searcher, SearcherOptions, draw
from .trial import State, Trial

if TYPE_CHECKING:
    import optuna

_TRIES = 20


class TPE:
    """Optuna's multivariate TPE with ``group`` for conditional spaces and the constant liar for parallel trials.

    Under early stopping there is a study for each rung, in which a trial is complete with its value at that rung;
    proposals come from the highest rung that enough trials have reached. So a truncated value never stands beside a
    complete one. A share of the proposals is random, which keeps the scheduler's comparisons honest (BOHB, section 3).
    The study :attr:`study` has the truth: stopped trials as pruned, with their whole curve.

    Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4; Falkner et al., BOHB, ICML
    2018, sections 3 and 4.

    Args:
        rungs: steps at which trials are compared, and the length of a full run; empty without early stopping.
        startup: random proposals before a model is used.
        random_share: of the proposals, where there are rungs.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        startup: int,
        rungs: Sequence[int] = (),
        random_share: float = 1 / 3,
    ) -> None:
        self._space = space
        self._metric = objective.metric
        self._seed = seed
        self._startup = startup
        self._random_share = random_share if len(rungs) > 1 else 0.0
        self._enough = len(space) + 2
        self.study = _study(objective)
        self._rungs = {step: _study(objective) for step in rungs[:-1]} if len(rungs) > 1 else {}
        self._reached = dict.fromkeys(self._rungs, 0)
        self._running: dict[int, dict[int | None, int]] = {}  # trial -> its Optuna trial in each study

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        rng = np.random.default_rng([self._seed, number])
        proposed = None if rng.random() < self._random_share else self._propose(number, taken)
        config = draw(self._space, rng, taken) if proposed is None else proposed
        if config is not None:
            self.adopt(number, config)
        return config

    def adopt(self, number: int, config: Config) -> None:
        from optuna.trial import TrialState, create_trial

        parameters, distributions = to_optuna(self._space, config)
        running = create_trial(state=TrialState.RUNNING, params=parameters, distributions=distributions)
        studies: dict[int | None, optuna.Study] = {None: self.study}
        studies.update(self._rungs.items())
        self._running[number] = {
            step: study._storage.create_new_trial(study._study_id, running) for step, study in studies.items()
        }

    def on_report(self, number: int, step: int, value: float) -> None:
        from optuna.trial import TrialState

        places = self._running.get(number, {})
        if step in self._rungs and step in places:
            self._end(self._rungs[step], places.pop(step), TrialState.COMPLETE, value)
            self._reached[step] += 1

    def tell(self, trial: Trial) -> None:
        from optuna.trial import TrialState

        if trial.number not in self._running:
            self.adopt(trial.number, trial.config)
        places = self._running.pop(trial.number)
        for report in trial.reports:
            if self._metric in report.metrics:
                value = float(report.metrics[self._metric])
                self.study._storage.set_trial_intermediate_value(places[None], report.step, value)
        state = _state(trial)
        final = trial.value(self._metric) if state == TrialState.COMPLETE else None
        self._end(self.study, places.pop(None), state, final)
        for step, place in places.items():
            if step is not None:
                self._end(self._rungs[step], place, TrialState.FAIL)

    def _propose(self, number: int, taken: Container[Config]) -> Config | None:
        from optuna.trial import TrialState

        step = self._level()
        study = self.study if step is None else self._rungs[step]
        # A sampler of its own for each trial: what is proposed depends on what was told, not on earlier asks. For the
        # same reason the trial that Optuna asks with is given up: asked or adopted, a config is held in the same way.
        study.sampler = _sampler(self._seed, number, self._startup)
        for _ in range(_TRIES):
            asked = study.ask()
            config = suggest_config(self._space, asked)
            self._end(study, asked._trial_id, TrialState.FAIL)
            if config not in taken:
                return config
        return None

    def _level(self) -> int | None:
        """The highest rung that enough trials have reached; None for full runs, or where there are none."""
        from optuna.trial import TrialState

        full_runs = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        enough = [step for step, count in self._reached.items() if count >= self._enough]
        return None if len(full_runs) >= self._enough or not enough else max(enough)

    def _end(self, study: optuna.Study, place: int, state: optuna.trial.TrialState, value: float | None = None) -> None:
        study._storage.set_trial_state_values(place, state, None if value is None else [value])


def _state(trial: Trial) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    if trial.state == State.COMPLETE and trial.reports:
        return TrialState.COMPLETE
    return TrialState.PRUNED if trial.state == State.STOPPED else TrialState.FAIL


def _study(objective: Objective) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction=objective.goal)


def _sampler(seed: int, number: int, startup: int) -> optuna.samplers.TPESampler:
    import optuna

    state = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=state, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
        )


class TPEOptions(SearcherOptions):
    """Tree-structured Parzen estimator."""

    type: Literal["tpe"] = "tpe"
    startup: int = Field(default=10, ge=1)
    """Random trials before the model is used."""

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return TPE(space, objective, seed, self.startup, rungs)
