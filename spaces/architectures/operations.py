"""The words for what a layer does: ``conv3x3``, ``mbconv5_e6``, ``attention_h4``; numbers stand in the words.

===============================  =========  ====================================================================
word                             networks   layer
===============================  =========  ====================================================================
conv{k}x{k}                      cnn        convolution, batch norm, activation
sepconv{k}x{k}                   cnn        depthwise and 1x1 convolution, each with norm and activation
dilconv{k}x{k}                   cnn        the same with gaps of one pixel
mbconv{k}_e{e}, mbconv{k}_e{e}_se  cnn      inverted residual, e times as wide inside; with squeeze and excitation
resblock{k}x{k}                  cnn        residual block of two convolutions
maxpool{k}x{k}, avgpool{k}x{k}   cnn        pooling; a 1x1 convolution with norm where the width changes
linear, linear_{activation}      mlp        linear map, layer norm, activation
glu                              mlp        gated linear unit, layer norm
residual_mlp                     mlp        layer norm, linear map to twice the width, activation, back; added
attention_h{h}                   sequence   layer of a transformer's encoder, normed first, 4 times as wide inside
attention_h{h}_ff{m}             sequence   the same, m times as wide inside
conv1d_k{k}                      sequence   layer norm, activation, convolution; added
identity                         all        nothing; where width or stride change, what is cheapest: average pooling
                                            by the stride, then a linear map (1x1 convolution with norm) to the width
===============================  =========  ====================================================================

Kernels are square and odd, so that only the stride changes the size. Residual layers of a sequence and of an mlp go to
another shape first as ``identity`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import SpaceError, did_you_mean, one_of, shown

Family = Literal["cnn", "mlp", "sequence"]

ACTIVATIONS = ("elu", "gelu", "hardswish", "leaky_relu", "relu", "silu", "tanh")
_ALIASES = {"swish": "silu"}
DEFAULT_ACTIVATION: Mapping[Family, str] = {"cnn": "relu", "mlp": "relu", "sequence": "gelu"}
_NUMBER = r"[1-9]\d{0,3}"


@dataclass(frozen=True)
class Operation:
    """What one word means.

    Attributes:
        word: as written.
        block: which class of ``blocks.BLOCKS`` makes it, or ``identity``.
        arguments: for that class, beside widths and stride; without the activation where the network's is taken.
        activated: whether it has an activation, which the network's fills in.
    """

    word: str
    block: str
    arguments: Mapping[str, Any]
    activated: bool

    def filled(self, activation: str) -> dict[str, Any]:
        """All arguments, with the network's activation where the word names none; in the order of their names."""
        own = {"activation": activation} if self.activated else {}
        return dict(sorted({**own, **self.arguments}.items()))


@dataclass(frozen=True)
class _Form:
    """A kind of word.

    Attributes:
        shape: as people read it.
        pattern: with a group for each argument.
        fixed: arguments that are not in the word.
        least: the smallest kernel.
    """

    shape: str
    pattern: re.Pattern[str]
    family: Family
    block: str
    example: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    activated: bool = True
    least: int = 3

    def read(self, word: str, groups: Mapping[str, str | None]) -> Operation:
        given = {name: _argument(name, text) for name, text in groups.items() if text is not None}
        kernel = given.get("kernel")
        if kernel is not None and (kernel % 2 == 0 or kernel < self.least):
            near = max(self.least, kernel + 1)
            cure = re.sub(str(kernel), str(near), word, count=2 if "x" in self.shape else 1)
            raise SpaceError(
                f"{shown(word)}: a kernel is odd and {self.least} or more, so that shapes fit: use {cure!r}"
            )
        return Operation(word, self.block, {**self.fixed, **given}, self.activated)


def _argument(name: str, text: str) -> Any:
    if name == "squeeze":
        return bool(text)
    return activation_named(text) if name == "activation" else int(text)


