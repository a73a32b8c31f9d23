"""Declared stages as a model space of NNI."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from assay.spaces import Config, Space, SpaceError
from assay.spaces.architectures.staged import StagedArchitecture

pytest.importorskip("nni")

from assay.spaces.from_nni.staged_model_space import config_of, sample_of, staged_model_space

STAGES: list[dict[str, Any]] = [
    {"ops": ["conv3x3", "identity", "mbconv3_e3"], "depth": "int(1, 3)", "width": 4},
    {"ops": ["conv3x3"], "depth": 2, "width": 8, "stride": 2},
    {"ops": ["conv3x3", "maxpool3x3", "identity"], "depth": [1, 2, 4], "width": 8, "stride": 2},
]
DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "cnn": {"input": [3, 8, 8], "output": 5, "stages": STAGES},
    "mlp": {
        "input": [6],
        "output": 2,
        "stages": [{"ops": ["linear", "residual_mlp", "identity"], "depth": "int(1, 3)", "width": 8}],
    },
}


def staged(name: str) -> StagedArchitecture:
    return StagedArchitecture.of(DESCRIPTIONS[name])


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_networks_cut_out_are_those_that_are_built(name: str) -> None:
    architecture = staged(name)
    space = staged_model_space(architecture)
    for config in Space(architecture.parameters()).sample_many(np.random.default_rng(0), 8):
        sample = sample_of(architecture, config)
        assert config_of(architecture, sample) == config
        assert space.contains(sample)
        cut, built = space.freeze(sample).eval(), architecture.build(config).eval()
        built.load_state_dict(cut.state_dict())
        assert list(cut.state_dict()) == list(built.state_dict())
        x = torch.randn(2, *architecture.input_shape)
        assert torch.equal(cut(x), built(x))


def test_labels_are_those_of_the_parameters() -> None:
    space = staged_model_space(staged("cnn"))
    assert set(space.simplify()) == {
        "stage1_depth", "stage1_op1", "stage1_op2", "stage1_op3",
        "stage3_depth", "stage3_op1", "stage3_op2", "stage3_op3", "stage3_op4",
    }  # fmt: skip


def test_what_else_a_sample_holds_is_left_aside() -> None:
    architecture = staged("mlp")
    sample = {"stage1_depth": 1, "stage1_op1": "linear", "stage1_op2": "identity", "stage1_depth/in_repeat_1": True}
    assert config_of(architecture, sample) == Config(
        {"architecture.stage1.depth": 1, "architecture.stage1.op1": "linear", "architecture.stage1.width": 8}
    )


def test_the_activation_of_a_trial_is_that_of_its_blocks() -> None:
    assert "Tanh" in str(staged_model_space(staged("cnn"), {"activation": "tanh", "lr": 0.1}))
    assert "Tanh" not in str(staged_model_space(staged("cnn")))


def test_a_supernet_needs_one_width_per_stage() -> None:
    wide = [STAGES[0], STAGES[1] | {"width": [8, 16]}]
    architecture = StagedArchitecture.of(DESCRIPTIONS["cnn"] | {"stages": wide})
    match = r"stages\.1\.width: one-shot training needs one width per stage, got .*: write one, such as width: 8"
    with pytest.raises(SpaceError, match=match):
        staged_model_space(architecture)
