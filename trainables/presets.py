"""PyTorch's objects for the presets of a space (needs torch).

optimizer = build_optimizer(config["optimizer"], model.parameters())
schedule = build_schedule(config["schedule"], optimizer, steps=trial.max_steps)
loss = build_loss(config["regularization"])(model(inputs), targets)
loss = loss + penalty(config["regularization"], model.parameters())
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ..spaces import TrainableError, did_you_mean, one_of
from ..spaces.presets import chosen
from .schedules import schedule_factor

_OPTIMIZERS: Mapping[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (torch.optim.Adagrad, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
}
_BETAS = {"beta1": 0.9, "beta2": 0.999}
"""Of Adam and AdamW in PyTorch, where they are one argument."""


def build_optimizer(settings: Mapping[str, Any], parameters: Iterable[Any], **arguments: Any) -> Optimizer:
    """The optimizer that a config names; what the config leaves open is as in PyTorch.

    Args:
        settings: of an optimizer preset, such as ``config["optimizer"]``; further keys are arguments of the optimizer.
        parameters: as for any optimizer of PyTorch: tensors, or groups of them.
        arguments: go before the settings, such as ``weight_decay=config["regularization"]["weight_decay"]``.

    Raises:
        TrainableError: for an unknown optimizer, and for an argument that it does not have.
    """
    flat = (chosen(settings) if isinstance(settings, Mapping) else {"name": settings}) | arguments
    name = flat.pop("name", None)
    if not isinstance(name, str) or name not in _OPTIMIZERS:
        raise TrainableError(
            f"optimizer: name must be {one_of(_OPTIMIZERS)}, got {name!r}{did_you_mean(name, _OPTIMIZERS)}: "
            "give config['optimizer'] of optimizer: preset(...)"
        )
    kind, ready = _OPTIMIZERS[name]
    known = list(inspect.signature(kind).parameters)[1:]
    if "betas" in known:
        known += _BETAS
        if _BETAS.keys() & flat.keys():
            flat["betas"] = tuple(flat.pop(beta, usual) for beta, usual in _BETAS.items())
    for key in flat.keys() - set(known):
        raise TrainableError(
            f"optimizer: {name} has no {key!r}{did_you_mean(key, known)}: it takes {', '.join(sorted(known))}"
        )
    return kind(parameters, **{**ready, **flat})


def load_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Load the state of a checkpoint, but keep the settings that the optimizer was built with.

    In population based training a trial goes on from another's checkpoint with its own learning rate, which
    ``optimizer.load_state_dict`` would overwrite.
    """
    own = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, settings in zip(optimizer.param_groups, own, strict=True):
        for key in group.keys() - settings.keys() - {"params"}:
            del group[key]  # a schedule's note of the first learning rate
        group.update(settings)


def build_schedule(settings: Mapping[str, Any], optimizer: Optimizer, steps: int, *, done: int = 0) -> LambdaLR:
    """The schedule that a config names; call its ``step()`` once in each of the ``steps``, after the optimizer's.

    Args:
        settings: of a schedule preset, such as ``config["schedule"]``.
        optimizer: its learning rate is the largest of the run.
        steps: of a whole run: epochs (``trial.max_steps``), or batches.
        done: steps before this one, to go on from a checkpoint; build it after :func:`load_optimizer`.

    Raises:
        TrainableError: for an unknown schedule or argument, and for a run of no steps.
    """
    schedule_factor(settings, 0, steps)  # a mistake is told here
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    return LambdaLR(optimizer, partial(schedule_factor, settings, steps=steps), last_epoch=done - 1)


def build_loss(settings: Mapping[str, Any]) -> nn.CrossEntropyLoss:
    """Cross-entropy with the label smoothing of a config, none without."""
    return nn.CrossEntropyLoss(label_smoothing=float(settings.get("label_smoothing", 0.0)))


def penalty(settings: Mapping[str, Any], parameters: Iterable[Tensor]) -> Tensor:
    """What ``l1`` and ``l2`` of a config add to the loss: a scalar, 0 without them.

    l1 times the sum of absolute values, and l2 times half the sum of squares: with SGD, l2 is PyTorch's weight decay.
    """
    weights = list(parameters)
    nothing = torch.zeros((), device=weights[0].device if weights else None)
    l1, l2 = float(settings.get("l1", 0.0)), float(settings.get("l2", 0.0))
    absolute = sum((weight.abs().sum() for weight in weights), nothing) if l1 else nothing
    squared = sum((weight.square().sum() for weight in weights), nothing) if l2 else nothing
    return l1 * absolute + l2 / 2 * squared


def clip_gradients(settings: Mapping[str, Any], parameters: Iterable[Tensor]) -> None:
    """Scale gradients down to the norm that ``clipping`` of a config allows; call it before the optimizer's step."""
    if (largest := settings.get("clipping")) is not None:
        nn.utils.clip_grad_norm_(parameters, float(largest))
