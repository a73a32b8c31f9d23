"""Strategies for architectures side by side, on recorded results in simulated time.

Four workers; all arms have the same simulated time, in trainings of an average config. A query gives the score of one
training seed. Each search is judged twice, at equal total cost: handed over is the config with the best ``score``, or,
as Assay does it, the search ends earlier, its five best train on two fresh seeds within what is left of the same time,
and the best mean of these ``replicates`` is handed over. Regret is how far what was handed over is below the best mean
of the table, by its mean over the seeds that had no part in choosing it; in tables of three seeds none is left, and its
mean over all counts, for all arms alike. 0 is the best config and 1 a median one; ``points`` are percentage points.

    python benchmarks/architectures.py TABLES --seeds 30 --figure regret.png --output architectures.json

TABLES is a folder with ``nasbench201.npz``, ``nasbench_macro.npz``, ``hpolib.npz`` and ``hpobench_nn.npz``, and for the
part ``asha`` what ``feeding.py`` needs.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import sys
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import early_stopping
from config_tables import OBJECTIVE, SOURCES, ConfigTable
from handing_over import RULES, Ended, regret
from nni_evolution import run_evolution
from regret_figure import draw

from assay.search import SEARCHERS, Phase, Report, Searcher, State, Trial
from assay.spaces import Config

ARMS = ("random", "local_search", "tpe", "nni_evolution", "regularized_evolution", "gp")
OURS, THEIRS = "gp", "nni_evolution"
WORKERS = 4
BUDGETS = (25, 50, 100)  # trainings of an average config
MOST_TRIALS = 200
"""Where a search finds configs that train in no time, it ends after so many."""
_GRID = 60  # points of a curve

Json = dict[str, Any]


@dataclass
class Simulation:
    """Trials on a table in simulated time.

    Attributes:
        over: trials that ended in time.
    """

    table: ConfigTable
    run: int
    limit: float
    now: float = 0.0
    number: int = 0
    over: list[Ended] = field(default_factory=list)
    _heap: list[tuple[float, int, Config, int]] = field(default_factory=list)

    @property
    def free(self) -> bool:
        return len(self._heap) < WORKERS and self.now < self.limit and self.number < MOST_TRIALS

    def start(self, values: Mapping[str, Any]) -> int:
        """The number of a new trial."""
        config = Config(values)
        row = self.table.row(config)
        heapq.heappush(self._heap, (self.now + float(self.table.seconds[row]), self.number, config, row))
        self.number += 1
        return self.number - 1

    def finish(self) -> tuple[int, float] | None:
        """The next trial to end, and its score; None when none runs."""
        trial = self.next_trial()
        return None if trial is None else (trial.number, float(trial.value(OBJECTIVE.metric) or 0.0))

    def next_trial(self) -> Trial | None:
        if not self._heap:
            return None
        self.now, number, config, row = heapq.heappop(self._heap)
        score = self.table.query(row, self.run)
        if self.now <= self.limit:
            self.over.append(Ended(self.now, row, score))
        report = Report(1, {OBJECTIVE.metric: score}, self.now, number)
        return Trial(number, Phase.SEARCH, State.COMPLETE, config, seed=0, split=0, ended=number, reports=(report,))


class Below(Container[Config]):
    """What was proposed, and what is among the ``share`` of all configs with the smallest ``cheap`` measure."""

    def __init__(self, table: ConfigTable, cheap: str, share: float) -> None:
        self._table = table
        self._measure = table.cheap[cheap]
        self._least = float(np.quantile(self._measure, share))
        self.proposed: set[Config] = set()

    def __contains__(self, config: object) -> bool:
        if not isinstance(config, Config):
            return False
        return config in self.proposed or bool(self._measure[self._table.row(config)] < self._least)


def search(table: ConfigTable, arm: str, run: int, trainings: int, cheap: str = "", share: float = 0.0) -> Json:
    """One search: by each rule its regret on a grid of times, and at the budgets; milliseconds per proposal."""
    simulation = Simulation(table, run, trainings * table.unit / WORKERS)
    began, asked = time.process_time(), 1
    if arm == THEIRS:
        run_evolution(table.space, run, simulation.start, simulation.finish, lambda: simulation.free)
        asked = simulation.number
        spent = time.process_time() - began
    else:
        below = Below(table, cheap, share) if cheap else None
        searcher = SEARCHERS[arm](type=arm).build(table.space, OBJECTIVE, run)
        asked, spent = _drive(searcher, simulation, below.proposed if below else set(), below)
    times = np.linspace(0, simulation.limit, _GRID + 1)[1:]
    curves = {rule: regret(table, run, simulation.over, times, WORKERS, rule) for rule in RULES}
    budgets = [budget for budget in BUDGETS if budget <= trainings]
    return {
        "arm": arm,
        "run": run,
        "trials": len(simulation.over),
        "curve": {rule: curve.tolist() for rule, curve in curves.items()},
        "regret": {
            rule: {str(budget): float(curve[round(budget / trainings * _GRID) - 1]) for budget in budgets}
            for rule, curve in curves.items()
        },
        "milliseconds": 1000 * spent / asked,
    }


def _drive(searcher: Searcher, simulation: Simulation, proposed: set[Config], below: Below | None) -> tuple[int, float]:
    """Ask and tell until time is up; how often it was asked, and CPU seconds of that."""
    spent, asked, left = 0.0, 0, True
    while True:
        while left and simulation.free:
            began = time.process_time()
            config = searcher.ask(simulation.number, below or proposed)
            spent, asked = spent + time.process_time() - began, asked + 1
            left = config is not None
            if config is not None:
                proposed.add(config)
                simulation.start(config)
        trial = simulation.next_trial()
        if trial is None:
            return asked, spent
        searcher.tell(trial)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """A mean with its 95 % bootstrap interval."""
    given = np.array(values)
    draws = np.random.default_rng(0).choice(given, (2000, len(given))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(given.mean()), float(low), float(high)


def table_of(name: str, table: ConfigTable, outcomes: Sequence[Json], arms: Sequence[str]) -> list[str]:
    """Rows of the Markdown table."""
    lines = []
    for arm, rule in itertools.product(arms, RULES):
        mine = [one for one in outcomes if one["table"] == name and one["arm"] == arm]
        found = {budget: [one["regret"][rule][budget] for one in mine] for budget in mine[0]["regret"][rule]}
        cells = " | ".join("{:.4f} [{:.4f}, {:.4f}]".format(*interval(values)) for values in found.values())
        last = float(np.mean(list(found.values())[-1]))
        points = f"{last * table.scale * table.points:.3f}" if table.points else "-"
        trials, speed = (float(np.mean([one[key] for one in mine])) for key in ("trials", "milliseconds"))
        lines.append(f"| {name} | {arm} | {rule} | {cells} | {points} | {trials:.0f} | {speed:.1f} |")
    return lines


def header(trainings: int) -> str:
    """The head of the Markdown table."""
    budgets = " | ".join(f"@{budget}" for budget in BUDGETS if budget <= trainings)
    head = f"| table | arm | by | {budgets} | points | trials | ms |"
    return head + "\n" + "|---" * (head.count("|") - 1) + "|"


def ratios(outcomes: Sequence[Json], ours: str, others: Sequence[str]) -> list[str]:
    """Our mean regret as a share of each other arm's, by table, rule and budget; with runs better and worse."""
    lines = []
    pairs = [("replicates", "score"), ("replicates", "replicates"), ("score", "score")]
    for name in dict.fromkeys(one["table"] for one in outcomes):
        by = {arm: [o for o in outcomes if o["table"] == name and o["arm"] == arm] for arm in (ours, *others)}
        for (mine, theirs), arm in itertools.product(pairs, others):
            cells = []
            for budget in by[ours][0]["regret"][mine]:
                left = np.array([one["regret"][mine][budget] for one in by[ours]])
                right = np.array([one["regret"][theirs][budget] for one in by[arm]])
                share = left.mean() / right.mean() if right.mean() > 0 else float("nan")
                cells.append(f"@{budget} {share:.2f} ({(left < right).sum()}:{(left > right).sum()})")
            lines.append(f"{name}: {ours} by {mine} / {arm} by {theirs}  {'  '.join(cells)}")
    return lines


