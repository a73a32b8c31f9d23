"""Searchers that a sweep file may name although this version has no engine for them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from ..spaces import Problem, SpaceError
from .searcher import SearcherOptions


class RegularizedEvolutionOptions(SearcherOptions):
    """Regularized evolution: the best of a sample has a child with one change, and the oldest dies.

    Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019, algorithm 1.
    """

    type: Literal["regularized_evolution"] = "regularized_evolution"
    several: ClassVar[bool] = True
    population: int = Field(default=100, ge=2)
    """Members alive."""
    sample: int = Field(default=25, ge=1)
    """Members of which the best becomes a parent."""

    @model_validator(mode="after")
    def _sampled_from_the_population(self) -> RegularizedEvolutionOptions:
        if self.sample > self.population:
            text = f"sample {self.sample} is above population {self.population}: lower it"
            raise SpaceError([Problem(("sample",), text)])
        return self
