"""The blocks of staged networks, and the network itself, in PyTorch alone.

This file imports nothing of the package: an exported network is a copy of it, with its plan as plain data.

Shapes: images [N, C, H, W], sequences [N, L, C], rows of a table [N, C]. A block maps ``width_in`` to ``width_out``
channels; with a stride, H, W and L are divided by it and rounded up. Blocks keep their order and their names, so that
weights can be found again by name: ``stages.0.2`` is the third layer of the first stage.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "leaky_relu": nn.LeakyReLU,
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


# Images


class Conv(nn.Module):
    """Convolution, batch norm and, if one is named, activation."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        kernel: int,
        activation: str | None,
        groups: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(width_in, width_out, kernel, stride, padding, dilation, groups, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, nonlinearity="relu")  # He et al., ICCV 2015
        self.norm = nn.BatchNorm2d(width_out)
        self.activation = nn.Identity() if activation is None else ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.norm(self.conv(x)))
        return out


class ProjectImage(nn.Module):
    """The cheapest way to another shape: average pooling by the stride, then a 1x1 convolution to another width.

    He et al., Bag of Tricks for Image Classification, CVPR 2019, ResNet-D. It does nothing where the shape is kept.
    """

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.mix = Conv(width_in, width_out, 1, 1, None) if width_in != width_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mix(self.pool(x))
        return out


class SeparableConv(nn.Module):
    """A depthwise and a 1x1 convolution, each with norm and activation: Howard et al., MobileNets, 2017, figure 3."""

    def __init__(self, width_in: int, width_out: int, stride: int, kernel: int, dilation: int, activation: str) -> None:
        super().__init__()
        self.depthwise = Conv(width_in, width_in, stride, kernel, activation, width_in, dilation)
        self.pointwise = Conv(width_in, width_out, 1, 1, activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class SqueezeExcite(nn.Module):
    """Each channel weighed by what all of them hold on average.

    Hu et al., CVPR 2018, with a quarter of the channels and the gate of Howard et al., MobileNetV3, ICCV 2019.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(1, width // 4)
        self.squeeze = nn.Conv2d(width, narrow, 1)
        self.excite = nn.Conv2d(narrow, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = functional.relu(self.squeeze(x.mean((2, 3), keepdim=True)))
        return x * functional.hardsigmoid(self.excite(squeezed))


class MBConv(nn.Module):
    """Inverted residual: wider by ``expand``, depthwise, back without activation; added to its input of equal shape.

    Sandler et al., MobileNetV2, CVPR 2018, section 3.3.
    """

    def __init__(
        self, width_in: int, width_out: int, stride: int, kernel: int, expand: int, squeeze: bool, activation: str
    ) -> None:
        super().__init__()
        wide = width_in * expand
        self.expand = Conv(width_in, wide, 1, 1, activation) if expand > 1 else nn.Identity()
        self.depthwise = Conv(wide, wide, stride, kernel, activation, groups=wide)
        self.squeeze = SqueezeExcite(wide) if squeeze else nn.Identity()
        self.project = Conv(wide, width_out, 1, 1, None)
        self.adds = stride == 1 and width_in == width_out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.squeeze(self.depthwise(self.expand(x))))
        return x + out if self.adds else out


class ResBlock(nn.Module):
    """Two convolutions, added to the input: He et al., Deep Residual Learning, CVPR 2016, figure 2."""

    def __init__(self, width_in: int, width_out: int, stride: int, kernel: int, activation: str) -> None:
        super().__init__()
        self.first = Conv(width_in, width_out, stride, kernel, activation)
        self.second = Conv(width_out, width_out, 1, kernel, None)
        self.shortcut = ProjectImage(width_in, width_out, stride)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.shortcut(x) + self.second(self.first(x)))
        return out


class Pool(nn.Module):
    """Maximum or average of a window, which counts no padding; then a 1x1 convolution to another width."""

    def __init__(self, width_in: int, width_out: int, stride: int, kernel: int, kind: str) -> None:
        super().__init__()
        self.pool = (
            nn.MaxPool2d(kernel, stride, kernel // 2)
            if kind == "max"
            else nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
        )
        self.project = ProjectImage(width_in, width_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.pool(x))
        return out


# Rows and sequences: the last dimension holds the channels


class Project(nn.Module):
    """As :class:`ProjectImage`, for sequences and rows: average pooling by the stride, then a linear map."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool1d(stride, ceil_mode=True) if stride > 1 else None
        self.mix = nn.Linear(width_in, width_out) if width_in != width_out else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        if self.pool is not None:
            x = self.pool(x.transpose(1, 2)).transpose(1, 2)
        out: Tensor = self.mix(x)
        return out


class Dense(nn.Module):
    """Linear map, layer norm, activation; rows have no stride but 1."""

    def __init__(self, width_in: int, width_out: int, stride: int, activation: str) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)
        self.norm = nn.LayerNorm(width_out)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.norm(self.linear(x)))
        return out


class GatedDense(nn.Module):
    """Gated linear unit, then layer norm: Dauphin et al., Language Modeling with Gated Convolutions, ICML 2017.

    Rows have no stride but 1.
    """

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out)
        self.gate = nn.Linear(width_in, width_out)
        self.norm = nn.LayerNorm(width_out)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.linear(x) * torch.sigmoid(self.gate(x)))
        return out


