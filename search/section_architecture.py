"""The section that describes a space of architectures."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from ..spaces import Parameter, Problem, SpaceError, parse_parameter
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


class ArchitectureSection(Section):
    """Networks made of stages, one after the other."""

    input: list[Whole] = Field(min_length=1)
    """Shape of one example, such as [3, 32, 32]."""
    output: Whole
    """How many numbers come out, such as the number of classes."""
    stages: list[StageSection] = Field(min_length=1)
    """From input to output."""
    # Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021, section 3.2.
    zero_cost: list[Literal["params", "flops", "synflow", "grad_norm", "snip", "grasp", "fisher", "jacob_cov"]] = Field(
        default_factory=list
    )
    """Scores of a network that need no training."""
    prefilter: float | None = Field(default=None, gt=0, lt=1)
    """The share of networks, by the scores of zero_cost, that is trained at all."""

    @model_validator(mode="after")
    def _filtered_by_something(self) -> ArchitectureSection:
        if self.prefilter is not None and not self.zero_cost:
            raise SpaceError([Problem(("prefilter",), "nothing to filter by: add zero_cost: [synflow]")])
        return self
