"""One network in plain data: its layers in order, as text for people and for comparisons, and built."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .operations import DEFAULT_ACTIVATION, Family, Operation

if TYPE_CHECKING:
    from .blocks import StagedNetwork

_PROJECTS: Mapping[Family, str] = {"cnn": "project_image", "mlp": "project", "sequence": "project"}
_PROJECT_FIRST = ("attention", "residual_dense", "sequence_conv")
"""Blocks that go to another shape by a projection, and are in that shape then."""
_PROJECT_LAST = {"pool": "project_image", "project": "project", "project_image": "project_image"}
"""Blocks that divide the size first, and go to another width by a projection then."""


@dataclass(frozen=True)
class LayerPlan:
    """One layer.

    Attributes:
        op: the word that was chosen.
        block: the class of ``blocks.BLOCKS`` that makes it, or ``identity``: nothing.
        arguments: all that the class takes beside widths and stride.
        width_in, width_out: channels before and after.
        stride: by which height and width, or length, are divided.
        stage: from 1.
    """

    op: str
    block: str
    arguments: Mapping[str, Any]
    width_in: int
    width_out: int
    stride: int
    stage: int

    @classmethod
    def of(
        cls, chosen: Operation, family: Family, activation: str, width_in: int, width_out: int, stride: int, stage: int
    ) -> LayerPlan:
        """The layer that an operation makes there: ``identity`` projects where the shape changes."""
        changes = (width_in, stride) != (width_out, 1)
        block = _PROJECTS[family] if chosen.block == "identity" and changes else chosen.block
        return cls(chosen.word, block, chosen.filled(activation), width_in, width_out, stride, stage)

    def to_dict(self) -> dict[str, Any]:
        """What ``blocks.make_block`` needs."""
        return {
            "block": self.block,
            "arguments": dict(self.arguments),
            "width_in": self.width_in,
            "width_out": self.width_out,
            "stride": self.stride,
        }

    def steps(self) -> list[LayerPlan]:
        """The same as layers that other words give as well: without change of shape, pooling, change of width."""
        changes = (self.width_in, self.stride) != (self.width_out, 1)
        if self.block == "identity" or (self.block in _PROJECTS.values() and not changes):
            return []
        if self.block in _PROJECT_FIRST and changes:
            inside = replace(self, width_in=self.width_out, stride=1)
            return [*replace(self, block="project", arguments={}).steps(), inside]
        if self.block in _PROJECT_LAST and self.width_in != self.width_out:
            mix = replace(self, block=_PROJECT_LAST[self.block], arguments={}, stride=1)
            return [*replace(self, width_out=self.width_in).steps(), mix]
        return [self]

    def describe(self) -> str:
        """``mbconv3_e6-32/2``: word, width, stride."""
        if self.block == "identity":
            return "identity"
        word = "project" if self.op == "identity" else self.op
        return f"{word}-{self.width_out}" + (f"/{self.stride}" if self.stride > 1 else "")


@dataclass(frozen=True)
class NetworkPlan:
    """A network: stem, layers, head.

    Attributes:
        family: what it takes: images, rows of a table or sequences.
        input: shape of one example.
        output: how many numbers come out.
        layers: of all stages, in order.
        activation: of the stem, and of layers that name none.
        vocabulary: how many different whole numbers the sequences hold; None for vectors.
    """

    family: Family
    input: tuple[int, ...]
    output: int
    layers: tuple[LayerPlan, ...]
    activation: str
    vocabulary: int | None = None

    @property
    def stages(self) -> list[list[LayerPlan]]:
        """The layers of each stage."""
        return [list(layers) for _, layers in groupby(self.layers, lambda layer: layer.stage)]

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold: what ``blocks.StagedNetwork`` is made from."""
        return {
            "family": self.family,
            "input": list(self.input),
            "output": self.output,
            "vocabulary": self.vocabulary,
            "activation": self.activation,
            "stem": self.layers[0].width_in,
            "stages": [[layer.to_dict() for layer in layers] for layers in self.stages],
        }

    def canonical(self) -> str:
        """A text that networks share which compute the same.

        Words, stages, and layers that do nothing are not in it, and it does not matter whether a layer changes the
        shape itself, or an ``identity`` before or after it. Layers that come apart into others in no such way, as
        mbconv3_e6 into conv1x1 and mbconv3_e1 where nothing is added, stay whole.
        """
        layers = [step.to_dict() for layer in self.layers for step in layer.steps()]
        whole = self.to_dict() | {"stages": layers}
        if self.family != "cnn":  # only a stem of images has an activation
            del whole["activation"]
        return json.dumps(whole, separators=(",", ":"))

    def describe(self) -> str:
        """``conv3x3-16 x2 | mbconv3_e6-32/2, identity | pool-10``: stages, then the head; runs are counted."""
        stages = [", ".join(_runs(layer.describe() for layer in layers)) for layers in self.stages]
        head = f"{'linear' if self.family == 'mlp' else 'pool'}-{self.output}"
        usual = self.activation == DEFAULT_ACTIVATION[self.family]
        return " | ".join([*stages, head]) + ("" if usual else f" ({self.activation})")


def build_network(plan: NetworkPlan) -> StagedNetwork:
    """The network with fresh weights, drawn from torch's global generator."""
    from .blocks import StagedNetwork

    return StagedNetwork(plan.to_dict())


def _runs(texts: Iterable[str]) -> Iterator[str]:
    for text, run in groupby(texts):
        count = len(list(run))
        yield text if count == 1 else f"{text} x{count}"
