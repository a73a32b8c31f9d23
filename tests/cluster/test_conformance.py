"""Our controller and Ray Tune's own take the same decisions, trial by trial, over the same simulated training.

Ray's controller is the real one, on a simulated clock; see tests/oracle.py.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
)

from assay.cluster import Controller, SearchPlan, Silent
from assay.cluster.proposals import PromptProposals
from assay.cluster.virtual_executor import VirtualExecutor
from assay.search import Ledger, Phase, Scheduler, State, Sweep, Trial
from assay.search.tune_scheduler import TuneScheduler
from assay.spaces import Config
from assay.trainables import TrialSpec

from ..oracle import run_tune

SLOTS, LENGTH = 4, 27
WORDS = {"time_attr": TuneScheduler.TIME, "metric": TuneScheduler.METRIC, "mode": "max"}
MUTATIONS = {"x": lambda: random.uniform(0, 1)}
SCHEDULERS: dict[str, Callable[[], TrialScheduler]] = {
    "asha, eta 3": lambda: AsyncHyperBandScheduler(max_t=LENGTH, reduction_factor=3, **WORDS),
    "asha, eta 2": lambda: AsyncHyperBandScheduler(max_t=LENGTH, reduction_factor=2, grace_period=2, **WORDS),
    "asha, eta 4": lambda: AsyncHyperBandScheduler(max_t=LENGTH, reduction_factor=4, **WORDS),
    "asha, 3 brackets": lambda: AsyncHyperBandScheduler(max_t=LENGTH, reduction_factor=3, brackets=3, **WORDS),
    "hyperband": lambda: HyperBandScheduler(max_t=LENGTH, reduction_factor=3, **WORDS),
    "median": lambda: MedianStoppingRule(grace_period=3, min_time_slice=math.inf, **WORDS),
    "median, with pauses": lambda: MedianStoppingRule(grace_period=3, min_samples_required=6, hard_stop=True, **WORDS),
    "pbt": lambda: PopulationBasedTraining(
        perturbation_interval=3, hyperparam_mutations=MUTATIONS, log_config=False, **WORDS
    ),
    "pbt, synchronous": lambda: PopulationBasedTraining(
        perturbation_interval=3, hyperparam_mutations=MUTATIONS, log_config=False, synch=True, **WORDS
    ),
}
SECTIONS: dict[str, Any] = {
    "asha, eta 3": "asha",
    "asha, eta 2": {"type": "asha", "eta": 2, "grace": 2},
    "asha, eta 4": {"type": "asha", "eta": 4},
    "asha, 3 brackets": {"type": "asha", "brackets": 3},
    "hyperband": "hyperband",
    "median": {"type": "median", "grace": 3},
}
"""What a user writes to have the same; the others can only be had in Python, or draw from the space in our way."""

TRIALS = dict.fromkeys(SCHEDULERS, 15) | dict.fromkeys(("median", "median, with pauses", "pbt", "pbt, synchronous"), 9)
"""Fewer where hardly any trial is stopped, and all make their 27 reports."""
OURS = {"END": "continue", "NOOP": "pause"}


class Given:
    """Proposes given configs in order."""

    def __init__(self, configs: list[dict[str, Any]]) -> None:
        self._configs = configs

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        return Config(self._configs[number]) if number < len(self._configs) else None

    def adopt(self, number: int, config: Config) -> None:
        pass

    def on_report(self, number: int, step: int, value: float) -> None:
        pass

    def tell(self, trial: Trial) -> None:
        pass


def curve(config: dict[str, Any], step: int) -> tuple[float, float]:
    """Learning curves that cross, with durations of their own: no two results fall on the same instant."""
    x = config["x"]
    wiggle = 0.1 * np.sin(50 * x + step)
    return float(x * (1 - np.exp(-step / (3 + 20 * x))) + wiggle), float(1 + 0.5 * np.sin(1000 * x) ** 2 + x / 7)


def run_ours(name: str, configs: list[dict[str, Any]], seed: int, ledger: Ledger) -> list[Trial]:
    sweep = Sweep(
        name=f"seed-{seed}",
        objectives=[{"metric": "objective", "goal": "maximize"}],
        parameters={"x": {"min": 0.0, "max": 1e9, "default": configs[0]["x"]}},
        fidelity={"max": LENGTH},
        budget={"trials": len(configs)},
        scheduler=SECTIONS.get(name, "none"),
    )
    record = ledger.create_sweep(sweep, ".")

    def train(spec: TrialSpec, step: int) -> tuple[dict[str, Any], float]:
        value, seconds = curve(spec.config, step)
        return {"objective": value}, seconds

    executor = VirtualExecutor(train, SLOTS)
    scheduler: Scheduler
    if name in SECTIONS:
        scheduler = sweep.scheduler.build(sweep.parameters, sweep.objective, sweep.granted, seed)
    else:
        rays = SCHEDULERS[name]()
        copies = isinstance(rays, PopulationBasedTraining)
        scheduler = TuneScheduler(rays, seed, copies=copies, sees_all=True, holds=name.startswith("median"))
    plan = SearchPlan(sweep, PromptProposals(Given(configs)), scheduler, ahead=len(configs))
    Controller(ledger, record, executor, clock=executor.clock, observer=Silent(), lazy=True).run(plan, [], [])
    return ledger.trials(record, Phase.SEARCH)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_decisions_are_those_of_ray(name: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ours", create=True)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        configs = [{"x": float(x)} for x in rng.uniform(size=TRIALS[name])]
        ours = run_ours(name, configs, seed, ledger)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        rays = run_tune(SCHEDULERS[name](), configs, curve, slots=SLOTS, max_t=LENGTH, goal="max", folder=tmp_path)
        assert len(ours) == len(rays) == TRIALS[name]
        for trial, ran in zip(ours, rays, strict=True):
            made = [(r.step, config_of(trial, r.segment), r.decision) for r in trial.reports]
            expected = [(r.step, r.config["x"], OURS.get(r.decision, r.decision.lower())) for r in ran.results]
            assert made == expected, f"seed {seed}, trial {trial.number}"
            assert trial.state in (State.COMPLETE, State.STOPPED)
            assert ran.status == "TERMINATED"


def config_of(trial: Trial, segment: int) -> Any:
    config = trial.segments[segment].config if trial.segments else trial.config
    return config["x"]
