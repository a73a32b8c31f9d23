"""A real task: a multilayer perceptron in PyTorch on scikit-learn's 8 x 8 digits (1,797 images, 10 classes).

Parameters: ``optimizer`` (adamw or sgd), ``lr``, ``weight_decay``, ``momentum`` (sgd only), ``layers``, ``hidden``,
``dropout``, ``batch_size``. One step is one epoch, about 30 ms on one core. Metrics: ``accuracy``, ``log_loss``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..spaces import TrainableError, did_you_mean, one_of
from .handle import TrialHandle
from .presets import load_optimizer

_DEFAULTS: dict[str, Any] = {
    "optimizer": "adamw",
    "lr": 1e-3,
    "weight_decay": 1e-4,
    "momentum": 0.9,
    "layers": 1,
    "hidden": 64,
    "dropout": 0.0,
    "batch_size": 64,
}
_OPTIMIZERS = ("adamw", "sgd")


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    for name in config.keys() - _DEFAULTS.keys():
        raise TrainableError(
            f"digits has no parameter {name!r}{did_you_mean(name, _DEFAULTS)}: choose from {', '.join(_DEFAULTS)}"
        )
    settings = _DEFAULTS | config
    if settings["optimizer"] not in _OPTIMIZERS:
        raise TrainableError(f"optimizer must be {one_of(_OPTIMIZERS)}, got {settings['optimizer']!r}")
    return settings


def load_digits() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Pixels in [0, 1], shape (1797, 64), and labels 0..9, shape (1797,)."""
    from sklearn import datasets

    pixels, labels = datasets.load_digits(return_X_y=True)
    return np.asarray(pixels / 16, dtype=np.float32), np.asarray(labels, dtype=np.int64)


def build_network(config: dict[str, Any]) -> nn.Sequential:
    """64 pixels -> ``layers`` x (Linear, ReLU, Dropout) of width ``hidden`` -> 10 logits."""
    settings = _settings(config)
    widths = [64] + [settings["hidden"]] * settings["layers"]
    blocks: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        blocks += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(settings["dropout"])]
    return nn.Sequential(*blocks, nn.Linear(widths[-1], 10))


def build_optimizer(config: dict[str, Any], network: nn.Module) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum."""
    settings = _settings(config)
    shared = {"lr": settings["lr"], "weight_decay": settings["weight_decay"]}
    if settings["optimizer"] == "sgd":
        return torch.optim.SGD(network.parameters(), momentum=settings["momentum"], **shared)
    return torch.optim.AdamW(network.parameters(), **shared)


def train_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, inputs: Tensor, targets: Tensor, batch_size: int
) -> None:
    """One pass over ``inputs`` (n, 64) and ``targets`` (n,) in random order."""
    network.train()
    for batch in torch.split(torch.randperm(len(inputs)), batch_size):
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(inputs[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@torch.no_grad()
def predict(network: nn.Module, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Class probabilities, shape (n, 10)."""
    network.eval()
    probabilities: npt.NDArray[np.float32] = network(torch.from_numpy(inputs)).softmax(dim=1).numpy()
    return probabilities


def train(config: dict[str, Any], trial: TrialHandle) -> Iterator[dict[str, float]]:
    """Train for ``trial.steps()`` epochs; resumable, and it keeps its predictions and weights."""
    settings = _settings(config)
    data = trial.split(*load_digits())
    inputs, targets = torch.from_numpy(data.x_train), torch.from_numpy(data.y_train)
    torch.manual_seed(trial.seed)
    network = build_network(config)
    optimizer = build_optimizer(config, network)
    if trial.checkpoint:
        _restore(trial.checkpoint, network, optimizer)
    trial.save_predictions(lambda pixels: predict(network, pixels))
    trial.save_weights(network)
    for _ in trial.steps():
        train_epoch(network, optimizer, inputs, targets, settings["batch_size"])
        probabilities = predict(network, data.x_val)
        trial.save_checkpoint(lambda folder: _save(folder, network, optimizer))
        yield {
            "accuracy": float((probabilities.argmax(axis=1) == data.y_val).mean()),
            "log_loss": float(-np.log(probabilities[np.arange(len(data.y_val)), data.y_val] + 1e-12).mean()),
        }


def _save(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    state = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }
    torch.save(state, folder / "state.pt")


def _restore(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    state = torch.load(folder / "state.pt", weights_only=True)
    network.load_state_dict(state["network"])
    load_optimizer(optimizer, state["optimizer"])
    torch.set_rng_state(state["rng"])
