"""The searcher ``one_shot``: it proposes what a supernet found, which is trained before the search begins."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ....spaces import Config, Limit, Objective, Space, SpaceError
from ...random_search import RandomSearch
from ...searcher import Searcher, SearcherOptions


class OneShotSearch(RandomSearch):
    """Proposes architectures in their order, the other parameters at their defaults; then random configs.

    Args:
        architectures: parameters ``architecture.*`` of each; those that the sweep's constraints forbid are left out.
    """

    def __init__(self, space: Space, seed: int, architectures: Iterable[Config] = ()) -> None:
        super().__init__(space, seed)
        self._found: list[Config] = []
        for one in architectures:
            with suppress(SpaceError):
                self._found.append(space.complete(one))

    def ask(self, number: int, taken: Container[Config]) -> Config | None:
        found = next((config for config in self._found if config not in taken), None)
        return super().ask(number, taken) if found is None else found


class OneShotOptions(SearcherOptions):
    """One-shot search: trains one network that holds all others, then the best of them from scratch.

    The search trains the default config, ``top`` architectures, ``samples`` random ones, and more random configs as far
    as the budget goes.

    The strategies are NNI's, unchanged. DARTS: Liu et al., ICLR 2019 (first order). Gumbel-DARTS: Wu et al., FBNet,
    CVPR 2019, and Xie et al., SNAS, ICLR 2019. ENAS: Pham et al., ICML 2018. Random: Guo et al., SPOS, ECCV 2020.
    Proxyless: Cai et al., ICLR 2019.
    """

    type: Literal["one_shot"] = "one_shot"
    strategy: Literal["darts", "gumbel_darts", "enas", "random", "proxyless"] = "darts"
    """How paths are chosen while the supernet is trained."""
    data: str | None = Field(default=None, pattern=r"^.+:[A-Za-z_]\w*$")
    """file.py:function that gives loaders of (inputs, targets), training and validation, as data(config, trial); the
    function data in the trainable's file when left out."""
    epochs: int = Field(default=50, ge=1)
    """Of the supernet."""
    learning_rate: float = Field(default=0.025, gt=0)
    """Of the weights: SGD with momentum 0.9, cosine decay to 0."""
    weight_decay: float = Field(default=3e-4, ge=0)
    """Of the weights."""
    gradient_clip: float | None = Field(default=5.0, gt=0)
    """Largest norm of the weights' gradient; null: none."""
    architecture_learning_rate: float = Field(default=3e-4, gt=0)
    """Of what chooses the paths (Adam); not used by random."""
    warmup: int = Field(default=0, ge=0)
    """Epochs before paths are preferred to others; not used by random."""
    patience: int | None = Field(default=None, ge=1)
    """End when the score has not become better for so many epochs; null: train them all."""
    max_skips: int | None = Field(default=None, ge=0)
    """Most skip connections of the architecture; with more, training ends. Null: half of the places that may be one."""
    top: int = Field(default=5, ge=1)
    """The best architectures, which are trained from scratch."""
    samples: int = Field(default=5, ge=0)
    """Random architectures that are trained from scratch as well: what the supernet's scores are worth."""
    candidates: int = Field(default=100, ge=1)
    """Architectures that are scored with the supernet's weights in all; random finds them by evolution, and 1000 are as
    many as in its paper. By darts, gumbel_darts, proxyless only for cells."""

    @model_validator(mode="after")
    def _check_candidates(self) -> Self:
        if self.candidates < self.top:
            text = f"candidates: {self.candidates} are scored in all, and top asks for the best {self.top}"
            raise ValueError(f"{text}: write candidates: {self.top} or more, or a smaller top")
        return self

    def build(self, space: Space, objective: Objective, seed: int, rungs: Sequence[int] = ()) -> Searcher:
        """A searcher that knows nothing of a supernet: see :meth:`proposing`."""
        return self.proposing(space, seed, ())

    def proposing(self, space: Space, seed: int, architectures: Iterable[Config]) -> OneShotSearch:
        """A searcher that proposes what the supernet found."""
        return OneShotSearch(space, seed, architectures)

    def plan(
        self, limits: Iterable[Limit] = (), constraints: Iterable[str] = (), given: Iterable[Config] = ()
    ) -> dict[str, Any]:
        """What a worker has to know to train the supernet, and to choose among its architectures.

        Args:
            limits: those that are known before training count.
            constraints: expressions of nothing but parameters of the architecture.
            given: architectures that are trained from scratch anyway, so that no random check need be one of them.
        """
        known = {"limits": [asdict(limit) for limit in limits], "constraints": list(constraints)}
        return self.model_dump(exclude={"type"}) | known | {"given": [dict(one) for one in given]}
