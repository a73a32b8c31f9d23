"""Networks as they are built: shapes, gradients, and that equal texts are equal networks."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.spaces import Space
from assay.spaces.architectures import blocks
from assay.spaces.architectures.network import build_network
from assay.spaces.architectures.operations import Family
from assay.spaces.architectures.staged import StagedArchitecture

torch.set_num_threads(1)

INPUTS: dict[str, tuple[int, ...]] = {"cnn": (2, 7, 5), "mlp": (6,), "sequence": (7, 3)}
WORDS: dict[Family, list[str]] = {
    "cnn": [
        *("conv1x1", "conv3x3", "conv5x5", "sepconv3x3", "dilconv3x3", "mbconv3_e1", "mbconv3_e3", "mbconv5_e6_se"),
        *("resblock3x3", "maxpool3x3", "avgpool3x3", "identity"),
    ],
    "mlp": ["linear", "linear_relu", "linear_gelu", "linear_tanh", "glu", "residual_mlp", "identity"],
    "sequence": ["attention_h2", "attention_h4_ff2", "conv1d_k3", "conv1d_k5", "identity"],
}
CASES = [
    (family, word, width, stride)
    for family, words in WORDS.items()
    for word in words
    for width in (8, 12)
    for stride in ((1, 2, 3) if family != "mlp" else (1,))
]


def networks(family: str, words: list[str], depth: Any = 2, width: Any = 8, stride: int = 1) -> StagedArchitecture:
    """Two stages, of which the first is one layer 8 wide."""
    stages = [
        {"ops": words[:1], "depth": 1, "width": 8},
        {"ops": words, "depth": depth, "width": width, "stride": stride},
    ]
    return StagedArchitecture.of({"input": list(INPUTS[family]), "output": 3, "stages": stages})


def batch(family: str, count: int = 4) -> torch.Tensor:
    return torch.randn(count, *INPUTS[family], generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("family", "word", "width", "stride"), CASES)
def test_every_operation_in_every_place(family: Family, word: str, width: int, stride: int) -> None:
    space = networks(family, [word], width=width, stride=stride)
    network = space.build(Space(space.parameters()).default())
    out = network(batch(family))
    assert out.shape == (4, 3)
    out.square().sum().backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
    assert network.head.linear.weight.grad.abs().sum() > 0  # type: ignore[union-attr]
    assert network.eval()(batch(family, 1)).shape == (1, 3)


@pytest.mark.parametrize(("family", "word", "width", "stride"), CASES)
def test_a_stride_divides_the_size_rounded_up(family: Family, word: str, width: int, stride: int) -> None:
    space = networks(family, [word], width=width, stride=stride)
    last = space.plan(Space(space.parameters()).default()).layers[1]
    sizes = {"cnn": (8, 7, 5), "mlp": (8,), "sequence": (7, 8)}[family]
    made = blocks.make_block(last.to_dict())(torch.randn(2, *sizes))
    less = [-(-size // stride) for size in ((7, 5) if family == "cnn" else (7,))]
    assert tuple(made.shape[1:]) == {"cnn": (width, *less), "mlp": (width,), "sequence": (*less, width)}[family]


def test_an_identity_that_keeps_the_shape_has_no_weights() -> None:
    space = networks("cnn", ["identity"])
    network = space.build(Space(space.parameters()).default())
    assert {name.partition(".")[0] for name, _ in network.named_parameters()} == {"stem", "head"}


def test_words_and_their_positions() -> None:
    stages = [{"ops": ["attention_h2", "conv1d_k3"], "depth": 2, "width": 8}]
    space = StagedArchitecture.of({"input": [5], "vocabulary": 11, "output": 2, "stages": stages})
    assert space.input_shape == (5,)
    network = space.build(Space(space.parameters()).default()).eval()
    tokens = torch.tensor([[0, 1, 2, 3, 10], [10, 3, 2, 1, 0]])
    out = network(tokens)
    assert out.shape == (2, 2)
    assert not torch.allclose(out[0], out[1], atol=1e-6)  # the same words in another order
    assert torch.equal(network(tokens.float()), out)


def test_the_activation_reaches_all_layers() -> None:
    space = networks("cnn", ["mbconv3_e3", "resblock3x3"])
    network = space.build({**Space(space.parameters()).default(), "activation": "tanh"})
    used = {type(one) for one in network.modules() if isinstance(one, tuple(blocks.ACTIVATIONS.values()))}
    assert used == {torch.nn.Tanh}


def test_weights_have_the_position_of_their_layer() -> None:
    space = networks("cnn", ["conv3x3", "identity"], depth=3)
    config = {**Space(space.parameters()).default(), "architecture.stage2.op2": "identity"}
    names = {".".join(name.split(".")[:3]) for name in space.build(config).state_dict() if name.startswith("stages")}
    assert names == {"stages.0.0", "stages.1.0", "stages.1.2"}


def spaces(family: Family, stride: int = 2) -> StagedArchitecture:
    """Small enough that networks meet which are the same in other words.

    (An average pool before a 1x1 convolution is one after it, up to what batch norm sees; a maximum is not.)
    """
    words = {"cnn": ["conv3x3", "maxpool3x3", "identity"], "mlp": ["linear", "residual_mlp", "identity"]}
    ops = words.get(family, ["attention_h2", "conv1d_k3", "identity"])
    stages: list[dict[str, Any]] = [
        {"ops": ops, "depth": "int(1, 2)", "width": [8, 12]},
        {"ops": ops, "depth": "int(1, 3)", "width": [8, 12], "stride": 1 if family == "mlp" else stride},
    ]
    return StagedArchitecture.of({"input": list(INPUTS[family]), "output": 3, "stages": stages})


@pytest.mark.parametrize("family", WORDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_equal_texts_are_equal_networks(family: Family, data: st.DataObject) -> None:
    """Also with an identity more, at a random place that keeps the shape."""
    space = spaces(family)
    seed = data.draw(st.integers(0, 10**6))
    config = dict(Space(space.parameters()).sample(np.random.default_rng(seed)))
    longer = _with_identity(config, data.draw(st.integers(2, 4)))
    assert space.canonical(config) == space.canonical(longer)
    torch.manual_seed(0)
    one = space.build(config).eval()
    torch.manual_seed(0)
    assert torch.equal(space.build(longer).eval()(batch(family)), one(batch(family)))  # the same draws
    other = space.build(longer).eval()
    mine, theirs = one.state_dict(), other.state_dict()
    assert [tuple(w.shape) for w in mine.values()] == [tuple(w.shape) for w in theirs.values()]
    other.load_state_dict(dict(zip(theirs, mine.values(), strict=True)))
    assert torch.equal(other(batch(family)), one(batch(family)))


@pytest.mark.parametrize("family", WORDS)
@pytest.mark.parametrize("stride", [1, 2])
def test_texts_are_equal_exactly_where_networks_are(family: Family, stride: int) -> None:
    """Of the same draws of weights: equal texts compute the same, and no two others do."""
    space = spaces(family, stride)
    found: dict[str, list[float]] = {}
    configs = Space(space.parameters()).sample_many(np.random.default_rng(0), 100)
    for config in configs:
        torch.manual_seed(0)
        out = space.build(config).eval()(batch(family)).flatten().tolist()
        assert found.setdefault(space.canonical(config), out) == out
    outputs = np.array([*found.values()])
    gaps = np.abs(outputs[:, None] - outputs[None]).max(axis=2) + np.eye(len(outputs))
    assert 20 < len(outputs) < len({*configs})
    assert gaps.min() > 1e-6


def _with_identity(config: dict[str, Any], place: int) -> dict[str, Any]:
    """The second stage with one identity more, if it is not full; it goes after the layer that changes the shape."""
    at = "architecture.stage2."
    depth = config[f"{at}depth"]
    if depth == 3:
        return config
    words = [config[f"{at}op{layer}"] for layer in range(1, depth + 1)]
    words.insert(min(place - 1, depth), "identity")
    return {**config, f"{at}depth": depth + 1, **{f"{at}op{n}": word for n, word in enumerate(words, start=1)}}


@pytest.mark.parametrize("family", WORDS)
def test_a_plan_goes_through_json(family: Family) -> None:
    space = spaces(family)
    plan = space.plan(Space(space.parameters()).sample(np.random.default_rng(3)))
    torch.manual_seed(0)
    one = build_network(plan)
    torch.manual_seed(0)
    other = blocks.StagedNetwork(json.loads(json.dumps(plan.to_dict())))
    assert other.plan == plan.to_dict()
    assert [*one.state_dict()] == [*other.state_dict()]
    assert torch.equal(one(batch(family)), other(batch(family)))


@pytest.mark.parametrize("family", WORDS)
def test_it_can_be_exported_compiled_and_built_without_memory(family: Family) -> None:
    space = networks(family, WORDS[family][:2], depth=2, stride=1 if family == "mlp" else 2)
    config = {**Space(space.parameters()).default(), "architecture.stage2.op2": WORDS[family][1]}
    network = space.build(config).eval()
    expected = network(batch(family))
    exported = torch.export.export(network, (batch(family),)).module()
    torch.testing.assert_close(exported(batch(family)), expected)
    torch.testing.assert_close(torch.compile(network, backend="eager")(batch(family)), expected)
    with torch.device("meta"):
        assert space.build(config)(torch.empty(4, *INPUTS[family])).shape == expected.shape


@pytest.mark.parametrize(
    ("family", "word"), [("cnn", "mbconv3_e3"), ("mlp", "residual_mlp"), ("sequence", "attention_h2")]
)
def test_it_learns(family: Family, word: str) -> None:
    torch.manual_seed(0)
    space = networks(family, [word])
    network = space.build(Space(space.parameters()).default())
    x = batch(family, 64)
    y = (x.flatten(1)[:, 0] > 0).long() + (x.flatten(1)[:, -1] > 0).long()
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.4  # 1.04 by chance


def test_the_blocks_stand_alone() -> None:
    tree = ast.parse(Path(blocks.__file__).read_text(encoding="utf-8"))
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert imported == {"__future__", "torch", "typing"}
    assert not any(node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
