"""Weights that go from parent to child: everything where the networks are equal, the common part where they are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from assay.spaces.architectures import architecture_of
from assay.spaces.networks.draws import own_draws
from assay.spaces.networks.inherit import Inherited, inherit

INPUTS = {"cnn": [3, 8, 8], "sequence": [6, 4], "mlp": [5]}
RESIDUAL = [
    ("cnn", "mbconv3_e3", "conv3x3"),
    ("cnn", "mbconv5_e6_se", "mbconv3_e3"),
    ("cnn", "resblock3x3", "conv3x3"),
    ("sequence", "attention_h2", "conv1d_k3"),
    ("sequence", "conv1d_k3", "attention_h2"),
    ("mlp", "residual_mlp", "linear"),
]


pytestmark = pytest.mark.usefixtures("one_thread")


def build(family: str, *ops: str, width: int = 8, seed: int = 0) -> nn.Module:
    stage = {"ops": sorted({*ops}), "depth": [len(ops)], "width": [width]}
    description = {"input": INPUTS[family], "output": 4, "stages": [stage]}
    config: dict[str, Any] = {f"architecture.stage1.op{at}": op for at, op in enumerate(ops, start=1)}
    config |= {"architecture.stage1.depth": len(ops), "architecture.stage1.width": width}
    with own_draws(seed):
        return architecture_of(description).build(config)


def trained(family: str, *ops: str, width: int = 8) -> dict[str, Tensor]:
    """Weights and statistics of a parent that are not those it began with."""
    network = build(family, *ops, width=width, seed=1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    with own_draws(2):
        batch = torch.randn(16, *INPUTS[family])
    for _ in range(3):
        optimizer.zero_grad()
        network(batch).square().mean().backward()
        optimizer.step()
    return network.state_dict()


def outputs(network: nn.Module, family: str) -> Tensor:
    with own_draws(3), torch.no_grad():
        made: Tensor = network.eval()(torch.randn(4, *INPUTS[family]))
    return made


def of(state: dict[str, Tensor], family: str, *ops: str, width: int = 8) -> Tensor:
    """What a parent with this state answers."""
    parent = build(family, *ops, width=width)
    parent.load_state_dict(state)
    return outputs(parent, family)


@pytest.mark.parametrize("family", INPUTS)
def test_an_equal_network_computes_the_same(family: str) -> None:
    op = {"cnn": "conv3x3", "sequence": "attention_h2", "mlp": "linear"}[family]
    state, child = trained(family, op, op), build(family, op, op)
    made = inherit(child, state)
    assert set(made.copied) == state.keys()
    assert made == Inherited(made.copied)
    torch.testing.assert_close(outputs(child, family), of(state, family, op, op), rtol=0, atol=0)


@pytest.mark.parametrize(("family", "added", "op"), RESIDUAL)
def test_a_deeper_child_computes_what_its_parent_did(family: str, added: str, op: str) -> None:
    """The last layer of the new block is set to 0; it learns from the first step on."""
    state, child = trained(family, op), build(family, op, added)
    made = inherit(child, state)
    assert set(made.copied) == state.keys()
    assert made.still
    assert all(name.startswith("stages.0.1.") for name in (*made.still, *made.fresh))
    torch.testing.assert_close(outputs(child, family), of(state, family, op), rtol=1e-5, atol=1e-5)
    child.train()(torch.randn(4, *INPUTS[family])).sum().backward()
    assert all(child.get_parameter(name).grad.abs().sum() > 0 for name in made.still[:1])


def test_a_new_block_that_adds_nothing_to_its_input_is_fresh() -> None:
    state, child = trained("cnn", "conv3x3"), build("cnn", "conv3x3", "conv3x3")
    before = {name: tensor.clone() for name, tensor in child.state_dict().items()}
    made = inherit(child, state)
    assert not made.still
    assert {name.rpartition(".")[0] for name in made.fresh} == {"stages.0.1.conv", "stages.0.1.norm"}
    assert all(torch.equal(child.state_dict()[name], before[name]) for name in made.fresh)


def test_another_operation_is_fresh_with_the_norm_that_follows_it() -> None:
    state = trained("cnn", "conv3x3", "conv3x3")
    for other in ("conv5x5", "sepconv3x3", "maxpool3x3"):
        child = build("cnn", other, "conv3x3")
        before = {name: tensor.clone() for name, tensor in child.state_dict().items()}
        made = inherit(child, state)
        replaced = {name for name in before if name.startswith("stages.0.0.")}
        assert set(made.fresh) == replaced
        assert set(made.copied) == before.keys() - replaced
        assert all(torch.equal(child.state_dict()[name], before[name]) for name in made.fresh)


@pytest.mark.parametrize("widths", [(8, 4), (4, 8)])
def test_another_width_takes_the_channels_that_both_have(widths: tuple[int, int]) -> None:
    was, now = widths
    state, child = trained("cnn", "conv3x3", width=was), build("cnn", "conv3x3", width=now)
    fresh = child.state_dict()["stages.0.0.conv.weight"].clone()
    made = inherit(child, state)
    weight = child.state_dict()["stages.0.0.conv.weight"]
    assert torch.equal(weight[:4, :4], state["stages.0.0.conv.weight"][:4, :4])
    assert torch.equal(weight[4:], fresh[4:])
    assert set(made.sliced) >= {"stages.0.0.conv.weight", "stages.0.0.norm.running_mean", "head.linear.weight"}
    assert set(made.copied) == {
        "stem.norm.num_batches_tracked", "stages.0.0.norm.num_batches_tracked", "head.linear.bias",
    }  # fmt: skip
    assert not made.fresh


def test_a_depthwise_convolution_is_no_slice_of_a_full_one() -> None:
    full, depthwise = nn.Sequential(nn.Conv2d(4, 4, 3)), nn.Sequential(nn.Conv2d(4, 4, 3, groups=4))
    assert inherit(depthwise, full.state_dict()) == Inherited(copied=("0.bias",), fresh=("0.weight",))


def test_weights_that_are_shared_are_taken_once() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.out = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
            self.out.weight = self.embed.weight

    made = inherit(Tied(), {"embed.weight": torch.ones(5, 3)})
    assert made == Inherited(copied=("embed.weight",))


def test_other_types_and_a_parent_that_has_nothing() -> None:
    child = nn.Linear(3, 2)
    inherit(child, {"weight": torch.ones(2, 3, dtype=torch.float64)})
    assert child.weight.dtype == torch.float32
    assert child.weight.tolist() == [[1.0] * 3] * 2
    assert inherit(nn.Linear(3, 2), {}) == Inherited(fresh=("weight", "bias"))


def test_it_is_told_in_words() -> None:
    assert str(Inherited(("a", "b"), ("c",))) == "2 tensors copied, 1 in part, 0 fresh"
    assert str(Inherited(still=("d",))) == (
        "0 tensors copied, 0 in part, 0 fresh, 1 set to 0 so that new blocks change nothing"
    )
