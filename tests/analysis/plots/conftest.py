"""Sweeps in all states, kept in memory: figures read nothing but trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from assay.analysis import Results
from assay.search import Phase, Report, Segment, State, Sweep, SweepRecord, Trial
from assay.spaces import Config

SPEC: dict[str, Any] = {
    "name": "drawn",
    "objectives": [{"metric": "accuracy", "goal": "maximize"}],
    "parameters": {
        "optimizer": ["adamw", "sgd"],
        "lr": {"min": 1e-4, "max": 1e-1, "log": True, "default": 1e-2},
        "momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": "sgd"}},
        "layers": {"type": "int", "min": 1, "max": 3},
    },
    "constraints": [{"metric": "latency_ms", "max": 20}],
    "scheduler": {"type": "asha", "eta": 3},
    "fidelity": {"unit": "epoch", "min": 1, "max": 9},
    "budget": {"trials": 40},
    "leaderboard": {"top": 3, "seeds": 4},
}


class Kept:
    """Stands for a ledger: hands out the trials it was given."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self._trials = list(trials)
        self.store = Path("nowhere")

    def trials(self, record: SweepRecord, phase: Phase | None = None) -> list[Trial]:
        return [trial for trial in self._trials if phase in (None, trial.phase)]

    def counts(self, record: SweepRecord) -> Counter[tuple[Phase, State]]:
        return Counter((trial.phase, trial.state) for trial in self._trials)

    def trial(self, record: SweepRecord, number: int) -> Trial:
        return next(trial for trial in self._trials if trial.number == number)

    def artifacts(self, record: SweepRecord, kind: str | None = None) -> list[Any]:
        return []


class Maker:
    """Makes trials one after the other, and the results of them."""

    def __init__(self, **changes: Any) -> None:
        self.sweep = Sweep.make(SPEC | changes)
        self._numbers, self._orders = count(), count()
        self.trials: list[Trial] = []

    def search(self, values: Sequence[float | None], state: State = State.COMPLETE, **fields: Any) -> Trial:
        """A search trial with one report per value and a latency; half of them with the conditional parameter."""
        number = next(self._numbers)
        config = fields.pop("config", None) or self._config(number)
        others = fields.pop("others", {"latency_ms": 5.0 + number})
        trial = Trial(number, Phase.SEARCH, state, Config(config), seed=0, split=0, seconds=1.0 + number % 3)
        return self._keep(replace(trial, reports=self._reports(values, others, number), **fields))

    def replicate(self, parent: Trial, values: Sequence[float]) -> None:
        for split, value in enumerate(values, start=1):
            number = next(self._numbers)
            trial = Trial(number, Phase.REPLICATE, State.COMPLETE, parent.config, split, split, parent.number)
            others = {"latency_ms": 6.0 + parent.number + split / 10}
            self._keep(replace(trial, seconds=1.5, reports=self._reports([value], others, number)))

    def results(self, state: str = "finished") -> Results:
        return Results(Kept(self.trials), SweepRecord(1, self.sweep, ".", state, "", 0.0))  # type: ignore[arg-type]

    def _config(self, number: int) -> dict[str, Any]:
        config = {"optimizer": "adamw", "lr": 1e-2 / 2 ** (number % 5), "layers": 1 + number % 3}
        return config | ({"optimizer": "sgd", "momentum": 0.1 * (number % 9)} if number % 2 else {})

    def _reports(self, values: Sequence[float | None], others: dict[str, Any], number: int) -> tuple[Report, ...]:
        metric, made = self.sweep.objective.metric, []
        for step, value in enumerate(values, start=1):
            order = next(self._orders)
            made.append(Report(step, {metric: value} | others, float(order), order, seconds=step * 0.1))
        return tuple(made)

    def _keep(self, trial: Trial) -> Trial:
        trial = replace(trial, ended=next(self._orders) if trial.state.over else None)
        self.trials.append(trial)
        return trial


