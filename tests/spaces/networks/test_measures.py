"""Parameters, operations and time of networks."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from assay.spaces.networks.measures import MEASURES, flop_count, latency_ms, measure, parameter_count

sizes = st.integers(1, 6)


pytestmark = pytest.mark.usefixtures("one_thread")


def conv_flops(conv: nn.Conv2d, height: int, width: int) -> int:
    """2 x output positions x output channels x inputs of each."""
    out = 1
    for size, kernel, stride, padding in zip((height, width), conv.kernel_size, conv.stride, conv.padding, strict=True):
        out *= (size + 2 * int(padding) - kernel) // stride + 1
    return 2 * out * conv.out_channels * conv.weight[0].numel()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 2), sizes, sizes, st.sampled_from([1, 3]), st.integers(1, 2), st.integers(4, 9))
def test_operations_of_convolutions_and_linear_maps(
    groups: int, inputs: int, outputs: int, kernel: int, stride: int, size: int
) -> None:
    conv = nn.Conv2d(inputs * groups, outputs * groups, kernel, stride, kernel // 2, groups=groups)
    positions = ((size - 1) // stride + 1) ** 2
    linear = nn.Linear(outputs * groups * positions, 3)
    network = nn.Sequential(conv, nn.BatchNorm2d(outputs * groups), nn.ReLU(), nn.Flatten(), linear)
    expected = conv_flops(conv, size, size) + 2 * linear.weight.numel()
    assert flop_count(network, (inputs * groups, size, size)) == expected


def test_attention_counts_and_is_not_hidden_by_a_fused_layer() -> None:
    length, width, wide = 5, 16, 32
    layer = nn.TransformerEncoderLayer(width, 2, wide, batch_first=True)
    projections = 2 * length * width * (3 * width + width + 2 * wide)
    attention = 2 * (2 * length * length * width)
    assert flop_count(layer, (length, width)) == projections + attention


class Unusual(nn.Module):
    """Makes a tensor of its own, and reads a number: impossible on the meta device."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(4, 3)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += 1
        return self.map(x) * float(x.sum()) + torch.ones(3)


def test_a_network_that_cannot_run_on_the_meta_device_is_run_where_it_is() -> None:
    network = Unusual()
    assert flop_count(network, (4,)) == 2 * 12
    assert float(network.seen) == 0


def test_an_input_that_does_not_fit_is_the_networks_own_error() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        flop_count(nn.Linear(4, 3), (5,))


def test_shared_parameters_count_once() -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    assert parameter_count(nn.Sequential(first, second)) == 9 + 3 + 3


class Slow(nn.Module):
    """Takes as long as it is told, and notes how it was called."""

    def __init__(self, *seconds: float) -> None:
        super().__init__()
        self.inner = nn.Linear(2, 2)
        self.seconds, self.calls = list(seconds), list[Any]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append((tuple(x.shape), self.training, torch.is_grad_enabled(), torch.rand(1).item()))
        time.sleep(self.seconds.pop(0))
        return x


def test_the_time_is_the_median_of_runs_after_a_warm_up() -> None:
    network = Slow(0.0, 0.03, 0.004, 0.0)
    assert 4 <= latency_ms(network, (2,), batch=3, warmup=1, runs=3) < 25
    assert [call[:3] for call in network.calls] == [((3, 2), False, False)] * 4


@pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.skipif("not torch.cuda.is_available()"))]
)
def test_everything_is_afterwards_as_it_was(device: str) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(), Slow(*[0.0] * 9)).to(device).train()
    network[1].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = torch.get_rng_state()
    found = measure(MEASURES, network, (4,), {"batch": 2, "warmup": 1, "runs": 3})
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in network.modules()] == [True, True, False, True, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(one.grad is None and one.requires_grad and one.device.type == device for one in network.parameters())
    assert list(found) == list(MEASURES)


def test_what_is_measured_is_what_is_named_and_millions_are_millions() -> None:
    network = nn.Linear(4, 3)
    assert measure(["flops_m", "params", "params_m"], network, (4,)) == {
        "params": 15, "params_m": 15e-6, "flops_m": 24e-6,
    }  # fmt: skip
    assert measure(["params_m", "flops", "latency_ms"], network, None) == {"params_m": 15e-6}
