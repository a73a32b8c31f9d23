"""Small networks of all kinds, for tests of graphs and exports."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from assay.spaces import Space
from assay.spaces.architectures import architecture_of


class Residual(nn.Module):
    """Branches, a sum, an ordered concatenation, a scale of its own, a table that is no weight, functional dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.branch = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.head = nn.Linear(8, 10)
        self.register_buffer("table", torch.arange(8.0), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.branch(x) * self.scale + x
        z = torch.cat([x, y[:, :4]], 1)[:, 4:]
        z = z.mean((2, 3)).view(x.size(0), -1)
        z = functional.dropout(z, 0.3, self.training)
        return self.head(functional.gelu(z) + self.table)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, 16) * 0.02)
        self.attention = nn.MultiheadAttention(16, 4, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.head(self.encoder(x)[:, 0])


class Recurrent(nn.Module):
    """Token ids through two kinds of recurrent layers; the head has the weights of the table."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)
        self.lstm = nn.LSTM(8, 6, num_layers=2, batch_first=True, bidirectional=True, dropout=0.2)
        self.gru = nn.GRU(12, 8, batch_first=True)
        self.head = nn.Linear(8, 11)
        self.head.weight = self.table.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.table(x))
        return self.head(self.gru(states)[1][-1])


class ByShape(nn.Module):
    """Python code that depends on the shape, which torch.fx cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] == 4:
            x = self.norm(self.mix(x))
        for index in range(int(x.shape[-1])):
            x = x + index
        return functional.dropout(x, 0.5, self.training)


class ByValue(nn.Module):
    """What it does depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mix(x) if x.sum() > 0 else x


SAMPLES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "residual": (Residual, (3, 8, 8)),
    "attention": (Attention, (5, 16)),
    "recurrent": (Recurrent, (6,)),
    "by_shape": (ByShape, (4,)),
    "weight_norm": (lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.PReLU()), (4,)),
}
"""By name: how it is made, and the shape of one example."""

HUB: dict[str, tuple[dict[str, object], list[int] | None]] = {
    "autoformer": (
        {"num_labels": 10, "search_embed_dim": [32], "search_num_heads": [2], "search_depth": [1], "img_size": 32},
        None,
    ),
    "darts": ({"width": 4, "num_cells": 3}, [3, 16, 16]),
    "mobilenet_v3": ({"num_labels": 10, "width_multipliers": [0.25], "depth_range": [1, 2]}, [3, 32, 32]),
    "nasbench101": ({"stem_out_channels": 8, "num_stacks": 2, "num_modules_per_stack": 1}, [3, 8, 8]),
    "nasbench201": ({"stem_out_channels": 4, "num_modules_per_stack": 1}, [3, 8, 8]),
}
"""Spaces of NNI's hub, as small as they come: arguments, and input where it is not the usual one."""


def hub_network(word: str, seed: int = 0) -> tuple[nn.Module, tuple[int, ...]]:
    """A random network of the hub, and the shape of one example."""
    pytest.importorskip("nni")
    arguments, shape = HUB[word]
    architecture = architecture_of({"space": word, "arguments": arguments, "input": shape})
    draws = Space(architecture.parameters()).sample_many(np.random.default_rng(seed), 50)
    config = next(one for one in draws if architecture.feasible(one))
    assert architecture.input_shape is not None
    return architecture.build(config), architecture.input_shape


def staged_network(family: str, seed: int = 0) -> tuple[nn.Module, tuple[int, ...]]:
    """A random network of stages: ``cnn``, ``mlp`` or ``sequence``."""
    shape, ops = STAGED[family]
    stages = [{"ops": ops, "depth": [1, 2, 3], "width": 8}, {"ops": ops, "depth": 2, "width": 16}]
    architecture = architecture_of({"input": shape, "output": 5, "stages": stages})
    config = Space(architecture.parameters()).sample(np.random.default_rng(seed))
    return architecture.build(config), tuple(shape)


STAGED: dict[str, tuple[list[int], list[str]]] = {
    "cnn": ([3, 8, 8], ["conv3x3", "mbconv3_e3_se", "resblock3x3", "identity"]),
    "mlp": ([6], ["linear", "residual_mlp", "glu"]),
    "sequence": ([5, 6], ["attention_h2", "conv1d_k3", "identity"]),
}