def searched(**changes: Any) -> Maker:
    """Twelve trials: full ones, one of them too slow, stopped ones, a failed one."""
    made = Maker(**changes)
    for number in range(12):
        top = 0.6 + 0.03 * ((number * 5) % 11)
        curve = [top * (1 - 0.5**step) for step in range(1, 10)]
        if number % 3 == 1:
            made.search(curve[: 3 if number % 2 else 1], State.STOPPED)
        elif number == 5:
            made.search(curve[:2], State.FAILED, reason="ValueError: nan")
        else:
            made.search(curve, others={"latency_ms": 30.0 if number == 8 else 9.0 + number})
    return made


def replicated(**changes: Any) -> Maker:
    """The same, with the finalists' replicates."""
    made = searched(**changes)
    finalists = made.results().replication().finalists
    for place, trial in enumerate(finalists):
        made.replicate(trial, [0.9 - 0.02 * place + 0.01 * ((place * 3 + split * 2) % 4) for split in range(4)])
    return made


def population() -> Maker:
    """Three members; the last copies the first, and the second the last."""
    made = Maker()
    for shift in range(2):
        made.search([0.1 * step + 0.05 * shift for step in range(1, 9)])
    first, second = made.trials
    stretches = (
        Segment(0, first.config, 1),
        Segment(1, first.config, 20, source=0, source_segment=0, first_step=4),
    )
    third = made.search([0.1, 0.15, 0.2, 0.25, 0.6, 0.7, 0.8, 0.9], segments=stretches)
    moved = tuple(replace(one, segment=int(one.step > 4)) for one in third.reports)
    made.trials[2] = replace(third, reports=moved)
    copied = (Segment(0, second.config, 2), Segment(1, second.config, 30, source=2, source_segment=1, first_step=6))
    later = tuple(replace(one, segment=int(one.step > 6)) for one in second.reports)
    made.trials[1] = replace(second, segments=copied, reports=later)
    return made


def odd() -> Maker:
    """Names that look like formulas, values of all magnitudes, metrics without a value."""
    parameters = {
        "a_b": {"values": ["$x_1$", "", None, True, "\\frac{", "精度\n2"]},
        "n": {"mean": 0.0, "std": 1.0},
        "tiny": {"min": 1e-300, "max": 1e300, "log": True},
    }
    made = Maker(
        objectives=[{"metric": "$\\alpha_{loss\x00 精度", "goal": "minimize"}], parameters=parameters, constraints=[]
    )
    values = [1e308, 1e-320, -1e308, 0.0, 1.0, 2.0, 3.0, 1e5]
    choices = ["$x_1$", "", None, True, "\\frac{", "精度\n2"]
    for number, value in enumerate(values):
        config = {"a_b": choices[number % 6], "n": number - 2.5, "tiny": 10.0 ** (100 * (number % 3 - 1))}
        others = {"accuracy": None if number % 2 else 0.5, "_note_": "text"}
        made.search([value, value / 2, value], config=config, others=others)
    for trial in made.results().replication().finalists:
        value = trial.value(made.sweep.objective.metric) or 0.0
        made.replicate(trial, [value, value / 2, value / 3, value / 4])
    return made


def failed() -> Maker:
    """Nothing worked; one trial at least reported."""
    made = Maker()
    made.search([], State.FAILED, reason="ValueError: no")
    made.search([0.5], State.FAILED, reason="ValueError: no")
    return made


def running() -> Maker:
    """The first trials, none of which is over."""
    made = Maker()
    made.search([0.1, 0.2], State.RUNNING)
    made.search([], State.PENDING)
    made.search([0.3], State.PAUSED)
    return made


def single() -> Maker:
    """One full run."""
    made = Maker()
    made.search([0.5])
    return made


STATES: dict[str, Callable[[], Results]] = {
    "empty": lambda: Maker().results("running"),
    "running": lambda: running().results("running"),
    "failed": lambda: failed().results("failed"),
    "single": lambda: single().results(),
    "searched": lambda: searched().results("stopped"),
    "finished": lambda: replicated().results(),
    "population": lambda: population().results(),
    "odd": lambda: odd().results(),
    "two goals": lambda: replicated(
        objectives=[{"metric": "accuracy", "goal": "maximize"}, {"metric": "latency_ms", "goal": "minimize"}],
        constraints=[],
    ).results(),
}


@pytest.fixture(scope="session")
def finished() -> Results:
    """A sweep that is over, its finalists replicated."""
    return STATES["finished"]()