def compare(options: argparse.Namespace) -> list[Json]:
    """All tables, arms and seeds."""
    outcomes: list[Json] = []
    print(header(options.trainings))
    for name in options.only:
        table = ConfigTable(options.tables, SOURCES[name])
        for run in range(options.seeds):
            for arm in options.arms:
                outcomes.append({"table": name} | search(table, arm, run, options.trainings))
        print("\n".join(table_of(name, table, outcomes, options.arms)), flush=True)
    if OURS in options.arms:
        print("\nRegret of ours as a share of theirs (runs better : worse)")
        print("\n".join(ratios(outcomes, OURS, [arm for arm in options.arms if arm != OURS])), flush=True)
    if options.figure:
        draw(outcomes, options.arms, options.trainings, THEIRS, options.figure)
    return outcomes


def prefilter(options: argparse.Namespace) -> list[Json]:
    """What it brings to leave out, unseen, the configs of which a measure known before training is small."""
    outcomes: list[Json] = []
    print("\n" + header(options.trainings))
    for name in options.only:
        table = ConfigTable(options.tables, SOURCES[name])
        for arm in ("random", OURS):
            for cheap, share in [("", 0.0)] + [(cheap, share) for cheap in table.cheap for share in (0.5, 0.8)]:
                label = f"{arm}, {cheap} above {share:.0%}" if cheap else arm
                for run in range(options.seeds if table.cheap else 0):
                    found = search(table, arm, run, options.trainings, cheap, share)
                    outcomes.append({"table": name} | found | {"arm": label})
                if table.cheap:
                    print("\n".join(table_of(name, table, outcomes, [label])), flush=True)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, help="folder of the tables")
    parser.add_argument("--parts", nargs="+", default=["compare", "prefilter", "asha"], choices=list(_PARTS))
    parser.add_argument("--only", nargs="+", default=list(SOURCES), choices=list(SOURCES))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--trainings", type=int, default=max(BUDGETS), help="budget, in trainings of an average config")
    parser.add_argument("--curves", type=int, default=3, help="tables with learning curves of each kind")
    parser.add_argument("--quick", action="store_true", help="two seeds, 25 trainings")
    parser.add_argument("--figure", type=Path, help="file of the figure")
    parser.add_argument("--output", type=Path, help="JSON file")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.trainings = 2, min(BUDGETS)
    outcomes = {part: _PARTS[part](options) for part in options.parts}
    if options.output:
        options.output.write_text(json.dumps(outcomes, indent=1))


def _asha(options: argparse.Namespace) -> list[Json]:
    runs = min(options.trainings, early_stopping.RUNS)
    return early_stopping.compare(options.tables, OURS, options.curves, min(options.seeds, 10), runs)


_PARTS = {"compare": compare, "prefilter": prefilter, "asha": _asha}


if __name__ == "__main__":
    main()
