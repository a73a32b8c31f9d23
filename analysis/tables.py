"""Results as data frames. Imports pandas; loaded only when a table is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ..search import Phase, Sweep, Trial
from .leaderboard import Interval, Leaderboard

_TRIAL_COLUMNS = ["trial", "phase", "state", "steps", "seconds", "seed", "split", "parent", "config_id", "reason"]
_REPORT_COLUMNS = ["trial", "phase", "step", "elapsed"]


def trials_frame(trials: Sequence[Trial], sweep: Sweep, test_scores: Mapping[int, float] | None = None) -> pd.DataFrame:
    """One row per trial, with the value of each objective; inactive parameters are missing values.

    Args:
        test_scores: score on the sealed test part by the trial whose model it is: the value of test trials.
    """
    tested = test_scores or {}
    metric = _column(sweep.objective.metric, _TRIAL_COLUMNS)
    others = {one.metric: _column(one.metric, _TRIAL_COLUMNS) for one in sweep.objective.others}
    rows = [
        {
            "trial": trial.number,
            "phase": trial.phase.value,
            "state": trial.state.value,
            metric: tested.get(trial.parent or 0) if trial.phase is Phase.TEST else trial.value(sweep.objective.metric),
        }
        | {one: trial.value(name) for name, one in others.items()}
        | {
            "steps": trial.last_step,
            "seconds": trial.seconds,
            "seed": trial.seed,
            "split": trial.split,
            "parent": trial.parent,
            "config_id": trial.config.config_id,
            "reason": trial.reason,
        }
        | {f"param.{name}": trial.config.get(name) for name in sweep.parameters}
        for trial in trials
    ]
    columns = [*_TRIAL_COLUMNS[:3], metric, *others.values(), *_TRIAL_COLUMNS[3:]]
    frame = pd.DataFrame(rows, columns=columns + [f"param.{name}" for name in sweep.parameters])
    return frame.astype({"parent": "Int64", metric: "float64"} | dict.fromkeys(others.values(), "float64"))


def reports_frame(trials: Sequence[Trial]) -> pd.DataFrame:
    """One row per report: trial, phase, step, elapsed seconds and all metrics."""
    rows: list[dict[str, Any]] = [
        {"trial": t.number, "phase": t.phase.value, "step": r.step, "elapsed": r.elapsed}
        | {_column(name, _REPORT_COLUMNS): value for name, value in r.metrics.items()}
        for t in trials
        for r in t.reports
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=_REPORT_COLUMNS)


def _column(metric: str, taken: Sequence[str]) -> str:
    """The metric's name, with ``metric.`` before it where a column has that name already."""
    return f"metric.{metric}" if metric in taken else metric


def leaderboard_frame(board: Leaderboard) -> pd.DataFrame:
    """One row per finalist, best first."""

    def bounds(prefix: str, value: Interval | None) -> dict[str, Any]:
        names = (prefix, f"{prefix}_low", f"{prefix}_high")
        values = (value.mean, value.low, value.high) if value else (None, None, None)
        return dict(zip(names, values, strict=True))

    rows = [
        {"rank": row.rank, "trial": row.trial, "tied": row.tied, "default": row.default}
        | bounds("mean", row.fresh)
        | {"replicates": row.fresh.count if row.fresh else 0, "p_value": row.p_value, "optimism": row.optimism}
        | {"search_score": row.search_score, "seconds": row.cost}
        | bounds("test", row.test)
        | {f"param.{name}": value for name, value in row.config.items()}
        for row in board.rows
    ]
    frame = pd.DataFrame(rows)
    return frame.astype({"rank": "Int64"}) if rows else frame
