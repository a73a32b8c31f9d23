"""Small model spaces of NNI with everything that a translation has to know. Loaded only where NNI is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from assay.spaces.from_nni import fixes

fixes.nni()

import nni  # noqa: E402
import nni.nas.nn.pytorch as nas  # noqa: E402
from nni.mutable import Categorical, ExpressionConstraint, Numerical, ensure_frozen  # noqa: E402
from scipy.stats import beta  # noqa: E402


class Nested(nas.ModelSpace):
    """A choice inside a choice inside blocks that may not be there, and a choice that two places share."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nas.LayerChoice(
            {
                "wide": nas.LayerChoice(
                    [nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4))], label="deep"
                ),
                "none": nn.Identity(),
                "shared": nas.LayerChoice({"tanh": nn.Tanh(), "relu": nn.ReLU()}, label="activation"),
            },
            label="first",
        )
        self.blocks = nas.Repeat(
            lambda index: nas.LayerChoice({"linear": nn.Linear(4, 4), "none": nn.Identity()}, label=f"block{index}"),
            (1, 3),
            label="depth",
        )
        self.many = nas.Repeat(
            [nn.Linear(4, 4), nas.LayerChoice({"tanh": nn.Tanh(), "relu": nn.ReLU()}, label="activation")],
            nni.choice("many", [1, 2]),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.many(self.blocks(self.first(x)))


class Inputs(nas.ModelSpace):
    """One, some and any of several inputs; a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(4))
        self.one = nas.InputChoice(4, 1, label="one")
        self.two = nas.InputChoice(4, 2, label="two")
        self.some = nas.InputChoice(3, None, label="some")
        self.cell = nas.Cell([nn.Linear(4, 4), nn.Identity()], 2, 1, 2, concat_dim=1, label="cell")

    def forward(self, x: Tensor) -> Tensor:
        made = [layer(x) for layer in self.layers]
        some = self.some(made[:3])
        x = self.one(made) + self.two(made) + (x if some is None else some)
        return self.cell([x, made[0]])


class Values(nas.ModelSpace):
    """Values of layers: calculated, quantised, and from distributions."""

    def __init__(self) -> None:
        super().__init__()
        width = nni.choice("width", [4, 8, 16])
        scaled = nni.quniform("scaled", 2, 9, 2).int()
        self.conv = nas.MutableConv2d(1, width, nni.choice("kernel", [1, 3]), padding=1)
        self.norm = nas.MutableBatchNorm2d(width)
        self.linear = nas.MutableLinear(width, width * 2 + scaled)
        self.out = nas.MutableLinear(width * 2 + scaled, 3, bias=nni.choice("bias", [True, False]))
        self.drop = nas.MutableDropout(nni.uniform("drop", 0.0, 0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv(x)).mean((2, 3))
        return self.out(self.drop(self.linear(x)))


class Sequences(nas.ModelSpace, label_prefix="net"):
    """Recurrent and attention layers; labels from a prefix."""

    def __init__(self) -> None:
        super().__init__()
        heads = nni.choice("heads", [1, 2])
        self.lstm = nas.MutableLSTM(input_size=4, hidden_size=nni.choice("hidden", [4, 8]), batch_first=True)
        self.back = nas.MutableLinear(nni.choice("hidden", [4, 8]), 8)
        self.attention = nas.MutableMultiheadAttention(8, heads, batch_first=True)
        self.encoder = nas.MutableTransformerEncoderLayer(
            8, 2, dim_feedforward=nni.choice("feed", [8, 16]), batch_first=True, dropout=nas_rate()
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.back(self.lstm(x)[0])
        return self.encoder(x + self.attention(x, x, x, need_weights=False)[0])


def nas_rate() -> Any:
    return Numerical(distribution=beta(2, 5), label="rate")


class Scale(nas.ParametrizedModule):
    """An own layer with a value that is searched."""

    def __init__(self, factor: float, kind: type) -> None:
        super().__init__()
        self.factor, self.inner = factor, kind()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * self.factor)


class Own(nas.ModelSpace):
    """Own layers, values that are no scalars, dangling values, and a constraint."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = Scale(nni.loguniform("factor", 0.1, 10.0), Categorical([nn.ReLU, nn.Tanh], label="kind"))
        rows, columns = nni.choice("rows", [1, 2, 3]), nni.choice("columns", [1, 2, 3])
        self.add_mutable(rows)
        self.add_mutable(columns)
        self.add_mutable(ExpressionConstraint(rows + columns <= 4, label="small"))
        shape = Categorical([(1, 1), (2, 2)], label="shape")
        self.add_mutable(shape)
        self.shape = ensure_frozen(shape)
        self.weight = nn.Parameter(torch.ones(ensure_frozen(rows), ensure_frozen(columns)))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(x) * self.weight.sum() + self.shape[0]


class Calculated(nas.ModelSpace):
    """A depth that two choices make together, and a block that the deepest networks have."""

    def __init__(self) -> None:
        super().__init__()
        depth = nni.choice("base", [1, 2]) + nni.choice("extra", [0, 1])
        self.blocks = nas.Repeat(
            lambda index: nas.LayerChoice([nn.Linear(4, 4), nn.Identity()], label=f"op{index}"), depth
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x)


SPACES: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "nested": (Nested, (4,)),
    "inputs": (Inputs, (4,)),
    "values": (Values, (1, 5, 5)),
    "sequences": (Sequences, (3, 4)),
    "own": (Own, (4,)),
    "calculated": (Calculated, (4,)),
}
