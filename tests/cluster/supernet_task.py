"""Digits for a supernet and for the networks it finds; found by its path, as a user's file is."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(1)


def parts(trial: Any) -> tuple[TensorDataset, TensorDataset]:
    images, classes = load_digits(return_X_y=True)
    split = trial.split((images[:120] / 16).astype("float32").reshape(-1, 1, 8, 8), classes[:120])
    train = TensorDataset(torch.tensor(split.x_train), torch.tensor(split.y_train))
    return train, TensorDataset(torch.tensor(split.x_val), torch.tensor(split.y_val))


def data(config: dict[str, Any], trial: Any) -> tuple[DataLoader[Any], DataLoader[Any]]:
    assert config == {"lr": config["lr"]}  # without the architecture
    train, validation = parts(trial)
    return DataLoader(train, 24, shuffle=True), DataLoader(validation, 24)


def dying(config: dict[str, Any], trial: Any) -> Any:
    """The same, but the first time the process is killed after the first epoch."""
    train, validation = data(config, trial)
    if trial.checkpoint is not None:
        return train, validation

    def score(outputs: Any, targets: Any) -> float:
        if trial.died:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0.5

    trial.died = False
    save = trial.save_checkpoint

    def saved(write: Any) -> None:
        save(write)
        trial.died = True

    trial.save_checkpoint = saved
    return {"train": train, "validation": validation, "score": score}


def nothing(config: dict[str, Any], trial: Any) -> None:
    pass


def narrow(config):  # type: ignore[no-untyped-def]
    pass


def three(config, trial, size):  # type: ignore[no-untyped-def]
    pass


def placed(config, trial, /):  # type: ignore[no-untyped-def]
    pass


def named(config, trial, *, size):  # type: ignore[no-untyped-def]
    pass


def wide(*given: Any, more: int = 0) -> None:
    pass


@functools.cache
def cached(config):  # type: ignore[no-untyped-def]
    pass


def train(config: dict[str, Any], trial: Any) -> Iterator[dict[str, float]]:
    learn, validation = parts(trial)
    model = trial.build_model()
    optimizer = torch.optim.Adam(model.parameters(), config["lr"])
    for inputs, targets in DataLoader(learn, 24):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    inputs, targets = validation.tensors
    with torch.no_grad():
        yield {"accuracy": float((model.eval()(inputs).argmax(1) == targets).float().mean())}