def _square(prefix: str, block: str, **options: Any) -> _Form:
    pattern = re.compile(rf"{prefix}(?P<kernel>{_NUMBER})x(?P=kernel)")
    return _Form(f"{prefix}{{k}}x{{k}}", pattern, "cnn", block, f"{prefix}3x3", **options)


_WORDS = "|".join((*ACTIVATIONS, *_ALIASES))
_FORMS = (
    _square("conv", "conv", least=1),
    _square("sepconv", "separable_conv", fixed={"dilation": 1}),
    _square("dilconv", "separable_conv", fixed={"dilation": 2}),
    _Form(
        "mbconv{k}_e{e}[_se]",
        re.compile(rf"mbconv(?P<kernel>{_NUMBER})_e(?P<expand>{_NUMBER})(?P<squeeze>_se|)"),
        "cnn",
        "mbconv",
        "mbconv3_e6",
    ),
    _square("resblock", "resblock"),
    _square("maxpool", "pool", fixed={"kind": "max"}, activated=False),
    _square("avgpool", "pool", fixed={"kind": "average"}, activated=False),
    _Form("linear", re.compile("linear"), "mlp", "dense", "linear"),
    _Form("linear_{activation}", re.compile(rf"linear_(?P<activation>{_WORDS})"), "mlp", "dense", "linear_relu"),
    _Form("glu", re.compile("glu"), "mlp", "gated_dense", "glu", activated=False),
    _Form("residual_mlp", re.compile("residual_mlp"), "mlp", "residual_dense", "residual_mlp"),
    _Form(
        "attention_h{heads}[_ff{times}]",
        re.compile(rf"attention_h(?P<heads>{_NUMBER})(_ff(?P<feed_forward>{_NUMBER}))?"),
        "sequence",
        "attention",
        "attention_h4",
        fixed={"feed_forward": 4},
    ),
    _Form("conv1d_k{k}", re.compile(rf"conv1d_k(?P<kernel>{_NUMBER})"), "sequence", "sequence_conv", "conv1d_k3"),
)
_IDENTITY = Operation("identity", "identity", {}, activated=False)


def operation(word: Any, family: Family) -> Operation:
    """What a word means for a kind of network.

    Raises:
        SpaceError: for a word that means nothing there, with those that do.
    """
    if word == "identity":
        return _IDENTITY
    others: list[_Form] = []
    for form in _FORMS:
        match = form.pattern.fullmatch(word) if isinstance(word, str) else None
        if match and form.family == family:
            return form.read(word, match.groupdict())
        others += [form] if match else []
    own = [form for form in _FORMS if form.family == family]
    choices = one_of([*(form.shape for form in own), "identity"])
    if others:
        raise SpaceError(f"{word!r} is for {_told(others[0].family)}; this is {_told(family)}: use {choices}")
    hint = did_you_mean(word, [*(form.example for form in own), "identity"])
    raise SpaceError(f"{shown(word)} is no operation of {_told(family)}{hint}: use {choices}")


def activation_named(word: Any) -> str:
    """The one name of an activation: ``swish`` is ``silu``.

    Raises:
        SpaceError: when it is none.
    """
    plain = _ALIASES.get(word, word) if isinstance(word, str) else None
    if plain not in ACTIVATIONS:
        known = [*ACTIVATIONS, *_ALIASES]
        raise SpaceError(f"{shown(word)} is no activation{did_you_mean(word, known)}: use {one_of(known)}")
    return str(plain)


def indivisible(chosen: Operation, widths: Iterable[int]) -> list[int]:
    """The widths that the heads of an operation do not divide; none for an operation without heads."""
    heads = chosen.arguments.get("heads", 1)
    return [width for width in widths if width % heads]


def _told(family: Family) -> str:
    return {
        "cnn": "a cnn (input [channels, height, width])",
        "mlp": "an mlp (input [features])",
        "sequence": "a sequence (input [length, features], or [length] with a vocabulary)",
    }[family]
