"""The way from the default config to the best, in real runs: the sweep that makes them, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...search import Phase, State, Sweep, Trial
from ...spaces import Config
from ..inference.paired_t import t_interval
from .ablation_report import AblationReport, Gain

if TYPE_CHECKING:
    from ..results import Results

Floats = NDArray[np.float64]

_SUFFIX = "-ablation"
_LONGEST_NAME = 63
_FIRST_SWEEP_ONLY = ("searcher", "scheduler", "tracking", "export", "engine", "leaderboard")


def ablation_name(name: str) -> str:
    """What the sweep is called that verifies the ablation of another."""
    return f"{name[: _LONGEST_NAME - len(_SUFFIX)]}{_SUFFIX}"


def ablation_sweep(sweep: Sweep, report: AblationReport, seeds: int | None = None, name: str | None = None) -> Sweep:
    """A sweep ``NAME-ablation`` that runs the configs on the way as finalists: the default, and the others as rivals.

    It has the seed of the first sweep, so that its sealed part stays sealed. The replicates then have the seeds and
    splits on which the best config was chosen, which flatters the last step a little.

    Args:
        sweep: the first one.
        seeds: replicates of each config; as in the first sweep when None.
        name: instead of ``NAME-ablation``.

    Raises:
        SweepError: for a name that is none.
    """
    raw = sweep.model_dump(mode="json", exclude_unset=True)
    changed = {
        "name": name or ablation_name(sweep.name),
        "description": f"ablation of {sweep.name}: what each change from the default config to the best brings",
        "searcher": "random",
        "budget": {"trials": len(report.configs), "concurrent": sweep.budget.concurrent},
        "leaderboard": {
            "top": 1,
            "seeds": seeds or sweep.leaderboard.seeds,
            "rivals": [config.nested() for config in report.configs[1:]],
        },
    }
    return Sweep.make({key: value for key, value in raw.items() if key not in _FIRST_SWEEP_ONLY} | changed)


def with_runs(report: AblationReport, verified: Results) -> AblationReport:
    """The report with what the runs say: differences of the replicates with the same seed and split."""
    sign = verified.sweep.objective.sign
    scores = _scores(verified)
    steps, missing = [], 0
    for before, step in zip(report.configs, report.steps, strict=False):
        gains = _paired(scores.get(before, {}), scores.get(step.config, {}), sign)
        missing += len(gains) < 2
        steps.append(replace(step, measured=_gain_of(gains), runs=len(gains)))
    whole = _paired(scores.get(report.default, {}), scores.get(report.configs[-1], {}), sign)
    name = verified.record.name
    notes = [*report.notes, f"measured by sweep {name!r}, in pairs of runs with the same seed and split"]
    if missing:
        notes.append(f"{missing} steps have fewer than two pairs of runs: `assay show {name}` tells why")
    return replace(report, steps=steps, measured=_gain_of(whole), verified_by=name, notes=notes)


def _scores(results: Results) -> dict[Config, dict[int, float]]:
    """Score of each complete replicate, by config and split."""
    found: dict[Config, dict[int, float]] = {}
    metric = results.sweep.objective.metric
    for trial in results.trials:
        value = _final(trial, metric)
        if value is not None:
            found.setdefault(trial.config, {})[trial.split] = value
    return found


def _final(trial: Trial, metric: str) -> float | None:
    whole = trial.phase is Phase.REPLICATE and trial.state is State.COMPLETE
    return trial.value(metric) if whole else None


def _paired(before: Mapping[int, float], after: Mapping[int, float], sign: int) -> Floats:
    return np.array([sign * (after[split] - before[split]) for split in sorted(before.keys() & after.keys())])


def _gain_of(gains: Floats) -> Gain | None:
    return Gain(float(gains.mean()), *t_interval(gains, 0.95)) if len(gains) > 1 else None
