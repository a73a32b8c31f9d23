"""What early stopping saves a searcher: simulated time to the same regret, with ASHA and without, on learning curves.

The searches run through Assay's own plan and controller. NNI's evolution, which cannot stop early, runs beside them.
Regret is of the best value seen at any unit of training, 0 for the best value known and 1 for a median random config.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from feeding import FULL_RUN_SECONDS, simulated, tables_of
from nni_evolution import run_evolution
from numpy.typing import NDArray
from tables import CurveTable

from assay.cluster.phases import search_plan
from assay.search import State, Sweep
from assay.spaces import Config

WORKERS = 4
RUNS = 32
_POINTS = 4  # of a curve, for each full run of the budget
_FAILED = -1e30  # the score of a run that diverged, where one has to be told

Curve = NDArray[np.float64]
Json = dict[str, Any]


def compare(folder: Path, searcher: str, most: int, seeds: int, runs: int) -> list[Json]:
    """Print, for each table with learning curves, the time with ASHA as a share of that without.

    Args:
        most: tables of each kind.
        runs: budget, in full runs.
    """
    outcomes: list[Json] = []
    print(f"\n| table | regret of NNI's evolution @{runs} full runs | {searcher} | {searcher} with ASHA ", end="")
    print("| share of the time to NNI's | to the same without ASHA |\n|---|---|---|---|---|---|")
    for name, make in tables_of(folder, ["lcbench", "taskset"], most).items():
        table = make()
        every = range(seeds)
        found = {
            "nni": np.mean([run_nni(table, seed, runs) for seed in every], axis=0),
            "none": np.mean([run(table, searcher, "none", seed, runs) for seed in every], axis=0),
            "asha": np.mean([run(table, searcher, "asha", seed, runs) for seed in every], axis=0),
        }
        outcomes.append({"table": name} | {arm: curve.tolist() for arm, curve in found.items()})
        print(row(name, found["nni"], found["none"], found["asha"]), flush=True)
    return outcomes


def row(name: str, nni: Curve, full: Curve, stopped: Curve) -> str:
    """One of the Markdown table; each curve is the mean over seeds."""
    shares = (f"{share_of_time(one, stopped):.2f}" for one in (nni, full))
    return f"| {name} | {nni[-1]:.4f} | {full[-1]:.4f} | {stopped[-1]:.4f} | {' | '.join(shares)} |"


def share_of_time(full: Curve, stopped: Curve) -> float:
    """When ``stopped`` first has the last regret of ``full``, as a share of when ``full`` first had it; inf: never."""
    reached = np.flatnonzero(stopped <= full[-1])
    return float((reached[0] + 1) / (np.flatnonzero(full <= full[-1])[0] + 1)) if len(reached) else float("inf")


class _FullRuns:
    """Trials that train to the end, in simulated time."""

    def __init__(self, table: CurveTable, limit: float) -> None:
        self._table = table
        self._limit = limit
        self._running: list[tuple[float, int, float]] = []
        self._now, self._count = 0.0, 0
        self.seen: list[tuple[float, float]] = []

    def start(self, values: Mapping[str, Any]) -> int:
        curve, seconds = self._table.curve(Config(values))
        whole = np.isfinite(curve)
        length = len(curve) if whole.all() else int(whole.argmin())
        times = self._now + np.cumsum(seconds)[:length] * FULL_RUN_SECONDS / self._table.seconds
        if whole.all():
            self.seen += zip(times.tolist(), curve.tolist(), strict=True)
        sign = 1 if self._table.objective.goal == "maximize" else -1
        score = sign * float(curve[-1]) if length == len(curve) else _FAILED
        heapq.heappush(self._running, (float(times[-1]) if length else self._now, self._count, score))
        self._count += 1
        return self._count - 1

    def finish(self) -> tuple[int, float] | None:
        if not self._running:
            return None
        self._now, number, score = heapq.heappop(self._running)
        return number, score

    def free(self) -> bool:
        return len(self._running) < WORKERS and self._now < self._limit


def run_nni(table: CurveTable, seed: int, runs: int) -> Curve:
    """Regret of NNI's regularised evolution on a grid of times."""
    limit = runs * FULL_RUN_SECONDS / WORKERS
    full = _FullRuns(table, limit)
    run_evolution(table.space, seed, full.start, full.finish, full.free)
    return _curve(table, full.seen, _grid(runs))


def run(table: CurveTable, searcher: str, scheduler: str, seed: int, runs: int) -> Curve:
    """Regret on a grid of times."""
    limit = runs * FULL_RUN_SECONDS / WORKERS
    sweep = Sweep(
        name="early_stopping",
        seed=seed,
        objectives=[{"metric": table.objective.metric, "goal": table.objective.goal}],
        parameters=table.space,
        searcher=searcher,
        scheduler={"type": "asha", "eta": 3, "grace": 1} if scheduler == "asha" else scheduler,
        fidelity={"max": table.max},
        budget={"time": f"{limit:.0f}s"},
    )
    trials = simulated(table, sweep, search_plan(sweep), WORKERS)
    metric = table.objective.metric
    seen = [(r.elapsed, float(r.metrics[metric])) for t in trials if t.state is not State.FAILED for r in t.reports]
    return _curve(table, seen, _grid(runs))


def _grid(runs: int) -> Curve:
    return np.linspace(0, runs * FULL_RUN_SECONDS / WORKERS, _POINTS * runs + 1)[1:]


def _curve(table: CurveTable, seen: Iterable[tuple[float, float]], times: Curve) -> Curve:
    """Regret of the best of the values seen so far, which come with their time."""
    sign = 1 if table.objective.goal == "maximize" else -1
    moments, values = np.array(sorted((at, sign * value) for at, value in seen)).reshape(-1, 2).T
    best = np.maximum.accumulate(np.append(sign * table.median, values))
    return np.array([table.regret(sign * one) for one in best[np.searchsorted(moments, times, side="right")]])
