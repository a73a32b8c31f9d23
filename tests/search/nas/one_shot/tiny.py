"""Model spaces of NNI that train in an instant."""

from __future__ import annotations

import torch
from nni.mutable import Categorical, ExpressionConstraint
from nni.nas.nn.pytorch import InputChoice, LayerChoice, ModelSpace, MutableConv2d, MutableDropout, Repeat
from torch import nn

WIDTH = 4


def conv(kernel: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(WIDTH, WIDTH, kernel, padding=kernel // 2), nn.BatchNorm2d(WIDTH), nn.ReLU())


class Noise(nn.Module):
    """What is there to be avoided."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 30 * torch.randn_like(x)


class Base(ModelSpace):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU())
        self.head = nn.Linear(WIDTH, 10)

    def body(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.head(self.body(self.stem(x)).mean((2, 3)))
        return out


class Layers(Base):
    """Two layers, each of three kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.first = LayerChoice({"conv3": conv(3), "conv1": conv(1), "skip": nn.Identity()}, label="first")
        self.second = LayerChoice({"conv3": conv(3), "conv1": conv(1), "skip": nn.Identity()}, label="second")

    def body(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))  # type: ignore[no-any-return]


class Everything(Base):
    """A layer, a depth, and where the last layer begins."""

    def __init__(self) -> None:
        super().__init__()
        self.first = LayerChoice([conv(3), nn.Identity(), conv(1)], label="first")
        kinds = [LayerChoice([conv(3), conv(1)], label=f"block{number}") for number in range(2)]
        self.blocks = Repeat(kinds, Categorical([1, 2], label="depth"))
        self.source = InputChoice(2, n_chosen=1, label="source")

    def body(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        return self.source([first, self.blocks(first)])  # type: ignore[no-any-return]


class Collapsing(Base):
    """Skip connections or noise: all that learns takes the first."""

    def __init__(self) -> None:
        super().__init__()
        options = [{"noise": Noise(), "conv": conv(3)}] + [{"noise": Noise(), "skip_connect": nn.Identity()}] * 3
        self.layers = nn.Sequential(*(LayerChoice(one, label=f"at{place}") for place, one in enumerate(options)))

    def body(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class Widths(Base):
    """A width that is chosen."""

    def __init__(self) -> None:
        super().__init__()
        width = Categorical([2, WIDTH], label="width")
        self.body_layers = nn.Sequential(
            MutableConv2d(WIDTH, width, 3, padding=1, bias=False), nn.ReLU(), MutableConv2d(width, WIDTH, 1)
        )

    def body(self, x: torch.Tensor) -> torch.Tensor:
        return self.body_layers(x)  # type: ignore[no-any-return]


class Dropping(Base):
    """A share that is chosen, for which NNI has no supernet."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = MutableDropout(Categorical([0.1, 0.5], label="share"))

    def body(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(x)  # type: ignore[no-any-return]


class Constrained(Layers):
    """Two layers of different kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.add_mutable(ExpressionConstraint(self.first.choice != self.second.choice, label="differ"))


class TwoInputs(Base):
    """Two of three inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.paths = nn.ModuleList([conv(3), conv(1), nn.Identity()])
        self.source = InputChoice(3, n_chosen=2, label="source")

    def body(self, x: torch.Tensor) -> torch.Tensor:
        return self.source([path(x) for path in self.paths])  # type: ignore[no-any-return]
