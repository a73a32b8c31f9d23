"""What a network costs: parameters, operations, time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from .draws import own_draws
from .probe import modes

if TYPE_CHECKING:
    import torch

SIZES = ("params", "params_m")
"""Metrics for which no example is needed."""
BEFORE_TRAINING = (*SIZES, "flops", "flops_m")
"""Metrics that a network has before it is trained, and on every machine."""
MEASURES = (*BEFORE_TRAINING, "latency_ms")
"""Metrics that Assay measures itself: parameters, operations for one example, milliseconds; ``_m`` is in millions."""
_MILLION = 1e6


def parameter_count(model: torch.nn.Module) -> int:
    """How many numbers are trained; those that are used twice count once."""
    return sum(parameter.numel() for parameter in model.parameters())


def flop_count(model: torch.nn.Module, input_shape: tuple[int, ...]) -> int:
    """Operations of one forward pass for one example, as ``torch.utils.flop_counter`` counts them.

    A multiplication with its addition counts as 2. Matrix products, convolutions and attention count; activations,
    norms, pooling and biases do not. The pass runs on the meta device, which computes nothing; a network that cannot
    run there is run where it is.

    Args:
        input_shape: of one example, without the batch.
    """
    import torch

    with modes(model, _never):
        try:
            empty = {name: torch.empty_like(one, device="meta") for name, one in _tensors(model)}
            for name, _ in model.named_parameters():  # else transformers fuse a layer into one, which is not counted
                empty[name].requires_grad_(empty[name].is_floating_point())
            with torch.enable_grad():
                return _counted(model, empty, torch.zeros(1, *input_shape, dtype=_dtype(model), device="meta"))
        except (RuntimeError, TypeError, ValueError):  # it makes tensors of its own, or reads one
            kept = {name: one.detach().clone() for name, one in _tensors(model)}
            with torch.no_grad():
                inputs = torch.zeros(1, *input_shape, dtype=_dtype(model), device=_device(model))
                return _counted(model, kept, inputs)


def latency_ms(
    model: torch.nn.Module, input_shape: tuple[int, ...], batch: int = 1, warmup: int = 10, runs: int = 50
) -> float:
    """Milliseconds of one forward pass: the median of some, without gradients, in evaluation mode.

    It is the time on the device where the model is, with the threads that torch has now, while everything else runs
    that shares this machine.

    Args:
        input_shape: of one example, without the batch.
        batch: examples in a pass.
        warmup: passes before those that count.
        runs: passes that count.
    """
    import torch

    inputs = torch.zeros(batch, *input_shape, dtype=_dtype(model), device=_device(model))
    cuda = [inputs.device.index] if inputs.is_cuda else []
    # Not own_draws: it steps in at every operation, which would be measured as well.
    with modes(model, _never), torch.random.fork_rng(devices=cuda), torch.no_grad():
        for _ in range(warmup):
            model(inputs)
        return 1e3 * statistics.median(_seconds(model, inputs) for _ in range(runs))


def measure(
    names: Collection[str],
    model: torch.nn.Module,
    input_shape: tuple[int, ...] | None,
    latency: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """The metrics ``names`` of a network, each one of :data:`MEASURES`.

    Args:
        input_shape: of one example; what takes a pass is left out where it is None.
        latency: ``batch``, ``warmup``, ``runs`` of :func:`latency_ms`.
    """
    found: dict[str, float] = {}
    if {"params", "params_m"} & set(names):
        count = parameter_count(model)
        found |= {"params": count, "params_m": count / _MILLION}
    if input_shape is not None and {"flops", "flops_m"} & set(names):
        count = flop_count(model, input_shape)
        found |= {"flops": count, "flops_m": count / _MILLION}
    if input_shape is not None and "latency_ms" in names:
        found["latency_ms"] = latency_ms(model, input_shape, **(latency or {}))
    return {name: found[name] for name in MEASURES if name in names and name in found}


def _counted(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor], inputs: torch.Tensor) -> int:
    """Operations of a pass over ``inputs``, with ``tensors`` in the places of the model's own."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with own_draws(0), FlopCounterMode(display=False) as counter:
        torch.func.functional_call(model, dict(tensors), (inputs,))
    return int(counter.get_total_flops())


def _seconds(model: torch.nn.Module, inputs: torch.Tensor) -> float:
    import torch

    began = time.perf_counter()
    model(inputs)
    if inputs.is_cuda:
        torch.cuda.synchronize(inputs.device)
    return time.perf_counter() - began


def _tensors(model: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def _device(model: torch.nn.Module) -> torch.device:
    import torch

    return next((one.device for _, one in _tensors(model)), torch.device("cpu"))


def _dtype(model: torch.nn.Module) -> torch.dtype:
    import torch

    return next((one.dtype for one in model.parameters() if one.is_floating_point()), torch.get_default_dtype())


def _never(module: torch.nn.Module) -> bool:
    return False