class FeedForward(nn.Module):
    """Layer norm, wider by ``expand``, activation, back; added to its input."""

    def __init__(self, width: int, expand: int, activation: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, width * expand)
        self.activation = ACTIVATIONS[activation]()
        self.narrow = nn.Linear(width * expand, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.narrow(self.activation(self.widen(self.norm(x))))
        return out


class ResidualDense(nn.Module):
    """A residual block of two linear maps: Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021."""

    def __init__(self, width_in: int, width_out: int, stride: int, activation: str) -> None:
        super().__init__()
        self.project = Project(width_in, width_out, stride)
        self.feed_forward = FeedForward(width_out, 2, activation)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.feed_forward(self.project(x))
        return out


class Attention(nn.Module):
    """A layer of a transformer's encoder, normed first: Xiong et al., On Layer Normalization, ICML 2020, figure 1b."""

    def __init__(
        self, width_in: int, width_out: int, stride: int, heads: int, feed_forward: int, activation: str
    ) -> None:
        super().__init__()
        self.heads = heads
        self.project = Project(width_in, width_out, stride)
        self.norm = nn.LayerNorm(width_out)
        self.query = nn.Linear(width_out, width_out)
        self.key = nn.Linear(width_out, width_out)
        self.value = nn.Linear(width_out, width_out)
        self.out = nn.Linear(width_out, width_out)
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.feed_forward = FeedForward(width_out, feed_forward, activation)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        normed = self.norm(x)
        heads = [self._split(linear(normed)) for linear in (self.query, self.key, self.value)]
        mixed = functional.scaled_dot_product_attention(heads[0], heads[1], heads[2])
        out: Tensor = self.feed_forward(x + self.out(mixed.transpose(1, 2).flatten(2)))
        return out

    def _split(self, x: Tensor) -> Tensor:
        """[N, L, C] -> [N, heads, L, C / heads]."""
        return torch.unflatten(x, 2, (self.heads, -1)).transpose(1, 2)


class SequenceConv(nn.Module):
    """Layer norm, activation, convolution over the positions; added to its input.

    In this order as He et al., Identity Mappings in Deep Residual Networks, ECCV 2016, figure 4e.
    """

    def __init__(self, width_in: int, width_out: int, stride: int, kernel: int, activation: str) -> None:
        super().__init__()
        self.project = Project(width_in, width_out, stride)
        self.norm = nn.LayerNorm(width_out)
        self.activation = ACTIVATIONS[activation]()
        self.conv = nn.Conv1d(width_out, width_out, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        out: Tensor = x + self.conv(self.activation(self.norm(x)).transpose(1, 2)).transpose(1, 2)
        return out


# The network


class SequenceStem(nn.Module):
    """Vectors or, with a vocabulary, whole numbers [N, L] at the width of the first stage, each with its position."""

    def __init__(self, shape: list[int], width: int, vocabulary: int | None) -> None:
        super().__init__()
        self.embed = nn.Linear(shape[1], width) if vocabulary is None else nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.empty(shape[0], width))
        nn.init.normal_(self.position, std=0.02)
        if vocabulary is not None:
            nn.init.normal_(self.embed.weight, std=0.02)  # both as in GPT-2 and BERT
        self.whole = vocabulary is not None

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.embed(x.long() if self.whole else x) + self.position
        return out


class Head(nn.Module):
    """The mean over all positions, and a linear map to the outputs; residual streams are normed before."""

    def __init__(self, family: str, width: int, output: int) -> None:
        super().__init__()
        self.norm = nn.Identity() if family == "cnn" else nn.LayerNorm(width)
        self.over: list[int] = {"cnn": [2, 3], "sequence": [1], "mlp": []}[family]
        self.linear = nn.Linear(width, output)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x)
        out: Tensor = self.linear(x.mean(self.over) if self.over else x)
        return out


BLOCKS: dict[str, type[nn.Module]] = {
    "attention": Attention,
    "conv": Conv,
    "dense": Dense,
    "gated_dense": GatedDense,
    "mbconv": MBConv,
    "pool": Pool,
    "project": Project,
    "project_image": ProjectImage,
    "resblock": ResBlock,
    "residual_dense": ResidualDense,
    "separable_conv": SeparableConv,
    "sequence_conv": SequenceConv,
}


def make_block(layer: dict[str, Any]) -> nn.Module:
    """The module of one layer of a plan."""
    if layer["block"] == "identity":
        return nn.Identity()
    made: nn.Module = BLOCKS[layer["block"]](
        layer["width_in"], layer["width_out"], layer["stride"], **layer["arguments"]
    )
    return made


class StagedNetwork(nn.Module):
    """Stem, stages of blocks, head.

    Args:
        plan: ``family`` (cnn, sequence or mlp), ``input`` (shape of one example), ``output``, ``vocabulary``,
            ``activation``, ``stem`` (its width), and ``stages``: lists of layers, each with ``block``, ``arguments``,
            ``width_in``, ``width_out``, ``stride``.
    """

    def __init__(self, plan: dict[str, Any]) -> None:
        super().__init__()
        self.plan = plan
        family, shape, stem = plan["family"], plan["input"], plan["stem"]
        self.stem: nn.Module = nn.Identity()
        if family == "cnn":
            self.stem = Conv(shape[0], stem, 1, 3, plan["activation"])
        elif family == "sequence":
            self.stem = SequenceStem(shape, stem, plan["vocabulary"])
        self.stages = nn.ModuleList(nn.Sequential(*map(make_block, layers)) for layers in plan["stages"])
        self.head = Head(family, plan["stages"][-1][-1]["width_out"], plan["output"])

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        out: Tensor = self.head(x)
        return out
