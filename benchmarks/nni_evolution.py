"""NNI's own strategies, unmodified, on recorded results: an NNI engine whose workers live in simulated time."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from assay.spaces import Categorical, Space


def run_evolution(
    space: Space,
    seed: int,
    start: Callable[[dict[str, Any]], int],
    finish: Callable[[], tuple[int, float] | None],
    free: Callable[[], bool],
) -> None:
    """``nni.nas.strategy.RegularizedEvolution`` with population 20, sample 5 and one mutation a child, until no more.

    Args:
        space: without conditions.
        seed: of the strategy.
        start: starts a config, gives its number.
        finish: waits for the next trial: its number and score; None when none runs.
        free: whether a place is free and the budget not spent; False ends the search once nothing runs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what NNI imports
        import nni
        import nni.mutable as mutables
        from nni.nas.evaluator import FunctionalEvaluator
        from nni.nas.execution import ExecutionEngine
        from nni.nas.execution.event import FinalMetricEvent, TrainingEndEvent
        from nni.nas.space import ModelStatus, SimplifiedModelSpace
        from nni.nas.strategy import RegularizedEvolution

    logging.getLogger("nni").setLevel(logging.ERROR)

    class Simulated(ExecutionEngine):  # type: ignore[misc]
        """One thread: events are dispatched while the strategy waits for a place."""

        def __init__(self) -> None:
            super().__init__()
            self._running: dict[int, Any] = {}
            self._known: list[Any] = []

        def submit_models(self, *models: Any) -> None:
            for model in models:
                model.status = ModelStatus.Training
                self._running[start(_values(space, model.sample))] = model
                self._known.append(model)

        def idle_worker_available(self) -> bool:
            while not free():
                if not self._next():
                    return False
            return True

        def budget_available(self) -> bool:
            return self.idle_worker_available()

        def wait_models(self, *models: Any) -> None:
            while self._next():
                pass

        def list_models(self, status: Any = None) -> Iterator[Any]:
            return (model for model in self._known if status is None or model.status == status)

        def _next(self) -> bool:
            over = finish()
            if over is None:
                return False
            model = self._running.pop(over[0])
            self.dispatch_model_event(FinalMetricEvent(model, over[1]))
            self.dispatch_model_event(TrainingEndEvent(model, ModelStatus.Trained))
            return True

    @nni.trace  # type: ignore[untyped-decorator]
    class Nothing:
        """A model that is never built."""

    searched: dict[str, Any] = {
        name: mutables.Categorical(list(parameter.choices), label=name)
        if isinstance(parameter, Categorical)
        else mutables.Numerical(low=0.0, high=1.0, label=name)
        for name, parameter in space.items()
    }
    model_space = SimplifiedModelSpace(Nothing(), searched, FunctionalEvaluator(_never))
    strategy = RegularizedEvolution(population_size=20, sample_size=5, mutation_prob=1 / len(space), seed=seed)
    strategy(model_space, Simulated())


def _values(space: Space, sample: Mapping[str, Any]) -> dict[str, Any]:
    """The strategy sees numbers as shares of their distributions."""
    return {
        name: sample[name]
        if isinstance(parameter, Categorical)
        else parameter.values_at(np.array([sample[name]])).item(0)
        for name, parameter in space.items()
    }


def _never(model: Any) -> float:
    raise RuntimeError("results come from a table")
