"""How a model-based searcher has to be fed under early stopping: regret on recorded learning curves.

32 workers in simulated time, Ray Tune's ASHA, budgets of 16, 32 and 64 full runs. Arms: random configs; our TPE; and
Optuna as Ray Tune's own ``OptunaSearch`` feeds it, which tells a stopped trial as complete, at its last value. All run
through our controller, whose decisions under ASHA are those of Ray's.

Regret is normalised: 0 for the best value known, 1 for a median random config; best value seen at any unit.

    python benchmarks/feeding.py TABLES --seeds 20 --output feeding.json

TABLES is a folder with ``yahpo/lcbench`` (needs ``onnxruntime``) and ``taskset.npz``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from tables import CurveTable, LcBench, TaskSet

from assay.cluster import Controller, SearchPlan, Silent, VirtualExecutor
from assay.cluster.phases import search_plan
from assay.cluster.proposals import PromptProposals
from assay.search import Ledger, Phase, State, Sweep, Trial, scheduler_seed
from assay.spaces import Config, Objective, Space
from assay.spaces.to_optuna import to_optuna
from assay.trainables import TrialSpec

WORKERS = 32
BUDGETS = (16, 32, 64)  # full runs
FULL_RUN_SECONDS = 1000.0  # what the mean full run of a table is scaled to
ARMS = ("random", "tpe", "ray")


class RaysOptuna:
    """Ray Tune's ``OptunaSearch``, unmodified, told what Ray's controller tells it."""

    def __init__(self, space: Space, objective: Objective, seed: int) -> None:
        import optuna
        from ray.tune.search.optuna import OptunaSearch

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _, distributions = to_optuna(space, space.default())
        self._metric = objective.metric
        mode = "max" if objective.goal == "maximize" else "min"
        self._search = OptunaSearch(space=dict(distributions), metric=objective.metric, mode=mode, seed=seed)

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        return Config(self._search.suggest(str(number)))

    def adopt(self, number: int, config: Config) -> None:
        pass  # the default config, which Ray Tune would not try

    def on_report(self, number: int, step: int, value: float) -> None:
        pass  # values on the way are used for pruned trials only, and there are none

    def tell(self, trial: Trial) -> None:
        if trial.number == 0:
            return
        failed = trial.state is State.FAILED
        result = {} if failed else {self._metric: trial.value(self._metric), "training_iteration": trial.last_step}
        self._search.on_trial_complete(str(trial.number), result or None, error=failed)


def run(table: CurveTable, arm: str, seed: int) -> dict[str, float]:
    """Regret of one search at each budget."""
    limit = max(BUDGETS) * FULL_RUN_SECONDS / WORKERS
    sweep = Sweep(
        name="feeding",
        seed=seed,
        objectives=[{"metric": table.objective.metric, "goal": table.objective.goal}],
        parameters=table.space,
        searcher="random" if arm == "random" else "tpe",
        scheduler={"type": "asha", "eta": 3, "grace": 1},
        fidelity={"max": table.max},
        budget={"time": f"{limit:.0f}s"},
    )
    trials = simulated(table, sweep, _plan(sweep, arm, seed), WORKERS)
    return {str(budget): _regret(table, trials, budget) for budget in BUDGETS} | {"trials": len(trials)}


def simulated(table: CurveTable, sweep: Sweep, plan: SearchPlan, workers: int) -> list[Trial]:
    """The trials of a sweep over a table, through Assay's own controller, in simulated time.

    A full run of a config takes :data:`FULL_RUN_SECONDS` on average.
    """
    curves: dict[Config, Any] = {}

    def train(spec: TrialSpec, step: int) -> tuple[dict[str, float], float]:
        config = Config(spec.config)
        if config not in curves:
            curves[config] = table.curve(config)
        values, seconds = curves[config]
        took = float(seconds[step - 1] * FULL_RUN_SECONDS / table.seconds)
        return {sweep.objective.metric: float(values[step - 1])}, took

    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(folder, create=True)
        record = ledger.create_sweep(sweep, folder)
        executor = VirtualExecutor(train, workers)
        controller = Controller(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=True)
        controller.run(plan, [], [])
        trials = ledger.trials(record, Phase.SEARCH)
        ledger.close()
    return trials


def _plan(sweep: Sweep, arm: str, seed: int) -> SearchPlan:
    if arm != "ray":
        return search_plan(sweep)
    scheduler = sweep.scheduler.build(sweep.parameters, sweep.objective, sweep.granted, scheduler_seed(sweep.seed))
    return SearchPlan(sweep, PromptProposals(RaysOptuna(sweep.parameters, sweep.objective, seed)), scheduler)


def _regret(table: CurveTable, trials: list[Trial], budget: int) -> float:
    until = budget * FULL_RUN_SECONDS / WORKERS
    metric = table.objective.metric
    values = [
        r.metrics[metric] for t in trials for r in t.reports if r.elapsed <= until and t.state is not State.FAILED
    ]
    best = (max if table.objective.goal == "maximize" else min)(values, default=table.median)
    return float(table.regret(best))


def tables_of(folder: Path, kinds: list[str], most: int) -> dict[str, Callable[[], CurveTable]]:
    """Makers of the tables, by name."""
    found: dict[str, Callable[[], CurveTable]] = {}
    if "lcbench" in kinds:
        for name in LcBench.instances(folder)[:most]:
            found[f"lcbench {name}"] = lambda name=name: LcBench(folder, name)
    if "taskset" in kinds:
        for name in TaskSet.tasks(folder)[:most]:
            found[f"taskset {name}"] = lambda name=name: TaskSet(folder, name)
    return found


def main() -> None:
    """All tables, arms and seeds; a table of means with 95 % bootstrap intervals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path, help="folder of the tables")
    parser.add_argument("--kinds", nargs="+", default=["lcbench", "taskset"], choices=["lcbench", "taskset"])
    parser.add_argument("--most", type=int, default=6, help="tables of each kind")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--output", type=Path, help="JSON file")
    options = parser.parse_args()
    outcomes: list[dict[str, Any]] = []
    for name, make in tables_of(options.tables, options.kinds, options.most).items():
        table = make()
        for seed in range(options.seeds):
            for arm in options.arms:
                outcomes.append({"table": name, "arm": arm, "seed": seed} | run(table, arm, seed))
        mine = [outcome for outcome in outcomes if outcome["table"] == name]
        print(name, "  ".join(f"{arm} {summary(mine, arm)}" for arm in options.arms), flush=True)
    for arm in options.arms:
        print(f"all: {arm} {summary(outcomes, arm)}")
    if options.output:
        options.output.write_text(json.dumps(outcomes, indent=1))


def summary(outcomes: list[dict[str, Any]], arm: str) -> str:
    """Mean regret at each budget; at the last with its interval."""
    mine = [outcome for outcome in outcomes if outcome["arm"] == arm]
    means = "/".join(f"{np.mean([outcome[str(budget)] for outcome in mine]):.3f}" for budget in BUDGETS)
    last = np.array([outcome[str(BUDGETS[-1])] for outcome in mine])
    draws = np.random.default_rng(0).choice(last, (2000, len(last))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{means} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
