"""Every model space of NNI's hub: its parameters, and networks that train."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import Space, SpaceError
from assay.spaces.architectures import architecture_of
from assay.spaces.from_nni import HUB, ModelSpaceArchitecture

pytest.importorskip("nni")

CELLS = {"width": [4, 8], "num_cells": [3, 4]}
SMALL: dict[str, tuple[dict[str, Any], list[int] | None, int]] = {
    "amoebanet": (CELLS, [3, 16, 16], 42),
    "autoformer": (
        {"num_labels": 10, "search_embed_dim": [32, 48], "search_num_heads": [2, 4], "search_depth": [1, 2],
         "img_size": 32}, None, 6,
    ),
    "darts": (CELLS, [3, 16, 16], 34),
    "enas": (CELLS, [3, 16, 16], 42),
    "mobilenet_v3": ({"num_labels": 10, "width_multipliers": [0.25, 0.5], "depth_range": [1, 2]}, [3, 32, 32], 41),
    "nasbench101": ({"stem_out_channels": 8, "num_stacks": 2, "num_modules_per_stack": 1}, [3, 8, 8], 27),
    "nasbench201": ({"stem_out_channels": 4, "num_modules_per_stack": 1}, [3, 8, 8], 6),
    "nasnet": (CELLS, [3, 16, 16], 42),
    "pnas": (CELLS, [3, 16, 16], 42),
    "proxylessnas": ({"num_labels": 10, "width_mult": 0.25}, [3, 32, 32], 26),
    "shufflenet": ({"num_labels": 10, "channel_search": True}, [3, 32, 32], 40),
}  # fmt: skip
"""Arguments, input, and how many parameters there are."""


pytestmark = pytest.mark.usefixtures("one_thread")


def small(word: str) -> ModelSpaceArchitecture:
    arguments, shape, _ = SMALL[word]
    found = architecture_of({"space": word, "arguments": arguments, "input": shape})
    assert isinstance(found, ModelSpaceArchitecture)
    return found


@pytest.mark.parametrize("word", HUB)
def test_a_network_of_every_space_trains(word: str) -> None:
    architecture = small(word)
    parameters = architecture.parameters()
    assert len(parameters) == SMALL[word][2]
    space = Space(parameters)
    config = next(one for one in space.sample_many(np.random.default_rng(1), 20) if architecture.feasible(one))
    assert architecture.translation.encode(architecture.translation.decode(config)) == config
    assert architecture.feasible(space.default())
    model = architecture.build(config)
    assert architecture.input_shape is not None
    out = model(torch.randn(2, *architecture.input_shape))
    assert out.shape == (2, 10)
    out.square().sum().backward()
    assert any(one.grad is not None and bool(one.grad.abs().sum() > 0) for one in model.parameters())
    assert 0 < len(architecture.describe(config)) <= 100


def test_imagenet_has_another_stem_and_input() -> None:
    architecture = architecture_of({"space": "darts", "arguments": {"width": 4, "num_cells": 3, "dataset": "imagenet"}})
    assert architecture.input_shape == (3, 224, 224)
    model = architecture.build(Space(architecture.parameters()).default())
    assert model.eval()(torch.randn(1, 3, 64, 64)).shape == (1, 1000)


def test_cells_of_nasbench101_have_constraints_and_conditions() -> None:
    architecture = small("nasbench101")
    parameters = architecture.parameters()
    assert parameters["architecture.cell_op3"].when == {"architecture.cell_num_nodes": (5, 6, 7)}
    assert parameters["architecture.cell_input3.use_1"].when == {"architecture.cell_num_nodes": (4, 5, 6, 7)}
    drawn = Space(parameters).sample_many(np.random.default_rng(0), 200)
    broken = [one for one in drawn if not architecture.feasible(one)]
    assert 40 < len(broken) < 160
    with pytest.raises(SpaceError, match="this network cannot be built: "):
        architecture.build(broken[0])


def test_cells_of_nasbench201_are_told_as_by_their_authors() -> None:
    edges = {"0_1": "conv_3x3", "0_2": "none", "1_2": "skip_connect", "0_3": "conv_1x1", "1_3": "none"}
    config = {f"architecture.cell_{edge}": op for edge, op in (edges | {"2_3": "avg_pool_3x3"}).items()}
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
    assert small("nasbench201").describe(config) == text


def test_isomorphic_cells_are_the_same_and_others_are_not() -> None:
    architecture = small("nasbench201")

    def canonical(**edges: str) -> str:
        cell = {edge: edges.get(f"e{edge}", "none") for edge in ("0_1", "0_2", "1_2", "0_3", "1_3", "2_3")}
        return architecture.canonical({f"architecture.cell_{edge}": op for edge, op in cell.items()})

    direct = canonical(e0_3="conv_3x3")
    assert canonical(e0_1="conv_3x3", e1_3="skip_connect") == direct
    assert canonical(e0_2="skip_connect", e2_3="conv_3x3") == direct
    assert canonical(e0_3="conv_1x1") != direct
    assert canonical(e0_1="conv_3x3", e1_3="conv_3x3") != direct


def test_what_there_is_not_is_refused_by_name() -> None:
    def refused(description: dict[str, Any], match: str) -> None:
        with pytest.raises(SpaceError, match=match):
            architecture_of(description)

    refused({"space": "nasbench"}, r"there is no space 'nasbench' \(did you mean 'nasbench\d01'\?\): use 'amoebanet'")
    refused({"space": "darts", "arguments": {"num_labels": 7}}, "dataset: cifar gives 10 outputs and imagenet 1000")
    refused({"space": "shufflenet", "arguments": {"num_classes": 7}}, "write num_labels")
    refused({"space": "proxylessnas", "arguments": {"pretrained": True}}, "cannot be had any more: remove pretrained")
    refused({"space": "nasbench201", "arguments": {"stem": 7}}, r"arguments\.stem: nasbench201 has no argument stem")
    refused({"space": "darts", "input": [1, 28, 28]}, r"input: networks of DARTS take images \[3, height, width\], got")
    refused({"space": "autoformer", "input": [3, 32, 32]}, r"input: .* take \[3, 224, 224\] .* {img_size: 32}")
