"""Sections that say what is made of the trials: leaderboard, tracking, export."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, field_validator, model_validator

from ..spaces import Problem, SpaceError, Value, did_you_mean, one_of
from ..spaces.config import scalar
from ..spaces.errors import shown
from .section import Section

_TIE_BREAKS = ("mean", "cost")


def _tie_break(raw: Any) -> Any:
    if isinstance(raw, list):
        if not raw or not all(isinstance(name, str) and name for name in raw):
            raise ValueError(f"expected a list of metrics such as [latency_ms], got {shown(raw)}")
    elif not isinstance(raw, str) or raw not in _TIE_BREAKS:
        listed = f": write [{raw}]" if isinstance(raw, str) and raw.isidentifier() else ""
        cure = did_you_mean(raw, _TIE_BREAKS) or listed
        raise ValueError(f"expected {one_of(_TIE_BREAKS)}, or a list of metrics, got {shown(raw)}{cure}")
    return raw


def _plain(raw: Any) -> Value:
    try:
        return scalar(raw)
    except SpaceError:
        raise ValueError(f"expected text, a number, true, false or null, got {shown(raw)}") from None


Plain = Annotated[Any, BeforeValidator(_plain), WithJsonSchema({"type": ["string", "number", "boolean", "null"]})]
"""A JSON scalar."""
Rival = Annotated[dict[str, Any], Field(min_length=1)]
"""A config, flat (``optim.lr: 0.1``) or nested; parameters that it leaves out take their defaults."""
Test = Literal["auto", "mcb", "paired_t", "sign_flip", "nadeau_bengio", "mrmc", "pooled", "bayes_signed_rank"]


class LeaderboardSection(Section):
    """How the finalists of the search are told apart."""

    top: int = Field(default=5, ge=1)
    """Finalists: the best of the search by score; the default config and the rivals join them."""
    rivals: list[Rival] = Field(default_factory=list)
    """Configs to compare with, such as the one in production; tried after the default config, finalists as it is."""
    replicate: Literal["top_k", "race", "top_two"] = "top_k"
    """How replicates are shared out: evenly; dropping who is clearly worse; or to whom it matters most."""
    seeds: int = Field(default=5, ge=2)
    """Replicates of each finalist, on fresh seeds and splits shared by all; the most that one can get in a race."""
    budget: int | None = Field(default=None, ge=2)
    """Replicates in all, for race and top_two; finalists times seeds when left out."""
    folds: int | None = Field(default=None, ge=2)
    """Replicates validate on the parts of a division into so many, one after the other; then of another division."""
    confirm: int = Field(default=0, ge=0)
    """More replicates of the winner alone: a score that no choice has flattered."""
    test: Test = "auto"
    """Who is tied for best; auto: the one that fits how the replicates were made."""
    correction: Literal["holm"] = "holm"
    """The correction for several comparisons."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """The chance that the truly best of the finalists is left out of the tied set."""
    rope: float | None = Field(default=None, gt=0)
    """Region of practical equivalence: a difference of the metric that is too small to matter."""
    tie_break: Annotated[
        str | list[str],
        BeforeValidator(_tie_break),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": [*_TIE_BREAKS]},
                    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
                ]
            }
        ),
    ] = "mean"
    """Which of the tied configs is handed over: the best mean, the cheapest to train, or by metrics in order."""
    data: Literal["validation", "test"] = "validation"
    """The part of the data on which finalists are compared."""

    @model_validator(mode="before")
    @classmethod
    def _explain_rank_tests(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get("test") in ("wilcoxon", "sign"):
            raise SpaceError([Problem(("test",), _rank_test_cure(raw["test"], raw.get("top", 5), raw.get("seeds", 5)))])
        return raw

    @field_validator("confirm")
    @classmethod
    def _more_than_one(cls, confirm: int) -> int:
        if confirm == 1:
            raise ValueError("one replicate confirms nothing, because it has no spread: write 2 or more, or 0")
        return confirm

    @model_validator(mode="after")
    def _equivalence_has_a_size(self) -> LeaderboardSection:
        if self.test == "bayes_signed_rank" and self.rope is None:
            text = "bayes_signed_rank needs to know which difference is too small to matter: add rope: 0.002"
            raise SpaceError([Problem(("test",), text)])
        return self


def _rank_test_cure(test: str, rivals: Any, seeds: Any) -> str:
    sizes = all(isinstance(number, int) and 1 <= number <= 1000 for number in (rivals, seeds))
    enough = math.ceil(math.log2(rivals / 0.05)) if sizes else 0
    if not sizes or seeds >= enough:
        return f"{test} is not offered: write test: paired_t"
    least = min(1.0, rivals * 0.5**seeds)
    return (
        f"{test} is not offered: a rank test of {rivals} rivals on {seeds} seeds cannot get below p = {least:.2g}, "
        f"so it could never decide (it needs {enough} seeds); write test: paired_t"
    )


class TrackingSection(Section):
    """Other tools that are told of trials while they run."""

    wandb: str | None = Field(default=None, min_length=1)
    """Project of Weights & Biases."""
    mlflow: str | None = Field(default=None, min_length=1)
    """Experiment of MLflow."""
    tensorboard: bool = False
    """Event files that TensorBoard reads, in the store."""
    optuna: bool = False
    """A journal that optuna-dashboard reads, in the store."""


class ModelSection(Section):
    """The trained model beside its config."""

    formats: list[Literal["safetensors", "torch_export", "onnx"]] = Field(min_length=1)
    """Files to write."""
    compress: list[Literal["int8"]] = Field(default_factory=list)
    """Smaller copies to write as well."""


Word = Annotated[str, Field(min_length=1)]
Format = Literal["yaml", "json", "argparse", "hydra", "lightning", "hf", "mlflow"]


class ExportSection(Section):
    """What production training gets: the winning config, and what goes with it."""

    select: Literal["best", "knee", "ensemble"] = "best"
    """The winner, the bend of a front of several objectives, or the members of the ensemble."""
    to: str | None = Field(default=None, min_length=1)
    """Folder that is written when the sweep ends; without one, `assay export` writes it."""
    formats: list[Format] = Field(default=["yaml", "json"], min_length=1)
    """Files with the config, for different readers."""
    into: str | None = Field(default=None, min_length=1)
    """Your own config file, of which a copy with the values filled in is written."""
    rename: dict[str, Word] = Field(default_factory=dict)
    """Names of parameters in production, such as {lr: model.optimizer.lr}."""
    retrain: dict[str, Plain] = Field(default_factory=dict)
    """What production training does differently, such as {epochs: 40}."""
    model: ModelSection | None = None
    """The trained model, too."""

    @model_validator(mode="after")
    def _each_name_once(self) -> ExportSection:
        first: dict[str, str] = {}
        for old, new in self.rename.items():
            if new in first:
                text = f"{first[new]!r} and {old!r} would both be called {new!r}: give them two names"
                raise SpaceError([Problem(("rename", old), text)])
            first[new] = old
        return self
