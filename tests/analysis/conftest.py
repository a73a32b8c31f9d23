"""Sweeps as a finished run leaves them, without running anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from assay.analysis import Results
from assay.cluster.files import write_predictions
from assay.search import Ledger, Phase, Report, State, Sweep, Trial
from assay.spaces import Config
from assay.trainables import Predictions

SPEC: dict[str, Any] = {
    "name": "demo",
    "objectives": [{"metric": "accuracy", "goal": "maximize"}],
    "parameters": {"lr": {"type": "float", "min": 1e-6, "max": 1.0, "log": True, "default": 0.1}},
    "budget": {"trials": 10},
    "leaderboard": {"top": 3, "seeds": 3, "test": "paired_t"},
}


class Recorder:
    """Writes trials of all phases into a ledger, numbered in order."""

    def __init__(self, store: Path, **changes: Any) -> None:
        self.ledger = Ledger(store, create=True)
        self.record = self.ledger.create_sweep(Sweep.make(SPEC | changes), str(store))
        self.others: dict[str, float] = {}
        """Metrics that every report has besides."""
        self._numbers = count()
        self._orders = count()

    @property
    def metric(self) -> str:
        return self.record.sweep.objective.metric

    def search(self, values: Sequence[float], config: dict[str, Any] | None = None, **fields: Any) -> Trial:
        """A search trial with one report per value; the first has the default lr."""
        number = next(self._numbers)
        given = {"lr": 0.1 / 2**number} if config is None else config
        return self.add(
            Trial(number, Phase.SEARCH, State.COMPLETE, Config(given), seed=number, split=0), values, fields
        )

    def replicate(self, parent: Trial, values: Sequence[float], **fields: Any) -> list[Trial]:
        """One replicate per value, on splits 1, 2, ..."""
        return [self._replicate(parent, split, [value], fields) for split, value in enumerate(values, start=1)]

    def failed_replicate(self, parent: Trial, split: int, reason: str) -> Trial:
        return self._replicate(parent, split, [], {"state": State.FAILED, "reason": reason})

    def predict(self, trial: Trial, part: str, values: npt.ArrayLike, targets: npt.ArrayLike, **more: Any) -> Path:
        """Keep predictions of a trial (``more``: names, rows, sensitive); returns their file."""
        predictions = Predictions(np.asarray(values, np.float32), np.asarray(targets), **more)
        files = write_predictions(self.ledger.store, self.record.name, trial.number, part, predictions)
        self.ledger.update_trial(self.record, trial, files)
        return self.ledger.store / files[0].path

    def test(self, model: Trial, values: npt.ArrayLike, targets: npt.ArrayLike, **more: Any) -> Path:
        """A trial of the test phase that scored ``model``."""
        trial = Trial(
            next(self._numbers), Phase.TEST, State.COMPLETE, model.config, model.seed, model.split, model.number
        )
        return self.predict(self.add(trial, [], {}), "test", values, targets, **more)

    def results(self, state: str = "finished") -> Results:
        self.ledger.set_state(self.record, state)
        return Results(self.ledger, self.ledger.sweep(self.record.name))

    def again(self, parent: Trial, phase: Phase, split: int, value: float) -> Trial:
        """A run of ``parent`` on other data, of the phase of replicates or confirmations."""
        return self._replicate(parent, split, [value], {"phase": phase})

    def _replicate(self, parent: Trial, split: int, values: Sequence[float], fields: dict[str, Any]) -> Trial:
        number = next(self._numbers)
        config = parent.config
        trial = Trial(number, Phase.REPLICATE, State.COMPLETE, config, seed=split, split=split, parent=parent.number)
        return self.add(trial, values, {"resplit": True, "testable": True} | fields)

    def next_number(self) -> int:
        """Of a trial that :meth:`add` is to be given."""
        return next(self._numbers)

    def add(self, trial: Trial, values: Sequence[float], fields: Mapping[str, Any] = MappingProxyType({})) -> Trial:
        """A trial with one report per value, and ``fields`` instead of its own."""
        trial = replace(trial, started=next(self._orders), **({"seconds": 1.0} | fields))
        self.ledger.add_trial(self.record, trial)
        for step, value in enumerate(values, start=1):
            order = next(self._orders)
            metrics = {self.metric: value} | self.others
            report = Report(step, metrics, elapsed=float(order), order=order)
            self.ledger.add_report(self.record, trial.number, report)
            trial = replace(trial, reports=(*trial.reports, report))
        if trial.state.over:
            trial = replace(trial, ended=next(self._orders))
        self.ledger.update_trial(self.record, trial)
        return trial


@pytest.fixture
def recorder(tmp_path: Path) -> Callable[..., Recorder]:
    """``recorder(**changes of the sweep)``: an empty sweep in a store of its own."""
    numbers = count()
    return lambda **changes: Recorder(tmp_path / f"store-{next(numbers)}", **changes)


@pytest.fixture
def finished(recorder: Callable[..., Recorder]) -> Results:
    """Three finalists, replicated and tested: trials 1 and 2 are tied, the default (trial 0) is worse."""
    made = recorder()
    trials = [made.search([0.5, value]) for value in (0.70, 0.95, 0.92)]
    for trial, values in zip(trials, ([0.71, 0.69, 0.70], [0.90, 0.93, 0.93], [0.91, 0.90, 0.94]), strict=True):
        runs = made.replicate(trial, values)
        if trial.number:
            for run in runs:
                made.test(run, [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]], [0, 1, 1, 1])
    return made.results()


def probabilities(
    rng: np.random.Generator, targets: npt.NDArray[np.int64], classes: int, skill: float
) -> npt.NDArray[np.float32]:
    """Softmax of noise plus ``skill`` on the true class, shape (n, C)."""
    logits = rng.normal(size=(len(targets), classes))
    logits[np.arange(len(targets)), targets] += skill
    powers = np.exp(logits)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
