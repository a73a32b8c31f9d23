"""Weights that go from a trained network to another one that is much like it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class Inherited:
    """What became of the tensors of a network, by name.

    Args:
        copied: as they were.
        sliced: of another width: what both have in common is the parent's, the rest as it was drawn.
        fresh: as they were drawn, because the parent has no such layer or one of another operation.
        still: of new layers, set to 0, so that the block does nothing until it is trained.
    """

    copied: tuple[str, ...] = ()
    sliced: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    still: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = f"{len(self.copied)} tensors copied, {len(self.sliced)} in part, {len(self.fresh)} fresh"
        return f"{counts}, {len(self.still)} set to 0 so that new blocks change nothing" if self.still else counts


def inherit(child: torch.nn.Module, parent: Mapping[str, Tensor]) -> Inherited:
    """Give ``child`` what fits of a parent's weights; layers are the same when their names are.

    A deeper child computes what its parent did, where the new block adds to its input: the last layer of the block is
    set to 0 (Wei et al., Network Morphism, ICML 2016; Goyal et al., 2017, section 5.1, for norms). A ResNet block has
    an activation behind the sum, so it does nothing to what is positive already. A wider or narrower
    layer gets the first channels that both have; a wider child then starts near its parent, not at it. Net2Net's way of
    widening (Chen et al., ICLR 2016, section 3.1), which starts at it, doubles channels, and needs to know every layer
    that reads them; through residual sums and depthwise convolutions these are not to be seen in a state dict.

    Args:
        child: freshly built; changed in place.
        parent: a state dict.
    """
    import torch

    copied: list[str] = []
    sliced: list[str] = []
    kept: set[str] = set()  # fresh
    before: tuple[str, set[str]] = "", set()  # of the last layer: what it is in, its tensors
    with torch.no_grad():
        for layer, own in _layers(child):
            container = layer.rpartition(".")[0]
            follows = before[0] == container and bool(before[1] & kept) and _is_norm(child.get_submodule(layer))
            fits = {name: not follows and _fits(tensor, parent.get(name)) for name, tensor in own.items()}
            for name, tensor in own.items():
                if not fits[name]:
                    kept.add(name)
                elif tensor.shape == parent[name].shape:
                    tensor.copy_(parent[name])
                    copied.append(name)
                else:
                    common = tuple(slice(min(sizes)) for sizes in zip(tensor.shape, parent[name].shape, strict=True))
                    tensor[common] = parent[name][common].to(tensor)
                    sliced.append(name)
            before = container, set(own)
        still = [name for layer in _new_blocks(child, parent) for name in _set_to_zero(child, layer)]
    fresh = [name for name in child.state_dict() if name in kept and name not in still]
    return Inherited(tuple(copied), tuple(sliced), tuple(fresh), tuple(still))


def _layers(model: torch.nn.Module) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Modules with tensors of their own, in the order in which they were made; tensors that are shared come once."""
    import torch

    stored = model.state_dict(keep_vars=True)
    seen: set[int] = set()
    for layer, module in model.named_modules():
        prefix = f"{layer}." if layer else ""
        own = {}
        for name in (*module._parameters, *module._buffers):
            tensor = stored.get(f"{prefix}{name}")
            if isinstance(tensor, torch.Tensor) and id(tensor) not in seen:
                seen.add(id(tensor))
                own[f"{prefix}{name}"] = tensor
        if own:
            yield layer, own


def _fits(tensor: Tensor, other: Tensor | None) -> bool:
    """Whether two tensors of one name belong to the same operation; only numbers of channels may differ."""
    if other is None or tensor.dim() != other.dim() or tensor.shape[2:] != other.shape[2:]:
        return False
    # a convolution of one channel each beside one over all channels
    return tensor.dim() < 3 or tensor.shape[1] == other.shape[1] or 1 not in (tensor.shape[1], other.shape[1])


def _is_norm(module: torch.nn.Module) -> bool:
    """Whether it holds statistics of the layer before it."""
    from torch.nn.modules.batchnorm import _NormBase

    return isinstance(module, _NormBase)


def _new_blocks(child: torch.nn.Module, parent: Mapping[str, Tensor]) -> Iterator[str]:
    """The last layers of residual blocks of which the parent has nothing."""
    from ..architectures.blocks import Attention, FeedForward, MBConv, ResBlock, SequenceConv

    for block, module in child.named_modules():
        if any(name.startswith(f"{block}.") for name in parent):
            continue
        match module:
            case MBConv(adds=True):
                yield f"{block}.project.norm"
            case ResBlock():
                yield f"{block}.second.norm"
            case Attention():
                yield f"{block}.out"
            case FeedForward():
                yield f"{block}.narrow"
            case SequenceConv():
                yield f"{block}.conv"


def _set_to_zero(model: torch.nn.Module, layer: str) -> list[str]:
    """Let a layer give 0, its weight and bias; their names."""
    parameters = [*model.get_submodule(layer).named_parameters(prefix=layer, recurse=False)]
    for _, parameter in parameters:
        parameter.zero_()
    return [name for name, _ in parameters]
