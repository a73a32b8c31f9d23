"""What a sweep file may say of NNI's strategies. Nothing of NNI is loaded before one is built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ...spaces import Objective, Problem, Space, SpaceError
from ..searcher import Searcher, SearcherOptions

LISTED = 1000
"""Values up to which a number is a choice for NNI; with more it is a share of its distribution."""

_OWN: Mapping[str, tuple[str, ...]] = {
    "random": (),
    "grid": ("shuffle",),
    "regularized_evolution": ("population", "sample", "mutation_prob", "crossover"),
    "policy_rl": ("samples_per_update",),
}
"""Options of each strategy."""


class NNIOptions(SearcherOptions):
    """A multi-trial strategy of NNI, over any space.

    Its middlewares (filters, deduplication, retries, early stopping) are not among the options: the constraints, the
    retries and the schedulers of a sweep do what they do, for every searcher.
    """

    type: Literal["nni"] = "nni"
    strategy: Literal["random", "grid", "regularized_evolution", "policy_rl"] = "regularized_evolution"
    """Independent draws, all configs one by one, aging evolution, or a policy learned by reinforcement (PPO)."""
    population: int = Field(default=20, ge=1)
    """Of regularized_evolution: members alive; as many random trials come first."""
    sample: int = Field(default=10, ge=1)
    """Of regularized_evolution: members of which the best becomes a parent."""
    mutation_prob: float | None = Field(default=None, gt=0, le=1)
    """Of regularized_evolution: how likely each parameter is drawn anew; by default one of them on average."""
    crossover: bool = False
    """Of regularized_evolution: children have two parents."""
    shuffle: bool = True
    """Of grid: in random order within every hundred configs."""
    samples_per_update: int = Field(default=20, ge=1)
    """Of policy_rl: results between updates of the policy."""

    @field_validator("strategy", mode="before")
    @classmethod
    def _no_tpe(cls, strategy: Any) -> Any:
        if strategy == "tpe":
            raise SpaceError(
                "NNI's TPE minimizes what the others maximize, and replaces repeats by the next points of a grid: "
                "write searcher: tpe, which is Optuna's"
            )
        return strategy

    @model_validator(mode="after")
    def _of_this_strategy(self) -> NNIOptions:
        problems = [
            Problem((key,), f"is an option of strategy {strategy}, not of {self.strategy}: remove it")
            for strategy, keys in _OWN.items()
            for key in keys
            if strategy != self.strategy and getattr(self, key) != type(self).model_fields[key].default
        ]
        if self.sample > self.population:
            text = f"sample {self.sample} is above population {self.population}: lower it"
            problems.append(Problem(("sample",), text))
        if problems:
            raise SpaceError(problems)
        return self

    def check_space(self, space: Space) -> None:
        """Whether the strategy can search a space.

        Raises:
            SpaceError: naming each parameter with too many values to list, where all have to be listed.
        """
        if self.strategy not in ("grid", "policy_rl"):
            return
        long = [name for name in space.searched if space[name].cardinality > LISTED]
        if long:
            raise SpaceError(Problem((name,), _too_many(self.strategy, space, name)) for name in long)

    def prepare(self) -> None:
        from ...spaces.from_nni import fixes

        fixes.with_tianshou() if self.strategy == "policy_rl" else fixes.strategies()

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        self.check_space(space)
        self.prepare()
        from .strategies import begin
        from .strategy_searcher import GridSearcher, StrategySearcher

        if self.strategy == "grid":
            return GridSearcher(space, begin(self, space, seed) if space.searched else None)
        return StrategySearcher(space, objective, seed, lambda: begin(self, space, seed))


def _too_many(strategy: str, space: Space, name: str) -> str:
    values = "is continuous" if space[name].cardinality == math.inf else f"has {space[name].cardinality:,} values"
    return f"{values}, and strategy {strategy} needs a list of at most {LISTED:,}: add a step, or use another strategy"
