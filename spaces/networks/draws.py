"""Random draws of torch that leave those of everybody else alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

Act = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""Gets an operation of ATen, its arguments and its options, and answers for it."""


def own_draws(seed: int) -> AbstractContextManager[Any]:
    """While entered, what this thread draws on the CPU comes from a generator of its own.

    Networks draw their weights from torch's global generator. Seeding that one and putting it back would change what a
    training draws that runs in another thread of this process. A draw that names its generator, as inside another of
    these, keeps it.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)

    def act(operation: Any, given: tuple[Any, ...], options: dict[str, Any]) -> Any:
        draws = torch.Tag.nondeterministic_seeded in operation.tags and options.get("generator") is None
        if draws and not _on_another_device(given, options):
            if not _takes_generator(operation):
                operation = getattr(operation.overloadpacket, "generator", operation)
            if _takes_generator(operation):
                options = {**options, "generator": generator}
        return operation(*given, **options)

    return answered_by(act)


def answered_by(act: Act) -> AbstractContextManager[Any]:
    """While entered, ``act`` answers for every operation on tensors that this thread asks for."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Answering(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return act(func, args, kwargs or {})

    mode: AbstractContextManager[Any] = Answering()  # type: ignore[no-untyped-call]
    return mode


def _takes_generator(operation: Any) -> bool:
    return any(argument.name == "generator" for argument in operation._schema.arguments)


def _on_another_device(given: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether a draw is made on a device to which the generator does not belong."""
    import torch

    device = options.get("device") or next((one.device for one in given if isinstance(one, torch.Tensor)), "cpu")
    return torch.device(device).type != "cpu"
