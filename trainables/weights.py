"""Weights of a network as they are stored: safetensors, with what tells whether two networks can be averaged."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..spaces import TrainableError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Weights:
    """The state dict of a trained network.

    Args:
        content: a safetensors file; its metadata holds both fingerprints. Tensors that share memory are in it once.
        init_fingerprint: of the weights that the network was registered with. Equal ones started at the same point.
        architecture_fingerprint: of names, shapes and types of all tensors.
    """

    content: bytes
    init_fingerprint: str
    architecture_fingerprint: str


class RegisteredNetwork:
    """A network given to ``trial.save_weights``, with the fingerprint of its starting weights.

    Raises:
        TrainableError: for what is no torch module, or has weights that cannot be stored.
    """

    def __init__(self, network: Any) -> None:
        self.network = _checked(network)
        self.init_fingerprint = fingerprint_of(_tensors(self.network))

    def collect(self) -> Weights:
        """The weights as they are now.

        Raises:
            TrainableError: when they cannot be stored.
        """
        from safetensors.torch import save_model

        architecture = architecture_of(_tensors(self.network))
        known = {
            "format": "pt",
            "init_fingerprint": self.init_fingerprint,
            "architecture_fingerprint": architecture,
        }
        with tempfile.TemporaryDirectory(prefix="assay-weights-") as folder:
            file = Path(folder, "weights.safetensors")
            try:
                save_model(self.network, str(file), known)
            except (ValueError, RuntimeError) as error:
                text = " ".join(str(error).split())[:300]
                raise TrainableError(f"save_weights: the weights cannot be stored as safetensors: {text}") from error
            return Weights(file.read_bytes(), self.init_fingerprint, architecture)


def fingerprint_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(_described(name, tensor))
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def architecture_of(tensors: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, types and shapes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(_described(name, tensors[name]))
    return digest.hexdigest()


def _described(name: str, tensor: torch.Tensor) -> bytes:
    return f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode()


def _checked(network: Any) -> torch.nn.Module:
    if "torch" in sys.modules:  # else it cannot be one
        from torch.nn import Module

        if isinstance(network, Module):
            return network
    raise TrainableError(
        f"save_weights: expected a torch module, got {type(network).__name__}: "
        "models of other kinds are kept with trial.save_checkpoint"
    )


def _tensors(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    import torch

    state = network.state_dict()
    for name, value in state.items():
        if torch.nn.parameter.is_lazy(value):
            raise TrainableError(f"save_weights: {name} has no shape yet: run one batch through the network first")
        if not isinstance(value, torch.Tensor):
            raise TrainableError(
                f"save_weights: {name} is {type(value).__name__}, and safetensors holds tensors alone: "
                "leave it out of the state dict"
            )
    return dict(state)
