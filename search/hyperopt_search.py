"""The algorithms of Hyperopt, fed so that early stopping does not mislead them."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from pydantic import Field

from ..spaces import Config, Objective, Space
from ..spaces.to_hyperopt import decode_flat, encode_flat, flat_hyperopt, is_share
from .modelled import ModelledSearch
from .observations import Observations
from .searcher import Searcher, SearcherOptions

Algorithm = Literal["tpe", "anneal", "random"]
_TRIES = 10


class HyperoptSearch(ModelledSearch):
    """Asks Hyperopt for one point after the other.

    Hyperopt sees the scores of one rung, the highest that enough trials have reached, and the trials that run and have
    not reached it as ones without a result, which its TPE counts among the bad. Conditions and constraints are looked
    after here: each parameter is modelled from the trials in which it is active, as Hyperopt does below a choice, and
    a proposal that is taken or breaks a constraint is asked for again, ten times at most, then drawn at random.

    Bergstra et al., Making a Science of Model Search, ICML 2013.

    Args:
        startup: scores to learn from before the algorithm is used; until then proposals are random.
        rungs: steps at which the scheduler compares trials, and the length of a full run; empty without fidelity.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        algorithm: Algorithm,
        startup: int,
        rungs: Sequence[int] = (),
    ) -> None:
        from hyperopt import Domain

        super().__init__(space, seed, Observations(objective, rungs, startup))
        self._suggest = _algorithm(algorithm)
        nodes = flat_hyperopt(space)
        self._domain = Domain(lambda point: 0.0, nodes) if nodes else None

    def _propose(self, level: float, rng: np.random.Generator, taken: Container[Config]) -> Config | None:
        """What Hyperopt proposes; None when all tries were taken or broke a constraint."""
        if self._domain is None:
            return None
        trials = self._trials(level)
        for _ in range(_TRIES):
            (found,) = self._suggest([len(self._seen.configs)], self._domain, trials, int(rng.integers(2**31)))
            point = {label: values[0] for label, values in found["misc"]["vals"].items() if values}
            config = decode_flat(self._space, point)
            if self._space.feasible(config) and config not in taken:
                return config
        return None

    def _trials(self, level: float) -> Any:
        """Hyperopt's record of the scores at a rung, as losses, and of what runs or is beyond the limits, without."""
        from hyperopt import trials_from_docs

        scores: dict[int, float | None] = dict.fromkeys(self._seen.running(level))
        for index in self._seen.ranked(level):
            scores[index] = self._seen.score(level, index) if not self._seen.excess(index) else None
        documents = [self._document(index, score) for index, score in sorted(scores.items())]
        return trials_from_docs(documents, validate=False)

    def _point(self, config: Config) -> dict[str, Any]:
        """Coordinates of the active parameters.

        Where a value stands for a whole range of coordinates, one of them by the config's own random draw: Hyperopt's
        TPE makes its kernels as narrow as the distance between neighbours, and equal coordinates would trap it.
        """
        point = encode_flat(self._space, config)
        rng = np.random.default_rng(int(config.config_id, 16))
        for name in point:
            if is_share(self._space[name]):
                point[name] = float(rng.uniform(*self._space[name].span(config[name])))
        return point

    def _document(self, index: int, score: float | None) -> dict[str, Any]:
        from hyperopt import JOB_STATE_DONE, JOB_STATE_RUNNING, STATUS_NEW, STATUS_OK

        point = self._point(self._seen.configs[index])
        labels = list(self._domain.params) if self._domain else []
        return {
            "tid": index,
            "state": JOB_STATE_RUNNING if score is None else JOB_STATE_DONE,
            "spec": None,
            "result": {"status": STATUS_NEW} if score is None else {"status": STATUS_OK, "loss": -score},
            "misc": {
                "tid": index,
                "cmd": None,
                "workdir": None,
                "idxs": {label: [index] if label in point else [] for label in labels},
                "vals": {label: [point[label]] if label in point else [] for label in labels},
            },
            "exp_key": None,
            "owner": None,
            "version": 0,
            "book_time": None,
            "refresh_time": None,
        }


def _algorithm(word: Algorithm) -> Callable[..., Any]:
    from hyperopt import anneal, rand, tpe

    if word == "tpe":
        return partial(tpe.suggest, n_startup_jobs=0, verbose=False)
    suggest: Callable[..., Any] = anneal.suggest if word == "anneal" else rand.suggest
    return suggest


class HyperoptOptions(SearcherOptions):
    """The algorithms of Hyperopt."""

    type: Literal["hyperopt"] = "hyperopt"
    algorithm: Algorithm = "tpe"
    """Tree of Parzen estimators, simulated annealing, or independent draws."""
    startup: int = Field(default=20, ge=1)
    """Random trials before the model is used."""

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        return HyperoptSearch(space, objective, seed, self.algorithm, self.startup, rungs)
