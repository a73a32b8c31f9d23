"""What the words for layers mean, and what is said of a word that means nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assay.spaces import SpaceError
from assay.spaces.architectures.operations import (
    _ALIASES,
    ACTIVATIONS,
    DEFAULT_ACTIVATION,
    Family,
    activation_named,
    indivisible,
    operation,
)

WORDS: dict[str, tuple[Family, str, dict[str, Any]]] = {
    "conv1x1": ("cnn", "conv", {"kernel": 1, "activation": "relu"}),
    "conv11x11": ("cnn", "conv", {"kernel": 11, "activation": "relu"}),
    "sepconv3x3": ("cnn", "separable_conv", {"kernel": 3, "dilation": 1, "activation": "relu"}),
    "dilconv5x5": ("cnn", "separable_conv", {"kernel": 5, "dilation": 2, "activation": "relu"}),
    "mbconv3_e1": ("cnn", "mbconv", {"kernel": 3, "expand": 1, "squeeze": False, "activation": "relu"}),
    "mbconv5_e6_se": ("cnn", "mbconv", {"kernel": 5, "expand": 6, "squeeze": True, "activation": "relu"}),
    "resblock3x3": ("cnn", "resblock", {"kernel": 3, "activation": "relu"}),
    "maxpool3x3": ("cnn", "pool", {"kernel": 3, "kind": "max"}),
    "avgpool5x5": ("cnn", "pool", {"kernel": 5, "kind": "average"}),
    "linear": ("mlp", "dense", {"activation": "relu"}),
    "linear_tanh": ("mlp", "dense", {"activation": "tanh"}),
    "linear_swish": ("mlp", "dense", {"activation": "silu"}),
    "glu": ("mlp", "gated_dense", {}),
    "residual_mlp": ("mlp", "residual_dense", {"activation": "relu"}),
    "attention_h4": ("sequence", "attention", {"heads": 4, "feed_forward": 4, "activation": "relu"}),
    "attention_h2_ff3": ("sequence", "attention", {"heads": 2, "feed_forward": 3, "activation": "relu"}),
    "conv1d_k7": ("sequence", "sequence_conv", {"kernel": 7, "activation": "relu"}),
}


@pytest.mark.parametrize("word", WORDS)
def test_what_a_word_means(word: str) -> None:
    family, block, arguments = WORDS[word]
    found = operation(word, family)
    assert (found.block, found.filled("relu")) == (block, arguments)
    assert list(found.filled("relu")) == sorted(arguments)


@pytest.mark.parametrize("family", DEFAULT_ACTIVATION)
def test_identity_is_for_all(family: Family) -> None:
    assert operation("identity", family).block == "identity"


@pytest.mark.parametrize(
    ("word", "family", "message"),
    [
        ("conv4x4", "cnn", "a kernel is odd and 1 or more, so that shapes fit: use 'conv5x5'"),
        ("mbconv2_e2", "cnn", "a kernel is odd and 3 or more, so that shapes fit: use 'mbconv3_e2'"),
        ("maxpool1x1", "cnn", "a kernel is odd and 3 or more, so that shapes fit: use 'maxpool3x3'"),
        ("conv1d_k2", "sequence", "a kernel is odd and 3 or more, so that shapes fit: use 'conv1d_k3'"),
        ("conv3x5", "cnn", "(did you mean 'conv3x3'?): use 'conv{k}x{k}',"),
        ("conv0x0", "cnn", "'conv0x0' is no operation of a cnn"),
        ("linear_rely", "mlp", "(did you mean 'linear_relu'?)"),
        ("conv3x3", "mlp", "'conv3x3' is for a cnn (input [channels, height, width]); this is an mlp"),
        ("atention_h4", "sequence", "(did you mean 'attention_h4'?)"),
        (3, "mlp", "3 is no operation of an mlp (input [features]): use 'linear', 'linear_{activation}', 'glu',"),
        (["conv3x3"], "cnn", "['conv3x3'] is no operation of a cnn"),
    ],
)
def test_a_word_that_means_nothing(word: Any, family: Family, message: str) -> None:
    with pytest.raises(SpaceError, match=re.escape(message)):
        operation(word, family)


def test_the_cure_for_a_kernel_is_a_word() -> None:
    for word, family in (
        ("conv4x4", "cnn"),
        ("mbconv4_e4_se", "cnn"),
        ("avgpool10x10", "cnn"),
        ("conv1d_k4", "sequence"),
    ):
        with pytest.raises(SpaceError) as caught:
            operation(word, family)  # type: ignore[arg-type]
        cure = str(caught.value).rpartition("use ")[2].strip("'")
        kernel = operation(cure, family).arguments["kernel"]  # type: ignore[arg-type]
        assert kernel in (5, 11)
        assert operation(cure, family).arguments.get("expand", 4) == 4  # type: ignore[arg-type]


def test_activations_have_one_name() -> None:
    assert activation_named("swish") == activation_named("silu") == "silu"
    for odd in ("rely", None, 3, True):
        with pytest.raises(SpaceError, match="is no activation"):
            activation_named(odd)
    with pytest.raises(SpaceError, match="did you mean 'gelu'"):
        activation_named("gelo")


def test_the_blocks_know_every_activation() -> None:
    from assay.spaces.architectures.blocks import ACTIVATIONS as MADE

    assert tuple(MADE) == ACTIVATIONS
    assert {*_ALIASES.values(), *DEFAULT_ACTIVATION.values()} <= {*MADE}


def test_heads_divide_the_width() -> None:
    assert indivisible(operation("attention_h4", "sequence"), [8, 10, 12, 2]) == [10, 2]
    assert indivisible(operation("conv1d_k3", "sequence"), [7]) == []
