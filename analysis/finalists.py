"""Which configs of the search are worth replicating."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..search import Phase, State, Trial
from ..spaces import Config, Objective
from .inference.paired_t import mean


def select_finalists(trials: Sequence[Trial], objective: Objective, top: int, default: Config) -> list[Trial]:
    """The ``top`` best search trials by their last value, and the default config's if it has a score.

    Trials that trained in full come before stopped ones, of which those that came further come first: values at
    different fidelities are not compared. A run that ended by itself is a full run, however many steps it took.
    """
    ranked = rank_search(trials, objective)
    finalists = ranked[:top]
    return finalists + [trial for trial in ranked[top:] if trial.config == default]


def rank_search(trials: Sequence[Trial], objective: Objective) -> list[Trial]:
    """Scored search trials within the limits, best first."""
    scored = [trial for trial in scored_search(trials) if not objective.excess(trial.metrics)]

    def key(trial: Trial) -> tuple[bool, int, float, int]:
        value = trial.value(objective.metric) or 0.0
        complete = trial.state is State.COMPLETE
        return not complete, 0 if complete else -trial.last_step, -objective.score(value), trial.number

    return sorted(scored, key=key)


def scored_search(trials: Sequence[Trial]) -> list[Trial]:
    """Search trials with a score, within the limits or not."""
    return [t for t in trials if t.phase is Phase.SEARCH and t.reports and t.state is not State.FAILED]


def broken_limits(replicates: Sequence[Trial], objective: Objective) -> str:
    """Which limits the replicates of a config are beyond on average, such as ``"latency_ms <= 20 (mean 23.1)"``."""
    means = {limit: mean(np.array([run.metrics[limit.metric] for run in replicates])) for limit in objective.limits}
    return ", ".join(f"{limit} (mean {value:.4g})" for limit, value in means.items() if limit.excess(value))
