"""Tree-structured Parzen estimator, by Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Container
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

    A trial stopped early is told as pruned with its whole curve, never as complete with a truncated value: TPE then
    ranks it behind the complete ones, by how far it came.

    Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4; Falkner et al., BOHB, ICML
    2018 (multivariate).
    """

    def __init__(self, space: Space, objective: Objective, seed: int, startup: int) -> None:
        self._space = space
        self._metric = objective.metric
        self._seed = seed
        self._startup = startup
        self._asked: dict[int, optuna.Trial] = {}
        self._study = _study(objective)

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        import optuna

        # A sampler of its own for each trial: what is proposed depends on what was told, not on earlier asks.
        self._study.sampler = _sampler(self._seed, number, self._startup)
        for _ in range(_TRIES):
            asked = self._study.ask()
            config = suggest_config(self._space, asked)
            if config not in taken:
                self._asked[number] = asked
                return config
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return draw(self._space, np.random.default_rng([self._seed, number]), taken)

    def tell(self, trial: Trial) -> None:
        import optuna

        asked = self._asked.pop(trial.number, None)
        if asked is not None:  # the place it held while it ran; a rebuilt searcher has none
            self._study.tell(asked, state=optuna.trial.TrialState.FAIL)
        state = _state(trial)
        parameters, distributions = to_optuna(self._space, trial.config)
        self._study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=trial.value(self._metric) if state == optuna.trial.TrialState.COMPLETE else None,
                params=parameters,
                distributions=distributions,
                intermediate_values=_curve(trial, self._metric),
            )
        )


def _state(trial: Trial) -> optuna.trial.TrialState:
    from optuna.trial import TrialState

    if trial.state == State.COMPLETE and trial.reports:
        return TrialState.COMPLETE
    return TrialState.PRUNED if trial.state == State.STOPPED else TrialState.FAIL


def _curve(trial: Trial, metric: str) -> dict[int, float]:
    return {report.step: float(report.metrics[metric]) for report in trial.reports if metric in report.metrics}


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

    def build(self, space: Space, objective: Objective, seed: int) -> Searcher:
        return TPE(space, objective, seed, self.startup)
