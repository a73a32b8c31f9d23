"""Which configs of the search are worth replicating."""

from __future__ import annotations

from collections.abc import Sequence

from ..search import Phase, State, Trial
from ..spaces import Config, Objective


def select_finalists(trials: Sequence[Trial], objective: Objective, top: int, default: Config) -> list[Trial]:
    """The ``top`` best search trials by their last value, and the default config's if it has a score.

    Trials that trained in full come before stopped ones, of which those that came further come first: values at
    different fidelities are not compared. A run that ended by itself is a full run, however many steps it took.
    """
    ranked = rank_search(trials, objective)
    finalists = ranked[:top]
    return finalists + [trial for trial in ranked[top:] if trial.config == default]


def rank_search(trials: Sequence[Trial], objective: Objective) -> list[Trial]:
    """Scored search trials, best first."""
    scored = [t for t in trials if t.phase is Phase.SEARCH and t.reports and t.state is not State.FAILED]

    def key(trial: Trial) -> tuple[bool, int, float, int]:
        value = trial.value(objective.metric) or 0.0
        complete = trial.state is State.COMPLETE
        return not complete, 0 if complete else -trial.last_step, -objective.score(value), trial.number

    return sorted(scored, key=key)
