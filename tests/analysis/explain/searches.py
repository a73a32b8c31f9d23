"""Searches as the ledger would hand them out, without a ledger: of made-up scores, so that the truth is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from assay.analysis import Results
from assay.search import Ledger, Phase, Report, State, Sweep, SweepRecord, Trial, trial_seed
from assay.spaces import Config

TRUTH = (0.61, 0.15, 0.10, 0.06, 0.015, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Shares of the variance that ten parameters explain alone; the rest is an interaction of the first two."""

Score = Callable[[Mapping[str, Any]], float]


def sweep_of(parameters: Mapping[str, Any], **changes: Any) -> Sweep:
    spec: dict[str, Any] = {
        "name": "demo",
        "objectives": [{"metric": "score", "goal": "maximize"}],
        "parameters": parameters,
        "searcher": "random",
        "budget": {"trials": 500},
    }
    return Sweep.make(spec | changes)


def trial_of(
    sweep: Sweep, number: int, config: Config, values: Sequence[float], state: State = State.COMPLETE, **fields: Any
) -> Trial:
    """A search trial with one report for each value."""
    first = 10 * number
    reports = [
        Report(step, value if isinstance(value, dict) else {"score": value}, 1.0, first + 1 + step)
        for step, value in enumerate(values, start=1)
    ]
    given = {"seed": trial_seed(sweep.seed, 0), "split": 0, "asked": first, "started": first + 1} | fields
    return Trial(number, Phase.SEARCH, state, config, reports=tuple(reports), ended=first + 9, **given)


class _NoFiles:
    """A ledger, as far as one is asked for files."""

    def artifacts(self, *_: object) -> list[Any]:
        return []

    def trials(self, *_: object) -> list[Any]:
        return []


def results_of(sweep: Sweep, trials: Sequence[Trial]) -> Results:
    """Results whose trials are these, and that have no files."""
    results = Results(cast(Ledger, _NoFiles()), SweepRecord(1, sweep, ".", "finished", "", 0.0))
    results.__dict__["trials"] = list(trials)
    return results


def searched(sweep: Sweep, score: Score, count: int, seed: int = 0) -> Results:
    """The default config and random ones, with their scores."""
    drawn = sweep.parameters.sample_many(np.random.default_rng(seed), count)
    configs = [sweep.parameters.default(), *drawn]
    return results_of(sweep, [trial_of(sweep, at, config, [score(config)]) for at, config in enumerate(configs)])


def uniform(count: int) -> dict[str, Any]:
    return {f"x{at}": "uniform(0, 1)" for at in range(count)}


def additive(config: Mapping[str, Any]) -> float:
    """A score with the shares of :data:`TRUTH`."""
    scaled = [np.sqrt(12) * (config[f"x{at}"] - 0.5) for at in range(len(TRUTH))]
    alone = sum(np.sqrt(share) * one for share, one in zip(TRUTH, scaled, strict=True))
    return float(alone + np.sqrt(1 - sum(TRUTH)) * scaled[0] * scaled[1])
