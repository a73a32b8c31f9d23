"""The section that describes a space of architectures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from ..spaces import Parameter, Problem, SpaceError, parse_parameter
from ..spaces.architectures import Architecture, architecture_of
from .parameter_forms import COUNT
from .section import Section


def _whole(raw: Any) -> Parameter:
    """A parameter whose values are whole numbers from 1 on."""
    parameter = parse_parameter(raw)
    least = 0 if parameter.cardinality == math.inf else getattr(parameter, "min", None)
    values = list(parameter.choices) if least is None else [least]
    if parameter.conditions:
        raise SpaceError([Problem(("when",), "a stage has no conditions: remove it")])
    if not all(isinstance(value, int) and not isinstance(value, bool) and value >= 1 for value in values):
        raise SpaceError(f"expected whole numbers from 1 on, such as int(1, 4) or [16, 24], got {parameter.describe()}")
    return parameter


Count = Annotated[
    Parameter,
    BeforeValidator(_whole),
    PlainSerializer(lambda parameter: parameter.to_dict(), return_type=dict),
    COUNT,
]
"""A parameter whose values are whole numbers, such as int(1, 4), [16, 24] or 3."""
Word = Annotated[str, Field(min_length=1)]
Whole = Annotated[int, Field(ge=1)]


_BY_NAME = {"space", "arguments", "input"}
_STAGED = {"input", "output", "vocabulary", "activation", "stages"}


class StageSection(Section):
    """Layers of one width; the operation of each layer is searched."""

    ops: list[Word] = Field(min_length=1)
    """Operations to choose from, layer by layer, such as conv3x3, mbconv3_e6 or identity."""
    depth: Count
    """How many layers."""
    width: Count
    """Channels of each layer."""
    stride: Whole = 1
    """Of the first layer."""

    @model_validator(mode="after")
    def _each_once(self) -> StageSection:
        for index, op in enumerate(self.ops):
            if op in self.ops[:index]:
                raise SpaceError([Problem(("ops", index), f"{op!r} is there twice: keep one")])
        return self


class LatencySection(Section):
    """How the time of a prediction is measured: the median of some runs after a warm-up, where the trial runs."""

    batch: Whole = 1
    """Examples that are predicted at once."""
    warmup: Annotated[int, Field(ge=0)] = 10
    """Runs before it is measured."""
    runs: Whole = 50
    """Runs of which the median counts."""


class ArchitectureSection(Section):
    """Networks made of stages, one after the other; or those of a model space, by name."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["input", "output", "stages"]}, {"required": ["space"]}]}
    )

    input: list[Whole] | None = Field(default=None, min_length=1)
    """Shape of one example, such as [3, 32, 32]; [64] for a table, [16, 8] for a sequence of 16 vectors."""
    output: Whole | None = None
    """How many numbers come out, such as the number of classes."""
    vocabulary: Whole | None = None
    """For sequences of whole numbers, such as words: how many there are; input is then their length."""
    activation: Word | None = None
    """Of all layers, such as relu, gelu or silu. To search it write parameters: {activation: [relu, silu]} instead."""
    stages: list[StageSection] | None = Field(default=None, min_length=1)
    """From input to output."""
    space: Word | None = None
    """Instead of stages: a model space of NNI, such as nasbench201, or models.py:MySpace."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the model space is made with, such as {num_labels: 10}."""
    parameters: dict[str, Any] | None = None
    """Written by Assay: the model space as parameters, so that results can be read without NNI."""
    # Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 3.2; Mellor et al., ICML 2021.
    zero_cost: list[
        Literal["params", "flops", "synflow", "naswot", "jacob_cov", "grad_norm", "snip", "grasp", "fisher", "zico"]
    ] = Field(default_factory=list)
    """Scores of a network that need no training."""
    prefilter: float | None = Field(default=None, gt=0, lt=1)
    """The share of networks, by the scores of zero_cost, that is trained at all."""
    latency: LatencySection = LatencySection()
    """How latency_ms is measured."""

    @model_validator(mode="after")
    def _of_one_kind(self) -> ArchitectureSection:
        given = [key for key in ("output", "stages", "vocabulary", "activation") if getattr(self, key) is not None]
        if self.space is not None:
            wrong = [Problem((key,), "space says already which networks there are: remove one") for key in given]
            if wrong:
                raise SpaceError(wrong)
            return self
        missing = [key for key in ("input", "output", "stages") if getattr(self, key) is None]
        if missing:
            form = "write input, output and stages, or space: models.py:MySpace"
            raise SpaceError([Problem((), f"{' and '.join(missing)} missing: {form}")])
        if self.arguments:
            raise SpaceError([Problem(("arguments",), "stages take no arguments: remove it")])
        self.networks().parameters()  # with what is wrong in an operation
        return self

    @model_validator(mode="after")
    def _filtered_by_something(self) -> ArchitectureSection:
        if self.prefilter is not None and not self.zero_cost:
            raise SpaceError([Problem(("prefilter",), "nothing to filter by: add zero_cost: [synflow]")])
        return self

    @property
    def described(self) -> dict[str, Any]:
        """Which networks there are, as plain data, without the folder of the sweep file."""
        return self.model_dump(mode="json", include=_BY_NAME if self.space else _STAGED, exclude_none=True)

    def networks(self, directory: str | None = None) -> Architecture:
        """The space of networks.

        Args:
            directory: of the sweep file, from which a model space's file is seen.

        Raises:
            SpaceError: for what is wrong with it.
            UsageError: when a library that it needs is not installed.
        """
        where = {"directory": directory} if self.space is not None and directory is not None else {}
        return architecture_of({**self.described, **where})

    def as_parameters(self) -> Mapping[str, Any] | None:
        """What chooses a network, by full name; None for a model space that was not translated yet."""
        return self.parameters if self.space is not None else self.networks().parameters()
